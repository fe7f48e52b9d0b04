"""Whatever people, staff and time do, in whatever order: no slot twice, no person two live offers in a family."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from datetime import timedelta
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import or_, select

from booking.clock import SimulatedClock
from booking.domain.accounts import Role
from booking.domain.demande import LIVE_STATES, Availability, Contact, DemandeState, Half
from booking.domain.errors import Conflict, NotFound
from booking.domain.identity import BirthDate, Identity
from booking.domain.slots import SlotState
from booking.ports import World
from booking.services import bundles, checks, codes, convocation, demande, draw, leaves, log, slots, strike
from booking.store.convocation import LIVE_HOLDING, SLOT_TAKEN, Convocation
from booking.store.demande import Demande
from booking.store.draw import Batch, BatchLine, BatchSlot, BatchState
from booking.store.slots import Slot
from tests.properties.conftest import Fresh
from tests.support import filings
from tests.support.fakes import START
from tests.support.filings import FAMILY, TERRITORY

PLACES = 3
"""Left of the slots that are planned at the start: fewer than people. The weeks that follow bring more."""
FAR_DAYS = 20
LETTERS = "abcd"
NUMBER = st.integers(0, 20)
EVERY_DAY = Availability(frozenset({("mont-de-marsan", day, half) for day in range(5) for half in Half}))
HOLDING = {DemandeState.OFFERED, DemandeState.CONFIRMED}


def person(letter: str) -> Identity:
    """Near enough to each other for an agent who corrects a spelling to make two of them one."""
    return Identity(f"Personne{letter}", "Alix", BirthDate(1980, 5, 12), "Dax", "FR")


def corrected(world: World, entry: UUID) -> None:
    confirms = frozenset({"birth_date", "birth_place", "given_names"})
    checks.correct_identity(world, entry, person("a"), filings.agent(world), "passport", confirms)


Verbs = dict[str, Callable[[World, UUID], object]]
ANSWERS: Verbs = {
    "yes": lambda world, entry: convocation.confirm(world, entry, "page", "usager"),
    "no": lambda world, entry: convocation.decline(world, entry, "page", "usager"),
    "give back": lambda world, entry: convocation.give_back(world, entry, "page", "usager"),
}
WORDS: Verbs = {
    "pause": demande.pause,
    "still needed": demande.still_needed,
    "withdraw": demande.withdraw,
    "passport": lambda world, entry: checks.document_seen(world, entry, filings.agent(world), "passport"),
    "spelling": corrected,
}


class Lives(RuleBasedStateMachine):
    """Four people, who file as often as they like, for three places; each act is refused or done, never half done."""

    fresh: Fresh

    @initialize()
    def begin(self) -> None:
        self.stack = ExitStack()
        self.world = self.stack.enter_context(self.fresh()).world
        self.entries: list[UUID] = []
        with self.world.sessions() as session:
            planned = select(Slot).where(Slot.family == FAMILY, Slot.urgent.is_(False)).order_by(Slot.start_at)
            far = [slot for slot in session.scalars(planned) if slot.start_at > START + timedelta(days=FAR_DAYS)]
            for slot in session.scalars(planned):
                if slot not in far[:PLACES]:
                    slot.state = SlotState.USED  # planning leaves what is over alone
        for letter in LETTERS:
            self.enter(letter, web=False)

    def teardown(self) -> None:
        log.sequence(self.world)
        assert list(bundles.faults(self.world)) == []
        assert list(leaves.faults(self.world)) == []
        assert log.verify(self.world).broken_at is None
        self.stack.close()

    def enter(self, letter: str, *, web: bool) -> None:
        said = {
            "identity": person(letter),
            "contact": Contact(email=f"p{len(self.entries)}@exemple.invalid"),
            "availability": EVERY_DAY,
        }
        receipt = filings.by_web(self.world, **said) if web else filings.by_staff(self.world, **said)
        if web:
            codes.verify_code(self.world, receipt.demande_id, filings.code_for(self.world, receipt.reference))
        self.entries.append(receipt.demande_id)

    @rule(letter=st.sampled_from(LETTERS), web=st.booleans())
    def file_again(self, letter: str, web: bool) -> None:
        self.enter(letter, web=web)

    @rule(number=NUMBER, verb=st.sampled_from(sorted(ANSWERS)))
    def answer(self, number: int, verb: str) -> None:
        """An entry of somebody who holds a place."""
        with self.world.reading() as session:
            holders = session.scalars(select(Convocation.demande_id).where(Convocation.state.in_(LIVE_HOLDING))).all()
            theirs = or_(Demande.id.in_(holders), Demande.attached_to_id.in_(holders))
            found = session.scalars(select(Demande.id).where(theirs).order_by(Demande.id)).all()
        with suppress(Conflict, NotFound):
            if found:
                ANSWERS[verb](self.world, found[number % len(found)])

    @rule(number=NUMBER, verb=st.sampled_from(sorted(WORDS)))
    def say(self, number: int, verb: str) -> None:
        with suppress(Conflict, NotFound):
            WORDS[verb](self.world, self.entries[number % len(self.entries)])

    @rule()
    def draw_now(self) -> None:
        with suppress(Conflict):
            draw.run_now(self.world, TERRITORY, FAMILY, "system")

    @rule(hours=st.sampled_from([1, 3, 24, 49]))
    def time_passes(self, hours: int) -> None:
        """The night's draw and the week's are planned, and go on, when their hours have come."""
        clock = self.world.clock
        assert isinstance(clock, SimulatedClock)
        clock.advance(timedelta(hours=hours))
        slots.plan(self.world)
        for batch_id in draw.due(self.world):
            draw.advance(self.world, batch_id)
        convocation.expire(self.world)
        demande.expire(self.world)
        log.sequence(self.world)

    @rule(number=NUMBER, of_leaf=st.booleans())
    def strike(self, number: int, of_leaf: bool) -> None:
        """Two supervisors take a line, or a place, out of the newest draw that is over."""
        one, two = (filings.agent(self.world, Role.SUPERVISOR) for _ in range(2))
        with self.world.reading() as session:
            over = select(Batch.id).where(Batch.state == BatchState.OFFERED).order_by(Batch.number.desc())
            batch_id = session.scalars(over).first()
            places = select(BatchSlot.slot_id).where(BatchSlot.batch_id == batch_id).order_by(BatchSlot.slot_id)
            drawn = select(BatchLine.leaf).where(BatchLine.batch_id == batch_id, BatchLine.code == "W")
            inputs = session.scalars(drawn.order_by(BatchLine.leaf) if of_leaf else places).all()
        with suppress(Conflict):
            if batch_id is not None and inputs:
                chosen = inputs[number % len(inputs)]
                if isinstance(chosen, bytes):
                    asked = strike.ask_leaf(self.world, one, TERRITORY, batch_id, chosen.hex(), "double_chance")
                else:
                    asked = strike.ask_place(self.world, one, TERRITORY, batch_id, chosen, "place_not_there")
                strike.countersign(self.world, two, TERRITORY, asked)

    @invariant()
    def one_slot_one_holder_one_person_one_offer(self) -> None:
        with self.world.reading() as session:
            found = session.execute(
                select(Convocation, Demande, Slot)
                .join(Demande, Demande.id == Convocation.demande_id)
                .join(Slot, Slot.id == Convocation.slot_id)
            ).all()
            live = session.scalars(select(Demande).where(Demande.state.in_(LIVE_STATES))).all()
            given = session.scalars(
                select(Slot.id).where(Slot.state.in_([SlotState.OFFERED, SlotState.CONFIRMED]))
            ).all()
        taken = Counter(slot.id for held, _, slot in found if held.state in SLOT_TAKEN)
        holds = [(demande, slot) for held, demande, slot in found if held.state in LIVE_HOLDING]
        people = Counter((demande.person_id, demande.family) for demande, _ in holds)
        mains = Counter((one.person_id, one.family) for one in live if one.person_id and not one.attached_to_id)
        assert {*taken.values(), *people.values(), *mains.values()} <= {1}
        assert {slot.id for _, slot in holds} == {*given}
        assert {demande.id for demande, _ in holds} == {one.id for one in live if one.state in HOLDING}


def test_no_slot_twice_and_no_person_two_live_offers(fresh: Fresh) -> None:
    """R-22, R-30: a second entry, a take-over, a correction, a struck input and the night's draw included."""
    Lives.fresh = staticmethod(fresh)
    few = settings.default.max_examples // 5
    run_state_machine_as_test(Lives, settings=settings(max_examples=few, stateful_step_count=25))
