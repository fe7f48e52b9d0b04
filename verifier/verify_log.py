#!/usr/bin/env python3
"""Vérifie le registre et la suite des tirages, sans rien demander à l'administration.

    python3 verify_log.py REGISTRE.txt [--tete TAILLE:RACINE …] [--tirages TIRAGE.json TIRAGE-SUIVANT.json …]
    python3 verify_log.py [--tete TAILLE:RACINE …] [--tetes TETES.json …] [--coherence PREUVE.json …]
    python3 verify_log.py --preuve PREUVE.json --feuille HEX [--tete TAILLE:RACINE …] [--cles CLES.json]
    python3 verify_log.py --site https://… --tete TAILLE:RACINE …

REGISTRE.txt is the public list of leaves, one a line. ``--tete``: heads that you kept, on a receipt or by mail;
``--tetes``: lists of heads as the site published them; ``--coherence``: proofs that one size of the log is the
beginning of another; ``--preuve``: that a leaf is in it, ``--feuille``: the leaf of your receipt; ``--tirages``:
bundles or bare commitments of any lists of waiting people, in any order; ``--cles``: the site's keys, kept from
/cles.json: signatures of heads are then checked, if the module cryptography is installed. ``--site`` asks for the
newest heads and the proof itself; nothing else uses the network.
Checks that every head is an earlier state of one log, that no two contradict each other, that every drawn leaf was in
the log before its list was frozen, that each commitment names the one before, and that no age appears from nowhere. A
file proves nothing alone: what was compared with something else is said, and what was not. Exit code: 0 all that was
given was compared and nothing differs, 1 something differs, 2 unreadable, or something was compared with nothing.
verify_draw.py must lie in the same folder.
"""

import argparse
import json
import sys
from base64 import b64decode
from datetime import datetime, timedelta
from itertools import combinations, pairwise
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

KEEP = "Redemandez dans un jour ; s'il n'en donne toujours pas, gardez tout : le registre a peut-être raccourci"


class Compared(Report):
    """Nothing differs only where two things were compared: ``compared`` says which, ``alone`` what was not."""

    def __init__(self):
        super().__init__()
        self.compared, self.alone = [], []

    def say(self):
        told = [f"  comparé : {text}" for text in self.compared] + [f"  NON COMPARÉ : {text}" for text in self.alone]
        print(*told, *(f"  à savoir : {note}" for note in dict.fromkeys(self.notes)), sep="\n")
        self.notes = []
        if self.faults or (self.compared and not self.alone):
            return super().say()
        some = "NE DIFFÈRE DANS CE QUI A ÉTÉ COMPARÉ, MAIS LE RESTE N’A PAS ÉTÉ COMPARÉ"
        print("RIEN", some if self.compared else "N’A ÉTÉ COMPARÉ")
        return 2


# --- heads ---------------------------------------------------------------------------------------------------


class Said:
    """One input and the heads, (size, root), that it says. ``signed``: sizes of those signed by a key that you have.

    ``proof``: worth what something else vouches for. ``told``: its comparisons are said here. ``given``: every one of
    its heads should be compared; of a site's many, the others are only a remark.
    """

    def __init__(self, name, heads, signed=frozenset(), proof=False, told=True, given=True):
        self.name, self.heads, self.signed, self.proof, self.told, self.given = name, heads, signed, proof, told, given


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
            held = roots == {merkle(leaves[:size]).hex()}
            report.check(held, "tête", f"le registre n'est plus celui de la tête {size}:{min(roots)}")
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
        tied = {size for size in sizes if one in worth and (size in logged or says[size] & worth - {one})}
        if one.told:
            tell_one(one, sizes, tied, report)


def tell_one(one, sizes, tied, report):
    """Which heads of one input have something beside them: other heads, or a signature."""
    if tied:
        named = ", ".join(map(str, sorted(tied)[:5])) + " …" * (len(tied) > 5)
        report.compared.append(f"{one.name}, {len(tied)} tête(s) sur {len(sizes)} (tailles {named})")
    if one.signed:
        report.compared.append(f"{one.name}, {len(one.signed)} signature(s) de tête, avec vos clés")
    rest = sizes - tied - one.signed
    if rest or not sizes:
        where = report.alone if one.given or rest == sizes else report.notes
        many = f"{len(rest)} tête(s), jusqu'à la taille {max(rest, default=0)}"
        where.append(f"{one.name} (rien d'autre ici ne prouve {many} : donnez le registre)")


