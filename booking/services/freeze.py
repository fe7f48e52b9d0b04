"""Freeze: one snapshot of the database becomes the list and the capacity of a draw. Nothing else enters it.

Source: allocation.md 5 and 6.1. Rules R-20 and R-21 of docs/regles.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from booking.domain import draw as draw_rules
from booking.domain import slots as slot_rules
from booking.domain import waitlist as wait_rules
from booking.domain.demande import Availability, DemandeState, Half, that_count
from booking.domain.demarche import Family, Lead
from booking.domain.draw import Line
from booking.domain.errors import Conflict
from booking.domain.slots import DrawKind, SlotState
from booking.domain.territory import Territory
from booking.domain.waitlist import FreezeCode, Standing
from booking.ports import World
from booking.services import configuration, convocation, log, persons, voices
from booking.services.result import class_of
from booking.services.transaction import SYSTEM, Transaction, transaction
from booking.store import convocation as convocations
from booking.store import demande as demandes
from booking.store import draw as rows
from booking.store import listed
from booking.store import log as leaves
from booking.store import slots as slot_rows
from booking.store.base import one_snapshot
from booking.store.draw import Batch, BatchState
from booking.store.listed import Listed
from booking.store.slots import Slot

NOTHING_FREED, NOBODY_WAITS = "nothing_freed", "nobody_waits"
SALT_BYTES = 32


def freeze(world: World, batch_id: UUID) -> None:
    """``planned`` → ``frozen``. A nightly draw with nothing to give, or nobody to give it to, is voided instead,
    without a number.

    Raises Conflict('draw_under_way') while another batch of the scope is not finished: the sweep takes it up again, as
    it does while a leaf promised before the hour of the freeze has no position: nobody is left out because a sequencer
    died.
    """
    try:
        _freeze(world, batch_id)
    except IntegrityError as error:  # two at once signed the head of one size, or claimed one scope
        raise Conflict("draw_under_way") from error


def _freeze(world: World, batch_id: UUID) -> None:
    with world.reading() as session:
        waiting = rows.by_id(session, batch_id)
        if waiting is None or waiting.state is not BatchState.PLANNED:
            return
    log.sequence(world)
    with transaction(world) as tx:
        one_snapshot(tx.session)
        batch = rows.by_id(tx.session, batch_id, lock=True)
        if batch is None or batch.state is not BatchState.PLANNED:
            return
        if _promises_wait(tx, batch):
            return
        in_force = configuration.current(tx.session, tx.now)
        territory, family = in_force.territory(batch.territory), in_force.catalogue.families[batch.family]
        slots = capacity(tx.session, tx.now, batch.kind, territory, family)
        if batch.kind is DrawKind.NIGHTLY and (reason := _idle_night(tx, batch, slots)):
            batch.state, batch.voided_reason = BatchState.VOIDED, reason
            return
        rows.claim_scope(tx.session, batch)
        batch.frozen_at, batch.rules = tx.now, in_force.pinned(territory.code)
        batch.log_size = log.publish_head(tx)
        _freeze_slots(tx, batch, slots)
        lines = _freeze_lines(tx, batch, Reach.of(slots, tx.now.astimezone(territory.zone).date(), family.lead))
        batch.root = draw_rules.frozen_root(lines)
        tx.note(SYSTEM, "list_frozen", f"batch:{batch.id}", batch.territory, lines=len(lines), slots=len(slots))
        tx.after("sweep")


def _promises_wait(tx: Transaction, batch: Batch) -> bool:
    oldest = leaves.unsequenced(tx.session, 1)
    return bool(oldest) and oldest[0].promised_at <= batch.planned_at


def capacity(session: Session, now: datetime, kind: DrawKind, territory: Territory, family: Family) -> list[Slot]:
    """The slots that a draw of ``kind`` would freeze now."""
    found = slot_rows.in_scope(session, territory.code, family.code, frozenset({SlotState.OPEN}))
    if kind is DrawKind.MAIN:
        return [slot for slot in found if slot_rules.eligible_for_main(slot, now, territory.zone, family.lead)]
    return [slot for slot in found if slot_rules.eligible_for_nightly(slot, now, family.lead)]


def _idle_night(tx: Transaction, batch: Batch, slots: Sequence[Slot]) -> str | None:
    if not slots:
        return NOTHING_FREED
    return None if demandes.cohort_counts(tx.session, batch.territory, batch.family) else NOBODY_WAITS


def _freeze_slots(tx: Transaction, batch: Batch, slots: Sequence[Slot]) -> None:
    for slot in slots:
        convocation.move(slot, SlotState.COMMITTED)
        if batch.kind is DrawKind.MAIN and slot.published_in_id is None:
            slot.published_in_id = batch.id
    rows.add_slots(tx.session, [{"batch_id": batch.id, "slot_id": s.id, "class_key": class_of(s)} for s in slots])


@dataclass(frozen=True, slots=True)
class Reach:
    """Which classes each weekly half-day of a site reaches. A person reached by letter only needs more days ahead."""

    today: date
    letter_from_on: date
    by_pattern: dict[tuple[str, int, Half], dict[str, date]]

    @classmethod
    def of(cls, slots: Iterable[Slot], today: date, lead: Lead) -> Reach:
        """The reach of a capacity on the day of a freeze."""
        by_pattern: dict[tuple[str, int, Half], dict[str, date]] = defaultdict(dict)
        for slot in slots:
            by_pattern[slot.site, slot.on_date.weekday(), slot.half][class_of(slot)] = slot.on_date
        return cls(today, today + timedelta(days=lead.letter_days), by_pattern)

    def classes(self, availability: Availability, *, by_letter: bool) -> tuple[str, ...]:
        """Texts of the classes that somebody can come to, sorted."""
        from_on = self.letter_from_on if by_letter else self.today
        found = [
            text
            for pattern in availability.patterns
            for text, on in self.by_pattern.get(pattern, {}).items()
            if on >= from_on and on not in availability.excluded_on
        ]
        return tuple(sorted(found))


def _freeze_lines(tx: Transaction, batch: Batch, reach: Reach) -> list[Line]:
    """Every live leaf of the scope, once. A main draw fixes the cohort of whoever is drawn for the first time."""
    number = rows.last_main_number(tx.session, batch.territory, batch.family) + 1
    if batch.kind is DrawKind.MAIN:
        batch.main_number = number
    leaf_of = leaves.first_leaves(tx.session, batch.territory, batch.family)
    found = [one for one in listed.in_scope(tx.session, batch.territory, batch.family) if one.id in leaf_of]
    behind, unaware = _behind(found), _unaware(tx, batch, reach.today)
    lines: list[Line] = []
    written: list[dict[str, Any]] = []
    for demande in found:
        line = _line(tx, demande, behind.get(demande.id, ()), leaf_of, reach, number)
        if line is not None:
            lines.append(line)
            announced = line.code is FreezeCode.DRAWN or demande.id in unaware
            written.append(_row(tx, batch, demande, line) | {"announced": announced})
    rows.add_lines(tx.session, written)
    if batch.kind is DrawKind.MAIN:
        attached = [one for entries in behind.values() for one in entries]
        as_if_alone = [one.id for one in attached if _would_be_drawn(one, reach.today)]
        listed.open_cohort(tx.session, number, batch.id, as_if_alone)
    return lines


def _behind(found: Sequence[Listed]) -> Mapping[UUID, Sequence[Listed]]:
    """Entry → those attached to it."""
    behind: dict[UUID, list[Listed]] = defaultdict(list)
    for demande in found:
        if demande.attached_to_id is not None:
            behind[demande.attached_to_id].append(demande)
    return behind


def _unaware(tx: Transaction, batch: Batch, today: date) -> set[UUID]:
    """Attached entries whose page says that they wait: it says of this draw what that of a lone entry says (R-154)."""
    return {
        entry.id
        for entry, main, held in convocations.behind_attached(tx.session, batch.territory, batch.family)
        if entry.useful_on <= today and voices.seen_state(tx.session, entry, main, held) is DemandeState.WAITING
    }


def _would_be_drawn(demande: Listed, today: date) -> bool:
    """Would this entry be drawn, were it alone? An attached one gets the cohort that it would then have: its page says
    what a lone entry's says, and if its main one is withdrawn it goes on with its own."""
    alone = Standing(demande.state, demande.useful_on, False, demande.cohort)
    return wait_rules.cohort_at_freeze(alone, today, 1) is not None


