"""``booking VERB``: what operators type. Each verb reads its arguments, calls one thing, shows the result.

A verb is one line in VERBS: a function that describes the arguments and sets ``act``, which is another function,
(arguments, settings) → exit code, or :func:`inside` of one that takes a world. Nothing is connected before.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from redis.exceptions import RedisError

from booking import logs
from booking import settings as environment
from booking.cli import draws, installation, papers, people, rules, sentences
from booking.domain.errors import BookingError
from booking.gateways import keyring
from booking.gateways.config_files import Unreadable
from booking.settings import Settings

VERBS = (*installation.VERBS, *rules.VERBS, *people.VERBS, *draws.VERBS, *papers.VERBS)


def main(argv: list[str]) -> int:
    """0 done, 1 something is wrong, 2 wrong arguments or settings (one line each on standard error)."""
    arguments = _parser().parse_args(argv)
    settings: Settings | None = None
    try:
        settings = environment.load()
        logs.configure(settings)
        code: int = arguments.act(arguments, settings)
        return code
    except environment.SettingsInvalid as error:
        mistakes = error.mistakes
    except (keyring.KeysUnusable, Unreadable) as error:
        mistakes = [str(error)]
    except OSError as error:
        mistakes = [_of_file(error, settings)]
    except RedisError:
        mistakes = ["Redis does not answer. See: booking doctor"]
    except BookingError as error:
        mistakes = sentences.lines(error)
    print("\n".join(mistakes), file=sys.stderr)
    return 2


def _of_file(error: OSError, settings: Settings | None) -> str:
    """What cannot be read or written, and the setting that named it."""
    if error.filename is None:
        return str(error)
    path = Path(os.fsdecode(error.filename))
    ours = settings is not None and settings.var_dir in (path, *path.parents)
    return f"{'BOOKING_VAR_DIR: ' if ours else ''}{path} cannot be used: {error.strerror}."


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="booking", description="Tour de rôle: each in turn.")
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    verbs.add_parser("run", help="everything under one parent (what make run does)")  # see booking/__main__.py
    for add in VERBS:
        add(verbs)
    return parser
