"""A person's file as staff see it: an agent those of their territory, a referent those of their own structure.

Identity is opened one file at a time, and each reading is journalled. Whoever is there with reference and code opens
their one file to any referent of the territory (R-130).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from booking.domain import convocation as convocation_rules
from booking.domain.accounts import Actor, Role
from booking.domain.checks import normalise_reference
from booking.domain.convocation import ConvocationState
from booking.domain.demande import Channel, Contact, DemandeState, Proof
from booking.domain.errors import Conflict, NotFound
from booking.domain.identity import Identity
from booking.domain.log import EntryType
from booking.ports import World
from booking.services import configuration, convocation, log, persons, status, voices
from booking.services.configuration import Rules
from booking.services.guichet import journal_read, spoken_name
from booking.services.persons import Secrets
from booking.services.transaction import transaction
from booking.store import convocation as convocations
from booking.store import demande as rows
from booking.store import slots as slot_rows
from booking.store.convocation import Convocation
from booking.store.demande import Demande


@dataclass(frozen=True, slots=True)
class Held:
    """The offer or appointment that a demande holds. ``past``: its hour has struck."""

    id: UUID
    reference: str
    state: ConvocationState
    start_at: datetime
    site: str
    expires_at: datetime | None
    past: bool


@dataclass(frozen=True, slots=True)
class File:
    """One demande, opened. ``demotion``: why and when the cohort was lost, while it can still be given back.

    ``refusal_keeps_place``: whether saying no once more costs nothing. ``entrusted``: opened by its code (R-130).
    """

    id: UUID
    reference: str
    territory: str
    zone: str
    state: DemandeState
    channel: Channel
    proof: Proof
    family_code: str
    family: str
    motif: str
    identity: Identity
    contact: Contact
    welcome: str
    filed_at: datetime
    structure: str | None
    demotion: str | None
    demoted_at: datetime | None
    held: Held | None
    refusal_keeps_place: bool
    entrusted: bool

    @property
    def name(self) -> str:
        return spoken_name(self.identity)

    @property
    def birth(self) -> str:
        return self.identity.birth.text


def for_agent(world: World, actor: Actor, territory: str, typed: str) -> File:
    """The file with this reference, in the agent's territory. Raises NotFound, Forbidden."""
    actor.require(Role.AGENT, territory)
    with world.reading() as session:
        found = _open(world, session, _by_reference(session, territory, typed))
    journal_read(world, actor, territory, "file_read", f"demande:{found.id}")
    return found


def for_referent(world: World, actor: Actor, territory: str, structure: str, typed: str, right: str = "") -> File:
    """The file with this reference, if it was filed with this structure, or else if ``right`` opens it.

    ``right``: what :func:`entrust` gave for this file, to this account, at this structure. Raises NotFound, Forbidden.
    """
    actor.require(Role.REFERENT, territory, structure)
    with world.reading() as session:
        demande = _by_reference(session, territory, typed)
        entrusted = demande.structure != structure
        if entrusted and not _opens(world, actor, structure, demande, right):
            raise NotFound("demande")
        found = _open(world, session, demande, entrusted=entrusted)
    where = {"structure": structure} if entrusted else {}
    journal_read(world, actor, territory, "file_read", f"demande:{found.id}", **where)
    return found


def _by_reference(session: Session, territory: str, typed: str) -> Demande:
    demande = rows.by_reference(session, normalise_reference(typed) or "")
    if demande is None or demande.territory != territory:
        raise NotFound("demande")
    return demande


def _open(world: World, session: Session, demande: Demande, *, entrusted: bool = False) -> File:
    return opened(world, session, configuration.current(session, world.clock.now()), demande, entrusted=entrusted)


# --- the file of somebody who is there with their code (R-130) ----------------------------------------------


@dataclass(frozen=True, slots=True)
class Entrusted:
    """``right``: what opens the file again, for the same account at the same structure, while the code is in force."""

    reference: str
    right: str


def entrust(
    world: World, actor: Actor, territory: str, structure: str, reference: str, code: str, network: str
) -> Entrusted:
    """Somebody is there and says reference and code, both as typed: their file opens for this referent; journalled.

    ``network``: where the request comes from. Raises Forbidden, and as the public page does: NotFound('demande') for an
    unknown reference and for a wrong code, TooMany, Unavailable('limits_down').
    """
    actor.require(Role.REFERENT, territory, structure)
    found = status.status_by_code(world, reference, code, network)
    with world.reading() as session:
        demande = _by_reference(session, territory, found.reference)
        right = _rights(world, actor, structure, demande)[0][1].hex()
    journal_read(world, actor, territory, "file_entrusted", f"demande:{demande.id}", structure=structure)
    return Entrusted(found.reference, right)


def _opens(world: World, actor: Actor, structure: str, demande: Demande, right: str) -> bool:
    try:
        given = bytes.fromhex(right)
    except ValueError:
        return False
    return persons.one_fits(_rights(world, actor, structure, demande), given)


def _rights(world: World, actor: Actor, structure: str, demande: Demande) -> Sequence[tuple[str, bytes]]:
    """Bound to who, where, which file and which code: a new code ends it."""
    said = f"{actor.account_id}/{structure}/{demande.id}/{demande.code_digest.hex()}"
    return world.keys.digests("entrusted_file", said.encode())


def acting(actor: Actor, file: File) -> Actor:
    """``actor`` as whoever acts on ``file``, which they opened by :func:`for_agent` or :func:`for_referent`."""
    return replace(actor, entrusted=file.id) if file.entrusted else actor


