"""Ce qui reste d'un tirage corrigé : verify_draw.py appelle ce fichier quand des données ont été écartées.

A false input is struck after the draw by two people, and the same seed is applied to what remains. Struck lines stay in
the list, whose root was promised; they have no key and no rank. Must lie in the same folder as verify_draw.py.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime

OF_LEAF = {"double_chance", "forged_entry"}
OF_PLACE = {"place_not_there", "place_twice"}
MEMBERS = {"at": str, "reason": str, "signatures": int}


def remaining(bundle, report, given=()):
    """The bundle as the draw must be judged: without the struck lines, and with the places that are left.

    ``given``: the bytes of all files on the command line; the one that this replaces may be among them.
    """
    struck, promise = bundle["struck"], bundle["commitment"]
    leaves = [one["leaf"] for one in struck if "leaf" in one]
    places = [tuple(one["place"]) for one in struck if "leaf" not in one]
    tidy = all(well_formed(one) for one in struck) and len(struck) == len({*leaves, *places})
    report.check(tidy and struck, "écarté", "une donnée écartée dit trop, ou trop peu, ou l'est deux fois")
    listed = {row["leaf"] for row in bundle["lines"] if row["code"] == "W"}
    known = {(row["class"], *place) for row in promise["capacity"] for place in row["places"]}
    foreign = [*({*leaves} - listed), *({*places} - known)]
    report.each(foreign, "écarté", "ce n'était pas une donnée de ce tirage")
    ranked = [row["leaf"] for row in bundle["lines"] if row["leaf"] in leaves and "rank" in row]
    report.each(ranked, "écarté", "une ligne écartée n'a ni clé ni rang")
    reasons = sorted(one["reason"] for one in struck)
    report.notes.append(f"résultat corrigé après le tirage, motifs : {', '.join(reasons)} ; demandez-en la raison")
    check_replaced(bundle, given, report)
    capacity = [
        {"class": row["class"], "places": [place for place in row["places"] if (row["class"], *place) not in places]}
        for row in promise["capacity"]
    ]
    lines = [row for row in bundle["lines"] if row["leaf"] not in leaves]
    return {**bundle, "lines": lines, "capacity": capacity}


def check_replaced(bundle, given, report):
    """Each correction strikes one input more, and names the file before: that very file, when it is given."""
    before = []
    named = bytes.fromhex(bundle["replaces"])
    report.check(len(named) == 32 and named.hex() == bundle["replaces"], "remplacé", "ce n'est pas une empreinte")
    for data in given:
        found = json.loads(data)
        if (
            found.get("commitment") == bundle["commitment"]
            and len(found.get("struck", ())) == len(bundle["struck"]) - 1
        ):
            before.append(hashlib.sha256(data).hexdigest())
    if before:
        report.check({*before} == {bundle["replaces"]}, "remplacé", "le fichier d'avant n'est pas celui qu'il remplace")
    else:
        report.notes.append(f"il remplace le fichier {bundle['replaces']}, qui reste public : donnez-le aussi")


def well_formed(one):
    """Exact members and types, a reason that fits, two signatures, an instant as everywhere else."""
    kind, reasons = ("leaf", OF_LEAF) if "leaf" in one else ("place", OF_PLACE)
    held = {name: type(value) for name, value in one.items()} == MEMBERS | {kind: str if kind == "leaf" else list}
    if not held or one["reason"] not in reasons or one["signatures"] != 2:
        return False
    return f"{datetime.fromisoformat(one['at']):%Y-%m-%dT%H:%M:%SZ}" == one["at"]
