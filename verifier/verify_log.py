#!/usr/bin/env python3
"""Vérifie le registre et la suite des tirages, sans rien demander à l'administration.

    python3 verify_log.py REGISTRE.txt [--tete TAILLE:RACINE …] [--tirages TIRAGE.json TIRAGE-SUIVANT.json …]
    python3 verify_log.py [--tete TAILLE:RACINE …] [--tetes TETES.json …] [--coherence PREUVE.json …]
    python3 verify_log.py --preuve PREUVE.json --feuille HEX [--tete TAILLE:RACINE …] [--cles CLES.json]
    python3 verify_log.py --site https://… --tete TAILLE:RACINE …

REGISTRE.txt is the public list of leaves, one a line. ``--tete``: heads that you kept, on a receipt or by mail;
``--tetes``: lists of heads as the site published them, today or when you kept them; ``--coherence``: proofs that one
size of the log is the beginning of another; ``--preuve``: that a leaf is in it, ``--feuille``: the leaf of your
receipt; ``--tirages``: bundles or bare commitments of one list of waiting people, in the order of their numbers;
``--cles``: the site's keys, kept from /cles.json: signatures of heads are then checked, if the module cryptography is
installed. ``--site`` asks for the newest heads and the proof itself; nothing else uses the network.
Checks that every head is an earlier state of the log, that no two of them contradict each other, that every drawn leaf
was in the log before its list was frozen, that each commitment names the one before, and that no age appears from
nowhere. A file proves nothing alone: what was compared with something else is said, and what was not. Exit code: 0
everything given was compared and nothing differs, 1 something differs, 2 unreadable, or something given was compared
with nothing. verify_draw.py must lie in the same folder.
"""

from __future__ import annotations

import argparse
import json
import sys
from base64 import b64decode
from itertools import pairwise
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

try:
    from verify_draw import Report, canonical, merkle, raw, read, sha
except ImportError:
    print("ILLISIBLE : mettez verify_draw.py à côté de verify_log.py")
    sys.exit(2)
try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:  # all but the signatures is checked, and it is said
    Ed25519PublicKey = None

MAX_ANSWER_BYTES = 1 << 24
KEEP = "Redemandez dans un jour ; s'il n'en donne toujours pas, gardez tout : le registre a peut-être raccourci"


class Compared(Report):
    """Nothing differs only where two things were compared: ``compared`` says which, ``alone`` what was not."""

    def __init__(self):
        super().__init__()
        self.compared, self.alone, self.untied = [], [], 0

    def say(self):
        told = [f"  comparé : {text}" for text in self.compared] + [f"  NON COMPARÉ : {text}" for text in self.alone]
        print(*told, *(f"  à savoir : {note}" for note in dict.fromkeys(self.notes)), sep="\n")
        self.notes = []
        if self.untied and not self.faults and self.compared and not self.alone:
            print(f"RIEN NE DIFFÈRE DANS CE QUI A ÉTÉ COMPARÉ ; {self.untied} TÊTE(S) N’ONT PAS ÉTÉ COMPARÉES")
            return 0
        if self.faults or (self.compared and not self.alone):
            return super().say()
        some = "RIEN NE DIFFÈRE DANS CE QUI A ÉTÉ COMPARÉ, MAIS LE RESTE N’A PAS ÉTÉ COMPARÉ"
        print(some if self.compared else "RIEN N’A ÉTÉ COMPARÉ")
        return 2


# --- heads ---------------------------------------------------------------------------------------------------


class Said:
    """One input and the heads, (size, root), that it says. ``signed``: how many signatures by a key that you have.

    ``proof``: worth what something else vouches for. ``told``: its comparisons are said here.
    """

    def __init__(self, name, heads, signed=0, proof=False, told=True):
        self.name, self.heads, self.signed, self.proof, self.told = name, heads, signed, proof, told


def head_of(text):
    """(size, root) of ``size:root``."""
    size, root = text.split(":")
    return int(size), raw(root).hex()


def check_heads(said, leaves, report):
    """Of one size there is one root; with the leaves, it is theirs. What stands beside nothing is said to be alone."""
    says = {}
    for one in said:
        for size, root in one.heads:
            says.setdefault(size, []).append((one, root))
    for size, sayings in sorted(says.items()):
        roots, names = {root for _, root in sayings}, ", ".join(sorted({one.name for one, _ in sayings}))
        report.check(len(roots) == 1, "tête", f"deux têtes de taille {size} se contredisent ({names})")
        if leaves is not None and len(leaves) >= size:
            same = roots == {merkle(leaves[:size]).hex()}
            report.check(same, "tête", f"le registre n'est plus celui de la tête {size}:{min(roots)}")
    tell({size: {one for one, _ in sayings} for size, sayings in says.items()}, said, leaves, report)


