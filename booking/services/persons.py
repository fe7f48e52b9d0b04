"""Who stands behind a demande: sealed identity and contact, link and code, the entries of one person, its end.

Nothing here knows slots, so that every other verb may build on it.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from functools import reduce
from hmac import compare_digest
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from booking.domain.accounts import ANYWHERE, Actor, Role
from booking.domain.checks import mailbox_key, phone_key, reference_from_entropy
from booking.domain.demande import (
    Availability,
    Contact,
    DemandeState,
    Half,
    Proof,
    check_transition,
    that_count,
)
from booking.domain.errors import NotFound
from booking.domain.identity import BirthDate, Identifier, IdentifierKind, Identity
from booking.domain.log import EntryType
from booking.domain.waitlist import Pause, PauseReason
from booking.ports import World
from booking.services import log
from booking.services.transaction import SYSTEM, Transaction, scope_of
from booking.store import convocation as convocations
from booking.store import demande as demandes
from booking.store.demande import Demande
from booking.store.listed import Listed, Told

# --- what a row holds, opened and sealed ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Details:
    """What else was said: dates and numbers that the motif asks, a household declared, needs for the welcome.

    ``numbers_seen``: foreigner's numbers read on a document at a counter, with the first hour of each in ISO 8601.
    """

    asked: Mapping[str, str] = field(default_factory=dict)
    household: bool = False
    welcome: str = ""
    document_seen: str | None = None
    numbers_seen: Mapping[str, str] = field(default_factory=dict)


def identity_of(world: World, demande: Demande) -> Identity:
    """The identity in force. Unavailable('key_missing') once it was erased or its key is gone."""
    return identity_from_plain(_open(world, demande, "identity_sealed"))


def identities_of(world: World, demande: Demande) -> tuple[Identity, Identity]:
    """(in force, at admission): what a correction is measured against is the second, whatever was corrected since."""
    plain = _open(world, demande, "identity_sealed")
    return identity_from_plain(plain), identity_from_plain(plain.get("admitted", plain))


def seal_identity(world: World, demande: Demande, identity: Identity, admitted: Identity | None = None) -> None:
    """Keep ``identity``; ``admitted`` is given with a correction and stays beside it."""
    plain = identity_to_plain(identity)
    if admitted is not None:
        plain["admitted"] = identity_to_plain(admitted)
    demande.identity_sealed = _seal(world, demande, "identity_sealed", plain)


def identity_to_plain(identity: Identity) -> dict[str, Any]:
    """JSON-like; read back by :func:`identity_from_plain`."""
    return {
        "family_name": identity.family_name,
        "given_names": identity.given_names,
        "birth": identity.birth.text,
        "birth_place": identity.birth_place,
        "birth_country": identity.birth_country,
        "identifiers": [[str(identifier.kind), identifier.value] for identifier in identity.identifiers],
    }


def identity_from_plain(plain: Mapping[str, Any]) -> Identity:
    """The identity that :func:`identity_to_plain` wrote."""
    return Identity(
        family_name=plain["family_name"],
        given_names=plain["given_names"],
        birth=BirthDate(*(int(part) for part in plain["birth"].split("-"))),
        birth_place=plain["birth_place"],
        birth_country=plain["birth_country"],
        identifiers=tuple(Identifier(IdentifierKind(kind), value) for kind, value in plain["identifiers"]),
    )


def contact_of(world: World, demande: Demande | Told) -> Contact:
    """Ways to reach the person of this entry."""
    return Contact(**_open(world, demande, "contact_sealed"))


def seal_contact(world: World, demande: Demande, contact: Contact) -> None:
    """Keep ``contact``, and the digest by which live demandes on one contact are counted."""
    plain = {"email": contact.email, "phone": contact.phone, "postal": contact.postal}
    demande.contact_sealed = _seal(world, demande, "contact_sealed", plain)
    demande.contact_digest = contact_digest(world, contact)


def contact_digest(world: World, contact: Contact) -> bytes | None:
    """One digest for every spelling of a mailbox, else of a number; None when there is neither."""
    if contact.email:
        return world.keys.digest("mailbox", mailbox_key(contact.email).encode())[1]
    return world.keys.digest("phone", phone_key(contact.phone).encode())[1] if contact.phone else None


def details_of(world: World, demande: Demande) -> Details:
    return Details(**_open(world, demande, "details_sealed"))


def seal_details(world: World, demande: Demande, details: Details) -> None:
    demande.details_sealed = _seal(world, demande, "details_sealed", asdict(details))


def availability_of(demande: Demande | Listed) -> Availability:
    """When and where this entry says that the person can come."""
    plain = demande.availability
    patterns = frozenset([(site, weekday, Half(half)) for site, weekday, half in plain["patterns"]])
    excluded_on = frozenset(map(date.fromisoformat, plain["excluded"]))
    return Availability(patterns, excluded_on, plain["short_notice"])


def availability_to_plain(availability: Availability) -> dict[str, Any]:
    """JSON-like, in one fixed order; read back by :func:`availability_of`."""
    return {
        "patterns": [[site, weekday, str(half)] for site, weekday, half in sorted(availability.patterns)],
        "excluded": [on.isoformat() for on in sorted(availability.excluded_on)],
        "short_notice": availability.short_notice,
    }


def _open(world: World, demande: Demande | Told, column: str) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(world.keys.open("demande", column, demande.id, getattr(demande, column)))
    return plain


def _seal(world: World, demande: Demande, column: str, plain: Mapping[str, Any]) -> bytes:
    return world.keys.seal("demande", column, demande.id, json.dumps(plain, ensure_ascii=False).encode())


# --- link and code -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Secrets:
    """What opens a status page: a link of 256 bits, or the reference with a code that can be read aloud."""

    link: str
    code: str


def renew_secrets(world: World, demande: Demande) -> Secrets:
    """Give the demande its next link and code; the ones before stop working.

    They are derived from the key ring, so that the second click on a form shows the same ones and a later message can
    hold the link, while the row keeps digests only: the database alone opens nothing.
    """
    demande.secrets_number = (demande.secrets_number or 0) + 1
    secrets = _derived(world, demande)[0]
    demande.link_hash = link_hash(secrets.link)
    demande.code_digest = world.keys.digest("status_code", _spoken(demande.reference, secrets.code))[1]
    return secrets


def secrets_of(world: World, demande: Demande) -> Secrets | None:
    """The link and code in force; None when they were revoked, or made under a pepper that no longer counts."""
    return next((found for found in _derived(world, demande) if link_hash(found.link) == demande.link_hash), None)


def page_of(world: World, demande: Demande | Told) -> dict[str, str]:
    """``{"link": …}``, the status page's address for a message to this entry; empty when none is in force."""
    link = next((found for found in _links(world, demande) if link_hash(found) == demande.link_hash), None)
    return {"link": f"{world.public_url}/s/{link}"} if link else {}