def worthy(says, said, logged):
    """Proofs are worth what they are tied to, from one to the next: the site makes as many as it likes."""
    found = {one for one in said if one.signed or not one.proof}
    while more := {one for one in said if any(size in logged or says[size] & found for size, _ in one.heads)} - found:
        found |= more
    return found


def keys_in(path, report):
    """kid → public key of the heads' keys; None when signatures cannot be checked here, which is said."""
    if path is None or Ed25519PublicKey is None:
        missing = "donnez --cles cles.json" if path is None else "le module cryptography n'est pas installé"
        report.notes.append(f"signature des têtes non vérifiée : {missing}")
        return None
    rows = [row for row in json.loads(path.read_bytes())["keys"] if row["purpose"] == "log_head"]
    return {row["kid"]: Ed25519PublicKey.from_public_bytes(b64decode(row["public_key"])) for row in rows}


def signatures(heads, keys, report):
    """Sizes of the heads signed by a known key; a wrong signature differs, an unknown key is only said."""
    good = set()
    for head in heads if keys is not None else ():
        promise = {name: head[name] for name in ("at", "root", "size")} | {"signed": "RDV-HEAD-v1", "v": 1}
        if head["kid"] not in keys:
            report.notes.append(f"la clé {head['kid']} de la tête {head['size']} n'est pas dans votre fichier de clés")
            continue
        try:
            keys[head["kid"]].verify(raw(head["signature"]), canonical(promise))
            good.add(head["size"])
        except InvalidSignature:
            report.check(False, "signature", f"la tête {head['size']} n'est pas signée par la clé {head['kid']}")
    return good


def check_proof(proof, report):
    """One consistency proof (RFC 6962, 2.1.2). Gives the two heads that it ties, to be compared with those kept."""
    old, new = ((proof[name]["size"], proof[name]["root"]) for name in ("old", "new"))
    path = [raw(node) for node in proof["path"]]
    right = proof["v"] == "RDV-CONSISTENCY-1" and 0 < old[0] <= new[0]
    right = right and follows(old[0], raw(old[1]), new[0], raw(new[1]), path)
    report.check(right, "cohérence", f"le registre de taille {old[0]} n'est pas le début de celui de taille {new[0]}")
    return [old, new]


def follows(old, old_root, size, root, path):
    """Whether ``path`` leads from the tree of ``old`` leaves to that of ``size``, which is no smaller."""
    left = sides(old, size, whole=True)
    node, *steps = path if any(left) else [old_root, *path]
    return climb(node, left, steps) == (old_root, root)


def sides(old, size, whole):
    """Which steps stand on the left (RFC 6962, 2.1), from the last of ``old`` leaves on, or its ``whole`` subtree."""
    left = []
    while size > (old if whole else 1):
        k = 1 << (size - 1).bit_length() - 1
        left.append(old > k)
        old, size = (old - k, size - k) if old > k else (old, k)
    return left[::-1]


def climb(node, left, path):
    """(root of the old leaves, root of all): what stands on the right came later."""
    if len(path) < len(left):
        raise ValueError("la preuve est trop courte")
    before = after = node if len(path) == len(left) else b""  # too long: it leads nowhere
    for on_left, step in zip(left, path, strict=False):
        before = sha(b"\x01" + step + before) if on_left else before
        after = sha(b"\x01" + step + after) if on_left else sha(b"\x01" + after + step)
    return before, after


def check_inclusion(proof, mine, report):
    """One leaf under one head (RFC 6962, 2.1.1). ``mine``: the leaf of the receipt. Gives the head."""
    at, size, node = proof["position"], proof["head"]["size"], raw(proof["leaf"])
    path = [raw(step) for step in proof["path"]]
    right = proof["v"] == "RDV-INCLUSION-1" and 0 <= at < size
    found = right and climb(node, sides(at + 1, size, whole=False), path)[1].hex() == proof["head"]["root"]
    report.check(found, "preuve", f"la feuille {proof['leaf']} n'est pas sous la tête de taille {size}")
    report.notes += [] if mine else [f"comparez avec la feuille de votre reçu, ou donnez --feuille : {proof['leaf']}"]
    report.check(mine in (None, proof["leaf"]), "feuille", "la preuve porte sur une autre feuille que celle du reçu")
    return [(size, proof["head"]["root"])]


