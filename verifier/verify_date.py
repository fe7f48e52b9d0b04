#!/usr/bin/env python3
"""Dit quand un engagement existait déjà, d'après des témoins extérieurs, et ce qu'il reste à leur demander.

    python3 verify_date.py TIRAGE.json [TIRAGE-SUIVANT.json …] [--autorite RACINE.pem]

Reads the evidence of public or full bundles. A time stamp (RFC 3161) must be over these very bytes; its signature is
checked by openssl when ``--autorite`` names the certificate of the authority, fetched from the authority itself. A mail
is confirmed by the delegate who holds it: its Message-ID is printed. Only the standard library is needed, and no other
file; verify_draw.py asks this one for its line on the date. Exit code as there.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

MARGIN = timedelta(minutes=30)
DELEGATES = 2
SIGNED_DATA, TST_INFO, SHA256 = map(
    bytes.fromhex, ("2a864886f70d010702", "2a864886f70d0109100104", "608648016503040201")
)
INTEGER, OCTETS, OID, DATE, SEQUENCE, SET, TAGGED = 0x02, 0x04, 0x06, 0x18, 0x30, 0x31, 0xA0
MEMBERS = {"rfc3161": {"kind", "at", "authority", "token"}, "mail": {"kind", "at", "message_id"}}
NO_STAMP = "ce n'est pas un horodatage RFC 3161 sur un SHA-256"


# --- the token: read by position, down to the bytes that are signed; nothing that stands elsewhere is believed --------


def values(data):
    """(tag, content) of the DER values in ``data``, to its last byte; ValueError for anything else, BER included."""
    while data:
        tag, size, start = data[0], data[1] if len(data) > 1 else 0x80, 2
        if size > 0x7F:
            start += size & 0x7F
            size = int.from_bytes(data[2:start], "big")
            if size < 0x80 or start != 2 + (size.bit_length() + 7) // 8:
                raise ValueError(NO_STAMP)
        if len(data) < start + size or tag & 0x1F == 0x1F:
            raise ValueError(NO_STAMP)
        yield tag, data[start : start + size]
        data = data[start + size :]


def parts(data, *tags, more=False):
    """Contents of the values in ``data``: exactly these tags, or with ``more`` these first."""
    found = list(values(data))
    if [tag for tag, _ in found][: len(tags) if more else None] != [*tags]:
        raise ValueError(NO_STAMP)
    return [content for _, content in found[: len(tags)]]


def stamped(answer):
    """(imprint, date) of an authority's whole answer (RFC 3161, 2.4.2; RFC 5652, 5.1): what its signature is over.

    ValueError when it is none over a SHA-256. Whether the authority said it is for openssl to tell.
    """
    [answer] = parts(answer, SEQUENCE)
    _status, token = parts(answer, SEQUENCE, SEQUENCE)
    kind, signed = parts(token, OID, TAGGED)
    _version, _digests, content = parts(*parts(signed, SEQUENCE), INTEGER, SET, SEQUENCE, more=True)
    inner, info = parts(content, OID, TAGGED)
    [info] = parts(*parts(info, OCTETS), SEQUENCE)
    _version, _policy, imprint, _serial, at = parts(info, INTEGER, OID, SEQUENCE, INTEGER, DATE, more=True)
    algorithm, digest = parts(imprint, SEQUENCE, OCTETS)
    said = re.fullmatch(rb"(\d{14})(?:\.\d+)?Z", at)
    kinds = [kind, inner, *parts(algorithm, OID, more=True)]
    if kinds != [SIGNED_DATA, TST_INFO, SHA256] or said is None:
        raise ValueError(NO_STAMP)
    return digest, datetime.strptime(said[1].decode() + "+0000", "%Y%m%d%H%M%S%z")


# --- the evidence -----------------------------------------------------------------------------------------------------


encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode


def bytes_of(value):
    """RFC 8785 bytes of a commitment or a bundle: they hold no float."""
    return encode(value).encode()


class Report:
    """As that of verify_draw.py, which hands its own to :func:`check_evidence`."""

    def __init__(self):
        self.faults, self.notes = [], []

    def check(self, holds, code, text):
        self.faults += [] if holds else [f"[{code}] {text}"]


def in_time(bundle, report):
    """The evidence dated at least 30 minutes before the round, each piece once: stamps, Message-IDs."""
    promise = bundle["commitment"]
    limit = datetime.fromisoformat(promise["beacon"]["at"]) - MARGIN
    stamps, mails = set(), set()
    tidy = type(bundle["evidence"]) is list and all(map(well_formed, bundle["evidence"]))
    report.check(tidy, "forme", "une preuve de la date dit trop, ou trop peu")
    if not tidy:
        return stamps, mails
    order = [(proof["at"], proof["kind"], proof.get("message_id", "")) for proof in bundle["evidence"]]
    once = len({*map(bytes_of, bundle["evidence"])}) == len(order)
    report.check(once and order == sorted(order), "forme", "les preuves de la date sont en désordre, ou en double")
    for proof in bundle["evidence"]:
        at = datetime.fromisoformat(proof["at"])
        if proof["kind"] == "rfc3161":
            imprint, said = stamped(decoded(proof["token"]))
            over = imprint == hashlib.sha256(bytes_of(promise)).digest()
            report.check(over and said == at, "horodatage", "le jeton porte sur autre chose, ou sur une autre date")
            if over and said <= limit:
                stamps.add(proof["token"])
        elif at <= limit:
            mails.add(proof["message_id"])
    return stamps, mails


def well_formed(proof):
    """A known kind with its members, all of them texts that can be printed, and an instant as everywhere else."""
    told = all(type(one) is str and one.isprintable() for one in proof.values())
    if not told or proof.keys() != MEMBERS.get(proof["kind"]):
        return False
    return f"{datetime.fromisoformat(proof['at']):%Y-%m-%dT%H:%M:%SZ}" == proof["at"]


def decoded(text):
    """Bytes of base64; ValueError for any other spelling of the same bytes."""
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text:
        raise ValueError(NO_STAMP)
    return data


def check_evidence(bundle, report, authority=None):
    """One line: whether the date of the commitment rests on somebody outside, and how much was dated in time."""
    stamps, mails = in_time(bundle, report)
    signed = {one for one in stamps if authority and ask_openssl(bundle, one, authority, report)}
    proved = "NON PROUVÉE"
    if signed:
        proved = "prouvée par l'autorité d'horodatage, signature vérifiée par openssl"
    elif (stamps and not authority) or len(mails) >= DELEGATES:
        proved = "à confirmer auprès des témoins"
    found = f"{len(stamps)} horodatage(s) et {len(mails)} courriel(s) datés à temps, sur {len(bundle['evidence'])}"
    report.notes.append(f"date de l'engagement : {proved} ; {found}")
    return stamps, mails


def ask_openssl(bundle, token, authority, report):
    """Whether the signature, the chain and the purpose of the authority's certificate are right."""
    with tempfile.TemporaryDirectory() as folder:
        names = [Path(folder) / name for name in ("engagement.json", "jeton.tsr")]
        for path, content in zip(names, (bytes_of(bundle["commitment"]), base64.b64decode(token)), strict=True):
            path.write_bytes(content)
        command = ["openssl", "ts", "-verify", "-data", names[0], "-in", names[1], "-CAfile", authority]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = " ; ".join(line for line in done.stderr.splitlines() if line and not line.startswith("Using configuration"))
    report.check(done.returncode == 0, "horodatage", f"openssl : {said}")
    return done.returncode == 0