def link_hash(link: str) -> bytes:
    return hashlib.sha256(link.encode()).digest()


def code_fits(world: World, reference: str, code: str, digest: bytes) -> bool:
    """Constant-time comparison under every pepper that counts."""
    return one_fits(world.keys.digests("status_code", _spoken(reference, code)), digest)


def one_fits(candidates: Iterable[tuple[str, bytes]], digest: bytes) -> bool:
    """Whether one of the (kid, digest) is ``digest``; every one is compared, in constant time."""
    return any([compare_digest(candidate, digest) for _, candidate in candidates])  # noqa: C419  (no early end)


def _spoken(reference: str, code: str) -> bytes:
    return f"{reference}/{code}".encode()


def _derived(world: World, demande: Demande) -> list[Secrets]:
    both = zip(_links(world, demande), world.keys.digests("secret_code", _seed(demande)), strict=True)
    return [Secrets(link, reference_from_entropy(code)) for link, (_, code) in both]


def _links(world: World, demande: Demande | Told) -> list[str]:
    links = world.keys.digests("secret_link", _seed(demande))
    return [base64.urlsafe_b64encode(link).rstrip(b"=").decode() for _, link in links]


def _seed(demande: Demande | Told) -> bytes:
    return demande.id.bytes + demande.secrets_number.to_bytes(4, "big")


def revoke(tx: Transaction, demande: Demande) -> None:
    """Link and code stop working for good, and no message goes to this entry's contact any more."""
    demande.revoked_at = tx.now
    demande.link_hash = tx.world.entropy.token_bytes(32)
    demande.code_digest = tx.world.entropy.token_bytes(32)


# --- the entries of one person -------------------------------------------------------------------------------


def main_of(session: Session, demande: Demande, *, lock: bool = False) -> Demande:
    """The entry that stands for the person: this one, or the older one that it is attached to."""
    found = demandes.by_id(session, demande.attached_to_id or demande.id, lock=lock)
    return found or demande


def speaks(entry: Demande, main: Demande) -> bool:
    """Whether ``entry``, attached to ``main`` or ``main`` itself, speaks for the person (R-34).

    Whoever filed under a name does, until a document was seen; from then on only an entry with one. A revoked ``main``
    gave way to such an entry. ``store.demande.stands_apart`` is the opposite, for queries.
    """
    proven = main.proof is Proof.DOCUMENT or main.revoked_at is not None
    return entry.id == main.id or entry.proof is Proof.DOCUMENT or not proven


def spoken_for(session: Session, entry: Demande, *, lock: bool = False) -> Demande:
    """What this entry may know and act on: the demande of its person; itself alone where it does not speak for them.

    Its page, its messages and its verbs are then those of a demande that nothing is attached to, and that waits.
    """
    main = main_of(session, entry, lock=lock)
    return main if speaks(entry, main) else entry


