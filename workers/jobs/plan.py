"""Openings become slots; due draws become planned batches."""

from booking.bootstrap import world
from booking.services import slots


def run() -> None:
    slots.plan(world())
