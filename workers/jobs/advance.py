"""Carries one batch to its next step."""

from uuid import UUID

from booking.bootstrap import world
from booking.services import draw


def run(batch_id: str) -> None:
    draw.advance(world(), UUID(batch_id))