def tell(says, said, leaves, report):
    """What each input was compared with. ``says``: size → who says its head."""
    logged = {size for size in says if leaves is not None and len(leaves) >= size}
    if leaves is not None and len(logged) < len(says):
        longer = f"votre registre ({len(leaves)} feuilles) et les têtes plus grandes, jusqu'à {max(says)}"
        report.alone.append(f"{longer} : téléchargez-le à nouveau. S'il reste plus court, il a raccourci : gardez tout")
    worth = worthy(says, said, logged)
    for one in said:
        sizes = {size for size, _ in one.heads}
        tied = sorted(size for size in sizes if one in worth and (size in logged or says[size] & worth - {one}))
        if tied and one.told:
            named = ", ".join(map(str, tied[:5])) + " …" * (len(tied) > 5)
            report.compared.append(f"{one.name}, {len(tied)} tête(s) sur {len(sizes)} (tailles {named})")
            untied(one, len(sizes) - len(tied), report)
        if one.signed:
            report.compared.append(f"{one.name}, {one.signed} signature(s) de tête, avec vos clés")
        elif one.told and not tied:
            largest = max(sizes, default=0)
            report.alone.append(f"{one.name} (rien d'autre ici ne prouve une tête de taille {largest})")


def untied(one, number, report):
    """Heads that are only said: nothing else here has their size. The site publishes many, a proof ties two."""
    if number:
        report.untied += number
        report.notes.append(
            f"{one.name} : {number} tête(s) comparée(s) avec rien ; donnez le registre pour les comparer"
        )


def worthy(says, said, logged):
    """Proofs are worth what they are tied to, from one to the next: the site makes as many as it likes."""
    found = {one for one in said if one.signed or not one.proof}
    while True:
        tied = {size for size in says if size in logged or says[size] & found}
        more = {one for one in said if one not in found and any(size in tied for size, _ in one.heads)}
        if not more:
            return found
        found |= more


def keys_in(path, report):
    """kid → public key of the heads' keys; None when signatures cannot be checked here, which is said."""
    if path is None or Ed25519PublicKey is None:
        missing = "donnez --cles cles.json" if path is None else "le module cryptography n'est pas installé"
        report.notes.append(f"signature des têtes non vérifiée : {missing}")
        return None
    rows = [row for row in json.loads(path.read_bytes())["keys"] if row["purpose"] == "log_head"]
    return {row["kid"]: Ed25519PublicKey.from_public_bytes(b64decode(row["public_key"])) for row in rows}


def signatures(heads, keys, report):
    """How many of these heads are signed by a known key; a wrong signature differs, an unknown key is only said."""
    good = 0
    for head in heads if keys is not None else ():
        promise = {name: head[name] for name in ("at", "root", "size")} | {"signed": "RDV-HEAD-v1", "v": 1}
        if head["kid"] not in keys:
            report.notes.append(f"la clé {head['kid']} de la tête {head['size']} n'est pas dans votre fichier de clés")
            continue
        try:
            keys[head["kid"]].verify(raw(head["signature"]), canonical(promise))
            good += 1
        except InvalidSignature:
            report.check(False, "signature", f"la tête {head['size']} n'est pas signée par la clé {head['kid']}")
    return good


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


def check_inclusion(proof, mine, report):
    """One leaf under one head (RFC 6962, 2.1.1). ``mine``: the leaf of the receipt. Gives the head."""
    at, size, node = proof["position"], proof["head"]["size"], raw(proof["leaf"])
    path = [raw(step) for step in proof["path"]]
    right = proof["v"] == "RDV-INCLUSION-1" and 0 <= at < size
    found = right and above(node, at, size, path).hex() == proof["head"]["root"] and not path
    report.check(found, "preuve", f"la feuille {proof['leaf']} n'est pas sous la tête de taille {size}")
    if mine is None:
        report.notes.append(f"comparez cette feuille avec celle de votre reçu, ou donnez --feuille : {proof['leaf']}")
    else:
        report.check(mine == proof["leaf"], "feuille", "la preuve porte sur une autre feuille que celle de votre reçu")
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


def heads_from(site, start):
    """The heads that the site publishes, from a size on."""
    found = []
    while start is not None:
        page = json.loads(ask(site, f"tetes.json?de={start}"))
        found, start = found + page["heads"], page["suite"]
    return found


def ask_site(site, kept, keys, report):
    """The site's heads, and a proof that ties each kept head to its newest one.

    A head that a receipt's proof names may be younger than any published one: the proof then leads from that to it.
    """
    found = heads_from(site, max((size for size, _ in kept), default=0)) or heads_from(site, 0)
    heads = [(head["size"], head["root"]) for head in found]
    newest = max((size for size, _ in heads), default=0)
    for size, _ in kept if newest else ():
        try:
            address = f"registre/coherence?de={min(size, newest)}&a={max(size, newest)}"
            heads += check_proof(read(ask(site, address)), report)
        except HTTPError as refused:
            report.alone.append(
                f"votre tête {size} et la tête {newest} du site : pas de preuve ({refused.code}). {KEEP}"
            )
    return Said("le site", heads, signatures(found, keys, report))


# --- draws ---------------------------------------------------------------------------------------------------


def log_of(draw):
    """(size, root) that a commitment names."""
    log = draw.get("commitment", draw)["log"]
    return log["size"], log["root"]


