#!/usr/bin/env python3
"""Vérifie un ou plusieurs tirages au sort (règle RDV-LOT-1), sans rien demander à l'administration.

    python3 verify_draw.py TIRAGE.json [TIRAGE-SUIVANT.json …] [--engagement FICHIER] [--feuille HEX]

``--engagement``: the commitment that you kept before the draw; ``--feuille``: the leaf of your receipt. Accepts public
bundles, full bundles and bare commitments. Only the standard library is needed; with py_ecc installed the beacon's
signature is checked as well, else it is said that it was not. Exit code: 0 nothing differs, 1 something differs,
2 unreadable. docs/verifier.md explains each check and proves the two that settle a match. This file shares no line
with the program that draws.
"""

import argparse
import hashlib
import hmac
import json
import unicodedata
from collections import Counter
from datetime import datetime, timedelta
from itertools import takewhile
from pathlib import Path

try:
    from verify_date import check_evidence
except ImportError:  # this file is alone: whatever can be checked without its neighbour is

    def check_evidence(_bundle, report):
        report.notes.append("date de l'engagement non vérifiée : verify_date.py n'est pas dans ce dossier")


LISTED = {"leaf": str, "code": str, "priority": int, "cohort": int, "private": str}
DRAWN = LISTED | {"key": str, "rank": int, "placed": bool}
ODDS = {"class": str, "places": int, "waiting": int}
ROUND = {"source": str, "chain": str, "public_key": str, "round": int, "at": str}
PROMISE = {*"v territory family kind number main_number previous frozen root counts capacity rules log beacon".split()}  # noqa: SIM905
MEMBERS = {"v", "commitment", "evidence", "beacon", "seed", "lines", "compatible", "last_rank", "placed"}
FIVE = 5  # numbers per half-day go by fives: one more would show the half-days of one line (R-120)


def sha(data):
    return hashlib.sha256(data).digest()


class Report:
    """Faults are proofs that something differs; notes are what this run could not prove."""

    def __init__(self):
        self.faults, self.notes = [], []

    def check(self, holds, code, text):
        self.faults += [] if holds else [f"[{code}] {text}"]

    def each(self, wrong, code, text):
        """One fault for a whole list of wrong lines, naming the first ones."""
        self.check(not wrong, code, f"{text} ({len(wrong)}) : {', '.join(map(str, wrong[:5]))}")

    def say(self):
        """Print all of it; the exit code."""
        lines = [f"  à savoir : {note}" for note in self.notes] + [f"  DIFFÈRE {fault}" for fault in self.faults]
        print(*lines, "CE N'EST PAS CE QUI ÉTAIT PROMIS" if self.faults else "RIEN NE DIFFÈRE", sep="\n")
        return 1 if self.faults else 0


# --- bytes ---------------------------------------------------------------------------------------------------


