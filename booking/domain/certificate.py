"""The certificate of waiting: facts, signed so that paper alone proves them, even when our rows are erased.

Source: Conseil d'État, 10 June 2020, n° 435594 (vain attempts in different weeks): it replaces screenshots.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any

from booking.domain.canonical import NotCanonical, canonical, instant, parse
from booking.domain.configuration import FLAG, TEXT, Table
from booking.domain.errors import InvalidInput

VERSION = "TDR-CERT-1"
MAX_DRAWS, MAX_OFFERS = 40, 8
"""How many, the last ones, a QR code lists; their totals are always said."""
_PREFIX = "TDRC1-"
_SIGNATURE_BYTES = 64
_KID_BYTES = 4


@dataclass(frozen=True, slots=True)
class Signatory:
    """Who signs the certificates of a territory, and the sentence above the facts: the State's own words, in French."""

    name: str
    wording: str
    example: bool


DEFAULT = Signatory("L’administration", "L’administration atteste les faits ci-dessous.", example=True)


def signatory(root: Table) -> Signatory:
    """The table ``certificate`` of a territory; without one, an example."""
    if "certificate" not in root:
        return DEFAULT
    table = root.table("certificate")
    return Signatory(table.get("signatory", TEXT), table.get("wording", TEXT), table.find("example", FLAG, False))


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that is attested, as of ``issued_at``; instants are UTC, cut to seconds.

    ``birth``: as declared or seen, ``1990-05-12``, or what is known of it. ``leaf``: hex of the log's leaf, by which
    each public list shows the demande; None while provisional. ``state``: a DemandeState. ``draws``: (number, local
    day, placed), oldest first, the last 40 of ``draws_total``. ``offers``: (offered on, appointment on, what became of
    it: a ConvocationState, or ``taken_away`` by the administration), the last 8 of ``offers_total``. ``taken_away``:
    appointments cancelled by the administration. ``place``: (first, last) place that the next draw can give. ``wait``:
    (median, 90th percentile) in days of recent waits.
    """

    reference: str
    territory: str
    signatory: str
    name: str
    birth: str
    need: str
    filed_at: datetime
    issued_at: datetime
    leaf: str | None
    state: str
    draws_total: int
    draws: tuple[tuple[int, date, bool], ...]
    offers_total: int
    offers: tuple[tuple[date, date, str], ...]
    taken_away: int
    place: tuple[int, int] | None
    wait: tuple[int, int] | None

    @property
    def birth_as_printed(self) -> str:
        """“12/05/1990”: what the paper says, and the page on which it is compared with the paper."""
        return "/".join(reversed(self.birth.split("-")))


def facts_bytes(facts: Facts) -> bytes:
    """The canonical bytes that are signed."""
    return canonical({"v": VERSION} | {field.name: _plain(getattr(facts, field.name)) for field in fields(facts)})


def _plain(value: object) -> Any:
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, date):
        return value.isoformat()
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def read_facts(payload: bytes) -> Facts:
    """The facts of signed bytes. Raises InvalidInput('certificate_unreadable')."""
    try:
        plain: Mapping[str, Any] = parse(payload)
        values = {field.name: plain[field.name] for field in fields(Facts)}
        facts = Facts(
            **values
            | {
                "filed_at": datetime.fromisoformat(plain["filed_at"]),
                "issued_at": datetime.fromisoformat(plain["issued_at"]),
                "draws": tuple((number, date.fromisoformat(on), placed) for number, on, placed in plain["draws"]),
                "offers": tuple((*map(date.fromisoformat, days), end) for *days, end in plain["offers"]),
                "place": tuple(plain["place"]) if plain["place"] else None,
                "wait": tuple(plain["wait"]) if plain["wait"] else None,
            }
        )
        same = facts_bytes(facts) == payload
    except (NotCanonical, KeyError, TypeError, ValueError, AttributeError):
        same = False
    if not same:
        raise InvalidInput("certificate_unreadable")
    return facts


def encode(payload: bytes, signature: bytes, kid: str) -> str:
    """The text of the QR code: capitals, digits and one dash. ``kid``: 8 hexadecimal digits; 64 bytes of Ed25519."""
    packed = bytes.fromhex(kid) + signature + payload
    return _PREFIX + base64.b32encode(packed).decode().rstrip("=")


def decode(text: str) -> tuple[bytes, bytes, str]:
    """(payload, signature, kid) of a scanned or pasted text; nothing is verified. Case, spaces and line ends are free.

    Raises InvalidInput('certificate_unreadable').
    """
    compact = "".join(text.split()).upper()
    body = compact.removeprefix(_PREFIX)
    try:
        packed = base64.b32decode(body + "=" * (-len(body) % 8))
    except ValueError:
        packed = b""
    payload = packed[_KID_BYTES + _SIGNATURE_BYTES :]
    if body == compact or not payload:
        raise InvalidInput("certificate_unreadable")
    return payload, packed[_KID_BYTES : _KID_BYTES + _SIGNATURE_BYTES], packed[:_KID_BYTES].hex()
