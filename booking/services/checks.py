"""Is it one person: admission under the person's keys, documents seen by staff. Codes are in services/codes.py."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from uuid import UUID

from booking.domain import correction as correction_rules
from booking.domain import identity as identity_rules
from booking.domain.accounts import Actor, Role
from booking.domain.correction import Correction
from booking.domain.demande import LIVE_STATES, Contact, DemandeState, Proof, that_count
from booking.domain.errors import Conflict, Forbidden
from booking.domain.identity import Element, Identity
from booking.domain.log import EntryType
from booking.domain.waitlist import Freeze, PauseReason, cohort_of_filing
from booking.ports import World
from booking.services import alike, configuration, leaves, log, persons, spellings, waitlist
from booking.services.notices import tell
from booking.services.persons import Secrets
from booking.services.transaction import SYSTEM, Transaction, attempt
from booking.store import convocation as convocations
from booking.store import demande as rows
from booking.store import draw as draws
from booking.store.demande import Demande, Person, PersonKey

# --- admission -----------------------------------------------------------------------------------------------


def admit(tx: Transaction, demande: Demande, proof: Proof, actor: Actor | str) -> None:
    """The demande enters the log and waits: attached when its person has an older live one in the family, else main.

    To be run by ``transaction.attempt``: two admissions of one person at once meet on a unique index, and the one that
    was later starts again and attaches.
    """
    identity = persons.identity_of(tx.world, demande)
    person_id = identify(tx, identity)
    main = rows.live_of_person(tx.session, person_id, demande.family, lock=True)
    demande.person_id, demande.attached_to_id = person_id, main.id if main else None
    demande.proof, demande.admitted_at, demande.last_sign_at = proof, tx.now, tx.now
    if demande.state is DemandeState.PROVISIONAL:
        persons.move(tx, demande, DemandeState.ADMITTED)
    # The entry stands on the receipt: “attached” there would tell a guesser that the person is registered.
    log.append(tx, demande, EntryType.ADMITTED, identity)
    persons.move(tx, demande, DemandeState.WAITING)
    tx.note(
        actor, "demande_admitted", f"demande:{demande.id}", demande.territory, proof=str(proof), attached=bool(main)
    )
    tx.session.flush()
    _acknowledge(tx, demande)
    if proof is Proof.DOCUMENT:
        _take_over(tx, demande, actor)


def _acknowledge(tx: Transaction, demande: Demande) -> None:
    """CRPA L.112-11: every filing is acknowledged. Who left no address was given the receipt by hand."""
    contact = persons.contact_of(tx.world, demande)
    if not (contact.reachable or contact.postal):
        return
    in_force = configuration.current(tx.session, tx.now)
    scope = (demande.territory, demande.family)
    planned = draws.next_freeze(tx.session, *scope, tx.now)
    waits = waitlist.expected(tx.session, *scope, tx.now)
    words = {
        "filed_at": demande.filed_at.isoformat(),
        "zone": in_force.territory(demande.territory).zone.key,
        **({"next_draw_at": planned.draw_at.isoformat()} if planned else {}),
        **({"wait_median_days": waits.median_days, "wait_p90_days": waits.p90_days} if waits else {}),
        **waitlist.deadline(demande, in_force, tx.now),
    }
    tell(tx, demande, "filed", f"filed:{demande.id}", words, everybody=False)


def identify(tx: Transaction, identity: Identity, otherwise: UUID | None = None) -> UUID:
    """The person with a joining key of ``identity``, else ``otherwise``, else a new one; missing keys are added."""
    rows.wait_for_turn(tx.session, tx.world.keys.digest("turn", identity_rules.name_key_anywhere(identity))[1])
    joining = _digests(tx, identity_rules.joining_values(identity))
    sought = set(_digests(tx, identity_rules.sought_values(identity)))
    evidence = _digests(tx, identity_rules.evidence_values(identity))
    known = rows.keys_with(tx.session, {digest for _, _, digest in (*joining, *evidence, *sought)})
    holders = {(key.kind, key.kid, key.digest): key.person_id for key in known if key.joins}
    taken = holders.keys()
    found = sorted({holders[key] for key in joining if key in taken} or {holders[key] for key in sought & taken})
    if len(found) > 1:  # two numbers of two people: the one known first; a reviewer reads the note
        tx.note(SYSTEM, "several_persons", f"person:{found[0]}", others=[f"person:{other}" for other in found[1:]])
    person_id = found[0] if found else otherwise or _new_person(tx)
    own = {(key.kind, key.kid, key.digest) for key in known if key.person_id == person_id}
    _add_keys(tx, person_id, [key for key in joining if key not in taken], joins=True)
    _add_keys(tx, person_id, [key for key in evidence if key not in own], joins=False)
    spellings.know_births(tx, {person_id: identity})
    tx.session.flush()
    return person_id


_Key = tuple[str, str, bytes]


def _digests(tx: Transaction, values: Iterable[tuple[str, bytes]]) -> list[_Key]:
    """Under every pepper that counts, so that two processes on both sides of a rotation still meet."""
    return [(kind, kid, digest) for kind, value in values for kid, digest in tx.world.keys.digests(kind, value)]


def _new_person(tx: Transaction) -> UUID:
    person = Person(id=tx.new_id(), created_at=tx.now)
    tx.session.add(person)
    tx.session.flush()
    return person.id


def _add_keys(tx: Transaction, person_id: UUID, keys: Iterable[_Key], *, joins: bool) -> None:
    for kind, kid, digest in keys:
        tx.session.add(PersonKey(id=tx.new_id(), person_id=person_id, kind=kind, kid=kid, digest=digest, joins=joins))


# --- what staff see ------------------------------------------------------------------------------------------


def confirm_by_staff(world: World, demande_id: UUID, actor: Actor, document_seen: str | None = None) -> None:
    """A counter, a referent or a call confirms a provisional demande: admitted, with the cohort of its filing hour.

    Twice is once. Raises NotFound, Forbidden, Conflict when it is over.
    """

    def act(tx: Transaction) -> None:
        demande = _for_staff(tx, demande_id, actor)
        if demande.admitted_at is not None:
            return
        if demande.state is not DemandeState.PROVISIONAL:
            raise Conflict("not_provisional")
        demande.cohort = _cohort_of_filing(tx, demande)
        _note_document(tx, demande, document_seen)
        admit(tx, demande, Proof.DOCUMENT if document_seen else demande.proof, actor)

    attempt(world, act)


def _cohort_of_filing(tx: Transaction, demande: Demande) -> int | None:
    zone = configuration.current(tx.session, tx.now).territory(demande.territory).zone
    frozen = draws.main_freezes(tx.session, demande.territory, demande.family, demande.filed_at)
    freezes = [Freeze(number, at, at.astimezone(zone).date()) for number, at in frozen]
    return cohort_of_filing(demande.filed_at, demande.useful_on, freezes)


def document_seen(
    world: World, demande_id: UUID, actor: Actor, document: str, contact: Contact | None = None
) -> Secrets:
    """Staff see the document and it agrees: proof L2, a new link and code, and older ones of the person are dead.

    The cohort stays. ``contact`` replaces the one on file when the person says that it is not theirs; penalties earned
    under it, or under another entry of the person, are cancelled. Raises NotFound, Forbidden, Conflict('not_admitted').
    """

    def act(tx: Transaction) -> Secrets:
        demande = _for_staff(tx, demande_id, actor)
        if demande.admitted_at is None or demande.state not in LIVE_STATES:
            raise Conflict("not_admitted")
        secrets = see_document(tx, demande, actor, document) or persons.renew_secrets(tx.world, demande)
        if contact is not None:
            persons.seal_contact(tx.world, demande, contact)
            _cancel_penalties(tx, persons.main_of(tx.session, demande, lock=True), actor)
        return secrets

    return attempt(world, act)


def see_document(tx: Transaction, demande: Demande, actor: Actor | str, document: str) -> Secrets | None:
    """A document agrees, inside the caller's transaction: the strongest proof takes over.

    The first time link and code change, because others may hold the old ones: the new ones are returned, to be handed
    over on paper. None when the identity was proven before: what the person holds still works.
    """
    _note_document(tx, demande, document)
    _note_visit(tx, demande, document)
    main = persons.main_of(tx.session, demande)
    if not leaves.opens(tx.world, tx.session, main):  # whoever stands here is served; how it came about is for others
        tx.note(SYSTEM, leaves.POINTED, f"demande:{main.id}", main.territory)
    secrets = persons.renew_secrets(tx.world, demande) if demande.proof < Proof.DOCUMENT else None
    demande.last_sign_at = tx.now
    _take_over(tx, demande, actor)
    return secrets


def correct_identity(
    world: World, demande_id: UUID, new: Identity, actor: Actor, document: str, confirms: frozenset[str]
) -> Correction:
    """Write the identity as on the document that ``actor`` sees; ``confirms`` are the elements that agree with it.

    The document's keys replace the declared ones; the log gets an ``amended`` entry. Raises Conflict with the reason
    when the rule refuses (the attempt stays in the journal): close the demande and open another.
    """

    def act(tx: Transaction) -> Correction:
        demande = _for_staff(tx, demande_id, actor)
        if demande.admitted_at is None or demande.state not in LIVE_STATES:
            raise Conflict("not_admitted")
        admitted = persons.identities_of(tx.world, demande)[1]
        territory = configuration.current(tx.session, tx.now).territory(demande.territory)
        counted = confirms if territory.town_proves else confirms - {Element.BIRTH_PLACE}
        answer = spellings.one_entry(tx, demande, correction_rules.correction_allowed(admitted, new, counted), new)
        verb = "identity_corrected" if answer.allowed else "identity_correction_refused"
        tx.note(actor, verb, f"demande:{demande.id}", demande.territory, reason=answer.reason, document=document)
        if answer.allowed:
            _correct(tx, demande, new, admitted)
            see_document(tx, demande, actor, document)
        return answer

    answer = attempt(world, act)
    if not answer.allowed:
        raise Conflict(f"correction_{answer.reason}")
    return answer


def _for_staff(tx: Transaction, demande_id: UUID, actor: Actor) -> Demande:
    demande, _ = persons.entry_and_main(tx.session, demande_id)
    if not (actor.has(Role.AGENT, demande.territory) or actor.has(Role.REFERENT, demande.territory)):
        raise Forbidden("missing_right")
    return demande


def _note_document(tx: Transaction, demande: Demande, document: str | None) -> None:
    if document:
        details = persons.details_of(tx.world, demande)
        persons.seal_details(tx.world, demande, replace(details, document_seen=document))


def _note_visit(tx: Transaction, demande: Demande, document: str) -> None:
    """Whoever has arrived and shows a document that agrees, corrected or not, may be served in their place (R-73).

    Not where only a number tells entries apart (R-76): the page of the visit asks for it.
    """
    main = persons.main_of(tx.session, demande)
    held = convocations.live_of(tx.session, main.id, lock=True)
    if held is not None and held.arrived_at is not None and not alike.others(tx.world, tx.session, main, held):
        held.document_seen, held.document_matches = document, True


def _correct(tx: Transaction, demande: Demande, new: Identity, admitted: Identity) -> None:
    declared = demande.person_id
    if declared is not None:
        for key in rows.keys_of(tx.session, declared):
            key.joins = False
        tx.session.flush()
    persons.seal_identity(tx.world, demande, new, admitted)
    log.append(tx, demande, EntryType.AMENDED, new)
    proven = identify(tx, new, otherwise=declared)
    if declared is not None and proven != declared:
        for main in rows.live_mains(tx.session, declared):
            _join(tx, main, proven)


def _join(tx: Transaction, moved: Demande, person_id: UUID) -> None:
    """``moved`` and its attached entries turn out to be ``person_id``'s: of two live ones the older leaf stands."""
    other = rows.live_of_person(tx.session, person_id, moved.family, lock=True)
    group = [moved, *rows.attached_entries(tx.session, moved.id)]
    if other is not None:
        main, second = _which_stands(tx, moved, other)
        for entry in [second, *rows.attached_entries(tx.session, second.id)]:
            entry.attached_to_id = main.id
        persons.index(tx, second)
        tx.session.flush()
        _revoke_weaker(tx, main, SYSTEM)
    for entry in group:
        entry.person_id = person_id
    tx.note(SYSTEM, "persons_joined", f"demande:{moved.id}", moved.territory, person=f"person:{person_id}")