def canonical(value):
    """RFC 8785 for values without floats."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def read(data):
    """The value of canonical bytes; ValueError for any other bytes."""
    # A number that not every reader holds exactly comes out as something else than it went in.
    value = json.loads(data, parse_int=lambda n: min(int(n), 2**53 - 1, key=abs), parse_float=str, parse_constant=str)
    if canonical(value) != data or not unicodedata.is_normalized("NFC", data.decode()):
        raise ValueError("ces octets ne sont pas sous forme canonique (RFC 8785)")
    return value


def raw(text, size=None):
    """Bytes of lower-case hex, ``size`` of them if it is given; ValueError for any other text."""
    if bytes.fromhex(text).hex() != text or size not in (None, len(text) // 2):
        raise ValueError(f"hexadécimal attendu : {text}")
    return bytes.fromhex(text)


def types(value):
    """Members and their types, to be compared at once: Python takes 1 for true."""
    return {name: type(member) for name, member in value.items()}


def merkle(level):
    """RFC 6962 root over leaf hashes."""
    while len(level) > 1:
        pairs = zip(level[::2], level[1::2], strict=False)
        level = [sha(b"\x01" + left + right) for left, right in pairs] + (level[-1:] if len(level) % 2 else [])
    return level[0] if level else sha(b"")


# --- what a stranger checks ----------------------------------------------------------------------------------


def check_commitment(promise, report):
    """Rule, dates, round and places of one commitment."""
    beacon = promise["beacon"]
    at, frozen = map(datetime.fromisoformat, (beacon["at"], promise["frozen"]))
    held = promise.keys() == PROMISE and types(beacon) == ROUND and types(promise["log"]) == {"size": int, "root": str}
    held = held and all(rule.keys() == {"number", "sha256", "decision"} for rule in promise["rules"].values())
    report.check(held and promise["v"] == "RDV-LOT-1", "règle", "règle inconnue, ou membres inattendus")
    first = max(1, -((1692803367 - int(at.timestamp())) // 3) + 1)
    report.check(beacon["round"] == first, "tour", f"{beacon['round']} n'est pas le premier tour après {beacon['at']}")
    report.check(at - frozen >= timedelta(minutes=60), "délai", "liste figée moins de 60 minutes avant la balise")
    # Classes come in the order of dates: site/family/date/half → (date, half, site, family).
    keys = [(*row["class"].split("/")[2:], *row["class"].split("/")[:2]) for row in promise["capacity"]]
    tidy = all(row["places"] == sorted(row["places"]) and len(row) == 2 for row in promise["capacity"])
    report.check(keys == sorted(set(keys)) and tidy, "places", "classes ou places en désordre, ou en double")


def check_list(bundle, report):
    """Members, lines, root, counts: the list is the one that was committed, and nothing is said beside it."""
    promise, rows = bundle["commitment"], [] + bundle["lines"]  # as further down: only a list can be added to a list
    inside = bundle.keys() - {"private"} in (MEMBERS, MEMBERS | {"struck", "replaces"}) and len(bundle["beacon"]) == 2
    report.check(inside and bundle["v"] == promise["v"], "forme", "membres inattendus")
    report.each([row["leaf"] for row in rows if not well_formed(row)], "forme", "ligne mal formée")
    tidy = [row["leaf"] for row in rows] == sorted({row["leaf"] for row in rows})
    report.check(tidy, "liste", "lignes en désordre, ou une feuille deux fois")
    shown = '{{"code":"{code}","cohort":{cohort},"leaf":"{leaf}","priority":{priority}}}'.format_map
    root = merkle([sha(b"\x00" + shown(row).encode() + raw(row["private"])) for row in rows])
    report.check(root.hex() == promise["root"], "racine", "la liste n'est pas celle de l'engagement")
    counts = Counter(row["code"] for row in rows)
    report.check(promise["counts"] == {c: counts[c] for c in "HPW"}, "nombres", "les nombres par code diffèrent")
    wrong = [row["leaf"] for row in rows if row["cohort"] > (promise["main_number"] or row["cohort"])]
    report.each(wrong, "ancienneté", "un numéro d'ancienneté qui n'existe pas encore")


def well_formed(row):
    """Members, and numbers that mean something. A waiting line without rank is judged by verify_struck.py."""
    due = {"H": [LISTED], "P": [LISTED], "W": [LISTED, DRAWN]}[row["code"]]
    return types(row) in due and row["priority"] in (0, 1) and row["cohort"] >= len(due) - 1 and raw(row["leaf"], 32)


def check_order(bundle, report):
    """Seed, keys and ranks. Gives the waiting lines in the order that follows from the beacon."""
    promise, signature = bundle["commitment"], raw(bundle["beacon"]["signature"])
    seed = sha(b"RDV-DRAW-v1" + sha(canonical(promise)) + sha(signature))
    report.check(bundle["beacon"]["randomness"] == sha(signature).hex(), "aléa", "il ne vient pas de la signature")
    report.check(bundle["seed"] == seed.hex(), "graine", "la graine ne vient pas de l'engagement et de la balise")
    drawn = [row for row in bundle["lines"] if row["code"] == "W"]
    first = sum(row["priority"] == 0 for row in drawn)
    report.notes += [f"{first} ligne(s) de priorité 0, servies d'abord : demandez-en la raison"] if first else []
    key = {row["leaf"]: hmac.digest(seed, raw(row["leaf"]), "sha256").hex() for row in drawn}
    order = sorted(drawn, key=lambda row: (row["priority"], row["cohort"], key[row["leaf"]], row["leaf"]))
    report.each([row["leaf"] for row in drawn if row["key"] != key[row["leaf"]]], "clé", "clé de tirage différente")
    report.each([row["leaf"] for rank, row in enumerate(order, 1) if row["rank"] != rank], "rang", "rang différent")
    served = [rank for rank, row in enumerate(order, 1) if row["placed"]]
    said, found = [bundle["placed"], bundle["last_rank"]], [len(served), max(served, default=0)]
    report.check(canonical(said) == canonical(found), "servis", "nombre de servis ou dernier rang différent")
    capacity = {row["class"]: len(row["places"]) for row in bundle.get("capacity", promise["capacity"])}
    odds, due = [] + bundle["compatible"], [(*row, True) for row in capacity.items() if len(order) >= FIVE]
    said = [(o["class"], o["places"], types(o) == ODDS and o["waiting"] in range(len(order) + 1)[::FIVE]) for o in odds]
    report.check(said == due, "places", "les places ne sont pas celles de l'engagement, ou un nombre est impossible")
    report.check(len(served) <= sum(capacity.values()), "places", "plus de personnes servies que de places")
    return order


# --- what a delegate checks ----------------------------------------------------------------------------------


def check_private(bundle, report):
    """Every private part opens the hash that the list holds. Gives leaf → private part."""
    opened, rows = {part["leaf"]: part for part in [] + bundle["private"]}, bundle["lines"]
    # One part a line, with its five members: leaf, salt, classes, attached and slot, each of which is read below.
    held = [*opened] == [row["leaf"] for row in rows] and [*map(len, bundle["private"])] == [5] * len(rows)
    report.check(held, "ouverture", "une partie privée manque, est double, ou dit autre chose")

    def hidden(part):
        return sha(b"\x03" + raw(part["salt"]) + canonical({name: part[name] for name in ("classes", "attached")}))

    wrong = [row["leaf"] for row in rows if hidden(opened[row["leaf"]]) != raw(row["private"])]
    report.each(wrong, "ouverture", "disponibilités changées après l'engagement")
    attached = Counter(leaf for part in opened.values() for leaf in part["attached"])
    alone = [row["leaf"] for row in rows if attached[row["leaf"]] > (row["code"] == "P")]
    report.each(alone, "rattachée", "une demande rattachée a sa propre chance, ou compte deux fois")
    waiting = Counter(c for row in rows if row["code"] == "W" for c in opened[row["leaf"]]["classes"])
    wrong = [row["class"] for row in bundle["compatible"] if waiting[row["class"]] - row["waiting"] not in range(FIVE)]
    report.each(wrong, "concurrence", "nombre de personnes compatibles différent")
    return opened


def check_match(bundle, order, opened, report):
    """Who got which slot. The outcome is unique, so two local conditions settle it (docs/verifier.md)."""
    capacity = bundle.get("capacity", bundle["commitment"]["capacity"])
    number = {row["class"]: n for n, row in enumerate(capacity)}
    leaf, slot = [row["leaf"] for row in order], [opened[row["leaf"]]["slot"] for row in order]
    wishes = [sorted({number[c] for c in opened[name]["classes"] if c in number}) for name in leaf]
    given = [-1 if found is None else number.get(found[0], -2) for found in slot]
    members, wanted = [[] for _ in capacity], [[] for _ in capacity]
    bad = [row["leaf"] for row in bundle["lines"] if row["code"] != "W" and opened[row["leaf"]]["slot"] is not None]
    for i, c in enumerate(given):
        bad += [] if c in (-1, *wishes[i]) and order[i]["placed"] is (c != -1) else [leaf[i]]
        for wish in wishes[i] if c in wishes[i] else ():
            wanted[wish].append(i)
            members[c] += [i] if wish == c else []
    for row, inside in zip(capacity, members, strict=True):
        due = row["places"][: len(inside)] + [None] * (len(inside) - len(row["places"]))
        bad += [leaf[i] for i, place in zip(inside, due, strict=True) if slot[i][1:] != place]
    report.each(bad, "créneau", "créneau différent de celui qui est dû")
    if not bad:
        room = [len(row["places"]) > len(inside) for row, inside in zip(capacity, members, strict=True)]
        out, late = (find(wishes, given, members, wanted, room) for find in (left_out, too_late))
        report.each([leaf[i] for i in out], "oubli", "une place lui est due")
        report.each([leaf[i] for i in late], "date", "une date plus proche lui est due")


def left_out(wishes, given, members, wanted, room):
    """Lines without a place that the rule would have placed.

    Such a line is rightly out when every class that exchanges can reach from its wishes is full of earlier lines.
    ``worst`` holds, per class, the last line sitting in any class within reach (beyond all lines: free room).
    """
    own = [len(given) if free else max(inside, default=-1) for free, inside in zip(room, members, strict=True)]
    worst = {}
    for c in sorted(range(len(own)), key=own.__getitem__, reverse=True):
        reached = {c} - worst.keys()
        while reached:
            worst |= dict.fromkeys(reached, own[c])
            reached = {given[i] for near in reached for i in wanted[near]} - worst.keys()
    return [i for i, c in enumerate(given) if c < 0 and any(worst[wish] > i for wish in wishes[i])]


def too_late(wishes, given, members, _wanted, room):
    """Lines that an exchange among later lines would bring to an earlier class: there must be none.

    A search that fails parts the classes in two sets between which no exchange leads there and back: ``group``.
    """
    group, late = [0] * len(room), []
    for i, current in enumerate(given):
        for wish in takewhile(current.__gt__, wishes[i]):
            home, reached, stack = group[wish], {wish}, [wish]
            while home == group[current] and stack and current not in reached and not room[stack[-1]]:
                moving = takewhile(i.__lt__, reversed(members[stack.pop()]))
                fresh = {c for m in moving for c in wishes[m] if group[c] == home} - reached
                reached |= fresh
                stack += fresh
            late += [i] if stack and home == group[current] else []
            for c in () if stack else reached:
                group[c] = i + 1
    return sorted({*late})


# --- the command ---------------------------------------------------------------------------------------------


def check_file(path, asked, report):
    """One file: its bytes, its commitment, its draw if it holds one."""
    found = read(path.read_bytes())
    promise = found.get("commitment", found)
    print(f"{path.name} : {promise['territory']}, {promise['family']}, tirage n° {promise['number']}")
    print(f"  fichier    {sha(canonical(found)).hex()}\n  engagement {sha(canonical(promise)).hex()}")
    check_commitment(promise, report)
    kept = asked.engagement.read_bytes() if asked.engagement else canonical(promise)
    report.check(kept == canonical(promise), "engagement", "ce n'est pas celui que vous avez gardé")
    if promise is not found:
        for check in (check_evidence, check_list, check_beacon):
            check(found, report)
        if "struck" in found:
            from verify_struck import remaining
        judged = remaining(found, report, map(Path.read_bytes, asked.tirage)) if "struck" in found else found
        order = check_order(judged, report)
        if "private" in found:
            check_match(judged, order, check_private(judged, report), report)
        else:
            report.notes.append("fichier public : un délégué vérifie qui est servi, avec le fichier complet")
        mine = [row for row in found["lines"] if row["leaf"] == asked.feuille]
        print("".join(f"  votre ligne {row}\n" for row in mine), end="")
        report.check(mine or not asked.feuille, "absente", "votre feuille n'est pas dans la liste")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tirage", type=Path, nargs="+")
    parser.add_argument("--engagement", type=Path)
    parser.add_argument("--feuille")
    asked, report = parser.parse_args(), Report()
    try:
        asked.feuille = asked.feuille and raw(asked.feuille.strip().lower(), 32).hex()
        for path in asked.tirage:
            check_file(path, asked, report)
    except Exception as error:  # whatever a hostile file brings about: nothing was proved, nobody is accused
        print("ILLISIBLE :", f"mettez {error.name}.py à côté" if isinstance(error, ImportError) else repr(error))
        return 2
    return report.say()


# --- the beacon's signature: optional, needs py_ecc -----------------------------------------------------------

import sys  # noqa: E402

CHAIN = "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971"
PUBLIC_KEY = (
    "83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d106451"
    "0d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a"
)


def check_beacon(bundle, report):
    beacon, signature = bundle["commitment"]["beacon"], raw(bundle["beacon"]["signature"])
    if beacon["source"] == "local":
        report.notes.append("balise locale, de démonstration : elle ne prouve rien")
        return
    known = (beacon["source"], beacon["chain"], beacon["public_key"]) == ("drand-quicknet", CHAIN, PUBLIC_KEY)
    report.check(known, "balise", "la chaîne ou la clé n'est pas celle de drand quicknet")
    limit = sys.getrecursionlimit()
    try:
        from py_ecc.bls.g2_primitives import pubkey_to_G1, signature_to_G2, subgroup_check
        from py_ecc.bls.hash_to_curve import hash_to_G1
        from py_ecc.optimized_bls12_381 import FQ12, G2, final_exponentiate, is_inf, neg, pairing
    except ImportError:
        report.notes.append("signature de la balise non vérifiée : py_ecc n'est pas installé")
        return
    tag = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_"
    try:
        # py_ecc names its decoders after Ethereum, where keys lie on G1 and signatures on G2; quicknet is the reverse.
        key, point = signature_to_G2(raw(PUBLIC_KEY)), pubkey_to_G1(signature)
        good = len(signature) == 48 and not is_inf(point) and subgroup_check(point)
        hashed = hash_to_G1(sha(beacon["round"].to_bytes(8, "big")), tag, hashlib.sha256)
        product = pairing(G2, neg(point), final_exponentiate=False) * pairing(key, hashed, final_exponentiate=False)
        good = good and final_exponentiate(product) == FQ12.one()
    except ValueError:
        good = False
    sys.setrecursionlimit(limit)  # py_ecc raises it so far that the next file, nested deep enough, would crash Python
    report.check(good, "balise", "la signature n'est pas celle du tour annoncé")


if __name__ == "__main__":
    raise SystemExit(main())
