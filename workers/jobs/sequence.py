"""Gives positions and hashes to the rows of the log and of the journal."""

from booking.bootstrap import world
from booking.services import log


def run() -> None:
    log.sequence(world())