def entry_and_main(session: Session, demande_id: UUID) -> tuple[Demande, Demande]:
    """An entry and what it is :func:`spoken_for`, locked; the main one first, so that two verbs never wait for each
    other. Raises NotFound.
    """
    seen = demandes.by_id(session, demande_id)
    if seen is None:
        raise NotFound("demande")
    main = main_of(session, seen, lock=True)
    entry = demandes.by_id(session, demande_id, lock=True) or seen
    if (entry.attached_to_id or entry.id) != main.id:  # promoted or joined between the two readings
        main = main_of(session, entry, lock=True)
    return entry, main if speaks(entry, main) else entry


def drawn_availability(main: Demande | Listed, attached: Sequence[Demande | Listed]) -> Availability:
    """The availability that a freeze takes for ``main``: joined, of the entries that count (R-19)."""
    return reduce(Availability.joined, map(availability_of, that_count([main, *attached])))


# --- states --------------------------------------------------------------------------------------------------


def move(tx: Transaction, demande: Demande, state: DemandeState) -> None:
    """One step of the transition table, and the waiting-list index with it. Raises Conflict."""
    check_transition(demande.state, state)
    demande.state = state
    index(tx, demande)


def pause_of(demande: Demande, now: datetime) -> Pause:
    """The pause under way, as the rules see it."""
    reason = PauseReason(demande.pause_reason or PauseReason.SILENCE)
    # The row counts the silence that made this pause; the rule counts those before it.
    before = max(0, demande.silences - 1) if reason is PauseReason.SILENCE else 0
    return Pause(reason, demande.paused_at or now, before)


def resume(tx: Transaction, demande: Demande) -> None:
    """The pause is over."""
    demande.paused_at = demande.pause_reason = demande.still_needed_asked_at = None
    move(tx, demande, DemandeState.WAITING)


def index(tx: Transaction, demande: Demande) -> None:
    """Tell the waiting-list index where a demande stands now."""
    waits = demande.state is DemandeState.WAITING and demande.attached_to_id is None
    tx.waiting(scope_of(demande.territory, demande.family), demande.id, (demande.cohort or 0) if waits else None)


def end(tx: Transaction, demande: Demande, state: DemandeState, actor: Actor | str, reason: str) -> None:
    """The demande is over: ``withdrawn``, ``closed`` or ``served``; its leaf is closed in the log.

    When the main entry is withdrawn, the oldest attached one that speaks for the person takes its place, with its own
    leaf and cohort, and whatever the person holds stays theirs. However else it ends, those entries end with it. One
    that did not speak goes on as it was, and inherits nothing: the caller released what nobody may have.
    """
    behind = demandes.attached_entries(tx.session, demande.id)
    before = demande.state
    move(tx, demande, state)
    demande.ended_at = tx.now
    if demande.admitted_at is not None:
        log.append(tx, demande, EntryType.CLOSED, identity_of(tx.world, demande))
    tx.note(actor, f"demande_{state}", f"demande:{demande.id}", demande.territory, reason=reason, before=str(before))
    tx.session.flush()  # the place of the one live entry must be free before another takes it
    withdrawn = state is DemandeState.WITHDRAWN
    left = [one for one in behind if one.revoked_at is None and (withdrawn or not speaks(one, demande))]
    for entry in behind:
        if entry not in left:
            end(tx, entry, DemandeState.CLOSED, *((SYSTEM, "main_withdrawn") if withdrawn else (actor, reason)))
    if left:
        _promote(tx, demande, before, sorted(left, key=lambda one: not speaks(one, demande)))


def _promote(tx: Transaction, gone: Demande, before: DemandeState, left: Sequence[Demande]) -> None:
    heir = succeed(tx, gone, left)
    holding = convocations.live_of(tx.session, gone.id, lock=True)
    if holding is not None:
        holding.demande_id = heir.id
        _inherit(tx, heir, before)


def succeed(tx: Transaction, gone: Demande, left: Sequence[Demande]) -> Demande:
    """The first of ``left`` stands for the person after ``gone``, with its leaf and cohort, the others behind it."""
    heir = left[0]
    for entry in left:
        entry.attached_to_id = heir.id if entry is not heir else None
    index(tx, heir)
    tx.note(SYSTEM, "entry_promoted", f"demande:{heir.id}", heir.territory, after=f"demande:{gone.id}")
    return heir


def _inherit(tx: Transaction, heir: Demande, state: DemandeState) -> None:
    """The heir stands where the main entry stood, offered or confirmed, by the steps that the table knows."""
    if heir.state is DemandeState.PAUSED:
        resume(tx, heir)
    move(tx, heir, DemandeState.OFFERED)
    if state is not DemandeState.OFFERED:
        move(tx, heir, state)


def allow(actor: Actor | str, demande: Demande) -> None:
    """Staff act on demandes of their territory (agents), of their structure (referents), or entrusted. Or Forbidden."""
    if isinstance(actor, Actor) and actor.entrusted != demande.id and not actor.has(Role.AGENT, demande.territory):
        actor.require(Role.REFERENT, demande.territory, demande.structure or ANYWHERE)
