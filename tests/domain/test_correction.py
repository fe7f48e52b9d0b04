"""Corrections at the counter: R-06 to R-09, R-70 and R-75 of docs/regles.md."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booking.domain import correction as rules
from booking.domain.correction import Correction, Rival
from booking.domain.identity import PERSONAL, BirthDate, Element, Identifier, IdentifierKind, Identity
from tests.support.identities import AGDREF, OTHER_AGDREF, PASSPORT, documents, identities, person, spellings

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


# --- one document, one entry ---------------------------------------------------------------------------------


def kept(entry: Identity, document: Identity, *others: Identity, proven: bool = False) -> bool:
    """Whether somebody with ``document`` is received for ``entry``, while ``others`` wait under other spellings."""
    if not rules.mends(entry, document):
        return True
    shared = set(entry.identifiers) & set(document.identifiers)
    confirms = frozenset(Element) - (frozenset() if shared else {Element.IDENTIFIER})
    shown = replace(document, identifiers=entry.identifiers)  # what the agent's form writes: the numbers on file stay
    rivals = [Rival(other, other, proven) for other in others]
    return rules.correction_allowed(entry, shown, confirms).allowed and not rules.opens_another(entry, shown, rivals)


def test_the_other_spelling_has_no_chance_beside_the_right_one() -> None:
    """R-75"""
    right, typo, invented = person(), person("Dialloo"), person("Fontaine")
    assert kept(typo, right), "alone, it is mended"
    assert kept(right, right, typo, invented), "what is written as on the document is always received"
    assert not kept(typo, right, right)
    assert not kept(invented, right, right), "the road of birth date and given name"


def test_of_two_wrong_spellings_none_is_mended() -> None:
    """R-75"""
    right, one, two = person(), person("Dialloo"), person("Dialo")
    assert not kept(one, right, two)
    assert not kept(two, right, one)


def test_twins_who_wrote_their_own_names_lose_nothing() -> None:
    """R-75: and one with a typing error is received once the other's document was seen."""
    awa, ada, typo = person(given_names="Awa"), person(given_names="Ada"), person("Dialoo", "Awa")
    assert kept(awa, awa, ada)
    assert kept(ada, ada, awa)
    assert not kept(typo, awa, ada)
    assert kept(typo, awa, ada, proven=True)
    assert not kept(typo, awa, awa, proven=True), "the document of the same person"


def test_two_numbers_of_one_person_open_one_entry() -> None:
    """R-75: no name agrees, each entry has another number of the same buyer."""
    buyer = person(identifiers=(AGDREF, PASSPORT))
    one, two = person("Sow", "Fanta", identifiers=(AGDREF,)), person("Barry", "Marie", identifiers=(PASSPORT,))
    assert kept(one, buyer)
    assert kept(two, buyer)
    assert not kept(one, buyer, two)
    assert not kept(two, buyer, one)
    stranger = replace(two, identifiers=(OTHER_AGDREF,))
    assert kept(one, buyer, stranger), "born that day, with a foreigner's number of their own"


def test_an_unknown_birthday_without_a_name_needs_the_foreigner_s_number() -> None:
    """R-70, R-75"""
    everything, born = frozenset(Element), BirthDate(1990, 1, 1)
    buyer = person(birth=born, identifiers=(AGDREF, PASSPORT))
    invented = person("Barry", "Marie", birth=born)
    assert rules.correction_allowed(replace(invented, identifiers=(AGDREF,)), buyer, everything).allowed
    assert not rules.correction_allowed(replace(invented, identifiers=(PASSPORT,)), buyer, everything).allowed
    married = person("Barry", birth=BirthDate(1990), birth_place="", identifiers=(PASSPORT,))
    assert rules.correction_allowed(married, buyer, everything).allowed, "a name agrees"


def test_a_spelling_that_is_one_spelling_is_no_mending() -> None:
    """R-75, R-02"""
    assert not rules.mends(person("DIALLÓ", birth_place=""), person())
    assert not rules.mends(person(birth=BirthDate(1990)), person(birth=BirthDate(1990, 1, 1)))
    assert rules.mends(person(birth=BirthDate(1990)), person())
    assert rules.mends(person("Dialo"), person())


@pytest.mark.parametrize(
    ("admitted", "ended", "together"),
    [(5, None, True), (5, 9, False), (5, 10, True), (12, None, True), (12, 13, True), (None, None, False)],
)
def test_a_spelling_withdrawn_before_the_visit_still_counts(
    admitted: int | None, ended: int | None, together: bool
) -> None:
    """R-75: only what was over before the other came in does not."""
    since = datetime(2026, 3, 10, tzinfo=UTC)
    at = [None if day is None else since.replace(day=day) for day in (admitted, ended)]
    assert rules.waited_together(since, *at) is together


@given(documents, st.data())
def test_a_document_never_opens_two_entries_that_waited_together_unless_written_so(
    document: Identity, data: st.DataObject
) -> None:
    """R-75"""
    one, two = data.draw(spellings(document)), data.draw(spellings(document))
    both = kept(one, document, two) and kept(two, document, one)
    assert not both or not (rules.mends(one, document) and rules.mends(two, document)), (one, two)
    if not rules.mends(one, document):
        assert rules.mends(two, document) is False or not kept(two, document, one)