def _which_stands(tx: Transaction, one: Demande, other: Demande) -> tuple[Demande, Demande]:
    """(main, attached). Whoever holds a slot stands, else the older; two held slots need a person to decide."""
    held = [demande for demande in (one, other) if convocations.live_of(tx.session, demande.id, lock=True)]
    if len(held) == 2:
        raise Conflict("two_appointments")
    older = min(one, other, key=lambda demande: (demande.admitted_at or demande.filed_at, demande.id))
    main = held[0] if held else older
    return main, other if main is one else one


def _take_over(tx: Transaction, demande: Demande, actor: Actor | str) -> None:
    """The strongest proof speaks for the person: weaker entries lose their links, the oldest keeps leaf and cohort."""
    demande.proof = Proof.DOCUMENT
    main = persons.main_of(tx.session, demande, lock=True)
    revoked = _revoke_weaker(tx, main, actor)
    tx.note(actor, "document_seen", f"demande:{demande.id}", demande.territory, revoked=revoked)


def _revoke_weaker(tx: Transaction, main: Demande, actor: Actor | str) -> int:
    entries = [main, *rows.attached_entries(tx.session, main.id)]
    proven = that_count(entries)
    weaker = [entry for entry in entries if entry not in proven and entry.revoked_at is None]
    for entry in weaker:
        persons.revoke(tx, entry)
    if main in weaker:
        _cancel_penalties(tx, main, actor)
    return len(weaker)


def _cancel_penalties(tx: Transaction, main: Demande, actor: Actor | str) -> None:
    main.refusals = main.silences = 0
    main.cohort_before = main.demoted_at = main.demotion = None
    first = draws.first_cohort(tx.session, main.id)
    main.cohort = min((cohort for cohort in (main.cohort, first) if cohort), default=None)
    if main.state is DemandeState.PAUSED and main.pause_reason == PauseReason.SILENCE:
        persons.resume(tx, main)
    persons.index(tx, main)
    tx.note(actor, "penalties_cancelled", f"demande:{main.id}", main.territory)
