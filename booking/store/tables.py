"""Every table, imported in one place so that the metadata is whole."""

from __future__ import annotations

from booking.store import (
    accounts,
    configuration,
    convocation,
    demande,
    draw,
    guichet,
    journal,
    log,
    outbox,
    slots,
    strike,
    waitlist,
)
from booking.store.base import Base

metadata = Base.metadata

__all__ = [
    "accounts",
    "configuration",
    "convocation",
    "demande",
    "draw",
    "guichet",
    "journal",
    "log",
    "metadata",
    "outbox",
    "slots",
    "strike",
    "waitlist",
]
