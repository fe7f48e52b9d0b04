"""At the counter: who arrived, what came of the visit and what it costs, urgent cases and their two signatures.

Source: allocation.md 7, domain.md (outcomes, clocks that make a case urgent). Rules R-44 to R-53 of docs/regles.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Protocol, TypeVar
from uuid import UUID

from booking.domain.accounts import Actor, Role, signature_is_fresh
from booking.domain.convocation import Consequence, IsHoliday
from booking.domain.demande import Availability, DemandeState, Half
from booking.domain.errors import Forbidden, InvalidInput

LAPSES_SOON_DAYS = 7
EXPIRES_SOON_DAYS = 21
SATURDAY = 5
CONTEST_DAYS = 60
"""Days in which an absence can be contested; it can be restored at any time."""

# --- arrival ----------------------------------------------------------------------------------------


class DocumentKind(StrEnum):
    """What was shown. An expired document counts as seen; the journal keeps the kind, never a number or a copy."""

    PASSPORT = "passport"
    IDENTITY_CARD = "identity_card"
    RESIDENCE_TITLE = "residence_title"
    RECEPISSE = "recepisse"
    CONSULAR_CARD = "consular_card"
    TRAVEL_DOCUMENT = "travel_document"
    DRIVING_LICENCE = "driving_licence"
    OTHER = "other"


class Mismatch(StrEnum):
    """Why a document does not match the demande."""

    OTHER_PERSON = "other_person"
    NAME = "name"
    BIRTH = "birth"
    UNREADABLE = "unreadable"
    OTHER_ENTRY = "other_entry"
    """It agrees, and opens another entry that nothing else tells apart (R-76): said by the rule, never by staff."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A person at the counter. ``mismatch`` None means: the document matches; ``says_paid``: they say they paid;
    ``number``: the foreigner's number read on the document, where R-76 asks for it.

    Raises InvalidInput ``document_missing`` when a mismatch is stated without a document.
    """

    document: DocumentKind | None
    mismatch: Mismatch | None = None
    says_paid: bool = False
    number: str = ""

    def __post_init__(self) -> None:
        if self.document is None and self.mismatch is not None:
            raise InvalidInput("document_missing", fields={"document": "document_missing"})

    @property
    def identified(self) -> bool:
        """True when a document was seen and matches."""
        return self.document is not None and self.mismatch is None

    @property
    def signal(self) -> str | None:
        """S17: the person is not the one named, or says they paid: somebody reads later.

        Whoever says they paid and is the one named is served; nobody is served in somebody else's place (R-73).
        """
        return "S17" if self.says_paid or self.mismatch is Mismatch.OTHER_PERSON else None


def check_doubt(arrival: Arrival, *, doubted: bool, sure: bool) -> Mismatch | None:
    """What a matching document takes back; None when there was no “somebody else”, or when it stands (R-111).

    Raises InvalidInput ``other_person_noted`` when a match would take it back and nobody said that they are ``sure``.
    """
    if not doubted or not arrival.identified:
        return None
    if not sure:
        raise InvalidInput("other_person_noted", fields={"certain": "other_person_noted"})
    return Mismatch.OTHER_PERSON


# --- outcome ----------------------------------------------------------------------------------------


class Outcome(StrEnum):
    """What came of a visit, in the words of the ministry's own systems."""

    SERVED = "served"
    ABSENCE = "absence"
    ADDITIONAL_INFORMATION = "additional_information"
    INTERPRETER_UNAVAILABLE = "interpreter_unavailable"
    LATE_ARRIVAL = "late_arrival"
    IT_FAILURE = "it_failure"
    EXTERNAL_EVENT = "external_event"
    OTHER_ENTRY = "other_entry"
    OTHER = "other"


class AbsenceReason(StrEnum):
    """Why a person did not come, as far as they said; coded and neutral, never a diagnosis nor a story."""

    NO_NEWS = "no_news"
    HINDERED = "hindered"
    TRANSPORT = "transport"
    SUMMONED_ELSEWHERE = "summoned_elsewhere"
    NOT_INFORMED = "not_informed"
    EXTERNAL_EVENT = "external_event"

    @property
    def excused(self) -> bool:
        """Whoever says why is believed; only silence costs (R-45)."""
        return self is not AbsenceReason.NO_NEWS


class UndoReason(StrEnum):
    """Why an outcome was wrong."""

    WRONG_LINE = "wrong_line"
    WRONG_OUTCOME = "wrong_outcome"
    ARRIVED_AFTER_ALL = "arrived_after_all"


def check_received(outcome: Outcome, *, document_matches: bool | None) -> None:
    """A place is for the person it names: ``served`` needs a document that was compared and matches (R-73).

    Raises InvalidInput ``served_without_document`` (nothing was shown) or ``served_other_person`` (it does not match).
    Every other outcome stays possible: who forgot their papers gets “additional information” and keeps the cohort.
    """
    if outcome is Outcome.SERVED and document_matches is not True:
        code = "served_without_document" if document_matches is None else "served_other_person"
        raise InvalidInput(code, fields={"issue": code})


def after_visit(outcome: Outcome, *, excused: bool = False) -> Consequence:
    """What an outcome costs: nothing, except an absence without excuse, which starts a new cohort (R-45).

    A coded technical failure gives priority 0 (R-46). ``excused`` matters for an absence only. An absence passes
    through the state ``absent`` before it waits again, so that it can be undone.
    """
    if outcome is Outcome.SERVED:
        return Consequence(DemandeState.SERVED)
    return Consequence(
        DemandeState.WAITING,
        keeps_cohort=outcome is not Outcome.ABSENCE or excused,
        priority_zero=outcome is Outcome.IT_FAILURE,
    )


