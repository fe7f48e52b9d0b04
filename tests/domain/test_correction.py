"""Corrections at the counter: R-06 to R-09 and R-70 of docs/regles.md."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booking.domain import correction as rules
from booking.domain.correction import Correction
from booking.domain.identity import PERSONAL, BirthDate, Element, Identifier, IdentifierKind, Identity
from tests.support.identities import AGDREF, OTHER_AGDREF, identities, person

BIRTH_AND_GIVEN = frozenset({Element.BIRTH, Element.GIVEN_NAMES})


@pytest.mark.parametrize(
    ("old", "new", "allowed"),
    [
        (("Lefèvre", "Marie"), ("LEFEVRE", "Marie"), "same"),
        (("Martinez", "Lucia"), ("Martines", "Lucia"), "letters"),
        (("Kowalczykowa", "Anna"), ("Kowlaczykwoa", "Anna"), "letters"),  # two swaps are two letters
        (("Kowalczykowa", "Anna"), ("Kowlaczykwao", "Anna"), None),
        (("Kowalczykowa", "Aleksandra"), ("Kovalczykowa", "Alexandra"), None),  # one and two letters are three
        (("Diallo", "Ada"), ("Dialla", "Ada"), "letters"),
        (("Diallo", "Ada"), ("Dialba", "Ada"), None),  # two letters of six are more than a fifth
        (("Ly", "Jean-Baptiste"), ("Wu", "Jean-Baptiste"), None),
    ],
)
def test_small_corrections(old: tuple[str, str], new: tuple[str, str], allowed: str | None) -> None:
    """R-06"""
    expected = Correction(True, allowed) if allowed else Correction(False, "not_the_same_person")
    assert rules.correction_allowed(person(*old), person(*new), frozenset()) == expected


def test_any_spelling_when_birth_and_a_name_agree() -> None:
    """R-07"""
    old, married = person("Diallo"), person("Fontaine")
    allowed = rules.correction_allowed
    assert allowed(old, married, BIRTH_AND_GIVEN) == (True, "document")
    assert not allowed(old, married, frozenset({Element.BIRTH})).allowed
    assert not allowed(old, married, frozenset({Element.GIVEN_NAMES, Element.BIRTH_COUNTRY})).allowed
    # What differs between the two cannot have been confirmed.
    assert not allowed(old, person("Fontaine", "Fanta"), BIRTH_AND_GIVEN).allowed


def test_the_two_fields_of_the_name_may_have_been_swapped() -> None:
    """R-07"""
    assert rules.correction_allowed(person(), person("Aïssatou", "Diallo"), frozenset()) == (True, "same")


def test_a_country_or_a_place_proves_nobody() -> None:
    """R-07: too many people share them; an entry of the same birthday could be sold."""
    old, stranger = person("Diallo"), person("Fontaine", "Fanta")
    shared = frozenset({Element.BIRTH, Element.BIRTH_PLACE, Element.BIRTH_COUNTRY})
    assert rules.correction_allowed(old, stranger, shared) == (False, "not_the_same_person")


def test_a_number_given_at_filing_proves_the_person() -> None:
    """R-07, R-70"""
    allowed = rules.correction_allowed
    numbered = person("Diallo", identifiers=(AGDREF,))
    by_number = frozenset({Element.IDENTIFIER})
    assert allowed(numbered, person("Touré", "Fanta", identifiers=(AGDREF,)), by_number) == (True, "document")
    assert not allowed(numbered, person("Touré", "Fanta", identifiers=(OTHER_AGDREF,)), by_number).allowed
    assert not allowed(numbered, person("Touré", "Fanta", identifiers=(AGDREF,)), frozenset({Element.BIRTH})).allowed


def test_an_unknown_birthday_needs_two_of_names_and_place() -> None:
    """R-07"""
    allowed = rules.correction_allowed
    old, new = (person(name, birth=BirthDate(1990, 1, 1)) for name in ("Diallo", "Fontaine"))
    assert not allowed(old, new, BIRTH_AND_GIVEN).allowed
    assert not allowed(old, new, BIRTH_AND_GIVEN | {Element.BIRTH_COUNTRY}).allowed
    assert allowed(old, new, BIRTH_AND_GIVEN | {Element.BIRTH_PLACE}) == (True, "document")
    assert not allowed(replace(old, birth_place=""), new, frozenset(Element)).allowed, "no place was given"
    stranger = replace(new, given_names="Fanta")
    assert not allowed(old, stranger, frozenset(Element)).allowed


def test_a_birth_date_is_completed_with_a_number_only() -> None:
    """R-70: a parked entry with a common name and no birthday cannot become a buyer."""
    allowed = rules.correction_allowed
    vague, known = person(birth=BirthDate(1990)), person(birth=BirthDate(1990, 5, 12))
    assert allowed(vague, known, frozenset(Element)) == (False, "birth_unproven")
    mine = [replace(identity, identifiers=(AGDREF,)) for identity in (vague, known)]
    assert allowed(*mine, frozenset({Element.IDENTIFIER})) == (True, "same")
    assert allowed(*mine, frozenset({Element.BIRTH})) == (False, "birth_unproven")
    january = replace(vague, birth=BirthDate(1990, 1, 1), identifiers=(AGDREF,))
    assert allowed(january, mine[1], frozenset({Element.IDENTIFIER})).allowed
    assert not allowed(replace(january, identifiers=()), known, frozenset(Element)).allowed


@pytest.mark.parametrize("kind", sorted(set(IdentifierKind) - PERSONAL))
def test_a_number_of_a_vehicle_or_a_file_proves_nobody(kind: IdentifierKind) -> None:
    """R-70"""
    plate = (Identifier(kind, "AB-123-CD"),)
    vague, known = (person(birth=born, identifiers=plate) for born in (BirthDate(1990), BirthDate(1990, 5, 12)))
    assert rules.correction_allowed(vague, known, frozenset(Element)) == (False, "birth_unproven")


@pytest.mark.parametrize(("declared", "shown"), [((1990,), (1990, 1, 1)), ((1990, 1, 1), (1990,))])
def test_an_unknown_day_and_the_first_of_january_are_one_date(
    declared: tuple[int, ...], shown: tuple[int, ...]
) -> None:
    """R-70: nobody loses a place because a register does not know their birthday."""
    old, new = person(birth=BirthDate(*declared)), person(birth=BirthDate(*shown))
    assert rules.correction_allowed(old, new, frozenset()) == (True, "same")


def test_a_birth_date_is_never_changed() -> None:
    """R-08"""
    everything = frozenset(Element)
    allowed = rules.correction_allowed
    may, june = person(birth=BirthDate(1990, 5)), person(birth=BirthDate(1990, 6))
    assert allowed(may, june, everything) == (False, "birth_changed")
    assert not allowed(person(), person(birth=BirthDate(1990, 5, 21)), everything).allowed
    assert not allowed(person(), person(birth=BirthDate(1990)), everything).allowed
    assert allowed(person(birth_place=""), person(), everything) == (True, "same")


def test_small_steps_cannot_rename_a_person() -> None:
    """R-09: the comparison is with the identity at admission."""
    admitted, first, second = person("Kowalczykowa"), person("Kowalczykoba"), person("Kobalcsykoba")
    assert rules.correction_allowed(admitted, first, frozenset()).allowed
    assert rules.correction_allowed(first, second, frozenset()).allowed
    assert not rules.correction_allowed(admitted, second, frozenset()).allowed


@given(st.text("abc", max_size=6), st.text("abc", max_size=6))
def test_distance_is_symmetric_and_bounded(left: str, right: str) -> None:
    """R-06"""
    distance = rules.osa_distance(left, right)
    assert distance == rules.osa_distance(right, left)
    assert abs(len(left) - len(right)) <= distance <= max(len(left), len(right))
    assert (distance == 0) == (left == right)


@given(identities, identities, st.frozensets(st.sampled_from(list(Element))))
def test_no_correction_moves_a_birth_date(old: Identity, new: Identity, confirms: frozenset[str]) -> None:
    """R-08"""
    if rules.correction_allowed(old, new, confirms).allowed:
        assert new.birth.completes(old.birth)
