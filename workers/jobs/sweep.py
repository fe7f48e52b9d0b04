"""Finds what a lost job left undone: batches that are due, a waiting-list index that burnt, signed urgent cases that wait for a slot."""

from booking.bootstrap import world
from booking.services import draw, urgent, waitlist


def run() -> None:
    for batch_id in draw.due(world()):
        world().jobs.enqueue("advance", str(batch_id))
    waitlist.mend(world())
    urgent.assign_waiting(world())
