#!/usr/bin/env python3
"""Vérifie le registre et la suite des tirages, sans rien demander à l'administration.

    python3 verify_log.py FEUILLES.txt [--tete TAILLE:RACINE …] [--tirages TIRAGE.json TIRAGE-SUIVANT.json …]

FEUILLES.txt is the public list of leaves, one a line. ``--tete``: heads that you kept, on a receipt or by mail;
``--tirages``: bundles or bare commitments of one list of waiting people, in the order of their numbers.
Checks that every head is an earlier state of the log, that every drawn leaf was in the log before its list was frozen,
that each commitment names the one before, and that no age appears from nowhere. Exit code as verify_draw.py, which must
lie in the same folder.
"""

from __future__ import annotations

import argparse
import sys
from itertools import pairwise
from pathlib import Path

from verify_draw import Report, canonical, merkle, raw, read, sha


def check_head(head, leaves, report):
    """``head``: ``size:root``. A log that grew has kept the root it had at that size."""
    size, root = head.split(":")
    same = len(leaves) >= int(size) and merkle(leaves[: int(size)]).hex() == root
    report.check(same, "tête", f"le registre n'est plus celui de la tête {head}")


def check_listed(draw, leaves, report):
    """Every listed leaf was in the log whose root the commitment names: nobody was added after the freeze."""
    log = draw.get("commitment", draw)["log"]
    check_head(f"{log['size']}:{log['root']}", leaves, report)
    early = {leaf.hex() for leaf in leaves[: log["size"]]}
    ghosts = [row["leaf"] for row in draw.get("lines", ()) if row["leaf"] not in early]
    report.each(ghosts, "fantôme", "dans la liste, mais pas dans le registre au moment du gel")


def check_chain(before, after, report):
    """Two draws of one scope: each commitment names the one before, and no age appears from nowhere."""
    old, new = (found.get("commitment", found) for found in (before, after))
    follows = (new["territory"], new["family"], new["number"]) == (old["territory"], old["family"], old["number"] + 1)
    report.check(follows, "suite", "les numéros ne se suivent pas")
    report.check(new["previous"] == sha(canonical(old)).hex(), "suite", "ce n'est pas l'engagement d'avant")
    report.check(old["log"]["size"] <= new["log"]["size"], "registre", "le registre a raccourci")
    if "lines" in before and "lines" in after:
        check_ages(before["lines"], last_main(old, new), after["lines"], report)


def last_main(old, new):
    """Number of the last main draw before ``new``, 0 unless one of the two says it: a nightly draw has none."""
    return old["main_number"] or max(0, (new["main_number"] or 0) - 1)


def check_ages(before, newest, after, report):
    """Nobody waits for longer than the draw before said. The rules allow exceptions, all journalled: ask for them.

    ``newest``: the last main draw; a newcomer belongs to the next one. A nightly draw shows its newcomers under that
    next number already, so that between two of them the greatest number seen may be the one of the next main draw.
    """
    known = {row["leaf"]: row["cohort"] for row in before if row["cohort"]}
    newest = newest or max(known.values(), default=1) - 1
    drawn = {row["leaf"]: row["cohort"] for row in after if row["code"] == "W"}
    aged = [leaf for leaf, cohort in drawn.items() if cohort < known.get(leaf, newest + 1)]
    if aged:
        report.notes.append(f"ancienneté plus grande qu'au tirage d'avant, à faire expliquer : {', '.join(aged)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("feuilles", type=Path)
    parser.add_argument("--tete", nargs="*", default=[])
    parser.add_argument("--tirages", type=Path, nargs="*", default=[])
    asked, report = parser.parse_args(), Report()
    try:
        leaves = [raw(line) for line in asked.feuilles.read_text().split()]
        print(f"{len(leaves)} feuilles, racine {merkle(leaves).hex()}")
        draws = [read(path.read_bytes()) for path in asked.tirages]
        for head in asked.tete:
            check_head(head, leaves, report)
        for draw in draws:
            check_listed(draw, leaves, report)
        for before, after in pairwise(draws):
            check_chain(before, after, report)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, OSError) as error:
        print(f"ILLISIBLE : {error!r}")
        return 2
    return report.say()


if __name__ == "__main__":
    sys.exit(main())
