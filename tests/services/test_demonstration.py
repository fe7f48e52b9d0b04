"""The demonstration's people and when their past is lived. Living through it whole is a journey (tests/journeys)."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from booking.clock import SimulatedClock
from booking.domain.demande import Channel, Contact
from booking.domain.errors import Forbidden
from booking.ports import World
from booking.services import demonstration, demonstration_accounts
from booking.services import demonstration_people as people
from booking.store.demande import Demande
from tests.support import filings

FIRST_ON = date(2026, 11, 6)


def test_the_same_hundred_people_on_every_machine() -> None:
    found = people.needs(FIRST_ON)
    assert found == people.needs(FIRST_ON)
    assert 100 < len(found) < 200
    assert len({need.key for need in found}) == len(found)
    assert set(Counter(need.channel for need in found)) == set(Channel)
    assert {need.filing.lang for need in found} == {"fr", "en", "ar"}
    assert len({need.filing.identity.birth_country for need in found}) > 12


def test_there_are_one_name_people_unknown_days_shared_mailboxes_and_people_nobody_can_reach() -> None:
    found = people.needs(FIRST_ON)
    mails = Counter(need.filing.contact.email for need in found)
    assert [need for need in found if not need.filing.identity.given_names]
    assert [need for need in found if not need.filing.identity.birth.precise]
    assert [mail for mail, count in mails.items() if mail and count > 1]
    assert [need for need in found if need.filing.contact == Contact()]


def test_telephones_and_domains_are_those_kept_for_fiction() -> None:
    for need in people.needs(FIRST_ON):
        contact = need.filing.contact
        assert contact.phone is None or re.fullmatch(r"\+33(19900|63998)\d{4}", contact.phone)
        assert contact.email is None or re.fullmatch(r"[a-z.-]+@[a-z]+\.example", contact.email)


@pytest.mark.parametrize(
    ("now", "ends_on"),
    [
        (datetime(2026, 3, 3, 8, tzinfo=UTC), date(2026, 3, 3)),
        (datetime(2026, 3, 3, 10, tzinfo=UTC), date(2026, 3, 10)),
        (datetime(2026, 3, 7, 23, tzinfo=UTC), date(2026, 3, 10)),
    ],
)
def test_the_past_ends_on_the_next_tuesday_morning(world: World, now: datetime, ends_on: date) -> None:
    past = demonstration.past(replace(world, clock=SimulatedClock(now)))
    assert past
    assert past.until_at == datetime(ends_on.year, ends_on.month, ends_on.day, 9, 10, tzinfo=UTC)
    assert past.until_at - past.from_at == demonstration.PAST


def test_a_database_that_is_somebodys_gets_no_invented_people(world: World) -> None:
    filings.by_staff(filings.seeded(world))
    assert demonstration.past(world) is None


def test_a_killed_start_goes_on_where_it_was_and_a_whole_one_never_again(world: World) -> None:
    whole = demonstration.past(world)
    assert whole
    then = replace(world, clock=SimulatedClock(whole.from_at))
    demonstration.begin(then, whole)
    filings.seeded(then)
    then.clock.advance(timedelta(days=2))  # type: ignore[attr-defined]
    demonstration_accounts.create(then)
    assert demonstration.past(world) == demonstration.Past(then.clock.now(), whole.until_at)
    demonstration.finish(then)
    assert demonstration.past(world) is None


def test_the_last_day_is_lived_by_the_real_verbs(world: World) -> None:
    """Only a short stretch: whoever files on the last day is registered, proven and answered by a real receipt."""
    whole = demonstration.past(world)
    assert whole
    then = replace(world, clock=SimulatedClock(whole.until_at - timedelta(hours=27)))
    filings.seeded(then)
    demonstration_accounts.create(then)
    demonstration.live(then, whole.until_at)
    with then.reading() as session:
        states = Counter(row.state for row in session.query(Demande))
    assert sum(states.values()) >= 8
    assert states["offered"] + states["waiting"] + states["confirmed"] >= 5
    assert then.clock.now() == whole.until_at


def test_production_has_no_invented_past(world: World) -> None:
    with pytest.raises(Forbidden, match="demonstration_only"):
        demonstration.live(replace(world, demonstration=False), world.clock.now())
