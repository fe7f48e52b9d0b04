"""What the services need from the world, as Protocols, and the table of jobs.

Adapters live in booking.gateways and are plugged in by booking.bootstrap, nowhere else. ``World`` is the one object
that a verb receives: ``verb(world, …)``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable
from uuid import UUID

from booking.recent import Recent

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


class Clock(Protocol):
    """Aware UTC time. The simulated clock of the demonstration moves on command and is refused in production."""

    simulated: bool

    def now(self) -> datetime: ...


@runtime_checkable
class MovableClock(Protocol):
    """The demonstration's clock: it can be moved forward, never back."""

    def now(self) -> datetime: ...

    def advance(self, by: timedelta) -> datetime: ...


class Entropy(Protocol):
    """Chance, in one place."""

    def token_bytes(self, count: int) -> bytes: ...

    def code(self, length: int, alphabet: str) -> str:
        """``length`` characters drawn uniformly from ``alphabet``."""
        ...

    def uuid(self, now: datetime) -> UUID:
        """A primary key, ordered by time (version 7)."""
        ...


class Keyring(Protocol):
    """Secret keys by purpose: pepper, data, log_head, qr, certificate, form_token, session."""

    def digest(self, kind: str, value: bytes) -> tuple[str, bytes]:
        """(kid, HMAC-SHA256(pepper, kind ‖ 0x1f ‖ value)) under the newest pepper."""
        ...

    def digests(self, kind: str, value: bytes) -> Sequence[tuple[str, bytes]]:
        """The same under every pepper that still counts, newest first."""
        ...

    def seal(self, table: str, column: str, row: UUID, plain: bytes) -> bytes:
        """AES-GCM under the newest data key; table, row and column are authenticated."""
        ...

    def open(self, table: str, column: str, row: UUID, sealed: bytes) -> bytes:
        """Raises ``booking.domain.errors.Unavailable('key_missing')`` when the key is gone or the text was moved."""
        ...

    def seal_form(self, purpose: str, plain: bytes, expires_at: datetime) -> str:
        """A form field that only we can read, until ``expires_at``; URL-safe text."""
        ...

    def open_form(self, purpose: str, token: str, now: datetime) -> bytes:
        """Raises ``booking.domain.errors.InvalidInput('form_expired' | 'form_altered')``."""
        ...

    def sign(self, purpose: str, message: bytes) -> tuple[str, bytes]:
        """(kid, Ed25519 signature of 64 bytes) under the newest key of the purpose."""
        ...

    def verify(self, purpose: str, kid: str, message: bytes, signature: bytes) -> bool: ...

    def secrets(self, purpose: str) -> Sequence[bytes]:
        """The bare secrets that count, newest first: for the signature of the web session."""
        ...

    def public_keys(self) -> Sequence[Mapping[str, str]]:
        """For /cles.json, for ever: kid, purpose, public key (base64), created, retired."""
        ...


@dataclass(frozen=True, slots=True)
class QueueHealth:
    """Jobs that wait, jobs that failed in the last days, workers that are alive."""

    waiting: int
    failed: int
    workers: int


class JobQueue(Protocol):
    """RQ behind a name. Losing a job is allowed: a sweep exists for every stage."""

    def enqueue(self, job: str, *ids: str) -> None:
        """``job`` is a name of JOBS. Never raises when Redis is down: the sweep will find the work."""
        ...

    def health(self) -> QueueHealth | None:
        """None when Redis does not answer."""
        ...

    def failures(self) -> Mapping[tuple[str, str], int]:
        """Job and kind of its error → how often, among the newest that failed; one question for each of them."""
        ...


class Limits(Protocol):
    """Rate limits (GCRA) in one atomic round trip."""

    def check(self, action: str, keys: Mapping[str, str], now: datetime) -> None:
        """Counts one ``action`` against every key (name → value). Raises ``TooMany`` with an exact delay.

        With Redis down the action's own fallback applies (config/antifraude.toml: ``open`` or ``closed``).
        """
        ...


class WaitlistIndex(Protocol):
    """Counts for pages, rebuilt by ``booking waitlist rebuild``. Never read by a freeze."""

    def replace(self, scope: str, members: Mapping[str, int]) -> None:
        """``members``: demande id → cohort number (0 = not yet in a cohort)."""
        ...

    def put(self, scope: str, demande_id: str, cohort: int) -> None: ...

    def remove(self, scope: str, demande_id: str) -> None: ...

    def counts(self, scope: str) -> Mapping[int, int] | None:
        """Cohort → number waiting; None when the index is unreachable (the caller falls back to the database)."""
        ...


@dataclass(frozen=True, slots=True)
class Message:
    """One message as the gateway sends it. ``message_id`` is stable: a repeat has the same id and words. ``lang`` says
    their language: the mail gateway makes an HTML form of the same text and says it there."""

    message_id: str
    to: str
    subject: str
    text: str
    lang: str = "fr"


