"""Persons, their keys, and demandes with their contacts, availabilities and one-time codes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, ForeignKey, Index, String, UniqueConstraint, and_, bindparam, exists, func, select
from sqlalchemy.orm import Mapped, Session, aliased, mapped_column

from booking.domain.demande import LIVE_STATES, Channel, DemandeState, Proof
from booking.store.base import Base, Coded, among, live_index, quoted
from booking.store.draw import BatchLine

_DRAWABLE = LIVE_STATES - {DemandeState.PROVISIONAL}


class Person(Base):
    """Somebody, known only through keyed digests; what they are called is sealed in their demandes."""

    __tablename__ = "person"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    created_at: Mapped[datetime]


class PersonKey(Base):
    """One keyed digest of a person. ``joins``: two entries with this digest are the same person (allocation.md 2)."""

    __tablename__ = "person_key"
    __table_args__ = (
        Index("ix_person_key_digest", "digest"),
        live_index("uq_person_key_joining", "kind", "kid", "digest", where="joins"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    person_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"), index=True)
    kind: Mapped[str] = mapped_column(String(24))
    kid: Mapped[str] = mapped_column(String(32))
    digest: Mapped[bytes]
    joins: Mapped[bool]


class Demande(Base):
    """One need. ``attached_to_id`` is set while another, older entry of the same person stands for both."""

    __tablename__ = "demande"
    __table_args__ = (
        live_index(
            "uq_demande_live_person_family",
            "person_id",
            "family",
            where=f"state IN ({quoted(_DRAWABLE)}) AND attached_to_id IS NULL",
        ),
        UniqueConstraint("idempotency_key"),
        UniqueConstraint("reference"),
        UniqueConstraint("link_hash"),
        Index("ix_demande_scope_state", "territory", "family", "state"),
        Index("ix_demande_structure", "structure"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    reference: Mapped[str] = mapped_column(String(16))
    """Short, random, readable aloud; never the primary key."""
    code_digest: Mapped[bytes]
    """HMAC of the code that opens the status page together with the reference."""
    link_hash: Mapped[bytes]
    """SHA-256 of the 256-bit link of the status page."""
    secrets_number: Mapped[int] = mapped_column(default=0)
    """Which link and code are in force: both are derived from the key ring, the row and this number."""
    revoked_at: Mapped[datetime | None]
    """Somebody with a stronger proof took over: link and code are dead, the contact is written to no more."""
    idempotency_key: Mapped[str] = mapped_column(String(64))
    """One form shown = one demande, whatever is clicked twice."""
    person_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"), index=True)
    """None while provisional: an unproven filing touches nobody."""
    attached_to_id: Mapped[UUID | None] = mapped_column(ForeignKey("demande.id"), index=True)
    territory: Mapped[str] = mapped_column(String(32))
    family: Mapped[str] = mapped_column(String(32))
    motif: Mapped[str] = mapped_column(String(48))
    state: Mapped[DemandeState] = mapped_column(Coded(DemandeState))
    channel: Mapped[Channel] = mapped_column(Coded(Channel))
    proof: Mapped[Proof] = mapped_column(Coded(Proof))
    structure: Mapped[str | None] = mapped_column(String(48))
    """Code of the France Services (or other) structure that filed it."""
    filed_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("account.id"))
    lang: Mapped[str] = mapped_column(String(8))
    identity_sealed: Mapped[bytes]
    """JSON of booking.domain.identity.Identity."""
    contact_sealed: Mapped[bytes]
    """JSON {email, phone, postal}."""
    contact_digest: Mapped[bytes | None] = mapped_column(index=True)
    """HMAC of the canonical contact: counts live demandes on one contact."""
    details_sealed: Mapped[bytes]
    """JSON: dates and numbers that the motif asks, needs for the welcome, household declaration."""
    availability: Mapped[dict[str, Any]]
    """{"patterns": [[site, weekday, half]…], "excluded": [iso date…], "short_notice": bool}."""
    firm: Mapped[bool] = mapped_column(default=False)
    """Standing acceptance (“rendez-vous ferme”)."""
    news: Mapped[bool] = mapped_column(default=True)
    """“Votre demande est toujours là” after each draw; can be switched off."""
    useful_on: Mapped[date]
    deadline_on: Mapped[date | None]
    priority: Mapped[int] = mapped_column(default=1)
    cohort: Mapped[int | None]
    cohort_before: Mapped[int | None]
    """What the last loss of a cohort took away; a restoration gives it back."""
    demoted_at: Mapped[datetime | None]
    demotion: Mapped[str | None] = mapped_column(String(32))
    """booking.domain.convocation.DemotionCode of that loss."""
    refusals: Mapped[int] = mapped_column(default=0)
    silences: Mapped[int] = mapped_column(default=0)
    pause_reason: Mapped[str | None] = mapped_column(String(32))
    filed_at: Mapped[datetime]
    admitted_at: Mapped[datetime | None]
    paused_at: Mapped[datetime | None]
    last_sign_at: Mapped[datetime]
    """Last sign of life of the person."""
    still_needed_asked_at: Mapped[datetime | None]
    """When “still needed?” was asked; of a pause for silence, also when the offer was made that got no answer."""
    ended_at: Mapped[datetime | None]


class ContactCode(Base):
    """A one-time code sent to the contact of a demande: hashed, single use, few attempts."""

    __tablename__ = "contact_code"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    demande_id: Mapped[UUID] = mapped_column(ForeignKey("demande.id"), index=True)
    digest: Mapped[bytes]
    sent_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(default=0)
    used_at: Mapped[datetime | None]


def by_id(session: Session, demande_id: UUID, *, lock: bool = False) -> Demande | None:
    """One demande; ``lock`` keeps others from changing it until the transaction ends."""
    if not lock:
        return session.get(Demande, demande_id)
    session.flush()  # what this transaction changed is not read over
    return session.get(Demande, demande_id, with_for_update=True, populate_existing=True)


def by_reference(session: Session, reference: str) -> Demande | None:
    return session.scalar(select(Demande).where(Demande.reference == reference))


# Made once: every filing asks these three, as plain columns. They look past what the session has not written yet.
_OF_FORM = select(Demande.id).where(Demande.idempotency_key == bindparam("key"))
_LIVE_ON_CONTACT = select(func.count()).where(
    Demande.contact_digest == bindparam("digest"), among(Demande.state, LIVE_STATES)
)
_CODES_SENT = (
    select(ContactCode.sent_at)
    .join(Demande, Demande.id == ContactCode.demande_id)
    .where(Demande.contact_digest == bindparam("digest"), ContactCode.sent_at > bindparam("since_at"))
)


def by_idempotency_key(session: Session, key: str) -> Demande | None:
    demande_id = session.connection().scalar(_OF_FORM, {"key": key})
    return session.get(Demande, demande_id) if demande_id else None


def keys_with(session: Session, digests: Iterable[bytes]) -> Sequence[PersonKey]:
    """Every key with one of these digests, joining or not."""
    return session.scalars(select(PersonKey).where(PersonKey.digest.in_(list(digests)))).all()


def keys_of(session: Session, person_id: UUID) -> Sequence[PersonKey]:
    return session.scalars(select(PersonKey).where(PersonKey.person_id == person_id)).all()


def live_of_keys(session: Session, territory: str, digests: Iterable[bytes]) -> Sequence[Demande]:
    """Live demandes of a territory whose person has one of these joining keys, oldest first."""
    people = select(PersonKey.person_id).where(PersonKey.digest.in_(list(digests)), PersonKey.joins)
    return session.scalars(
        select(Demande)
        .where(Demande.person_id.in_(people), Demande.territory == territory, Demande.state.in_(LIVE_STATES))
        .order_by(Demande.filed_at, Demande.id)
    ).all()


def live_without_key(session: Session, territory: str, kind: str, limit: int) -> Sequence[Demande]:
    """Live demandes of a territory that no joining key of this kind leads to, newest first: provisional ones, and those
    of people whose key holds a number too.
    """
    known = exists().where(PersonKey.person_id == Demande.person_id, PersonKey.kind == kind, PersonKey.joins)
    return session.scalars(
        select(Demande)
        .where(Demande.territory == territory, Demande.state.in_(LIVE_STATES), ~known)
        .order_by(Demande.filed_at.desc(), Demande.id)
        .limit(limit)
    ).all()


def live_of_person(session: Session, person_id: UUID, family: str, *, lock: bool = False) -> Demande | None:
    """The one live demande that stands for a person in a family, over all territories."""
    statement = select(Demande).where(
        Demande.person_id == person_id,
        Demande.family == family,
        Demande.state.in_(_DRAWABLE),
        Demande.attached_to_id.is_(None),
    )
    if lock:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    return session.scalar(statement)


def live_mains(session: Session, person_id: UUID) -> Sequence[Demande]:
    """The live demandes that stand for a person, one a family."""
    return session.scalars(
        select(Demande)
        .where(Demande.person_id == person_id, Demande.state.in_(_DRAWABLE), Demande.attached_to_id.is_(None))
        .order_by(Demande.family)
    ).all()


def attached_entries(session: Session, demande_id: UUID) -> Sequence[Demande]:
    """Live entries attached to a demande, oldest first."""
    return session.scalars(
        select(Demande)
        .where(Demande.attached_to_id == demande_id, Demande.state.in_(_DRAWABLE))
        .order_by(Demande.filed_at, Demande.id)
    ).all()


def attached_of(session: Session, ids: Collection[UUID]) -> Mapping[UUID, list[Demande]]:
    """The same for several demandes at once."""
    found: dict[UUID, list[Demande]] = {demande_id: [] for demande_id in ids}
    wanted = select(Demande).where(Demande.attached_to_id.in_(ids), Demande.state.in_(_DRAWABLE))
    for entry in session.scalars(wanted.order_by(Demande.filed_at, Demande.id)):
        if entry.attached_to_id is not None:
            found[entry.attached_to_id].append(entry)
    return found


def live_on_contact(session: Session, contact_digest: bytes) -> int:
    """How many live demandes use this contact; nobody else can count it before this transaction ends."""
    wait_for_turn(session, contact_digest)
    return session.connection().scalar(_LIVE_ON_CONTACT, {"digest": contact_digest}) or 0


def wait_for_turn(session: Session, digest: bytes) -> None:
    """One transaction at a time for this digest, until it ends."""
    if session.get_bind().dialect.name == "postgresql":  # on SQLite a write transaction is alone anyway
        session.execute(select(func.pg_advisory_xact_lock(int.from_bytes(digest[:8], "big", signed=True))))


def placed_by(session: Session, batch_id: UUID) -> Mapping[UUID, Demande]:
    """The demandes that a batch gave a slot to, by their ids, locked until the transaction ends."""
    found = session.scalars(
        select(Demande)
        .join(BatchLine, BatchLine.demande_id == Demande.id)
        .where(BatchLine.batch_id == batch_id, BatchLine.placed_slot_id.is_not(None))
        .order_by(Demande.id)
        .with_for_update(of=Demande)
    )
    return {one.id: one for one in found}


def waiting_cohorts(session: Session, territory: str, family: str) -> dict[UUID, int]:
    """Demande → cohort (0: none yet) of everybody who waits in a scope and stands for themselves."""
    rows = session.execute(
        select(Demande.id, Demande.cohort).where(
            Demande.territory == territory,
            Demande.family == family,
            Demande.state == DemandeState.WAITING,
            Demande.attached_to_id.is_(None),
        )
    )
    return {demande_id: cohort or 0 for demande_id, cohort in rows}


def cohort_counts(session: Session, territory: str, family: str) -> dict[int, int]:
    """Cohort (0: none yet) → how many wait in it; what the waiting-list index must say."""
    rows = session.execute(
        select(Demande.cohort, func.count())
        .where(
            Demande.territory == territory,
            Demande.family == family,
            Demande.state == DemandeState.WAITING,
            Demande.attached_to_id.is_(None),
        )
        .group_by(Demande.cohort)
    )
    return {cohort or 0: count for cohort, count in rows}


def scopes(session: Session) -> list[tuple[str, str]]:
    """Every (territory, family) that has a demande, sorted."""
    rows = session.execute(select(Demande.territory, Demande.family).distinct())
    return sorted((territory, family) for territory, family in rows)


def latest_code(session: Session, demande_id: UUID, *, lock: bool = False) -> ContactCode | None:
    statement = (
        select(ContactCode).where(ContactCode.demande_id == demande_id).order_by(ContactCode.sent_at.desc()).limit(1)
    )
    return session.scalar(statement.with_for_update() if lock else statement)


def codes_sent(session: Session, contact_digest: bytes, since_at: datetime) -> Sequence[datetime]:
    """When one-time codes were sent to one contact, whatever the demande."""
    return session.connection().scalars(_CODES_SENT, {"digest": contact_digest, "since_at": since_at}).all()


def lapsed(session: Session, filed_before_at: datetime, limit: int) -> Sequence[UUID]:
    """Provisional demandes filed before an instant."""
    return session.scalars(
        select(Demande.id)
        .where(Demande.state == DemandeState.PROVISIONAL, Demande.filed_at <= filed_before_at)
        .limit(limit)
    ).all()


def stands_apart(entry: Any, main: Any) -> ColumnElement[bool]:
    """Of an entry attached to ``main``, both as columns: it does not speak for the person (``persons.speaks``)."""
    proven = (main.proof == Proof.DOCUMENT) | main.revoked_at.is_not(None)
    return and_(entry.id != main.id, entry.proof != Proof.DOCUMENT, proven)


def _for_itself() -> ColumnElement[bool]:
    """It is attached to nothing, or stands apart from what it is attached to: time passes for it alone."""
    main = aliased(Demande)
    apart = exists().where(main.id == Demande.attached_to_id, stands_apart(Demande, main))
    return Demande.attached_to_id.is_(None) | apart


def paused_since(session: Session, before_at: datetime, limit: int) -> Sequence[UUID]:
    """Demandes paused since before an instant."""
    return session.scalars(
        select(Demande.id)
        .where(Demande.state == DemandeState.PAUSED, _for_itself(), Demande.paused_at <= before_at)
        .limit(limit)
    ).all()


def to_ask(session: Session, last_sign_before_at: datetime, limit: int) -> Sequence[UUID]:
    """Waiting people without sign of life since an instant, who were not asked since their last one."""
    return session.scalars(
        select(Demande.id)
        .where(
            Demande.state == DemandeState.WAITING,
            _for_itself(),
            Demande.last_sign_at <= last_sign_before_at,
            Demande.still_needed_asked_at.is_(None) | (Demande.still_needed_asked_at < Demande.last_sign_at),
        )
        .limit(limit)
    ).all()


def unanswered(session: Session, asked_before_at: datetime, limit: int) -> Sequence[UUID]:
    """Waiting people with a mail or telephone who were asked before an instant and gave no sign since."""
    return session.scalars(
        select(Demande.id)
        .where(
            Demande.state == DemandeState.WAITING,
            _for_itself(),
            Demande.contact_digest.is_not(None),
            Demande.still_needed_asked_at <= asked_before_at,
            Demande.still_needed_asked_at > Demande.last_sign_at,
        )
        .limit(limit)
    ).all()


def live_of_structure(session: Session, territory: str, structure: str) -> Sequence[Demande]:
    """Live demandes filed with one structure, newest first."""
    return session.scalars(
        select(Demande)
        .where(Demande.territory == territory, Demande.structure == structure, Demande.state.in_(LIVE_STATES))
        .order_by(Demande.filed_at.desc(), Demande.id)
    ).all()
