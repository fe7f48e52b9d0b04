"""A world for tests of services: real database, real keys, everything else in memory and inspectable."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from booking.clock import SimulatedClock
from booking.domain.errors import TooMany, Unavailable
from booking.entropy import SeededEntropy
from booking.gateways.keyring import FileKeyring, initialise
from booking.ports import Message, QueueHealth, Stamp, World
from booking.store import base

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
"""Monday 2 March 2026, nine o'clock in Mont-de-Marsan."""


@dataclass
class Jobs:
    enqueued: list[tuple[str, ...]] = field(default_factory=list)
    found: QueueHealth | None = field(default_factory=lambda: QueueHealth(waiting=0, failed=0, workers=1))

    def enqueue(self, job: str, *ids: str) -> None:
        self.enqueued.append((job, *ids))

    def health(self) -> QueueHealth | None:
        return self.found

    def failures(self) -> Mapping[tuple[str, str], int]:
        return {}


@dataclass
class Limits:
    """Allows everything except the actions named in ``refused``; remembers what was counted."""

    refused: set[str] = field(default_factory=set)
    seen: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def check(self, action: str, keys: Mapping[str, str], now: datetime) -> None:
        self.seen.append((action, dict(keys)))
        if action in self.refused:
            raise TooMany(f"limit_{action}", retry_after_s=60)


@dataclass
class Waitlist:
    scopes: dict[str, dict[str, int]] = field(default_factory=dict)

    def replace(self, scope: str, members: Mapping[str, int]) -> None:
        self.scopes[scope] = dict(members)

    def put(self, scope: str, demande_id: str, cohort: int) -> None:
        self.scopes.setdefault(scope, {})[demande_id] = cohort

    def remove(self, scope: str, demande_id: str) -> None:
        self.scopes.get(scope, {}).pop(demande_id, None)

    def counts(self, scope: str) -> Mapping[int, int] | None:
        return Counter(self.scopes.get(scope, {}).values())


@dataclass
class Sender:
    """Mail or SMS; ``down`` is raised instead of sending while it is set."""

    sent: list[Message] = field(default_factory=list)
    down: Exception | None = None

    def send(self, message: Message) -> None:
        if self.down:
            raise self.down
        self.sent.append(message)


class Renderer:
    """Words that show what was asked for; the real templates have tests of their own."""

    def message(self, template: str, lang: str, params: Mapping[str, Any]) -> tuple[str, str]:
        return template, f"{template} {lang} {sorted(params.items())}"

    def pdf(self, template: str, data: Mapping[str, Any]) -> bytes:
        return f"%PDF {template}".encode()

    def pages(self, papers: Sequence[tuple[str, Mapping[str, Any]]]) -> bytes:
        return b"%PDF " + b" ".join(template.encode() for template, _ in papers)

    def calendar(self, event: Mapping[str, Any]) -> bytes:
        return f"BEGIN:VCALENDAR {event['uid']}".encode()

    def qr(self, text: str) -> str:
        return f"<svg><!-- {text} --></svg>"


@dataclass
class TestBeacon:
    """Rounds of three seconds; the signature of a round exists from its time on."""

    __test__ = False
    source: str = "local"
    chain: str = "local"
    genesis: datetime = datetime(2023, 8, 23, 15, 9, 27, tzinfo=UTC)

    def round_for(self, at: datetime) -> int:
        return max(1, -(-int((at - self.genesis).total_seconds()) // 3) + 1)

    def round_at(self, round_number: int) -> datetime:
        return self.genesis + timedelta(seconds=3 * (round_number - 1))

    def signature(self, round_number: int, now: datetime) -> bytes | None:
        return (
            sha256(b"test" + round_number.to_bytes(8, "big")).digest() if now >= self.round_at(round_number) else None
        )

    def verify(self, round_number: int, signature: bytes) -> bool:
        return signature == sha256(b"test" + round_number.to_bytes(8, "big")).digest()


@dataclass
class NobodyWitnesses:
    """No authority is configured; tests/support/tsa.py is a real one."""

    authority: str = ""

    def stamp(self, data: bytes) -> Stamp:
        raise Unavailable("witness_none")


@dataclass
class NoHolidays:
    days: frozenset[date] = frozenset()

    def is_holiday(self, zone: str, on: date) -> bool:
        return on in self.days


def world_on(engine: Engine, keys_dir: Path, *, now: datetime = START, seed: int = 1) -> World:
    """A world on ``engine`` (schema there already); its clock stands at ``now`` until ``world.clock.advance(by)``."""
    initialise(keys_dir, demonstration=True, now=now)
    return World(
        demonstration=True,
        public_url="http://localhost:8000",
        sessions=base.write_sessions(engine),
        reading=base.read_sessions(engine),
        clock=SimulatedClock(now),
        entropy=SeededEntropy(seed),
        keys=FileKeyring(keys_dir),
        jobs=Jobs(),
        limits=Limits(),
        waitlist=Waitlist(),
        mail=Sender(),
        sms=Sender(),
        render=Renderer(),
        beacon=TestBeacon(),
        witness=NobodyWitnesses(),
        holidays=NoHolidays(),
    )
