"""An offer and what becomes of it: its deadline, its answers, what a refusal or a silence costs, the signed QR code.

Source: allocation.md 2, 3 and 6. Rules R-30 to R-43 of docs/regles.md.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum

from booking.domain.demande import Contact, DemandeState
from booking.domain.errors import Conflict, InvalidInput

OFFER_HOURS = 48
HOURS_BEFORE_SLOT = 24
REMINDER_HOURS = 48
EVENING = time(20)
MORNING = time(8)
SUNDAY = 6
REFUSALS_KEEPING_COHORT = 1
REFUSALS_BEFORE_SIGNAL = 3


class ConvocationState(StrEnum):
    """Where an offer stands; a confirmed offer is the convocation that a person brings."""

    OFFERED = "offered"
    CONFIRMED = "confirmed"
    DECLINED = "declined"
    SILENT = "silent"
    SERVED = "served"
    ABSENT = "absent"
    CANCELLED = "cancelled"


_S = ConvocationState
TRANSITIONS: dict[ConvocationState, frozenset[ConvocationState]] = {
    _S.OFFERED: frozenset({_S.CONFIRMED, _S.DECLINED, _S.SILENT, _S.CANCELLED, _S.SERVED}),
    _S.CONFIRMED: frozenset({_S.SERVED, _S.ABSENT, _S.CANCELLED}),
    # A person undoes a wrong outcome with a reason; the slot is in the past, nobody else can have it.
    _S.SERVED: frozenset({_S.CONFIRMED}),
    _S.ABSENT: frozenset({_S.CONFIRMED}),
    # Over: the slot went to somebody else. The demande goes on, with another offer one day.
    _S.DECLINED: frozenset(),
    _S.SILENT: frozenset(),
    _S.CANCELLED: frozenset(),
}


def check_transition(old: ConvocationState, new: ConvocationState) -> None:
    """Raise :class:`Conflict` unless the one table of transitions allows ``old`` → ``new``."""
    if new not in TRANSITIONS[old]:
        raise Conflict(f"convocation_transition_{old}_{new}")


# --- deadline of an offer --------------------------------------------------------------------------------

IsHoliday = Callable[[date], bool]


def is_open_day(on: date, is_holiday: IsHoliday) -> bool:
    """Monday to Saturday, except public holidays of the site's zone."""
    return on.weekday() != SUNDAY and not is_holiday(on)


def _is_quiet(at: datetime, zone: tzinfo, is_holiday: IsHoliday) -> bool:
    local = at.astimezone(zone)
    clock = local.time()
    return clock > EVENING or clock < MORNING or not is_open_day(local.date(), is_holiday)


def _evening(on: date, zone: tzinfo) -> datetime:
    return datetime.combine(on, EVENING, tzinfo=zone).astimezone(UTC)


def _next_evening(at: datetime, zone: tzinfo, is_holiday: IsHoliday) -> datetime:
    on = at.astimezone(zone).date()
    while _evening(on, zone) < at or not is_open_day(on, is_holiday):
        on += timedelta(days=1)
    return _evening(on, zone)


def _last_evening(at: datetime, zone: tzinfo, is_holiday: IsHoliday) -> datetime:
    on = at.astimezone(zone).date()
    while _evening(on, zone) > at or not is_open_day(on, is_holiday):
        on -= timedelta(days=1)
    return _evening(on, zone)


def in_time(now_at: datetime, slot_at: datetime, zone: tzinfo, letter_days: int | None) -> bool:
    """Whether a slot is far enough ahead to be offered, or given to who accepts in advance (R-32, R-149).

    More than 24 real hours, because a place given back later helps nobody; with ``letter_days``, when only a letter
    reaches the person, that many local dates as well.
    """
    days = (slot_at.astimezone(zone).date() - now_at.astimezone(zone).date()).days
    return slot_at - now_at > timedelta(hours=HOURS_BEFORE_SLOT) and days >= (letter_days or 0)


