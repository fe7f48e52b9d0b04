#!/usr/bin/env python3
"""Dit quand un engagement existait déjà, d'après des témoins extérieurs, et ce qu'il reste à leur demander.

    python3 verify_date.py TIRAGE.json [TIRAGE-SUIVANT.json …] [--autorite RACINE.pem]

Reads the evidence of public or full bundles. A time stamp (RFC 3161) must be over these very bytes; its signature is
checked by openssl when ``--autorite`` names the certificate of the authority, fetched from the authority itself. A mail
is confirmed by the delegate who holds it: its Message-ID is printed. Only the standard library is needed; verify_draw
asks this file for its line on the date. Exit code as verify_draw.py, which must lie in the same folder.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import re
import subprocess
import sys
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

MARGIN = timedelta(minutes=30)
DELEGATES = 2
STAMPED = re.compile(
    rb"\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01(?:\x05\x00)?"  # the imprint's algorithm: SHA-256
    rb"\x04\x20(.{32})"  # the imprint
    rb"\x02.{2,40}?\x18.(\d{14})(?:\.\d+)?Z",  # serial number, genTime
    re.DOTALL,
)
"""What TSTInfo says (RFC 3161, 2.4.2). Whether the authority said it is for openssl to tell."""


def stamped(token):
    """(imprint, date) of a time stamp; ValueError when it is none over a SHA-256."""
    found = STAMPED.search(token)
    if found is None:
        raise ValueError("ce n'est pas un horodatage RFC 3161 sur un SHA-256")
    return found[1], datetime.strptime(found[2].decode() + "+0000", "%Y%m%d%H%M%S%z")


def bytes_of(promise):
    """RFC 8785 bytes of a commitment, as verify_draw.canonical writes them."""
    from verify_draw import canonical

    return canonical(promise)


def in_time(bundle, report):
    """The evidence dated at least 30 minutes before the round, each piece once: stamps, Message-IDs."""
    promise = bundle["commitment"]
    limit = datetime.fromisoformat(promise["beacon"]["at"]) - MARGIN
    stamps, mails = set(), set()
    for proof in bundle["evidence"]:
        at = datetime.fromisoformat(proof["at"])
        if proof["kind"] == "rfc3161":
            imprint, said = stamped(base64.b64decode(proof["token"], validate=True))
            over = imprint == hashlib.sha256(bytes_of(promise)).digest()
            report.check(over and said == at, "horodatage", "le jeton porte sur autre chose, ou sur une autre date")
            if over and said <= limit:
                stamps.add(proof["token"])
        elif at <= limit:
            mails.add(proof["message_id"])
    return stamps, mails


def check_evidence(bundle, report):
    """One line: whether the date of the commitment rests on somebody outside, and how much was dated in time."""
    stamps, mails = in_time(bundle, report)
    found = f"{len(stamps)} horodatage(s) et {len(mails)} courriel(s) datés à temps, sur {len(bundle['evidence'])}"
    proved = "à confirmer auprès des témoins" if stamps or len(mails) >= DELEGATES else "NON PROUVÉE"
    report.notes.append(f"date de l'engagement : {proved} ; {found}")
    return stamps, mails


def ask_openssl(data, token, authority, report):
    """Signature, chain and purpose of the authority's certificate."""
    with tempfile.TemporaryDirectory() as folder:
        names = [Path(folder) / name for name in ("engagement.json", "jeton.tsr")]
        for path, content in zip(names, (data, token), strict=True):
            path.write_bytes(content)
        command = ["openssl", "ts", "-verify", "-data", names[0], "-in", names[1], "-CAfile", authority]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    report.check(done.returncode == 0, "horodatage", f"openssl : {done.stderr.strip()[-200:]}")


def check_file(path, authority, report):
    from verify_draw import read

    bundle = read(path.read_bytes())
    print(f"{path.name} : engagement {hashlib.sha256(bytes_of(bundle['commitment'])).hexdigest()}")
    stamps, mails = check_evidence(bundle, report)
    for proof in bundle["evidence"]:
        print(f"  {proof['at']} {proof['kind']} {proof.get('authority') or proof['message_id']}")
    for token in stamps:
        if authority:
            ask_openssl(bytes_of(bundle["commitment"]), base64.b64decode(token), authority, report)
        else:
            report.notes.append("signature de l'horodatage non vérifiée : donnez --autorite")
    if mails:
        report.notes.append(f"demandez aux délégués s'ils ont ces courriels : {', '.join(sorted(mails))}")


def main():
    from verify_draw import Report

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tirage", type=Path, nargs="+")
    parser.add_argument("--autorite", type=Path)
    asked, report = parser.parse_args(), Report()
    try:
        for path in asked.tirage:
            check_file(path, asked.autorite, report)
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        print(f"ILLISIBLE : {error!r}")
        return 2
    return report.say()


if __name__ == "__main__":
    sys.exit(main())