class Mailer(Protocol):
    def send(self, message: Message) -> None:
        """Raises ``booking.domain.errors.Unavailable('mail_down')`` (the server: try later),
        ``Unavailable('mail_deferred')`` (this message: try later) or ``InvalidInput('address_refused')`` (never)."""
        ...


class SmsSender(Protocol):
    def send(self, message: Message) -> None:
        """Same errors as :class:`Mailer`, with ``sms_down`` and ``sms_deferred``."""
        ...


class Renderer(Protocol):
    """Templates → words, in the language kept with the demande."""

    def message(self, template: str, lang: str, params: Mapping[str, Any]) -> tuple[str, str]:
        """(subject, text) of ``mail/<name>``, ``post/<name>`` (a letter), ``sms/<name>`` (no subject).

        ``…_at``, ``…_on`` are ISO text.
        """
        ...

    def pdf(self, template: str, data: Mapping[str, Any]) -> bytes:
        """Tagged PDF/UA-1 of templates/pdf/<template>.typ; ``data`` is JSON-like and says its ``lang``."""
        ...

    def pages(self, papers: Sequence[tuple[str, Mapping[str, Any]]]) -> bytes:
        """Several papers (template, data) as one PDF to print, each on its own sheet; at least one."""
        ...

    def calendar(self, event: Mapping[str, Any]) -> bytes:
        """An iCalendar file of ``event``: the keys of :func:`booking.gateways.documents.calendar`, and ``lang``."""
        ...

    def qr(self, text: str) -> str:
        """An SVG picture of ``text``, without size: the page gives it one."""
        ...


class Beacon(Protocol):
    """The public random value that no one of us chooses."""

    source: str
    """``drand-quicknet`` or ``local`` (proves nothing; refused in production)."""
    chain: str
    """Hash of the chain, part of what is committed."""

    def round_for(self, at: datetime) -> int:
        """First round published at or after ``at``."""
        ...

    def round_at(self, round_number: int) -> datetime: ...

    def signature(self, round_number: int, now: datetime) -> bytes | None:
        """The verified signature of that round, or None while it is not out (or not reachable: paste it)."""
        ...

    def verify(self, round_number: int, signature: bytes) -> bool: ...


@dataclass(frozen=True, slots=True)
class Stamp:
    """What an authority said: ``at``, aware, and its whole answer (RFC 3161), which anybody can verify."""

    at: datetime
    token: bytes


class Witness(Protocol):
    """Somebody outside who dates what we promise (RFC 3161). Delegates are witnesses too: by mail, from the outbox."""

    authority: str
    """Host name of the authority; empty when none is configured: nothing is asked."""

    def stamp(self, data: bytes) -> Stamp:
        """A verified stamp over the SHA-256 of ``data``. Raises ``booking.domain.errors.Unavailable``."""
        ...


class HolidayCalendar(Protocol):
    def is_holiday(self, zone: str, on: date) -> bool:
        """``zone``: metropole, alsace-moselle, guadeloupe, …"""
        ...


@dataclass(frozen=True, slots=True)
class World:
    """Everything a verb may touch. Built once a process by booking.bootstrap.build(settings)."""

    demonstration: bool
    public_url: str
    sessions: Callable[[], AbstractContextManager[Session]]
    """A write transaction: begins, commits on leaving, rolls back on an exception (booking.store.base)."""
    reading: Callable[[], AbstractContextManager[Session]]
    """One snapshot for reading; takes no write lock."""
    clock: Clock
    entropy: Entropy
    keys: Keyring
    jobs: JobQueue
    limits: Limits
    waitlist: WaitlistIndex
    mail: Mailer
    sms: SmsSender
    render: Renderer
    beacon: Beacon
    witness: Witness
    holidays: HolidayCalendar
    recent: Recent = field(default_factory=Recent)


@dataclass(frozen=True, slots=True)
class Job:
    """One row of the table of jobs."""

    path: str
    timeout_s: int
    every_s: int | None
    reason: str


JOBS: dict[str, Job] = {
    "deliver": Job("workers.jobs.deliver.run", 120, 15, "sends what the outbox holds, in batches"),
    "sequence": Job("workers.jobs.sequence.run", 60, 10, "gives positions and hashes to log and journal rows"),
    "plan": Job("workers.jobs.plan.run", 120, 3600, "openings → slots, and the batches that are due"),
    "advance": Job("workers.jobs.advance.run", 600, None, "carries one batch to its next step"),
    "expire": Job("workers.jobs.expire.run", 120, 60, "offers, codes, provisional filings and pauses that ended"),
    "sweep": Job("workers.jobs.sweep.run", 120, 30, "finds what a lost job left undone, stage by stage"),
}
