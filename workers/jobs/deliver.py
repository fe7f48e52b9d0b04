"""Sends what the outbox holds."""

from booking.bootstrap import world
from booking.services import outbox


def run() -> None:
    outbox.deliver(world())
