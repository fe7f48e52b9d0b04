"""The dossier of a demande for a judge: rules then in force, draws, notices and acts, in one French paper.

From rows that are never edited: journal, batches, outbox. No message text, no contact, no secret, nobody else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from booking.domain.accounts import Actor
from booking.domain.checks import normalise_reference
from booking.domain.draw import commitment_hash
from booking.domain.errors import NotFound, Unavailable
from booking.ports import World
from booking.services import configuration, persons
from booking.services.convocation import STANDING
from booking.services.documents import PDF, Document
from booking.services.explain import part
from booking.services.guichet import spoken_name
from booking.services.transaction import transaction
from booking.store import convocation as convocations
from booking.store import demande as demandes
from booking.store import draw as draws
from booking.store import journal, outbox, slots
from booking.store import log as leaves
from booking.store import strike as strikes
from booking.store.convocation import Convocation
from booking.store.demande import Demande
from booking.store.draw import Batch, BatchLine
from booking.store.strike import Strike

SAID = ("reason", "by", "demotion", "document", "channel", "state", "before", "outcome")
"""Details of a journal row that are codes about this very demande; others may name other rows."""
_ALL = 1000
_AT_ONE_INSTANT = ("strike", "offer", "act", "notice")
"""What one transaction writes, in the order in which people understand it; a filing stands before all of it."""

_Event = tuple[datetime, str, str, dict[str, str]]
Parts = Sequence[tuple[Batch, BatchLine]]


def dossier(world: World, typed: str, actor: Actor | str) -> Document:
    """The dossier of the demande with this reference, as typed; journalled. Raises NotFound, Forbidden."""
    with transaction(world) as tx:
        demande = demandes.by_reference(tx.session, normalise_reference(typed) or "")
        if demande is None:
            raise NotFound("demande")
        persons.allow(actor, demande)
        data = _data(world, tx.session, demande)
        tx.note(actor, "dossier_printed", f"demande:{demande.id}", demande.territory)
    return Document(f"dossier-{demande.reference}.pdf", PDF, world.render.pdf("dossier", data))


def _data(world: World, session: Session, demande: Demande) -> dict[str, Any]:
    now = world.clock.now()
    territory = configuration.current(session, now).territory(demande.territory)
    held = convocations.of_demande(session, demande.id)
    taken_part = draws.parts_of(session, demande.id, _ALL)[::-1]
    return {
        "lang": "fr",
        "zone": territory.zone.key,
        "issuer": territory.certificate.name,
        "demonstration": world.demonstration,
        "reference": demande.reference,
        "name": _name(world, demande),
        "territory": territory.name,
        "issued_at": now.isoformat(),
        "filed_at": demande.filed_at.isoformat(),
        "channel": str(demande.channel),
        "state": str(demande.state),
        "leaves": [entry.leaf.hex() for entry in leaves.entries_of(session, demande.id)],
        "rules": _rules(session, demande, [batch for batch, _ in taken_part]),
        "draws": [_draw(session, batch, line, held, territory.zone) for batch, line in taken_part],
        "events": _events(session, demande, held, taken_part, territory.zone),
    }


def _name(world: World, demande: Demande) -> str:
    try:
        return spoken_name(persons.identity_of(world, demande))
    except Unavailable:  # erased: the facts stay
        return ""


def _rules(session: Session, demande: Demande, batches: Iterable[Batch]) -> list[dict[str, Any]]:
    """Versions in force at the filing and at each draw, each once, in the order of their first use."""
    used = [configuration.in_force_at(session, demande.filed_at).pinned(demande.territory)]
    used += [batch.rules for batch in batches if batch.rules]
    found = {(name, version["number"]): version for rules in used for name, version in rules.items()}
    return [{"name": name, **version} for (name, _), version in found.items()]


def _draw(
    session: Session, batch: Batch, line: BatchLine, held: Iterable[Convocation], zone: ZoneInfo
) -> dict[str, Any]:
    seen = part(session, batch, line, {one.batch_id for one in held}, zone)
    own = strikes.signed_leaf(session, batch.id, line.leaf)
    return {
        "number": seen.number,
        "kind": str(seen.kind),
        "frozen": _local(batch.frozen_at, zone),
        "drawn": _local(batch.drawn_at, zone),
        "published": _local(batch.published_at, zone),
        "commitment": commitment_hash(batch.commitment or b"").hex(),
        "bundle": (batch.bundle_hash or b"").hex(),
        "source": batch.beacon_source,
        "round": batch.beacon_round,
        "leaf": line.leaf.hex(),
        "code": str(seen.code),
        "first": seen.first,
        "cohort": seen.cohort,
        "rank": seen.rank,
        "why": str(seen.why),
        "compatible": seen.compatible,
        "lines_drawn": seen.drawn,
        "places": seen.places,
        "given": seen.given,
        "last_rank": seen.last_rank,
        "replaced": [(one.replaced_hash or b"").hex() for one in strikes.signed(session, batch.id)],
        "struck": _struck(own, zone) if own else None,
    }


def _struck(own: Strike, zone: ZoneInfo) -> dict[str, str]:
    """Why the line was taken out of its draw, and when each of the two signed."""
    return {"reason": own.reason, "asked": _local(own.asked_at, zone), "signed": _local(own.signed_at, zone)}


def _corrections(session: Session, taken_part: Parts, zone: ZoneInfo) -> list[_Event]:
    """Each correction of a draw that lists the demande, with the public results before and after it."""
    found: list[_Event] = []
    for batch, line in taken_part:
        rows = strikes.signed(session, batch.id)
        results = [*(row.replaced_hash for row in rows), batch.bundle_hash]
        for row, result in zip(rows, results[1:], strict=True):
            details = {
                "reason": row.reason,
                "own": "own" if row.leaf == line.leaf else "other",
                "draw": str(batch.number),
                "first": _local(row.asked_at, zone),
                "old": (row.replaced_hash or b"").hex(),
                "new": (result or b"").hex(),
            }
            found.append((row.signed_at or row.asked_at, "strike", row.reason, details))
    return found


def _events(
    session: Session, demande: Demande, held: Iterable[Convocation], taken_part: Parts, zone: ZoneInfo
) -> list[dict[str, Any]]:
    """What happened, oldest first: acts of the journal, offers, corrections of a draw, messages."""
    about = {f"demande:{demande.id}", *(f"convocation:{one.id}" for one in held)}
    found: list[_Event] = [
        (row.at, "act", row.verb, {name: str(row.details[name]) for name in SAID if row.details.get(name)})
        for row in journal.about(session, about)
    ]
    found += [(one.offered_at, "offer", _slot(session, one, zone), {}) for one in held]
    found += [(one.answered_at, "act", STANDING, {}) for one in held if one.answered_at and one.answered_by == STANDING]
    found += _corrections(session, taken_part, zone)
    for notice in outbox.notices_of(session, demande.id):
        sent = {"sent": _local(notice.sent_at, zone), "failed": notice.failure if notice.failed_at else None}
        details = {"channel": notice.channel, **{name: value for name, value in sent.items() if value}}
        found.append((notice.created_at, "notice", notice.template, details))
    found.sort(key=lambda event: (event[0], event[2] != "demande_filed", _AT_ONE_INSTANT.index(event[1])))
    return [{"at": _local(at, zone), "kind": kind, "what": what, "details": said} for at, kind, what, said in found]


def _slot(session: Session, held: Convocation, zone: ZoneInfo) -> str:
    slot = slots.by_id(session, held.slot_id)
    return _local(slot.start_at, zone) if slot else ""


def _local(at: datetime | None, zone: ZoneInfo) -> str:
    return at.astimezone(zone).strftime("%d/%m/%Y %H:%M") if at else ""