# --- urgency ----------------------------------------------------------------------------------------


class Urgency(StrEnum):
    """U0 now, at the counter · U1 planned urgent slot · U2 inside the legal filing window · U3 other."""

    U0 = "U0"
    U1 = "U1"
    U2 = "U2"
    U3 = "U3"


@dataclass(frozen=True, slots=True)
class Declared:
    """What the person declares of their clocks; every date may be unknown.

    ``right_lapses_on``: last day to exercise a right. A valid récépissé covers an expired title: the later one counts.
    ``window``: first and last day of the legal filing window (``demarche.LegalWindow.days``).
    """

    right_lapses_on: date | None = None
    title_expires_on: date | None = None
    recepisse_expires_on: date | None = None
    window: tuple[date, date] | None = None
    court_order: bool = False
    protected: bool = False
    work_at_stake: bool = False


def urgency(declared: Declared, on: date) -> Urgency:
    """The class computed on the local day ``on`` (R-47).

    U0: court order, protected situation, or a right or cover that ends today or within 7 days. U1: work at stake, or a
    right or cover that ends within 21 days or has ended already. U2: inside the filing window. U3: other.
    """
    left_days = [(last_on - on).days for last_on in (declared.right_lapses_on, _cover_ends_on(declared)) if last_on]
    if declared.court_order or declared.protected or any(0 <= days <= LAPSES_SOON_DAYS for days in left_days):
        return Urgency.U0
    if declared.work_at_stake or any(days <= EXPIRES_SOON_DAYS for days in left_days):
        return Urgency.U1
    if declared.window and declared.window[0] <= on <= declared.window[1]:
        return Urgency.U2
    return Urgency.U3


def _cover_ends_on(declared: Declared) -> date | None:
    ends = [end for end in (declared.title_expires_on, declared.recepisse_expires_on) if end]
    return max(ends, default=None)


def urgency_in_force(computed: Urgency, *, document_seen: bool) -> Urgency:
    """A declared urgency opens nothing until an agent or referent has seen the document (R-48)."""
    return computed if document_seen or computed is Urgency.U2 else Urgency.U3


class UrgentMotive(StrEnum):
    """Why a case is urgent: coded and neutral, never the story."""

    LAPSES_IN_7_DAYS = "lapses_in_7_days"
    COURT_ORDER = "court_order"
    PROTECTED = "protected"
    EXPIRES_IN_21_DAYS = "expires_in_21_days"
    WORK = "work"
    WRITTEN_DECISION = "written_decision"


_MOTIVES = {
    Urgency.U0: frozenset({UrgentMotive.LAPSES_IN_7_DAYS, UrgentMotive.COURT_ORDER, UrgentMotive.PROTECTED}),
    Urgency.U1: frozenset({UrgentMotive.EXPIRES_IN_21_DAYS, UrgentMotive.WORK, UrgentMotive.WRITTEN_DECISION}),
}


def check_motive(computed: Urgency, motive: str) -> UrgentMotive:
    """The motive, if it is one of this class (R-49). Raises InvalidInput ``urgent_motive``; U2 and U3 have none."""
    if motive not in _MOTIVES.get(computed, frozenset()):
        raise InvalidInput("urgent_motive", fields={"motive": "urgent_motive"})
    return UrgentMotive(motive)


def check_countersign(filer_id: UUID, signer: Actor, territory: str, now_at: datetime) -> None:
    """May ``signer`` sign an urgent case entered by ``filer_id``? (R-50)

    Another person, agent or supervisor at any site of the territory, whose second factor was typed at this moment.
    Raises Forbidden ``countersign_same_person``, ``missing_right`` or ``countersign_second_factor``.
    """
    if signer.account_id == filer_id:
        raise Forbidden("countersign_same_person")
    if not signer.has(Role.AGENT, territory):
        signer.require(Role.SUPERVISOR, territory)
    if not signature_is_fresh(signer.second_factor_at, now_at):
        raise Forbidden("countersign_second_factor")


def second_signature_due_on(received_on: date, is_holiday: IsHoliday) -> date:
    """Last day for the second signature of a U0 case received on ``received_on``: the next working day (R-51).

    Working days are Monday to Friday, except holidays. Past it the case is counted publicly as unsigned.
    """
    due_on = received_on + timedelta(days=1)
    while due_on.weekday() >= SATURDAY or is_holiday(due_on):
        due_on += timedelta(days=1)
    return due_on


class UrgentSlot(Protocol):
    """What the assignment reads of a free urgent slot."""

    @property
    def site(self) -> str: ...
    @property
    def guichet(self) -> str: ...
    @property
    def on_date(self) -> date: ...
    @property
    def half(self) -> Half: ...
    @property
    def start_at(self) -> datetime: ...


S = TypeVar("S", bound=UrgentSlot)


def assign_urgent(slots: Iterable[S], availability: Availability, not_before_at: datetime) -> S | None:
    """The earliest free urgent slot in which the person can come, from ``not_before_at`` on; None when there is none.

    The system assigns: at the same minute the first site, then the first guichet, in the order of their codes (R-52).
    """
    possible = [
        slot
        for slot in slots
        if slot.start_at >= not_before_at and availability.allows(slot.site, slot.on_date, slot.half)
    ]
    return min(possible, key=lambda slot: (slot.start_at, slot.site, slot.guichet), default=None)