def ask(site, address):
    with urlopen(f"{site.rstrip('/')}/tirages/{address}", timeout=30) as answer:
        return answer.read(1 << 24)


def heads_from(site, start):
    """The heads that the site publishes, from a size on."""
    found = []
    while start is not None:
        page = json.loads(ask(site, f"tetes.json?de={start}"))
        found, start = found + page["heads"], page["suite"]
    return found


def ask_site(site, kept, keys, report):
    """The site's heads, and a proof between its newest one and each kept head, which may be younger (of a receipt)."""
    found = heads_from(site, max((size for size, _ in kept), default=0)) or heads_from(site, 0)
    heads = [(head["size"], head["root"]) for head in found]
    newest = max((size for size, _ in heads), default=0)
    for size, _ in kept if newest else ():
        try:
            address = f"registre/coherence?de={min(size, newest)}&a={max(size, newest)}"
            heads += check_proof(read(ask(site, address)), report)
        except HTTPError as refused:
            report.alone.append(f"votre tête {size} et la tête {newest} du site, sans preuve ({refused.code}). {KEEP}")
    return Said("le site", heads, signatures(found, keys, report), given=False)


# --- draws ---------------------------------------------------------------------------------------------------


def check_draws(draws, leaves, report):
    """All draws that were given, in whatever order: (territory, family) → number → files (name, draw, commitment)."""
    scopes = {}
    for name, draw, promise in draws:
        numbers = scopes.setdefault((promise["territory"], promise["family"]), {})
        numbers.setdefault(promise["number"], []).append((name, draw, promise))
        if leaves is not None:
            check_listed(name, draw, promise["log"]["size"], leaves, report)
    for numbers in scopes.values():
        check_scope(sorted(numbers.items()), report)
        [(name, *_), *others] = [file for files in numbers.values() for file in files]
        report.alone += [] if others or leaves is not None else [f"{name} (donnez le registre, ou le tirage suivant)"]
    check_one_log(draws, report)


def check_scope(numbered, report):
    """The draws of one scope. Only neighbours must name each other: whoever gives some of them accuses nobody."""
    for number, files in numbered:
        check_same(number, files, report)
    for (old, before), (new, after) in pairwise(numbered):
        first, second = (max(files, key=lambda file: "lines" in file[1]) for files in (before, after))
        if new == old + 1:
            check_chain(first[1], second[1], report)
            report.compared.append(f"{first[0]} et {second[0]}, qui se suivent")
        else:
            report.alone.append(f"{first[0]} et {second[0]} (donnez tous les tirages du n° {old} au n° {new})")
    check_priorities([files for _, files in numbered], report)


def check_same(number, files, report):
    """Files of one number: one commitment, and one result; a correction of it names the file that it replaces."""
    names, draws = ", ".join(name for name, *_ in files), [draw for _, draw, _ in files if "lines" in draw]
    report.check(len({canonical(one) for *_, one in files}) == 1, "suite", f"deux engagements n° {number} ({names})")
    shown = [{name: draw[name] for name in draw.keys() - {"private"}} for draw in draws]
    results = sorted({(len(draw.get("struck", ())), canonical(draw), draw.get("replaces")) for draw in shown})
    for (old, before, _), (new, _, replaced) in pairwise(results):
        held = old + 1 < new or (old < new and replaced == sha(before).hex())
        report.check(held, "résultat", f"deux résultats n° {number} se contredisent ({names})")
        report.alone += [f"{names} (donnez aussi les corrections entre eux)"] if old + 1 < new else []
    report.compared += [f"{names}, le même tirage n° {number}"] if len(files) > 1 else []


def check_one_log(draws, report):
    """All scopes name one log: a list frozen later names no shorter one. Within an hour, two clocks may disagree."""
    said = ((datetime.fromisoformat(promise["frozen"]), promise["log"]["size"], name) for name, _, promise in draws)
    for (at, size, first), (later, less, second) in combinations(sorted(said), 2):
        held = later - at < timedelta(hours=1) or size <= less
        report.check(held, "registre", f"le registre a raccourci, de {size} à {less} ({first}, {second})")


