#!/usr/bin/env python3
"""Vérifie le registre et la suite des tirages, sans rien demander à l'administration.

    python3 verify_log.py FEUILLES.txt [--tete TAILLE:RACINE …] [--tirages TIRAGE.json TIRAGE-SUIVANT.json …]
    python3 verify_log.py [--tete TAILLE:RACINE …] [--tetes TETES.json …] [--coherence PREUVE.json …]
    python3 verify_log.py --preuve PREUVE.json [--tete TAILLE:RACINE …]
    python3 verify_log.py --site https://… --tete TAILLE:RACINE …

FEUILLES.txt is the public list of leaves, one a line. ``--tete``: heads that you kept, on a receipt or by mail;
``--tetes``: lists of heads as the site published them, today or when you kept them; ``--coherence``: proofs that one
size of the log is the beginning of another; ``--preuve``: that the leaf of your receipt is in it; ``--tirages``:
bundles or bare commitments of one list of waiting people, in the order of their numbers. ``--site`` asks for the newest
head and the proof itself; nothing else uses the network.
Checks that every head is an earlier state of the log, that no two of them contradict each other, that every drawn leaf
was in the log before its list was frozen, that each commitment names the one before, and that no age appears from
nowhere. Exit code as verify_draw.py, which must lie in the same folder.
"""

from __future__ import annotations

import argparse
import json
import sys
from itertools import pairwise
from pathlib import Path
from urllib.request import urlopen

from verify_draw import Report, canonical, merkle, raw, read, sha

MAX_ANSWER_BYTES = 1 << 24


# --- heads ---------------------------------------------------------------------------------------------------


def head_of(text):
    """(size, root) of ``size:root``."""
    size, root = text.split(":")
    return int(size), raw(root).hex()


def check_heads(heads, leaves, report):
    """``heads``: (size, root). Of one size there is one root; with the leaves, it is theirs."""
    known = {}
    for size, root in heads:
        report.check(known.setdefault(size, root) == root, "tête", f"deux têtes de taille {size} se contredisent")
        if leaves is not None:
            same = len(leaves) >= size and merkle(leaves[:size]).hex() == root
            report.check(same, "tête", f"le registre n'est plus celui de la tête {size}:{root}")


def check_proof(proof, report):
    """One consistency proof (RFC 6962, 2.1.2). Gives the two heads that it ties, to be compared with those kept."""
    old, new = ((proof[name]["size"], proof[name]["root"]) for name in ("old", "new"))
    path = [raw(node) for node in proof["path"]]
    right = proof["v"] == "RDV-CONSISTENCY-1" and follows(old[0], raw(old[1]), new[0], raw(new[1]), path)
    report.check(right, "cohérence", f"le registre de taille {old[0]} n'est pas le début de celui de taille {new[0]}")
    return [old, new]


def follows(old, old_root, size, root, path):
    """Whether ``path`` leads from the tree of ``old`` leaves to that of ``size``; ValueError when it is too short."""
    path = [*path]
    return 0 < old <= size and climb(old, size, path, old_root) == (old_root, root) and not path


def climb(old, size, path, whole):
    """(old root, new root) of a subtree by the definition of RFC 6962, 2.1.2; ``whole``: the old root, if known."""
    if old == size:
        node = whole or taken(path)
        return node, node
    k = 1 << (size - 1).bit_length() - 1
    if old <= k:
        before, after = climb(old, k, path, whole)
        return before, sha(b"\x01" + after + taken(path))
    before, after = climb(old - k, size - k, path, None)
    left = taken(path)
    return sha(b"\x01" + left + before), sha(b"\x01" + left + after)


def taken(path):
    if not path:
        raise ValueError("la preuve est trop courte")
    return path.pop(0)


def check_inclusion(proof, report):
    """One leaf under one head (RFC 6962, 2.1.1). Gives the head, to be compared with those kept."""
    at, size, node = proof["position"], proof["head"]["size"], raw(proof["leaf"])
    path = [raw(step) for step in proof["path"]]
    right = proof["v"] == "RDV-INCLUSION-1" and 0 <= at < size
    found = right and above(node, at, size, path).hex() == proof["head"]["root"] and not path
    report.check(found, "preuve", f"la feuille {proof['leaf']} n'est pas sous la tête de taille {size}")
    return [(size, proof["head"]["root"])]


