"""Openings become slots; due draws become planned batches."""

from booking.bootstrap import world
from booking.services import configuration, slots


def run() -> None:
    if configuration.applied(world()):
        slots.plan(world())
