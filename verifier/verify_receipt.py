#!/usr/bin/env python3
"""Ouvre un reçu chez soi : la feuille, la personne, la promesse signée. Rien n'est envoyé, rien n'est demandé au site.

    python3 verify_receipt.py RECU.json [--identite IDENTITE.json] [--cles CLES.json]

RECU.json is the file of your receipt's page, or a text file with the « détails techniques » of the page or of the
paper. The identity is asked at the terminal, as it stood on your document when you filed; or IDENTITE.json holds it:
{"family_name": "", "given_names": "", "birth": "1990-05-12", "birth_place": "", "birth_country": "FR"}. The country is
a code of two letters; whatever was not given stays empty. CLES.json is /cles.json, kept: openssl checks the signature,
and without it that is said. Only the standard library is needed, and no other file. docs/verifier.md has the same by
hand. Exit code: 0 nothing differs in what was checked, 1 something differs, 2 unreadable.
"""

import argparse
import base64
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import unicodedata
from datetime import UTC, datetime
from pathlib import Path

# --- canonical identity, version 1 -----------------------------------------------------------------------------------

APOSTROPHES = str.maketrans(dict.fromkeys("'’‘‛ʼʻʽʾʿˈ`´′ـ"))
LETTERS = {"æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "þ": "th", "ı": "i", "ħ": "h", "ŋ": "n"}
LETTERS = str.maketrans(LETTERS | {"ə": "e"})
UNMARKED = "LATIN", "GREEK", "ARABIC", "HEBREW"
GLUED = (
    "a abd abdel abdul abou abu ait al ap bar bel ben bent bin bint bou d da dal das de del della den der des di do "
    "dos du e el ibn l la las le les lo los m mac mc n o ould san santa saint sainte ter ten van vom von y zu zum zur"
)
PARTICLES = GLUED.split()
STATES = {
    "FR": "GP MQ GF RE YT PM BL MF WF PF NC TF",
    "GB": "JE GG IM AI BM KY MS TC VG",
    "US": "PR VI GU MP AS UM",
    "AU": "CC CX HM",
}


def words(text):
    """Words without case, ligature, apostrophe, hyphen; accents go where they are no letters of their own."""
    plain = unicodedata.normalize("NFKD", text.translate(APOSTROPHES)).casefold()
    plain = unicodedata.normalize("NFKD", plain).translate(LETTERS).translate(APOSTROPHES)
    kept, unmarked = "", False
    for char in plain:
        kind = unicodedata.category(char)
        if kind in ("Cf", "Lm"):
            continue
        if kind[0] == "M":
            kept += "" if unmarked or kept[-1:] in ("", " ") else char
        elif kind[0] in "LN":
            unmarked = unicodedata.name(char, "").startswith(UNMARKED)
            kept += char
        else:
            kept += " "
    return unicodedata.normalize("NFC", kept).split()


def name(text):
    """Words of a name. A particle belongs to the word after it, as often as that makes another particle."""
    before, found = None, words(text)
    while found != before:
        before, found, prefix = found, [], ""
        for word in before:
            prefix += word
            if word not in PARTICLES:
                found, prefix = [*found, prefix], ""
        found += [prefix] if prefix else []
    return found


def country(code):
    """Two letters; a territory counts with its State."""
    code = code.strip().upper()
    return next((state for state, members in STATES.items() if code in members.split()), code)


def canonical(who):
    """The bytes that the person's commitment covers: RFC 8785 JSON."""
    family, given = name(who["family_name"]), sorted(name(who["given_names"]))
    if not family:  # a single name is the family name, in the order typed
        family, given = name(who["given_names"]), []
    said = {
        "birth": who["birth"].strip(),
        "canon": 1,
        "country": country(who["birth_country"]),
        "family": " ".join(family),
        "given": given,
        "place": " ".join(words(who["birth_place"])),
    }
    return json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


# --- the receipt -----------------------------------------------------------------------------------------------------

PARTS = {
    "entry": r"(\{[^{}]*\})",
    "salt": r"salt\W*([0-9a-f]{64})",
    "leaf": r"leaf\W*([0-9a-f]{64})",
    "promised": r"promised(?:at)?\W*(\d{4}-\d\d-\d\dT[\d:.]+(?:Z|\+00:00))",
    "key": r"key\W*([0-9a-f]{8})",
    "promise": r"promise\W*([0-9a-f]{128})",
}


def read(text):
    """The parts of a receipt, of recu.json or of a copied text whose lines may be broken anywhere. ValueError."""
    text = re.sub(r"\s", "", text)
    entry = re.search(PARTS["entry"], text)
    rest = text.replace(entry[1], "") if entry else text
    found = {part: re.search(pattern, rest) for part, pattern in PARTS.items()} | {"entry": entry}
    if not all(found.values()):
        missing = ", ".join(part for part, one in found.items() if not one)
        raise ValueError(f"ce n'est pas un reçu entier, il manque : {missing}")
    return {part: one[1] for part, one in found.items()}


class Report:
    """``checked``: what was compared; ``faults``: what differs; ``notes``: what could not be checked here."""

    def __init__(self):
        self.checked, self.faults, self.notes = [], [], []

    def check(self, holds, code, right, wrong):
        self.checked += [right] if holds else []
        self.faults += [] if holds else [f"[{code}] {wrong}"]

    def say(self):
        print(*(f"  vérifié : {text}" for text in self.checked), sep="\n")
        lines = [f"  à savoir : {note}" for note in self.notes] + [f"  DIFFÈRE {fault}" for fault in self.faults]
        mistyped = all(fault.startswith("[personne]") for fault in self.faults)
        wrong = "CE N'EST PAS L'IDENTITÉ QUI A ÉTÉ TAPÉE" if mistyped else "CE N'EST PAS CE QUI ÉTAIT PROMIS"
        print(*lines, wrong if self.faults else "RIEN NE DIFFÈRE", sep="\n")
        return 1 if self.faults else 0


def check_leaf(receipt, report):
    leaf = hashlib.sha256(b"\x00" + bytes.fromhex(receipt["salt"]) + receipt["entry"].encode()).hexdigest()
    report.check(leaf == receipt["leaf"], "feuille", f"la feuille {leaf}", "elle ne vient pas du sel et de l'entrée")


def check_person(receipt, who, report):
    """The identity, with or without place and country: not every filing asks for both."""
    entry = json.loads(receipt["entry"])
    if entry["canon"] != 1:
        raise ValueError(f"règle d'écriture des noms inconnue : {entry['canon']}")
    tried = {"": {}, " (sans lieu de naissance)": {"birth_place": ""}, " (sans pays)": {"birth_country": ""}}
    tried[" (sans lieu ni pays de naissance)"] = {"birth_place": "", "birth_country": ""}
    made = {how: person(receipt["salt"], canonical({**who, **less})) for how, less in tried.items()}
    found = [how for how, commitment in made.items() if commitment == entry["person"]]
    wrong = "ce que vous avez tapé n'est pas l'identité de ce reçu : essayez l'orthographe du jour de la demande"
    report.check(found, "personne", f"la personne{found[0] if found else ''}", wrong)


def person(salt, identity):
    """SHA-256(0x02 ‖ salt ‖ canonical identity)."""
    return hashlib.sha256(b"\x02" + bytes.fromhex(salt) + identity).hexdigest()


def promise_of(receipt):
    """The bytes that were signed."""
    at = datetime.fromisoformat(receipt["promised"]).astimezone(UTC)
    said = {"leaf": receipt["leaf"], "promised": f"{at:%Y-%m-%dT%H:%M:%SZ}", "signed": "RDV-PROMISE-v1", "v": 1}
    return json.dumps(said, sort_keys=True, separators=(",", ":")).encode()


def check_promise(receipt, keys, report):
    """Ed25519 by openssl; a key that is not in the file is no fault of the receipt."""
    rows = [row for row in keys if row["kid"] == receipt["key"] and row["purpose"] == "log_head"]
    if not rows or not shutil.which("openssl"):
        why = "openssl n'est pas installé" if rows else f"la clé {receipt['key']} n'est pas dans votre fichier de clés"
        report.notes.append(f"promesse non vérifiée : {why}")
        return
    der = bytes.fromhex("302a300506032b6570032100") + base64.b64decode(rows[0]["public_key"])
    pem = f"-----BEGIN PUBLIC KEY-----\n{base64.b64encode(der).decode()}\n-----END PUBLIC KEY-----\n".encode()
    with tempfile.TemporaryDirectory() as folder:
        names = [Path(folder) / part for part in ("cle.pem", "promesse.json", "promesse.sig")]
        for path, data in zip(names, (pem, promise_of(receipt), bytes.fromhex(receipt["promise"])), strict=True):
            path.write_bytes(data)
        command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", names[0], "-rawin", "-in", names[1]]
        done = subprocess.run([*command, "-sigfile", names[2]], capture_output=True, text=True, check=False)
    if done.returncode and "Verification Failure" not in done.stdout + done.stderr:
        report.notes.append(f"promesse non vérifiée, openssl (il faut la version 3) : {done.stderr.strip()}")
        return
    right, wrong = f"la promesse, signée par la clé {receipt['key']}", "la clé n'a pas signé cette promesse"
    report.check(done.returncode == 0, "promesse", right, wrong)


# --- the command -----------------------------------------------------------------------------------------------------

QUESTIONS = {
    "family_name": "Nom, comme sur le document : ",
    "given_names": "Prénoms : ",
    "birth": "Date de naissance (1990-05-12, 1990-05 ou 1990) : ",
    "birth_place": "Lieu de naissance (vide s'il n'a pas été donné) : ",
    "birth_country": "Pays de naissance (deux lettres, FR pour la France ; vide s'il n'a pas été donné) : ",
}


def identity(path):
    """What was typed, or what the file holds; None where nobody can be asked."""
    if path is None and not sys.stdin.isatty():
        return None
    print("Votre identité reste sur cet ordinateur.")
    who = json.loads(path.read_bytes()) if path else {part: input(text) for part, text in QUESTIONS.items()}
    if who.keys() != QUESTIONS.keys() or not all(type(one) is str for one in who.values()):
        raise ValueError(f"l'identité a cinq textes : {', '.join(QUESTIONS)}")
    return who


def check_all(asked, report):
    receipt = read(asked.recu.read_text(encoding="utf-8"))
    check_leaf(receipt, report)
    if asked.cles:
        check_promise(receipt, json.loads(asked.cles.read_bytes())["keys"], report)
    else:
        report.notes.append("promesse non vérifiée : donnez --cles cles.json")
    who = identity(asked.identite)
    if who is None:
        report.notes.append("personne non vérifiée : donnez --identite identite.json")
    else:
        check_person(receipt, who, report)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recu", type=Path)
    parser.add_argument("--identite", type=Path)
    parser.add_argument("--cles", type=Path)
    asked, report = parser.parse_args(), Report()
    try:
        check_all(asked, report)
    except Exception as error:  # whatever a file brings about: nothing was proved, nobody is accused
        print(f"ILLISIBLE : {error if isinstance(error, OSError) else repr(error)}")
        return 2
    return report.say()


if __name__ == "__main__":
    sys.exit(main())
