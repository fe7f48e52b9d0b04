"""Ends what has run out: offers, provisional filings, long pauses; asks “still needed?” when it is time."""

from booking.bootstrap import world
from booking.services import convocation, demande


def run() -> None:
    convocation.expire(world())
    demande.expire(world())
    convocation.remind(world())
