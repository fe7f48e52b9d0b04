"""``make bench``: goals P1, P2, P4 and P10 of the design, each against its twin in the same run.

``python -m bench [intake] [pages] [memory] [--quick] [--out FOLDER]``: exit code 1 when a goal is not met. Quick runs
show that the measures work; their figures mean nothing.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bench import intake, memory, pages
from booking import settings as environment

MEASURES = {"intake": intake.main, "pages": pages.main, "memory": memory.main}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(MEASURES)}; all of them by default")
    parser.add_argument("--quick", action="store_true", help="one short round")
    parser.add_argument("--out", type=Path, help="folder of the JSON files; by default var/bench")
    chosen = parser.parse_args()
    unknown = set(chosen.names) - set(MEASURES)
    if unknown:
        parser.error(f"no such measure: {', '.join(sorted(unknown))}")
    folder = chosen.out or environment.load().var_dir / "bench"
    verdicts = [verdict for name in chosen.names or MEASURES for verdict in MEASURES[name](folder, quick=chosen.quick)]
    print("\nAll goals:")
    for verdict in verdicts:
        print(verdict.line())
    print(f"JSON in {folder}")
    return 0 if all(verdict.met for verdict in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
