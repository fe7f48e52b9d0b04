"""``python -m booking VERB``: ``run`` is the parent of everything; every other verb is in booking/cli/."""

from __future__ import annotations

import sys


def main(arguments: list[str]) -> int:
    # Imported here: a verb does not load the other's world.
    if arguments[:1] == ["run"]:
        from booking import run

        return run.start()
    from booking import cli

    return cli.main(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
