"""Finds what was left undone: due batches, a burnt index, urgent cases without a slot, places without an order,
the head of the day without witnesses."""

from booking.bootstrap import world
from booking.services import configuration, draw, standby, urgent, waitlist, witness


def run() -> None:
    if not configuration.applied(world()):
        return  # nothing can be due before there are rules; booking doctor says so
    for batch_id in draw.due(world()):
        world().jobs.enqueue("advance", str(batch_id))
    waitlist.mend(world())
    urgent.assign_waiting(world())
    witness.witness_head(world())
    standby.open_orders(world())
