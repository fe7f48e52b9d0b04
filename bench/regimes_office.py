"""One territory and family lived through day by day, with the rules of booking.domain and invented people.

Which slots exist and which draw takes them, who is drawn in which cohort, order and match, deadlines, pauses, absences,
standby, urgent slots: all is asked of ``booking.domain``; only people's habits are made up here, and holidays left out.
"""

from __future__ import annotations

import heapq
import random
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256

from bench.regimes_people import Habits, NoHolidays, Person, Rules, Scene, SimSlot
from booking.domain import convocation, demande, draw, guichet, slots, standby, waitlist
from booking.domain.convocation import Consequence
from booking.domain.demande import Availability, DemandeState
from booking.domain.draw import Line
from booking.domain.guichet import Outcome
from booking.domain.slots import DrawKind, PlannedDraw, SlotState
from booking.domain.waitlist import FreezeCode, Pause, PauseReason, Standing

CALLS_AT = time(9)
FAR_DEADLINE = 10**6


def never(on: date) -> bool:
    return False


class Office:
    """``run`` lives the scene; afterwards ``people`` and ``slots`` tell what became of everybody and everything."""

    def __init__(self, scene: Scene, rules: Rules, habits: Habits, seed: int) -> None:
        self.scene, self.rules, self.habits, self.seed = scene, rules, habits, seed
        self.chance = random.Random(f"office:{seed}")
        self.people: list[Person] = []
        self.slots: list[SimSlot] = []
        self.ahead: list[SimSlot] = []
        """The slots that are not over yet."""
        self.live: dict[int, Person] = {}
        self.order: list[Person] = []
        self.listed: dict[bytes, tuple[Person, Line]] = {}
        """The lines of the last draw of those who ticked “short notice”."""
        self.main_number = 0
        self.left_over = False
        self.received_outside = 0
        self.now = datetime.combine(scene.start_on, time(), tzinfo=UTC)
        self._events: list[tuple[datetime, int, Callable[[], None]]] = []
        self._counter = 0
        self.on_morning: Callable[[], None] = lambda: None
        self.at_filing: Callable[[Person], None] = lambda person: None
        self.on_file: Callable[[Person], None] = lambda person: None
        self.on_offer: Callable[[Person, SimSlot], bool] = lambda person, slot: False
        self.on_visit: Callable[[Person, SimSlot], bool] = lambda person, slot: False

    # --- time ------------------------------------------------------------------------------------------------

    def at(self, when: datetime, act: Callable[[], None]) -> None:
        """Do ``act`` at ``when``; events of one instant keep the order in which they were asked for."""
        self._counter += 1
        heapq.heappush(self._events, (max(when, self.now), self._counter, act))

    def local(self, on: date, clock: time) -> datetime:
        return slots.at_utc(on, clock, self.scene.territory.zone)

    def today(self) -> date:
        return self.now.astimezone(self.scene.territory.zone).date()

    def run(self) -> Office:
        """Live from the first day to the last."""
        scene = self.scene
        until_on = scene.start_on + timedelta(weeks=scene.weeks)
        for planned in slots.draw_dates(scene.family, scene.territory, scene.start_on, until_on, NoHolidays()):
            self.at(planned.freeze_at, lambda planned=planned: self._freeze(planned))  # type: ignore[misc]
        for index in range((until_on - scene.start_on).days):
            calls_at = self.local(scene.start_on + timedelta(days=index), CALLS_AT)
            self.at(calls_at, lambda: self.on_morning())
        while self._events:
            self.now, _, act = heapq.heappop(self._events)
            if self.now.date() > until_on:
                break
            act()
        return self

    # --- people ----------------------------------------------------------------------------------------------

    def file(self, person: Person) -> None:
        """A person is admitted now and waits."""
        person.number = len(self.people)
        person.leaf = sha256(f"{self.seed}:{person.number}".encode()).digest()
        person.filed_at = person.last_sign_at = self.now
        self.people.append(person)
        self.live[person.number] = person
        self.move(person, DemandeState.WAITING)
        if person.deadline_on:
            self.at(self.local(person.deadline_on, time(18)), lambda: self._lapse(person))
        if person.leaves_at:
            self.at(person.leaves_at, lambda: self._leave(person))
        if self.rules.instant:
            self.at_filing(person)
        self.on_file(person)

    def move(self, person: Person, state: DemandeState) -> None:
        demande.check_transition(person.state, state)
        person.state = state
        if state in (DemandeState.SERVED, DemandeState.WITHDRAWN, DemandeState.CLOSED):
            self.live.pop(person.number, None)
            person.ended_at = self.now

    def withdraw(self, person: Person) -> None:
        """The need is over; a slot that was held is free again."""
        if person.number not in self.live:
            return
        slot, person.slot = person.slot, None
        self.move(person, DemandeState.WITHDRAWN)
        if slot is not None:
            self._free(slot)

    def _leave(self, person: Person) -> None:
        if person.state in (DemandeState.WAITING, DemandeState.PAUSED):
            self.withdraw(person)

    def _lapse(self, person: Person) -> None:
        person.lapsed = person.number in self.live

    def _apply(self, person: Person, consequence: Consequence) -> None:
        if not consequence.keeps_cohort:
            person.cohort = None
        if consequence.priority_zero:
            person.priority = 0
        self.move(person, consequence.state)

    # --- the draw --------------------------------------------------------------------------------------------

    def _freeze(self, planned: PlannedDraw) -> None:
        takes = self._for_main if planned.kind is DrawKind.MAIN else self._for_nightly
        taken = [slot for slot in self.open_slots() if takes(slot)]
        if planned.kind is DrawKind.NIGHTLY and not taken:
            return
        self.main_number += planned.kind is DrawKind.MAIN
        by_class: dict[str, list[SimSlot]] = defaultdict(list)
        for slot in taken:
            slot.move(SlotState.COMMITTED)
            slot.published_in_id = slot.published_in_id or self.main_number
            by_class[slot.class_text].append(slot)
        lines = self._lines(planned, by_class)
        self.at(planned.draw_at, lambda: self._draw(planned, lines, by_class))

    def _for_main(self, slot: SimSlot) -> bool:
        lead, zone = self.scene.family.lead, self.scene.territory.zone
        left_over = self.rules.main_takes_left_over and slots.eligible_for_nightly(slot, self.now, lead)
        return left_over or slots.eligible_for_main(slot, self.now, zone, lead)

    def _for_nightly(self, slot: SimSlot) -> bool:
        wanted = self.rules.nightly and (slot.freed_at is not None or self.rules.nightly_left_over)
        return wanted and slots.eligible_for_nightly(slot, self.now, self.scene.family.lead)

    def _lines(self, planned: PlannedDraw, by_class: dict[str, list[SimSlot]]) -> dict[bytes, tuple[Person, Line]]:
        number = self.main_number + (planned.kind is DrawKind.NIGHTLY)
        today = self.today()
        wishes_of: dict[Availability, tuple[str, ...]] = {}
        lines = {}
        for person in self.live.values():
            cohort = self._cohort_if_drawn(person, today, number)
            if cohort is None:
                continue
            if planned.kind is DrawKind.MAIN:
                person.cohort = cohort
            if not person.availability.patterns:
                continue  # parked: it ages, and nothing can be given to it
            wishes = wishes_of.get(person.availability)
            if wishes is None:
                wishes = tuple(sorted(text for text, group in by_class.items() if person.can_come(group[0])))
                wishes_of[person.availability] = wishes
            if not wishes and not person.availability.short_notice:
                continue  # drawn, ranked, and nothing can be given to them: half of a night's list
            rank_group = self._rank_group(person, cohort)
            lines[person.leaf] = person, Line(person.leaf, "W", person.priority, rank_group, wishes, (), b"")
        return lines

    def _cohort_if_drawn(self, person: Person, today: date, number: int) -> int | None:
        """What the rules say of a person at a freeze; asked again only when something about the person changed."""
        standing = (person.state, person.attached, person.cohort)
        if person.cohort is None or person.drawn_as != standing:
            now = Standing(person.state, person.useful_on, person.attached, person.cohort)
            found = waitlist.line_at_freeze(now, today)
            if found is None or found.code is not FreezeCode.DRAWN:
                return None
            person.drawn_as = standing
            return waitlist.cohort_at_freeze(now, today, number)
        return person.cohort

    def _rank_group(self, person: Person, cohort: int) -> int:
        """The cohort, or what a counterfactual order puts in its place."""
        if self.rules.order == "lottery":
            return 1
        if self.rules.order == "deadline":
            return person.declared_deadline_on.toordinal() if person.declared_deadline_on else FAR_DEADLINE + cohort
        return cohort

    def _draw(
        self, planned: PlannedDraw, lines: dict[bytes, tuple[Person, Line]], by_class: dict[str, list[SimSlot]]
    ) -> None:
        seed = sha256(f"{self.seed}:{planned.kind}:{planned.on_date}".encode()).digest()
        capacity = {text: [slot.place for slot in found] for text, found in by_class.items()}
        outcome = draw.run((line for _, line in lines.values()), capacity, seed)
        found = {(text, slot.place): slot for text, group in by_class.items() for slot in group}
        for leaf, placed in sorted(outcome.placed.items(), key=lambda item: outcome.ranks[item[0]]):
            person, slot = lines[leaf][0], found.pop((placed.class_text, placed.place))
            if person.state is DemandeState.WAITING:
                self._offer(person, slot)
            else:
                self._free(slot)
        for slot in found.values():
            slot.move(SlotState.OPEN)
        self.order = [lines[leaf][0] for leaf in sorted(outcome.ranks, key=outcome.ranks.__getitem__)]
        self.listed = {leaf: pair for leaf, pair in lines.items() if pair[0].availability.short_notice}
        if planned.kind is DrawKind.MAIN:
            self.left_over = bool(found)

    def open_slots(self) -> list[SimSlot]:
        return [slot for slot in self.ahead if slot.state is SlotState.OPEN and slot.start_at > self.now]

    def compatible(self, slot: SimSlot) -> list[Person]:
        """People waiting now who can come to ``slot``: the number that every bundle publishes."""
        return [p for p in self.live.values() if p.state is DemandeState.WAITING and p.can_come(slot)]

    # --- offer and answer ------------------------------------------------------------------------------------

    def _offer(self, person: Person, slot: SimSlot) -> None:
        slot.move(SlotState.OFFERED)
        self.move(person, DemandeState.OFFERED)
        person.slot, person.priority = slot, 1
        person.dated_at = person.dated_at or self.now
        person.offers += 1
        zone = self.scene.territory.zone
        deadline_at = convocation.offer_deadline(self.now, slot.start_at, zone, never)
        self.at(deadline_at, lambda: self._expire(person, slot))
        if self.on_offer(person, slot):
            return
        if person.answers:
            hours = self.chance.expovariate(1 / self.habits.answer_h)
            says_no = self.chance.random() < self.habits.refuses
            act = self.decline if says_no else self.confirm
            self.at(self.now + timedelta(hours=hours), lambda: act(person, slot))

    def _expire(self, person: Person, slot: SimSlot) -> None:
        if person.slot is not slot or person.state is not DemandeState.OFFERED:
            return
        person.slot = None
        self._free(slot)
        if self.rules.pause:
            self.fall_silent(person)
        else:
            self.move(person, DemandeState.WAITING)

    def fall_silent(self, person: Person) -> None:
        pause = person.pause = Pause(PauseReason.SILENCE, self.now, person.silences)
        person.silences += 1
        self._apply(person, convocation.after_silence())
        if person.still_needed_days is not None:
            back_at = self.now + timedelta(days=person.still_needed_days)
            self.at(back_at, lambda: self.still_needed(person, pause))
        self.at(pause.closes_at, lambda: self._close(person, pause))

    def still_needed(self, person: Person, pause: Pause) -> None:
        """The person says so: drawn again, with the old cohort or a new one."""
        if person.pause is not pause or person.state is not DemandeState.PAUSED:
            return
        if not waitlist.keeps_cohort(pause, self.now):
            person.cohort = None
        person.pause, person.last_sign_at = None, self.now
        self.move(person, DemandeState.WAITING)

    def _close(self, person: Person, pause: Pause) -> None:
        if person.pause is pause and person.state is DemandeState.PAUSED:
            self.move(person, DemandeState.CLOSED)

    def confirm(self, person: Person, slot: SimSlot) -> None:
        """Yes to an offer that still stands."""
        if person.slot is not slot or person.state is not DemandeState.OFFERED:
            return
        slot.move(SlotState.CONFIRMED)
        self.move(person, DemandeState.CONFIRMED)
        person.last_sign_at = self.now
        self.at(slot.start_at, lambda: self._visit(person, slot))
        if not person.fake and self.chance.random() < self.habits.gives_back:
            when = self.now + (slot.start_at - self.now) * self.chance.random()
            self.at(when, lambda: self.give_back(person, slot))

    def decline(self, person: Person, slot: SimSlot) -> None:
        """No to an offer that still stands."""
        if person.slot is slot and person.state is DemandeState.OFFERED:
            self._refuse(person, slot)

    def give_back(self, person: Person, slot: SimSlot) -> None:
        """A confirmed place is given back before its hour; it counts as a refusal."""
        if person.slot is slot and person.state is DemandeState.CONFIRMED and slot.start_at > self.now:
            self._refuse(person, slot)

    def _refuse(self, person: Person, slot: SimSlot) -> None:
        person.slot = None
        person.last_sign_at = self.now
        self._free(slot)
        was_confirmed = person.state is DemandeState.CONFIRMED
        self._apply(person, convocation.after_refusal(person.refusals))
        person.refusals += 1
        if was_confirmed and slot.start_at - self.now < timedelta(hours=self.scene.family.lead.nightly_h):
            self._ask_proof(person)

    def _ask_proof(self, person: Person) -> None:
        """The amended rule: after a place that nobody could use, somebody must see or hear the person first."""
        if not self.rules.unused_needs_proof:
            return
        pause = person.pause = Pause(PauseReason.ASKED, self.now, 0)
        self.move(person, DemandeState.PAUSED)
        if not person.fake and self.chance.random() < self.habits.proves:
            self.at(self.now + timedelta(days=self.chance.uniform(1, 10)), lambda: self.still_needed(person, pause))
        self.at(pause.closes_at, lambda: self._close(person, pause))

    def _free(self, slot: SimSlot) -> None:
        slot.move(SlotState.OPEN if slot.start_at > self.now else SlotState.LOST)
        slot.freed_at = self.now

    # --- the day ---------------------------------------------------------------------------------------------

    def standby(self, slot: SimSlot) -> list[Person]:
        """Who is called for ``slot``, in order: whoever ticked short notice and can come."""
        if self.rules.standby_order == "draw":
            return [person for person in self.order if self._may_be_called(person, slot)]
        lines = [line for person, line in self.listed.values() if self._may_be_called(person, slot)]
        comes_up_at = standby.comes_up_at(slot.start_at, slot.freed_at, self.scene.family.lead)
        place = standby.place_bytes("", slot.site, slot.guichet, slot.start_at, comes_up_at)
        seed = standby.seed(place, f"{self.seed}:{standby.round_at(comes_up_at)}".encode())
        of_cohort = self.rules.standby_order == "cohort"
        ordered = draw.order(lines, seed) if of_cohort else standby.order(lines, seed, self.rules.group)
        return [self.listed[line.leaf][0] for line in ordered]

    def first_for(self, slot: SimSlot) -> list[Person]:
        """Those of whom one will be called first, as far as it can be known before the place is free."""
        if self.rules.standby_order == "draw":
            return self.standby(slot)[:1]
        lines = [line for person, line in self.listed.values() if self._may_be_called(person, slot)]
        oldest_first = sorted(lines, key=lambda line: (line.priority, line.cohort))
        if not oldest_first:
            return []
        if self.rules.standby_order == "cohort":
            known = [line for line in oldest_first if line.cohort == oldest_first[0].cohort]
        else:
            known = list(standby.first_group(oldest_first, size=self.rules.group))
        return [self.listed[line.leaf][0] for line in known]

    def _may_be_called(self, person: Person, slot: SimSlot) -> bool:
        return person.state is DemandeState.WAITING and person.availability.short_notice and person.can_come(slot)

    def appoint(self, person: Person, slot: SimSlot) -> None:
        """An appointment at once: standby, urgent slot, assignment at filing."""
        slot.move(SlotState.OFFERED)
        self.move(person, DemandeState.OFFERED)
        person.slot, person.priority = slot, 1
        person.dated_at = person.dated_at or self.now
        self.confirm(person, slot)

    def receive_outside(self, person: Person) -> None:
        """U0: at the counter, today, without a slot."""
        self.received_outside += 1
        person.served_at = self.now
        self.move(person, DemandeState.SERVED)

    def _visit(self, person: Person, slot: SimSlot) -> None:
        if person.slot is not slot or person.state is not DemandeState.CONFIRMED:
            return
        if self.on_visit(person, slot):
            return
        if person.fake or self.chance.random() < self.habits.absent:
            self.send_back(person, slot, Outcome.ABSENCE)
            self._ask_proof(person)
        else:
            self.serve(person, slot, person)

    def send_back(self, person: Person, slot: SimSlot, outcome: Outcome) -> None:
        """The visit did not take place: the slot is lost."""
        slot.move(SlotState.LOST)
        person.slot = None
        self.move(person, DemandeState.ABSENT)
        self._apply(person, guichet.after_visit(outcome))

    def serve(self, holder: Person, slot: SimSlot, received: Person) -> None:
        """The slot is used; ``received`` is who came, ``holder`` whose entry it was."""
        slot.move(SlotState.USED)
        slot.used_by = received
        received.served_at = self.now
        self.move(holder, DemandeState.SERVED)
        if received is not holder:
            holder.slot = None
            self.withdraw(received)