def check_listed(name, draw, size, leaves, report):
    """Every listed leaf was in the log whose root the commitment names: nobody was added after the freeze."""
    if "lines" not in draw or len(leaves) < size:
        why = "c'est un engagement, sans liste" if "lines" not in draw else f"votre registre est plus court que {size}"
        report.alone.append(f"{name}, ses lignes et le registre ({why})")
        return
    early = {leaf.hex() for leaf in leaves[:size]}
    ghosts = [row["leaf"] for row in draw["lines"] if row["leaf"] not in early]
    report.each(ghosts, "fantôme", "dans la liste, mais pas dans le registre au moment du gel")
    report.compared.append(f"{name}, {len(draw['lines'])} lignes et le registre au moment du gel")


def check_chain(before, after, report):
    """Two neighbours of one scope: each commitment names the one before, and no age appears from nowhere."""
    old, new = (found.get("commitment", found) for found in (before, after))
    held = new["previous"] == sha(canonical(old)).hex()
    report.check(held, "suite", f"l'engagement n° {new['number']} ne nomme pas celui d'avant")
    report.check(old["log"]["size"] <= new["log"]["size"], "registre", "le registre a raccourci")
    if "lines" in before and "lines" in after:
        newest = old["main_number"] or max(0, (new["main_number"] or 0) - 1)
        check_ages(before["lines"], newest, after["lines"], report)


def check_ages(before, newest, after, report):
    """Nobody waits for longer than the draw before said. The rules allow exceptions, all journalled: ask for them.

    ``newest``: the last main draw, 0 unless one of the two says it; a newcomer belongs to the next one. A nightly draw
    has none, and shows its newcomers under that next number: the greatest seen may be that of the next main draw.
    """
    known = {row["leaf"]: row["cohort"] for row in before if row["cohort"]}
    newest = newest or max(known.values(), default=1) - 1
    drawn = {row["leaf"]: row["cohort"] for row in after if row["code"] == "W"}
    aged = [leaf for leaf, cohort in drawn.items() if cohort < known.get(leaf, newest + 1)]
    report.notes += aged and [f"ancienneté plus grande qu'au tirage d'avant, à faire expliquer : {', '.join(aged)}"]


def check_priorities(numbers, report):
    """Priority 0 is for a place that the administration took away: who has it had a place before, or must explain."""
    served = set()
    for files in numbers:
        name, rows = files[0][0], [row for _, draw, _ in files for row in draw.get("lines", ())]
        first = {row["leaf"] for row in rows if row["code"] == "W" and row["priority"] < 1}
        for leaves, told in (
            (first - served, "sans place dans un tirage d'avant, parmi ceux donnés, à faire expliquer"),
            (first & served, "après une place retirée, demandez pourquoi"),
        ):
            report.notes += [f"{name} : priorité 0 {told} : {', '.join(sorted(leaves))}"] if leaves else []
        served |= {row["leaf"] for row in rows if row["code"] == "H" or row.get("placed")}


# --- the command ---------------------------------------------------------------------------------------------


def heads_said(asked, draws, report):
    """Every input that says heads: kept, published, or tied by a proof."""
    keys = keys_in(asked.cles, report) if asked.site or asked.tetes or asked.preuve or asked.cles else None
    kept = [(int(size), raw(root).hex()) for size, root in (text.split(":") for text in asked.tete)]
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
    logs = [(name, promise["log"]) for name, _, promise in draws]
    return said + [Said(name, [(log["size"], log["root"])], told=False) for name, log in logs]


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
    found = ((path.name, read(path.read_bytes())) for path in asked.tirages)
    draws = [(name, draw, draw.get("commitment", draw)) for name, draw in found]
    check_heads(heads_said(asked, draws, report), leaves, report)
    check_draws(draws, leaves, report)
    if asked.feuille:
        check_mine(asked.feuille, leaves, asked.preuve, report)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("feuilles", type=Path, nargs="?")
    parser.add_argument("--tete", nargs="+", action="extend", default=[])
    for name in ("--tetes", "--coherence", "--preuve", "--tirages"):
        parser.add_argument(name, type=Path, nargs="+", action="extend", default=[])
    for name, kind in (("--cles", Path), ("--feuille", str), ("--site", str)):
        parser.add_argument(name, type=kind)
    asked, report = parser.parse_args(), Compared()
    try:
        check_all(asked, report)
    except Exception as error:  # whatever a hostile file or site brings about: nothing was proved, nobody is accused
        print(f"ILLISIBLE : {error if isinstance(error, OSError) else repr(error)}")
        return 2
    return report.say()


if __name__ == "__main__":
    sys.exit(main())
