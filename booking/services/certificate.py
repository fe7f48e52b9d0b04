"""The certificate of waiting: what our rows say, signed, on paper; and whoever holds the paper can check it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from unicodedata import normalize
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from booking.domain import certificate as rules
from booking.domain.accounts import Actor, Role
from booking.domain.certificate import Facts
from booking.domain.convocation import ConvocationState
from booking.domain.demande import DemandeState
from booking.domain.errors import InvalidInput, NotFound
from booking.domain.territory import Territory
from booking.domain.waitlist import FreezeCode
from booking.ports import World
from booking.services import configuration, persons, voices, waitlist
from booking.services.configuration import Rules
from booking.services.documents import PDF, Document
from booking.services.guichet import spoken_name
from booking.services.transaction import Transaction, transaction
from booking.store import convocation as convocations
from booking.store import demande as demandes
from booking.store import draw as draws
from booking.store import log as leaves
from booking.store import slots
from booking.store.convocation import Convocation
from booking.store.demande import Demande
from booking.store.draw import Batch, BatchLine

KEY = "certificate"
TAKEN_AWAY = "taken_away"
_ALL = 10_000
"""Draws read for one certificate: more than thirty years of daily ones."""


def certificate(world: World, demande_id: UUID, actor: Actor | str) -> Document:
    """The certificate as of now, in the language of the demande with the French beside it; journalled.

    For the person, any counter of the territory, and the structure that filed. Raises NotFound, also for a demande
    that is not confirmed yet, Forbidden, Unavailable('key_missing') once the identity was erased.
    """
    with transaction(world) as tx:
        demande = demandes.by_id(tx.session, demande_id)
        if demande is None or demande.admitted_at is None:
            raise NotFound("demande")
        persons.allow(actor, demande)
        data = _issue(tx, demande, actor)
    return Document(f"attestation-{data['reference']}.pdf", PDF, world.render.pdf("certificate", data))


def of_structure(world: World, actor: Actor, territory: str, structure: str) -> Document:
    """The certificates of everybody for whom a structure filed, whose demande goes on, in one file to print.

    Raises Forbidden, NotFound('demande') when there is none.
    """
    actor.require(Role.REFERENT, territory, structure)
    with transaction(world) as tx:
        live = [one for one in demandes.live_of_structure(tx.session, territory, structure) if one.admitted_at]
        papers = [("certificate", _issue(tx, one, actor)) for one in live]
    if not papers:
        raise NotFound("demande")
    return Document("attestations.pdf", PDF, world.render.pages(papers))


def _issue(tx: Transaction, demande: Demande, actor: Actor | str) -> dict[str, Any]:
    in_force = configuration.current(tx.session, tx.now)
    data = _paper(tx.world, _facts(tx, demande, in_force), demande, in_force)
    tx.note(actor, "certificate_issued", f"demande:{demande.id}", demande.territory)
    return data


def verify(world: World, text: str) -> Facts:
    """The facts of a certificate's code, scanned or pasted; needs no row of ours.

    Raises InvalidInput('certificate_unreadable' | 'certificate_forged').
    """
    payload, signature, kid = rules.decode(text)
    if not world.keys.verify(KEY, kid, payload, signature):
        raise InvalidInput("certificate_forged")
    return rules.read_facts(payload)


def zone_of(world: World, facts: Facts) -> str:
    """Where the hours of a certificate are said; UTC for a territory that is not ours any more."""
    with world.reading() as session:
        territory = configuration.current(session, world.clock.now()).territories.get(facts.territory)
    return territory.zone.key if territory else "UTC"


# --- facts ---------------------------------------------------------------------------------------------------


def _facts(tx: Transaction, demande: Demande, in_force: Rules) -> Facts:
    session, territory = tx.session, in_force.territory(demande.territory)
    main = persons.spoken_for(session, demande)
    identity = persons.identity_of(tx.world, demande)
    held = _held(session, demande, main)
    taken_part = _draws(session, demande, main, {one.batch_id for one in held}, territory.zone)
    outlook = waitlist.outlook(tx.world, session, main.territory, main.family, demande.cohort)
    state = voices.seen_state(session, demande, main, convocations.live_of(session, main.id))
    waits = state is DemandeState.WAITING
    leaf = next(iter(leaves.entries_of(session, demande.id)), None)
    return Facts(
        reference=demande.reference,
        territory=territory.code,
        signatory=_nfc(territory.certificate.name),
        name=_nfc(spoken_name(identity)),
        birth=identity.birth.text,
        need=_nfc(in_force.catalogue.motifs[demande.motif].label.fr),
        filed_at=_to_second(demande.filed_at),
        issued_at=_to_second(tx.now),
        leaf=leaf.leaf.hex() if leaf else None,
        state=str(state),
        draws_total=len(taken_part),
        draws=tuple(taken_part[-rules.MAX_DRAWS :]),
        offers_total=len(held),
        offers=tuple(_offer(session, one, territory.zone) for one in held[-rules.MAX_OFFERS :]),
        taken_away=sum(_end(one) == TAKEN_AWAY for one in held),
        place=(outlook.place.first, outlook.place.last) if outlook.place and waits else None,
        wait=outlook.estimate[:2] if outlook.estimate and waits else None,
    )


def _nfc(text: str) -> str:
    return normalize("NFC", text)


def _to_second(at: datetime) -> datetime:
    return at.replace(microsecond=0)


def _draws(
    session: Session, demande: Demande, main: Demande, offered: set[UUID | None], zone: ZoneInfo
) -> list[tuple[int, date, bool]]:
    """Draws that this demande took part in, by its own line or standing behind its main one; oldest first.

    Each with whether it gave a place: ``offered`` holds the draws whose offer the demande had, corrected since or not.
    """
    found = []
    for batch, line in reversed(draws.parts_of(session, demande.id, _ALL)):
        drawn = line if line.code == FreezeCode.DRAWN else _line_in_front(session, batch, line, main)
        if drawn is not None and batch.number is not None and batch.drawn_at is not None:
            on = batch.drawn_at.astimezone(zone).date()
            found.append((batch.number, on, drawn.placed_slot_id is not None or batch.id in offered))
    return found


def _line_in_front(session: Session, batch: Batch, line: BatchLine, main: Demande) -> BatchLine | None:
    if main.id == line.demande_id:
        return None
    front = draws.line_of(session, batch.id, main.id)
    return front if front and front.code == FreezeCode.DRAWN and line.leaf.hex() in front.attached else None


def _held(session: Session, demande: Demande, main: Demande) -> list[Convocation]:
    """Offers and appointments that this entry may know of: its own, and those of its main one since it was admitted."""
    found = {one.id: one for one in convocations.of_demande(session, demande.id)}
    others = convocations.of_demande(session, main.id)
    found |= {one.id: one for one in others if voices.hears(demande, main, one.offered_at)}
    return sorted(found.values(), key=lambda one: one.offered_at)


def _offer(session: Session, held: Convocation, zone: ZoneInfo) -> tuple[date, date, str]:
    slot = slots.by_id(session, held.slot_id)
    if slot is None:
        raise NotFound("slot")
    return held.offered_at.astimezone(zone).date(), slot.on_date, _end(held)


def _end(held: Convocation) -> str:
    """Only the administration gives a reason when it cancels; the person gives none."""
    cancelled = held.state is ConvocationState.CANCELLED and held.outcome_reason is not None
    return TAKEN_AWAY if cancelled else str(held.state)


# --- paper ---------------------------------------------------------------------------------------------------


def _paper(world: World, facts: Facts, demande: Demande, in_force: Rules) -> dict[str, Any]:
    territory = in_force.territory(demande.territory)
    payload = rules.facts_bytes(facts)
    kid, signature = world.keys.sign(KEY, payload)
    code = rules.encode(payload, signature, kid)
    data = _said(facts, territory) | {
        "lang": demande.lang,
        "zone": territory.zone.key,
        "issuer": territory.certificate.name,
        "wording": territory.certificate.wording,
        "example": territory.certificate.example,
        "demonstration": world.demonstration,
        "need_said": in_force.catalogue.motifs[demande.motif].label.in_language(demande.lang),
        "qr": code,
        "code": code,
    }
    return {name: value for name, value in data.items() if value is not None}


def _said(facts: Facts, territory: Territory) -> dict[str, Any]:
    """The facts as a paper names them: moments under ``…_at``, days under ``…_on``, delays under ``…_days``."""
    return {
        "reference": facts.reference,
        "name": facts.name,
        "birth": facts.birth_as_printed,
        "need": facts.need,
        "filed_at": facts.filed_at.isoformat(),
        "issued_at": facts.issued_at.isoformat(),
        "leaf": facts.leaf,
        "state": facts.state,
        "draws_total": facts.draws_total,
        "draws": [[number, on.strftime("%d/%m/%Y"), placed] for number, on, placed in facts.draws],
        "offers_total": facts.offers_total,
        "offers": [[a.strftime("%d/%m/%Y"), b.strftime("%d/%m/%Y"), end] for a, b, end in facts.offers],
        "taken_away": facts.taken_away,
        "place": facts.place,
        "wait_median_days": facts.wait[0] if facts.wait else None,
        "wait_p90_days": facts.wait[1] if facts.wait else None,
    }
