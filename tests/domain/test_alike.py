"""R-76 of docs/regles.md: of the entries that nothing tells apart, a document opens one."""

from __future__ import annotations

from collections.abc import Set
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booking.domain import alike as rules
from booking.domain.alike import Alike
from booking.domain.errors import InvalidInput
from booking.domain.guichet import DocumentKind
from booking.domain.identity import BirthDate, Identifier, IdentifierKind, Identity

MONDAY = datetime(2026, 3, 9, 12, tzinfo=UTC)
OWN, FALSE = "0123456789", "9876543210"
HOUR = timedelta(hours=1)
some_numbers = st.sets(st.sampled_from([OWN, FALSE, "5555555555"]), max_size=2)
groups = st.lists(
    st.tuples(st.integers(0, 3), some_numbers, some_numbers),
    min_size=1,
    max_size=5,
).map(lambda drawn: [entry(number, *rest) for number, rest in enumerate(drawn)])


def entry(number: int, hour: int = 0, numbers: Set[str] = frozenset(), since: Set[str] = frozenset()) -> Alike:
    return Alike(MONDAY + hour * HOUR, UUID(int=number), frozenset(numbers), frozenset(since))


def shows(entries: list[Alike], number: str) -> Alike | None:
    try:
        return rules.opened(entries, number)
    except InvalidInput:
        return None


@given(st.lists(st.tuples(st.integers(0, 3), some_numbers), min_size=1, max_size=5))
def test_one_person_opens_one_entry_whatever_document_is_shown(drawn: list[tuple[int, set[str]]]) -> None:
    """R-76: with the number and without, in any order of the visits, whatever was typed; a list, one entry at most."""
    entries = [entry(number, *rest) for number, rest in enumerate(drawn)]
    shown_once = [one._replace(read_since=frozenset({OWN})) for one in entries]
    answers = [shows(group, number) for group in (entries, shown_once) for number in (OWN, "")]
    found = {one.id for one in answers if one is not None}
    assert len(found) <= 1


@given(groups)
def test_nothing_is_opened_that_holds_only_other_numbers(entries: list[Alike]) -> None:
    """R-76"""
    found = shows(entries, OWN)
    assert found is None or OWN in found.numbers or found.numbers | found.read_since <= {OWN}


@given(groups, st.randoms())
def test_the_order_in_which_they_are_looked_at_changes_nothing(entries: list[Alike], chance) -> None:
    mixed = list(entries)
    chance.shuffle(mixed)
    assert shows(mixed, OWN) == shows(entries, OWN)


def test_the_number_before_the_age() -> None:
    older, younger = entry(1), entry(2, 1, {OWN})
    assert rules.opened([older, younger], OWN) == younger
    assert rules.opened([older, entry(2, 1, {FALSE})], OWN) == older
    assert rules.opened([older, entry(2, 1)], OWN) == older
    assert rules.opened([older, entry(2, 1)], "") == older
    assert rules.opened([entry(1, 0, {FALSE}), entry(2, 1, {FALSE})], OWN) is None


def test_two_strangers_of_one_name_both_come_in_when_each_typed_a_number() -> None:
    group = [entry(1, 0, {OWN}), entry(2, 1, {FALSE})]
    assert [rules.opened(group, number) for number in (OWN, FALSE)] == group


def test_without_a_number_on_the_document_none_is_opened_where_one_counts() -> None:
    with pytest.raises(InvalidInput, match="number_needed"):
        rules.opened([entry(1), entry(2, 1, {OWN})], "")


@pytest.mark.parametrize(
    ("admitted", "ended", "paused", "listed"),
    [
        (-1, None, None, True),
        (0, None, None, False),
        (-2, -1, None, False),
        (-2, 0, None, True),
        (-2, 5, None, True),
        (-2, None, -1, False),
        (-2, None, 1, True),
    ],
)
def test_who_could_be_drawn_in_a_list(admitted: int, ended: int | None, paused: int | None, listed: bool) -> None:
    """R-76: what ends or pauses after the freeze was a chance; what came later, or was over, was none."""
    moments = [None if hours is None else MONDAY + hours * HOUR for hours in (ended, paused)]
    assert rules.was_listed(MONDAY, MONDAY + admitted * HOUR, *moments) is listed


def test_a_number_as_it_is_written_on_papers() -> None:
    for typed in ("0123456789", " 01 23 45 67 89 ", "123456789", "٠١٢٣٤٥٦٧٨٩"):
        assert rules.read_number(typed, DocumentKind.RESIDENCE_TITLE) == OWN, typed
    assert rules.read_number(" ", DocumentKind.PASSPORT) == ""
    with pytest.raises(InvalidInput, match="number_on_title"):
        rules.read_number("", DocumentKind.RECEPISSE)
    for typed in ("12345", "01234567891", "01234A6789"):
        with pytest.raises(InvalidInput, match="number_shape"):
            rules.read_number(typed, DocumentKind.PASSPORT)


def test_only_the_foreigner_s_number_counts() -> None:
    numbers = (Identifier(IdentifierKind.AGDREF, "123 456 789"), Identifier(IdentifierKind.PASSPORT, "12AB34567"))
    assert rules.foreigner_numbers(Identity("Ali", "Mohamed", BirthDate(1990), identifiers=numbers)) == {OWN}
