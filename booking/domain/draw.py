"""The draw: a frozen list, a commitment, a public random value, an order, a match. Nothing else has a say.

Every byte format here is part of the rule set RDV-LOT v1 and is recomputed by ``verifier/verify_draw.py``, which shares
no code with this file. Source: allocation.md 4 to 6; Merkle trees as in RFC 6962, JSON bytes as in RFC 8785.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from booking.domain import matching
from booking.domain.canonical import canonical, instant
from booking.domain.log import Tree

RULES = "RDV-LOT-1"
SEED_TAG = b"RDV-DRAW-v1"
DRAWN = "W"


class ClassKey(NamedTuple):
    """A class in the order of dates: what people can come to. Its text is ``site/family/2026-03-17/am``."""

    on_date: str
    half: str
    site: str
    family: str

    @classmethod
    def read(cls, text: str) -> ClassKey:
        site, family, on_date, half = text.split("/")
        return cls(on_date, half, site, family)


@dataclass(frozen=True, slots=True)
class Line:
    """One live leaf of the log, as it was frozen.

    ``code``: W drawn, H has an offer or appointment, P not drawn now. ``classes``: texts of the classes that the person
    can come to, sorted; empty unless W. ``attached``: leaves of the entries that stand behind this one, sorted.
    ``salt``: 32 random bytes that keep the private part private.
    """

    leaf: bytes
    code: str
    priority: int
    cohort: int
    classes: tuple[str, ...]
    attached: tuple[bytes, ...]
    salt: bytes

    @property
    def public(self) -> dict[str, Any]:
        """What everybody may see: {leaf, code, priority, cohort}."""
        return {"leaf": self.leaf.hex(), "code": self.code, "priority": self.priority, "cohort": self.cohort}

    @property
    def private(self) -> dict[str, Any]:
        """What only a full bundle opens: {classes, attached}."""
        return {"classes": list(self.classes), "attached": [leaf.hex() for leaf in self.attached]}

    @property
    def private_hash(self) -> bytes:
        """SHA-256(0x03 ‖ salt ‖ private)."""
        return hashlib.sha256(b"\x03" + self.salt + canonical(self.private)).digest()

    @property
    def hash(self) -> bytes:
        """SHA-256(0x00 ‖ public ‖ hash of the private part)."""
        return hashlib.sha256(b"\x00" + canonical(self.public) + self.private_hash).digest()


@dataclass(frozen=True, slots=True)
class Place:
    """One slot of a class: local start as ``HH:MM``, and the guichet."""

    start: str
    guichet: str


Capacity = Mapping[str, Sequence[Place]]
"""Class text → its places in the order start, guichet."""


def by_leaf(lines: Iterable[Line]) -> list[Line]:
    return sorted(lines, key=lambda line: line.leaf)


def frozen_root(lines: Iterable[Line]) -> bytes:
    """Merkle root over the lines in the order of their leaves."""
    return Tree(line.hash for line in by_leaf(lines)).root()


@dataclass(frozen=True, slots=True)
class Commitment:
    """What is promised before the random value exists.

    ``number`` counts the commitments of the scope without gaps; ``previous`` is the SHA-256 of the one before (None for
    the first). ``rules``: versions of the configuration in force, by name. ``log``: (size, root) of the log at the
    freeze.
    ``beacon_round`` is the first round at or after ``beacon_at``.
    """

    territory: str
    family: str
    kind: str
    number: int
    main_number: int | None
    previous: bytes | None
    frozen_at: datetime
    rules: Mapping[str, Any]
    log: tuple[int, bytes]
    beacon_source: str
    beacon_chain: str
    beacon_round: int
    beacon_at: datetime


def commitment_bytes(what: Commitment, lines: Sequence[Line], capacity: Capacity) -> bytes:
    """The canonical bytes that are hashed, witnessed and published before the draw."""
    counts = Counter(line.code for line in lines)
    return canonical(
        {
            "v": RULES,
            "territory": what.territory,
            "family": what.family,
            "kind": what.kind,
            "number": what.number,
            "main_number": what.main_number,
            "previous": what.previous.hex() if what.previous else None,
            "frozen": instant(what.frozen_at),
            "root": frozen_root(lines).hex(),
            "counts": {code: counts.get(code, 0) for code in "HPW"},
            "capacity": [
                {"class": key, "places": [[place.start, place.guichet] for place in capacity[key]]}
                for key in sorted(capacity, key=ClassKey.read)
            ],
            "rules": dict(what.rules),
            "log": {"size": what.log[0], "root": what.log[1].hex()},
            "beacon": {
                "source": what.beacon_source,
                "chain": what.beacon_chain,
                "round": what.beacon_round,
                "at": instant(what.beacon_at),
            },
        }
    )


def commitment_hash(commitment: bytes) -> bytes:
    return hashlib.sha256(commitment).digest()


def randomness(signature: bytes) -> bytes:
    """SHA-256 of the beacon's signature."""
    return hashlib.sha256(signature).digest()


