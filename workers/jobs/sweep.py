"""Finds what was left undone: due batches, a burnt index, urgent cases without a slot, places without an order."""

from booking.bootstrap import world
from booking.services import draw, standby, urgent, waitlist


def run() -> None:
    for batch_id in draw.due(world()):
        world().jobs.enqueue("advance", str(batch_id))
    waitlist.mend(world())
    urgent.assign_waiting(world())
    standby.open_orders(world())