def offer_deadline(sent_at: datetime, slot_at: datetime, zone: tzinfo, is_holiday: IsHoliday) -> datetime:
    """The instant (UTC) until which an offer can be answered (R-30 to R-32).

    1. 48 real hours after ``sent_at``. 2. If that falls between 20:00 and 8:00, on a Sunday or on a holiday: the next
    20:00 of an open day, local time. 3. Never later than 24 real hours before the slot, because a place given back
    later helps nobody. When 2 breaks 3, the end is that limit; should the limit itself fall in such a quiet time, the
    last 20:00 of an open day before it, provided that the 48 hours remain. When 1 breaks 3, the limit shortens the 48
    hours: a draw takes slots far enough ahead, so only an offer that left late meets this.
    Raises Conflict ``offer_too_late`` when the limit is past: such a slot goes to the people on standby.
    """
    limit_at = slot_at.astimezone(UTC) - timedelta(hours=HOURS_BEFORE_SLOT)
    if limit_at <= sent_at:
        raise Conflict("offer_too_late")
    end_at = sent_at.astimezone(UTC) + timedelta(hours=OFFER_HOURS)
    if end_at >= limit_at:
        return limit_at
    if not _is_quiet(end_at, zone, is_holiday):
        return end_at
    moved_at = _next_evening(end_at, zone, is_holiday)
    if moved_at <= limit_at:
        return moved_at
    if not _is_quiet(limit_at, zone, is_holiday):
        return limit_at
    earlier_at = _last_evening(limit_at, zone, is_holiday)
    return earlier_at if earlier_at >= end_at else limit_at


def standing_acceptance(contact: Contact, *, document_seen: bool, wanted: bool) -> bool:
    """Does the person accept in advance any slot in their availabilities (“rendez-vous ferme”)? (R-33)

    Always without e-mail and telephone: nobody could ask them in 48 hours. Else when a document has been seen and the
    person wants it.
    """
    return not contact.reachable or (document_seen and wanted)


def reminder_due(slot_at: datetime, now_at: datetime, zone: tzinfo) -> bool:
    """Is it time to remind of an appointment: within two days of it, between 8:00 and 20:00 local time (R-41)."""
    near = timedelta() < slot_at - now_at <= timedelta(hours=REMINDER_HOURS)
    return near and MORNING <= now_at.astimezone(zone).time() < EVENING


# --- answers, and what they cost -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Consequence:
    """What an event does to a demande: next state, cohort kept or begun anew, priority 0, signal for a reviewer."""

    state: DemandeState
    keeps_cohort: bool = True
    priority_zero: bool = False
    signal: str | None = None


def after_refusal(refusals_before: int) -> Consequence:
    """First refusal: cohort kept. Second: new cohort. From the third: also signal S18, read by a person (R-35).

    Giving back a confirmed place before its hour is a refusal too: somebody else can still be served.
    ``refusals_before`` counts the refusals of this demande that stand: a restored one does not count.
    """
    count = refusals_before + 1
    return Consequence(
        DemandeState.WAITING,
        keeps_cohort=count <= REFUSALS_KEEPING_COHORT,
        signal="S18" if count >= REFUSALS_BEFORE_SIGNAL else None,
    )


def after_silence() -> Consequence:
    """Silence pauses and changes nothing else; what “still needed” keeps is decided by ``waitlist`` (R-36)."""
    return Consequence(DemandeState.PAUSED)


def after_cancellation_by_administration() -> Consequence:
    """A place taken away by a closure signed by two, or by a coded technical failure: first in the next draw (R-37)."""
    return Consequence(DemandeState.WAITING, priority_zero=True)


class DemotionCode(StrEnum):
    """Why a cohort was lost: names the sentence that the person receives, with the date and the way to contest."""

    REFUSED_TWICE = "refused_twice"
    SILENT_TOO_LONG = "silent_too_long"
    SILENT_AGAIN = "silent_again"
    ABSENT = "absent"


class RestorationReason(StrEnum):
    """Why a person of the administration gives a cohort back; neutral on purpose, never a diagnosis nor a story."""

    NOT_INFORMED = "not_informed"
    HINDERED = "hindered"
    STAFF_ERROR = "staff_error"
    TECHNICAL_FAULT = "technical_fault"
    REVIEWED = "reviewed"


@dataclass(frozen=True, slots=True)
class Demotion:
    """A cohort lost: no demotion exists without its code, its date and the cohort to give back."""

    code: DemotionCode
    at: datetime
    cohort_before: int | None


