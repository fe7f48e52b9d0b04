"""What is said of one demande: why it was placed or not, its dossier for a judge; and whether a certificate is ours."""

from __future__ import annotations

import argparse
import base64
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from booking.cli.terminal import OPERATOR, Subparsers, inside
from booking.domain import certificate as rules
from booking.domain.errors import InvalidInput
from booking.gateways import words
from booking.gateways.keyring import FileKeyring
from booking.ports import World
from booking.services import certificate, dossier, explain
from booking.settings import Settings


def add_explain(verbs: Subparsers) -> None:
    verb = verbs.add_parser("explain", help="why a demande was placed or not in the last draws, as its person reads it")
    verb.add_argument("reference")
    verb.set_defaults(act=inside(_explain))


def _explain(arguments: argparse.Namespace, world: World) -> int:
    found = explain.explain_for_staff(world, arguments.reference, OPERATOR)
    print(words.render("public/explication_reponse.txt", "fr", {"explanation": found}).strip())
    return 0


def add_dossier(verbs: Subparsers) -> None:
    verb = verbs.add_parser("dossier", help="rules, draws and notices of a demande in one PDF, for a judge")
    verb.add_argument("reference")
    verb.add_argument("--output", type=Path, help="the file to write; dossier-REFERENCE.pdf here when not said")
    verb.set_defaults(act=inside(_dossier))


def _dossier(arguments: argparse.Namespace, world: World) -> int:
    paper = dossier.dossier(world, arguments.reference, OPERATOR)
    target = arguments.output or Path(paper.name)
    target.touch(mode=0o600)  # it names a person
    target.write_bytes(paper.body)
    print(target)
    return 0


def add_certificate(verbs: Subparsers) -> None:
    parser = verbs.add_parser("certificate", help="certificates of waiting")
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    verify = actions.add_parser("verify", help="offline: is it signed by us, and what does it say; needs no database")
    verify.add_argument("text", nargs="?", help="what the square says; read from standard input when not given")
    verify.add_argument("--keys", type=Path, help="a copy of /cles.json; this installation's keys when not said")
    verify.set_defaults(act=_verify)


def _verify(arguments: argparse.Namespace, settings: Settings) -> int:
    payload, signature, kid = rules.decode(arguments.text or sys.stdin.read())
    if arguments.keys is None:
        known = FileKeyring(settings.keys_dir).public_keys()
    else:
        known = json.loads(arguments.keys.read_text("utf-8"))["keys"]
    if not _signed(known, kid, payload, signature):
        raise InvalidInput("certificate_forged")
    facts = rules.read_facts(payload)
    for name, value in json.loads(rules.facts_bytes(facts)).items():
        print(f"{name}: {json.dumps(value, ensure_ascii=False)}")
    return 0


def _signed(known: Iterable[Mapping[str, str]], kid: str, payload: bytes, signature: bytes) -> bool:
    found = [key["public_key"] for key in known if (key["kid"], key["purpose"]) == (kid, certificate.KEY)]
    try:
        for public in found:
            Ed25519PublicKey.from_public_bytes(base64.b64decode(public)).verify(signature, payload)
    except InvalidSignature:
        return False
    return bool(found)


VERBS = (add_explain, add_dossier, add_certificate)