def _line(
    tx: Transaction,
    demande: Listed,
    attached: Sequence[Listed],
    leaf_of: dict[UUID, bytes],
    reach: Reach,
    number: int,
) -> Line | None:
    standing = Standing(demande.state, demande.useful_on, demande.attached_to_id is not None, demande.cohort)
    found = wait_rules.line_at_freeze(standing, reach.today)
    if found is None:
        return None
    classes: tuple[str, ...] = ()
    if found.code is FreezeCode.DRAWN:
        heard = [entry for entry in (demande, *attached) if entry.revoked_at is None]
        by_letter = all(entry.contact_digest is None for entry in that_count(heard))
        classes = reach.classes(persons.drawn_availability(demande, attached), by_letter=by_letter)
    return Line(
        leaf=leaf_of[demande.id],
        code=found.code,
        priority=demande.priority,
        cohort=wait_rules.cohort_at_freeze(standing, reach.today, number) or 0,
        classes=classes,
        attached=tuple(sorted(leaf_of[entry.id] for entry in attached)),
        salt=tx.world.entropy.token_bytes(SALT_BYTES),
    )


def _row(tx: Transaction, batch: Batch, demande: Listed, line: Line) -> dict[str, Any]:
    return {
        "id": tx.new_id(),
        "batch_id": batch.id,
        "demande_id": demande.id,
        "leaf": line.leaf,
        "code": line.code,
        "priority": line.priority,
        "cohort": line.cohort,
        "classes": list(line.classes),
        "attached": [leaf.hex() for leaf in line.attached],
        "salt": line.salt,
    }
