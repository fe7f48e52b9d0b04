"""Why somebody was placed or not in the last draws, from their own lines and from numbers that everybody may see."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from booking.domain.accounts import Actor
from booking.domain.checks import normalise_reference
from booking.domain.errors import NotFound
from booking.domain.explain import Part
from booking.domain.waitlist import FreezeCode
from booking.ports import World
from booking.services import configuration, persons, waitlist
from booking.services.transaction import transaction
from booking.services.waitlist import UnderWay
from booking.store import convocation as convocations
from booking.store import demande as demandes
from booking.store import draw as draws
from booking.store import strike as strikes
from booking.store.demande import Demande
from booking.store.draw import Batch, BatchLine

LAST_DRAWS = 5


@dataclass(frozen=True, slots=True)
class Explanation:
    """``parts``: the last draws, newest first; ``listed``: the one under way; ``zone``: where their hours are said, and
    ``today`` there."""

    reference: str
    zone: str
    today: date
    listed: UnderWay | None
    parts: tuple[Part, ...]


def explain(world: World, demande_id: UUID) -> Explanation:
    """What the person's own page says. Raises NotFound."""
    with world.reading() as session:
        demande = demandes.by_id(session, demande_id)
        if demande is None:
            raise NotFound("demande")
        return _explanation(world, session, demande)


def explain_for_staff(world: World, typed: str, actor: Actor | str) -> Explanation:
    """The same by reference, as typed, for staff who may act on the demande; journalled. Raises NotFound, Forbidden."""
    with transaction(world) as tx:
        demande = demandes.by_reference(tx.session, normalise_reference(typed) or "")
        if demande is None:
            raise NotFound("demande")
        persons.allow(actor, demande)
        tx.note(actor, "explanation_read", f"demande:{demande.id}", demande.territory)
        return _explanation(world, tx.session, demande)


def _explanation(world: World, session: Session, demande: Demande) -> Explanation:
    now = world.clock.now()
    zone = configuration.current(session, now).territory(demande.territory).zone
    return Explanation(
        reference=demande.reference,
        zone=zone.key,
        today=now.astimezone(zone).date(),
        listed=waitlist.listed_in(world, session, demande),
        parts=tuple(parts(session, demande, LAST_DRAWS, zone)),
    )


def parts(session: Session, demande: Demande, limit: int, zone: ZoneInfo) -> list[Part]:
    """The last draws that list this very demande, newest first; never the lines of another, its main one included."""
    held = {one.batch_id for one in convocations.of_demande(session, demande.id)}
    return [part(session, batch, line, held, zone) for batch, line in draws.parts_of(session, demande.id, limit)]


def part(session: Session, batch: Batch, line: BatchLine, held: set[UUID | None], zone: ZoneInfo) -> Part:
    """One line beside the public numbers of its draw. ``held``: the draws that led to an offer; ``zone``: its days."""
    if batch.number is None or batch.drawn_at is None:
        raise ValueError("a published draw has a number and an hour")
    drawn, given, last_rank = draws.outcome(session, batch.id)
    places = draws.places(session, batch.id)
    struck = strikes.signed_leaf(session, batch.id, line.leaf)
    fits = [places[text] for text in line.classes if text in places]
    return Part(
        number=batch.number,
        kind=batch.kind,
        drawn_at=batch.drawn_at,
        code=FreezeCode(line.code),
        first=line.priority == 0,
        cohort=line.cohort,
        rank=line.rank,
        placed=line.placed_slot_id is not None,
        offered=batch.id in held,
        half_days=len(fits),
        compatible=sum(fits),
        drawn=drawn,
        places=sum(places.values()),
        given=given,
        last_rank=last_rank,
        struck=struck.reason if struck else None,
        struck_on=struck.signed_at.astimezone(zone).date() if struck and struck.signed_at else None,
    )