# --- a structure's list --------------------------------------------------------------------------------------


def of_structure(world: World, actor: Actor, territory: str, structure: str) -> Sequence[File]:
    """Live files filed with this structure, those with something to answer first, then the newest.

    Raises Forbidden('missing_right').
    """
    actor.require(Role.REFERENT, territory, structure)
    with world.reading() as session:
        in_force = configuration.current(session, world.clock.now())
        files = [
            opened(world, session, in_force, demande)
            for demande in rows.live_of_structure(session, territory, structure)
        ]
    journal_read(world, actor, territory, "files_read", f"structure:{structure}", count=len(files))
    return sorted(files, key=lambda file: file.state is not DemandeState.OFFERED)


def opened(world: World, session: Session, in_force: Rules, demande: Demande, *, entrusted: bool = False) -> File:
    """One row as a file; whoever shows it journals the reading.

    ``entrusted``: as its own page shows it, which never says that the person has another entry.
    """
    identity = persons.identity_of(world, demande)
    main = persons.spoken_for(session, demande)
    holds = convocations.live_of(session, main.id)
    state = voices.seen_state(session, demande, main, holds) if entrusted else main.state
    shown = holds if state in status.HOLDING or not entrusted else None
    return File(
        id=demande.id,
        reference=demande.reference,
        territory=demande.territory,
        zone=in_force.territory(demande.territory).zone.key,
        # An attached entry shows where the person stands, worded the same.
        state=state,
        channel=demande.channel,
        proof=demande.proof,
        family_code=demande.family,
        family=in_force.catalogue.families[demande.family].label.fr,
        motif=in_force.catalogue.motifs[demande.motif].label.fr,
        identity=identity,
        contact=persons.contact_of(world, demande),
        welcome=persons.details_of(world, demande).welcome,
        filed_at=demande.filed_at,
        structure=demande.structure,
        demotion=main.demotion,
        demoted_at=main.demoted_at,
        held=_held(session, in_force, shown, world.clock.now()),
        refusal_keeps_place=convocation_rules.after_refusal(main.refusals).keeps_cohort,
        entrusted=entrusted,
    )


def _held(session: Session, in_force: Rules, held: Convocation | None, now: datetime) -> Held | None:
    slot = slot_rows.by_id(session, held.slot_id) if held else None
    if held is None or slot is None:
        return None
    site = in_force.territory(slot.territory).sites[slot.site].name
    past = slot.start_at <= now
    return Held(held.id, held.reference, held.state, slot.start_at, site, held.expires_at, past)


def secrets(world: World, actor: Actor, file: File) -> Secrets:
    """The link and code that staff just renewed, to be printed for the person in front of them; journalled (R-91).

    ``file`` was opened by :func:`for_agent` or :func:`for_referent`. Raises NotFound('secrets') when none is: a
    stronger proof took over and only who gave it is heard, or the code in force was given out at the filing.
    """
    with world.reading() as session:
        demande = rows.by_id(session, file.id)
        found = persons.secrets_of(world, demande) if demande and _handed_by_staff(demande) else None
    if found is None:
        raise NotFound("secrets")
    journal_read(world, actor, file.territory, "code_shown", f"demande:{file.id}")
    return found


def _handed_by_staff(demande: Demande) -> bool:
    return demande.revoked_at is None and demande.secrets_number > 1


def answer_offer(world: World, actor: Actor, file: File, *, yes: bool, by: Channel) -> None:
    """What the person says of their offer, by the voice of staff. ``by``: how they said it (R-60).

    ``file`` was opened by :func:`for_agent` or :func:`for_referent`, which is the right to act on it.
    Raises Conflict('offer_over'), NotFound('offer').
    """
    answer = convocation.confirm if yes else convocation.decline
    answer(world, file.id, by, acting(actor, file))


def give_back(world: World, actor: Actor, file: File, *, by: Channel) -> None:
    """The person cannot come to their appointment, and says it to staff; it counts as a refusal (R-35, R-131).

    ``file``, ``by``: as for :func:`answer_offer`. Raises Conflict('appointment_over'), NotFound('offer').
    """
    convocation.give_back(world, file.id, by, acting(actor, file))


def restore(world: World, actor: Actor, territory: str, typed: str, reason: str) -> None:
    """Give back the cohort that an absence, a refusal or a silence took: one gesture, one coded reason.

    Raises NotFound, Forbidden, InvalidInput('reason_unknown'), Conflict('nothing_to_restore').
    """
    actor.require(Role.AGENT, territory)
    with transaction(world) as tx:
        entry = rows.by_reference(tx.session, normalise_reference(typed) or "")
        if entry is None or entry.territory != territory:
            raise NotFound("demande")
        demande = persons.main_of(tx.session, entry, lock=True)
        if demande.demotion is None or demande.demoted_at is None:
            raise Conflict("nothing_to_restore")
        lost = convocation_rules.Demotion(
            convocation_rules.DemotionCode(demande.demotion), demande.demoted_at, demande.cohort_before
        )
        demande.cohort = convocation_rules.restored_cohort(lost, demande.cohort, reason)
        demande.cohort_before = demande.demoted_at = demande.demotion = None
        persons.index(tx, demande)
        if demande.admitted_at is not None:
            log.append(tx, demande, EntryType.RESTORED, persons.identity_of(world, demande))
        tx.note(actor, "cohort_restored", f"demande:{demande.id}", territory, demotion=lost.code, reason=reason)
