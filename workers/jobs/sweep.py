"""Finds what was left undone: batches that are due, an index that burnt, signed urgent cases without a slot,
the head of the day without witnesses."""

from booking.bootstrap import world
from booking.services import draw, urgent, waitlist, witness


def run() -> None:
    for batch_id in draw.due(world()):
        world().jobs.enqueue("advance", str(batch_id))
    waitlist.mend(world())
    urgent.assign_waiting(world())
    witness.witness_head(world())