def check_listed(name, draw, leaves, report):
    """Every listed leaf was in the log whose root the commitment names: nobody was added after the freeze."""
    size = log_of(draw)[0]
    if "lines" not in draw or len(leaves) < size:
        why = "c'est un engagement, sans liste" if "lines" not in draw else f"votre registre est plus court que {size}"
        report.alone.append(f"{name}, ses lignes et le registre ({why})")
        return
    early = {leaf.hex() for leaf in leaves[:size]}
    ghosts = [row["leaf"] for row in draw["lines"] if row["leaf"] not in early]
    report.each(ghosts, "fantôme", "dans la liste, mais pas dans le registre au moment du gel")
    report.compared.append(f"{name}, {len(draw['lines'])} lignes et le registre au moment du gel")


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


def check_priorities(draws, report):
    """Priority 0 is for a place that the administration took away: who has it had a place before, or must explain."""
    served = set()
    for name, draw in draws:
        rows = draw.get("lines", ())
        first = {row["leaf"] for row in rows if row["code"] == "W" and row["priority"] < 1}
        if strange := sorted(first - served):
            told = f"{name} : priorité 0 sans place dans un tirage d'avant, parmi ceux donnés, à faire expliquer"
            report.notes.append(f"{told} : {', '.join(strange)}")
        if known := sorted(first & served):
            report.notes.append(f"{name} : priorité 0 après une place retirée, demandez pourquoi : {', '.join(known)}")
        served |= {row["leaf"] for row in rows if row["code"] == "H" or row.get("placed")}


# --- the command ---------------------------------------------------------------------------------------------


def heads_said(asked, draws, report):
    """Every input that says heads: kept, published, or tied by a proof."""
    signing = asked.site or asked.tetes or asked.preuve or asked.cles
    keys = keys_in(asked.cles, report) if signing else None
    kept = [head_of(text) for text in asked.tete]
    said = [Said(f"votre tête {size}", [(size, root)]) for size, root in kept]
    if asked.site:
        said.append(ask_site(asked.site, kept, keys, report))
    for path in asked.tetes:
        heads = json.loads(path.read_bytes())["heads"]
        said.append(Said(path.name, [(head["size"], head["root"]) for head in heads], signatures(heads, keys, report)))
    for path in asked.coherence:
        said.append(Said(path.name, check_proof(read(path.read_bytes()), report), proof=True))
    for path in asked.preuve:
        proof = read(path.read_bytes())
        found = check_inclusion(proof, asked.feuille, report)
        said.append(Said(path.name, found, signatures([proof["head"]], keys, report), proof=True))
    return said + [Said(name, [log_of(draw)], told=False) for name, draw in draws]


def check_mine(leaf, leaves, proofs, report):
    """The leaf of the receipt and the list of all leaves; a receipt of this hour may be too young for it."""
    if leaf in (found := {one.hex() for one in leaves or ()}):
        report.compared.append(f"la feuille {leaf} est dans le registre")
    elif found or not proofs:
        many = f"pas parmi les {len(found)} de votre registre ; est-il plus récent que votre reçu d'une heure ?"
        report.alone.append(f"la feuille {leaf} ({many if found else 'donnez le registre ou --preuve'})")


def check_all(asked, report):
    asked.feuille = asked.feuille and raw(asked.feuille.strip().lower(), 32).hex()
    leaves = [raw(line) for line in asked.feuilles.read_text().split()] if asked.feuilles else None
    if leaves is not None:
        print(f"{len(leaves)} feuilles, racine {merkle(leaves).hex()}")
    draws = [(path.name, read(path.read_bytes())) for path in asked.tirages]
    check_heads(heads_said(asked, draws, report), leaves, report)
    for name, draw in draws if leaves is not None else ():
        check_listed(name, draw, leaves, report)
    for (first, before), (second, after) in pairwise(draws):
        check_chain(before, after, report)
        report.compared.append(f"{first} et {second}, qui se suivent")
    check_priorities(draws, report)
    if leaves is None and len(draws) == 1:
        report.alone.append(f"{draws[0][0]} (donnez le registre, ou le tirage suivant)")
    if asked.feuille:
        check_mine(asked.feuille, leaves, asked.preuve, report)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("feuilles", type=Path, nargs="?")
    parser.add_argument("--tete", nargs="+", action="extend", default=[])
    for name in ("--tetes", "--coherence", "--preuve", "--tirages"):
        parser.add_argument(name, type=Path, nargs="+", action="extend", default=[])
    parser.add_argument("--cles", type=Path)
    for name in ("--feuille", "--site"):
        parser.add_argument(name)
    asked, report = parser.parse_args(), Compared()
    try:
        check_all(asked, report)
    except Exception as error:  # whatever a hostile file or site brings about: nothing was proved, nobody is accused
        print(f"ILLISIBLE : {error if isinstance(error, OSError) else repr(error)}")
        return 2
    return report.say()


if __name__ == "__main__":
    sys.exit(main())