# --- the command ------------------------------------------------------------------------------------------------------


def check_authority(path):
    """A wrong path is a mistake of whoever types it, and no fraud: OSError, ValueError."""
    if b"-----BEGIN CERTIFICATE-----" not in path.read_bytes():
        raise ValueError(f"{path} n'est pas un certificat (PEM) : prenez celui de l'autorité")
    if shutil.which("openssl") is None:
        raise ValueError("openssl n'est pas installé : sans lui, n'utilisez pas --autorite")


def check_file(path, authority, report):
    data = path.read_bytes()
    bundle = json.loads(data, parse_float=str, parse_constant=str)
    if bytes_of(bundle) != data:
        raise ValueError("ces octets ne sont pas sous forme canonique (RFC 8785)")
    print(f"{path.name} : engagement {hashlib.sha256(bytes_of(bundle['commitment'])).hexdigest()}")
    stamps, mails = check_evidence(bundle, report, authority)
    for proof in bundle["evidence"]:
        print(f"  {proof['at']} {proof['kind']} {proof.get('authority') or proof.get('message_id')}")
    if stamps and not authority:
        report.notes.append("signature de l'horodatage non vérifiée : donnez --autorite")
    if mails:
        report.notes.append(f"demandez aux délégués s'ils ont ces courriels : {', '.join(sorted(mails))}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tirage", type=Path, nargs="+")
    parser.add_argument("--autorite", type=Path)
    asked, report = parser.parse_args(), Report()
    try:
        if asked.autorite:
            check_authority(asked.autorite)
        for path in asked.tirage:
            check_file(path, asked.autorite, report)
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError, OSError) as error:
        print(f"ILLISIBLE : {error if isinstance(error, OSError) else repr(error)}")
        return 2
    lines = [f"  à savoir : {note}" for note in report.notes] + [f"  DIFFÈRE {fault}" for fault in report.faults]
    print(*lines, "CE N'EST PAS CE QUI ÉTAIT PROMIS" if report.faults else "RIEN NE DIFFÈRE", sep="\n")
    return 1 if report.faults else 0


if __name__ == "__main__":
    sys.exit(main())