def seed(commitment: bytes, signature: bytes) -> bytes:
    """SHA-256("RDV-DRAW-v1" ‖ SHA-256(commitment) ‖ randomness), raw bytes."""
    return hashlib.sha256(SEED_TAG + commitment_hash(commitment) + randomness(signature)).digest()


def key(seed_bytes: bytes, leaf: bytes) -> bytes:
    """HMAC-SHA256(seed, leaf): the lottery number of a leaf."""
    return hmac.digest(seed_bytes, leaf, "sha256")


def order(lines: Iterable[Line], seed_bytes: bytes) -> list[Line]:
    """Drawn lines in the order (priority, cohort, key, leaf). Hour of filing, channel and urgency decide nothing."""
    drawn = [line for line in lines if line.code == DRAWN]
    return sorted(drawn, key=lambda line: (line.priority, line.cohort, key(seed_bytes, line.leaf), line.leaf))


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a line goes."""

    class_text: str
    place: Place


@dataclass(frozen=True, slots=True)
class Outcome:
    """``ranks``: leaf → rank from 1, for drawn lines. ``placed``: leaf → its place, for those who got one."""

    ranks: Mapping[bytes, int]
    placed: Mapping[bytes, Placed]

    @property
    def last_rank(self) -> int:
        """The rank of the last person served; 0 when nobody was."""
        return max((self.ranks[leaf] for leaf in self.placed), default=0)


def run(lines: Iterable[Line], capacity: Capacity, seed_bytes: bytes) -> Outcome:
    """Order, match, dates, slots. Same lines, capacity and seed: same outcome, in whatever order they come in."""
    ordered = order(lines, seed_bytes)
    classes = sorted(capacity, key=ClassKey.read)
    number = {text: index for index, text in enumerate(classes)}
    wishes = [sorted(number[text] for text in line.classes if text in number) for line in ordered]
    found = matching.match(wishes, [len(capacity[text]) for text in classes])
    taken: dict[int, int] = defaultdict(int)
    placed = {}
    for line, index in zip(ordered, found, strict=True):
        if index != matching.UNPLACED:
            placed[line.leaf] = Placed(classes[index], capacity[classes[index]][taken[index]])
            taken[index] += 1
    return Outcome({line.leaf: rank for rank, line in enumerate(ordered, 1)}, placed)


def public_bundle(
    commitment: Mapping[str, Any], evidence: Sequence[Any], signature: bytes, lines: Sequence[Line], outcome: Outcome
) -> dict[str, Any]:
    """What a stranger checks; never a class beside a leaf. ``commitment``: the object whose bytes were committed."""
    seed_bytes = seed(canonical(commitment), signature)
    return {
        "v": RULES,
        "commitment": commitment,
        "evidence": list(evidence),
        "beacon": {"signature": signature.hex(), "randomness": randomness(signature).hex()},
        "seed": seed_bytes.hex(),
        "lines": [_public_line(line, seed_bytes, outcome) for line in by_leaf(lines)],
        "compatible": _compatible(lines, commitment),
        "last_rank": outcome.last_rank,
        "placed": len(outcome.placed),
    }


def _public_line(line: Line, seed_bytes: bytes, outcome: Outcome) -> dict[str, Any]:
    shown = {**line.public, "private": line.private_hash.hex()}
    if line.code == DRAWN:
        shown |= {
            "key": key(seed_bytes, line.leaf).hex(),
            "rank": outcome.ranks[line.leaf],
            "placed": line.leaf in outcome.placed,
        }
    return shown


def _compatible(lines: Iterable[Line], commitment: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Per class, how many waiting people could come: the odds of a thin class are known to everybody."""
    waiting = Counter(text for line in lines if line.code == DRAWN for text in line.classes)
    return [
        {"class": row["class"], "places": len(row["places"]), "waiting": waiting[row["class"]]}
        for row in commitment["capacity"]
    ]


def full_bundle(public: Mapping[str, Any], lines: Sequence[Line], outcome: Outcome) -> dict[str, Any]:
    """The public bundle with every private part opened: for delegates under a written agreement, sealed two years."""
    return {**public, "private": [_opened(line, outcome) for line in by_leaf(lines)]}


def _opened(line: Line, outcome: Outcome) -> dict[str, Any]:
    place = outcome.placed.get(line.leaf)
    return {
        "leaf": line.leaf.hex(),
        "salt": line.salt.hex(),
        **line.private,
        "slot": [place.class_text, place.place.start, place.place.guichet] if place else None,
    }
