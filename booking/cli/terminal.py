"""What the verbs share: a world for one command, and questions to the person at the terminal."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any

from booking import bootstrap
from booking.ports import World
from booking.settings import Settings

OPERATOR = "operator"
"""What the journal keeps of who acted here: the machine's own log knows which person had its terminal."""

Subparsers = Any  # argparse keeps the name of its own class private


def inside(act: Callable[[argparse.Namespace, World], int]) -> Callable[[argparse.Namespace, Settings], int]:
    """``act`` with the world of the settings, closed afterwards."""

    def acting(arguments: argparse.Namespace, settings: Settings) -> int:
        with bootstrap.opened(settings) as world:
            return act(arguments, world)

    return acting


def agreed(question: str, arguments: argparse.Namespace) -> bool:
    """Whether the person at the terminal says yes; ``--yes`` says it beforehand."""
    if arguments.yes:
        return True
    print(f"{question} [y/N] ", end="", flush=True)
    return sys.stdin.readline().strip().lower() in {"y", "yes", "o", "oui"}