def above(node, at, size, path):
    """The root of a subtree of ``size`` leaves, from its leaf number ``at`` and the end of ``path``."""
    if size == 1:
        return node
    k = 1 << (size - 1).bit_length() - 1
    if at < k:
        return sha(b"\x01" + above(node, at, k, path) + taken(path))
    inner = above(node, at - k, size - k, path)
    return sha(b"\x01" + taken(path) + inner)


def ask(site, address):
    with urlopen(f"{site.rstrip('/')}/tirages/{address}", timeout=30) as answer:
        return answer.read(MAX_ANSWER_BYTES)


def ask_site(site, kept, report):
    """The site's newest head, and a proof that ties each kept head to it. Gives all heads that were said."""
    found = []
    start = max((size for size, _ in kept), default=0)
    while start is not None:
        page = json.loads(ask(site, f"tetes.json?de={start}"))
        found, start = found + page["heads"], page["suite"]
    heads = [(head["size"], head["root"]) for head in found]
    newest = max(heads, default=None)
    report.check(newest, "tête", "le site ne publie aucune tête aussi grande que celle que vous avez gardée")
    for size, _ in kept if newest else ():
        heads += check_proof(read(ask(site, f"registre/coherence?de={size}&a={newest[0]}")), report)
    return heads


# --- draws ---------------------------------------------------------------------------------------------------


def check_listed(draw, leaves, report):
    """Every listed leaf was in the log whose root the commitment names: nobody was added after the freeze."""
    log = draw.get("commitment", draw)["log"]
    check_heads([(log["size"], log["root"])], leaves, report)
    early = {leaf.hex() for leaf in leaves[: log["size"]]}
    ghosts = [row["leaf"] for row in draw.get("lines", ()) if row["leaf"] not in early]
    report.each(ghosts, "fantôme", "dans la liste, mais pas dans le registre au moment du gel")


def check_chain(before, after, report):
    """Two draws of one scope: each commitment names the one before, and no age appears from nowhere."""
    old, new = (found.get("commitment", found) for found in (before, after))
    follow = (new["territory"], new["family"], new["number"]) == (old["territory"], old["family"], old["number"] + 1)
    report.check(follow, "suite", "les numéros ne se suivent pas")
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


# --- the command ---------------------------------------------------------------------------------------------


def heads_said(asked, report):
    """(size, root) of every head that was kept, published, or tied by a proof."""
    heads = [head_of(text) for text in asked.tete]
    if asked.site:
        heads += ask_site(asked.site, list(heads), report)
    for path in asked.tetes:
        heads += [(head["size"], head["root"]) for head in json.loads(path.read_bytes())["heads"]]
    for path in asked.coherence:
        heads += check_proof(read(path.read_bytes()), report)
    for path in asked.preuve:
        heads += check_inclusion(read(path.read_bytes()), report)
    return heads


def check_all(asked, report):
    leaves = [raw(line) for line in asked.feuilles.read_text().split()] if asked.feuilles else None
    if leaves is not None:
        print(f"{len(leaves)} feuilles, racine {merkle(leaves).hex()}")
    check_heads(heads_said(asked, report), leaves, report)
    draws = [read(path.read_bytes()) for path in asked.tirages]
    for draw in draws if leaves is not None else ():
        check_listed(draw, leaves, report)
    for before, after in pairwise(draws):
        check_chain(before, after, report)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("feuilles", type=Path, nargs="?")
    parser.add_argument("--tete", nargs="*", default=[])
    for name in ("--tetes", "--coherence", "--preuve", "--tirages"):
        parser.add_argument(name, type=Path, nargs="*", default=[])
    parser.add_argument("--site")
    asked, report = parser.parse_args(), Report()
    try:
        check_all(asked, report)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, OSError) as error:
        print(f"ILLISIBLE : {error!r}")
        return 2
    return report.say()


if __name__ == "__main__":
    sys.exit(main())
