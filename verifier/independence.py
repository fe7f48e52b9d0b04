#!/usr/bin/env python3
"""L'heure de dépôt a-t-elle compté dans un tirage ? Un test d'indépendance, pour qui connaît les heures.

    python3 independence.py TIRAGE.json HEURES.csv

HEURES.csv has one ``leaf;hour`` a line (any text that sorts in time): a delegate opens them from the log's entries.
Inside each (priority, cohort) the rank must owe nothing to the hour. The statistic is the sum over cohorts of the
products of centred ranks, divided by its exact standard deviation when every order is equally likely (van Elteren's way
of adding strata to Spearman's correlation). Standard library only. Exit code: 0 nothing to see, 1 flagged, 2
unreadable.
"""

from __future__ import annotations

import json
import math
import sys
from collections import defaultdict
from pathlib import Path

LEVEL = 0.001
"""How often an honest draw is flagged."""


def centred_ranks(values):
    """Ranks less their mean; equal values share the mean of their ranks."""
    order = sorted(values)
    first, last = {}, {}
    for rank, value in enumerate(order):
        first.setdefault(value, rank)
        last[value] = rank
    return [(first[value] + last[value] - len(order) + 1) / 2 for value in values]


def independence(strata):
    """Two-sided p-value that (hour, rank) pairs are unrelated inside every stratum; 1 when nothing can be said."""
    total = variance = 0.0
    for pairs in strata:
        if len(pairs) > 1:
            hours, ranks = (centred_ranks(side) for side in zip(*pairs, strict=True))
            total += sum(a * b for a, b in zip(hours, ranks, strict=True))
            variance += sum(a * a for a in hours) * sum(b * b for b in ranks) / (len(pairs) - 1)
    return math.erfc(abs(total) / math.sqrt(2 * variance)) if variance else 1.0


def strata_of(bundle, hours):
    """(hour, rank) pairs of the drawn lines whose hour is known, by (priority, cohort); struck lines have no rank."""
    strata = defaultdict(list)
    for row in bundle["lines"]:
        if "rank" in row and row["leaf"] in hours:
            strata[row["priority"], row["cohort"]].append((hours[row["leaf"]], row["rank"]))
    return list(strata.values())


def main():
    try:
        draw, table = (Path(name) for name in sys.argv[1:])
        hours = dict(line.split(";", 1) for line in table.read_text(encoding="utf-8").split())
        p = independence(strata_of(json.loads(draw.read_bytes()), hours))
    except Exception as error:  # whatever a file brings about: nothing was shown, nobody is accused
        print(f"ILLISIBLE : {error!r}")
        return 2
    print(f"p = {p:.2g} : {'L’HEURE A COMPTÉ' if p < LEVEL else 'rien ne montre que l’heure a compté'}")
    return 1 if p < LEVEL else 0


if __name__ == "__main__":
    sys.exit(main())
