"""Somebody files under a name that may be registered already, and learns nothing: page, messages, work done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any
from uuid import UUID

from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from booking.clock import SimulatedClock
from booking.domain.demande import Availability, Contact, Half
from booking.domain.errors import Conflict, NotFound
from booking.domain.identity import BirthDate, Identity
from booking.ports import World
from booking.recent import Kind
from booking.services import codes, convocation, demande, draw, status
from booking.store import outbox
from tests.properties.conftest import Fresh, Place
from tests.support import filings
from tests.support.filings import FAMILY, TERRITORY

NAMES = st.sampled_from(["Martin", "Diallo", "Nguyen", "Haddad", "Le Gall"])
BORN = st.builds(BirthDate, st.integers(1950, 2000), st.just(5), st.just(12))
GIVEN, PLACES, COUNTRIES = (st.sampled_from(found) for found in (["Alix", "Samir"], ["Dax", "Oran"], ["FR", "DZ"]))
PEOPLE = st.builds(Identity, NAMES, GIVEN, BORN, PLACES, COUNTRIES)
BYSTANDER = Identity("Bystander", "Zoe", BirthDate(1949, 1, 1), "Pau", "FR")
"""Whose place in the list and in the numbers the victim takes in the other world."""
HOURS = Availability(frozenset({("mont-de-marsan", day, half) for day in (0, 1) for half in Half}))
OTHER_HOURS = Availability(frozenset({("mont-de-marsan", 1, Half.AM)}))
MINE = {"demande_id", "reference", "link", "code"}
Act = Callable[[World, UUID], object]


def forward(world: World, hours: int) -> None:
    clock = world.clock
    assert isinstance(clock, SimulatedClock)
    clock.advance(timedelta(hours=hours))


VICTIM: dict[str, Act] = {
    "drawn": lambda world, _: draw.run_now(world, TERRITORY, FAMILY, "system"),
    "yes": lambda world, entry: convocation.confirm(world, entry, "page", "usager"),
    "no": lambda world, entry: convocation.decline(world, entry, "page", "usager"),
    "give back": lambda world, entry: convocation.give_back(world, entry, "page", "usager"),
    "silence": lambda world, _: (forward(world, 75), convocation.expire(world)),
    "pause": demande.pause,
    "still needed": demande.still_needed,
    "withdraw": demande.withdraw,
}
AFTER = sorted({*VICTIM} - {"drawn"})
"""Without a draw: a person who waits is drawn, an attached entry with the one that stands for it."""
GUESSER: dict[str, Act] = {
    "looks": lambda world, entry: None,
    "amends": lambda world, entry: demande.amend(world, entry, OTHER_HOURS),
    "speaks Arabic": lambda world, entry: demande.choose_language(world, entry, "ar"),
    "no news": lambda world, entry: demande.switch_news(world, entry, False),
    "still needed": demande.still_needed,
    "pause": demande.pause,
    "yes": lambda world, entry: convocation.confirm(world, entry, "page", "usager"),
    "no": lambda world, entry: convocation.decline(world, entry, "page", "usager"),
    "give back": lambda world, entry: convocation.give_back(world, entry, "page", "usager"),
}


@contextmanager
def counted(place: Place) -> Iterator[list[str]]:
    seen: list[str] = []

    def see(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        seen.append(statement)

    event.listen(place.engine, "before_cursor_execute", see)
    try:
        yield seen
    finally:
        event.remove(place.engine, "before_cursor_execute", see)


def done(act: Act, world: World, entry: UUID) -> str:
    """What an act answers."""
    try:
        act(world, entry)
    except (Conflict, NotFound) as refused:
        return refused.code
    return "done"


@dataclass(frozen=True)
class Guess:
    """One world, where somebody is registered, and the entry of the guesser."""

    place: Place
    registered: UUID
    entry: UUID
    link: str

    def page(self) -> tuple[dict[str, Any], list[str]]:
        """All that their page says, and all that was asked of the database for it."""
        for kind in Kind:  # what is remembered for a second would be asked again in one world only
            self.place.world.recent.forget(kind)
        with counted(self.place) as asked:
            shown = status.status_by_link(self.place.world, self.link)
        return {one.name: getattr(shown, one.name) for one in fields(shown) if one.name not in MINE}, asked

    def messages(self) -> list[str]:
        """What was written to them, by template."""
        with self.place.world.reading() as session:
            return sorted(notice.template for notice in outbox.notices_of(session, self.entry))


def guessed(place: Place, registered: Identity, name: Identity, web: bool, acts: list[str]) -> Guess:
    """``registered`` files and lives; then the guesser files under ``name``, with no stronger proof."""
    world = place.world
    first = filings.by_staff(world, identity=registered, contact=Contact(email="p@exemple.invalid"), availability=HOURS)
    for act in acts:
        done(VICTIM[act], world, first.demande_id)
    forward(world, 1)
    said = {"identity": name, "contact": Contact(email="guesser@exemple.invalid"), "availability": HOURS}
    receipt = filings.by_web(world, **said) if web else filings.by_staff(world, **said)
    if web:
        codes.verify_code(world, receipt.demande_id, filings.code_for(world, receipt.reference))
    return Guess(place, first.demande_id, receipt.demande_id, receipt.link)


LATER = st.one_of(
    st.tuples(st.just("victim"), st.sampled_from(AFTER)),
    st.tuples(st.just("guesser"), st.sampled_from(sorted(GUESSER))),
)


@given(
    victim=PEOPLE,
    web=st.booleans(),
    before=st.lists(st.sampled_from(sorted(VICTIM)), max_size=4),
    later=st.lists(LATER, max_size=5),
)
@example(victim=filings.AMINATA, web=True, before=["drawn", "yes"], later=[("victim", "withdraw")])
@example(victim=filings.AMINATA, web=False, before=["pause"], later=[("guesser", "pause")])
@example(victim=filings.AMINATA, web=False, before=["drawn", "silence"], later=[("guesser", "pause")])
@example(victim=filings.AMINATA, web=False, before=["drawn"], later=[("victim", "silence")])
@example(
    victim=filings.AMINATA,
    web=False,
    before=[],
    later=[("guesser", "pause"), ("victim", "silence"), ("victim", "pause")],
)
@example(victim=filings.AMINATA, web=True, before=["drawn"], later=[("guesser", "pause"), ("guesser", "still needed")])
@settings(max_examples=settings.default.max_examples // 5)
def test_an_attached_entry_is_invisible_to_a_guesser(
    fresh: Fresh, victim: Identity, web: bool, before: list[str], later: list[tuple[str, str]]
) -> None:
    """R-34: the victim is registered in one world and not in the other; the guesser's entry cannot tell which it is."""
    with ExitStack() as stack:
        here, elsewhere = (
            guessed(stack.enter_context(fresh()), registered, victim, web, before) for registered in (victim, BYSTANDER)
        )
        assert here.page() == elsewhere.page()
        for who, act in later:
            answers = []
            for one in (here, elsewhere):
                acts, entry = (VICTIM, one.registered) if who == "victim" else (GUESSER, one.entry)
                answers.append(done(acts[act], one.place.world, entry))
            assert who == "victim" or answers[0] == answers[1], act
            assert here.page() == elsewhere.page()
            assert here.messages() == elsewhere.messages()