def restored_cohort(demotion: Demotion, cohort_now: int | None, reason: str) -> int | None:
    """The cohort after a restoration by one gesture: the one before the demotion, unless today's is older (R-38).

    Raises InvalidInput ``reason_unknown`` unless ``reason`` is a :class:`RestorationReason`.
    """
    if reason not in set(RestorationReason):
        raise InvalidInput("reason_unknown", fields={"reason": "reason_unknown"})
    known = [number for number in (demotion.cohort_before, cohort_now) if number is not None]
    return min(known, default=None)


# --- the QR code of a convocation ------------------------------------------------------------------------

PASS_VERSION = 1
SIGNATURE_BYTES = 64
_QR_PREFIX = "TDR1-"
_EPOCH = datetime(2000, 1, 1)  # noqa: DTZ001 - a local wall time, on purpose: the hour printed on the paper
_MINUTES_BYTES = 4


@dataclass(frozen=True, slots=True)
class Pass:
    """What the QR code of a convocation says: which one, where, and the local day and hour. No name, no démarche."""

    reference: str
    territory: str
    site: str
    on_date: date
    start: time


def pass_bytes(content: Pass) -> bytes:
    """The only bytes for this content, to be signed: version, three texts with their length, minutes since 2000 (R-39).

    The start is a local wall time, whole minutes. Raises InvalidInput ``pass_content`` when it does not fit.
    """
    minutes, rest = divmod(datetime.combine(content.on_date, content.start) - _EPOCH, timedelta(minutes=1))
    texts = (content.reference, content.territory, content.site)
    if rest or not 0 <= minutes < 1 << 8 * _MINUTES_BYTES or not all(text and text.isascii() for text in texts):
        raise InvalidInput("pass_content")
    pieces = [_sized(text.encode()) for text in texts]
    return bytes([PASS_VERSION]) + b"".join(pieces) + minutes.to_bytes(_MINUTES_BYTES, "big")


def read_pass(payload: bytes) -> Pass:
    """The content of signed bytes. Raises InvalidInput ``qr_unreadable`` unless they are the canonical ones."""
    try:
        reference, rest = _split(payload[1:])
        territory, rest = _split(rest)
        site, rest = _split(rest)
        start = _EPOCH + timedelta(minutes=int.from_bytes(rest, "big"))
        content = Pass(reference.decode(), territory.decode(), site.decode(), start.date(), start.time())
        canonical = pass_bytes(content) == payload
    except (InvalidInput, ValueError, OverflowError, IndexError):
        canonical = False
    if not canonical:
        raise InvalidInput("qr_unreadable")
    return content


def encode_qr(payload: bytes, signature: bytes, kid: str) -> str:
    """Text of the QR code: capitals, digits and one dash: the code stays small, a URL needs no escape (R-39).

    ``signature``: 64 bytes of Ed25519 over ``payload``; ``kid``: name of the public key.
    """
    if len(signature) != SIGNATURE_BYTES:
        raise InvalidInput("pass_content")
    packed = _sized(kid.encode()) + _sized(payload) + signature
    return _QR_PREFIX + base64.b32encode(packed).decode().rstrip("=")


def looks_like_pass(text: str) -> bool:
    """Whether a text begins as that of a QR code of ours: whatever it holds, it is no reference and no name."""
    return "".join(text.split()).upper().startswith(_QR_PREFIX)


def decode_qr(text: str) -> tuple[bytes, bytes, str]:
    """(payload, signature, kid) of a scanned or typed text; nothing is verified here. Case and spaces are free.

    Raises InvalidInput ``qr_unreadable``; one content has one text, so every changed character is seen.
    """
    compact = "".join(text.split()).upper()
    try:
        body = compact.removeprefix(_QR_PREFIX)
        packed = base64.b32decode(body + "=" * (-len(body) % 8))
        kid, rest = _split(packed)
        payload, signature = _split(rest)
        if encode_qr(payload, signature, kid.decode()) == compact:
            return payload, signature, kid.decode()
    except (ValueError, IndexError, InvalidInput):
        pass
    raise InvalidInput("qr_unreadable")


def _sized(piece: bytes) -> bytes:
    if len(piece) > 255:
        raise InvalidInput("pass_content")
    return bytes([len(piece)]) + piece


def _split(data: bytes) -> tuple[bytes, bytes]:
    end = 1 + data[0]
    return data[1:end], data[end:]
