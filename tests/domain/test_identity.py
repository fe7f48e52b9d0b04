"""Names, keys and corrections: R-01 to R-09 and R-70 of docs/regles.md."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from booking.domain import identity as identity_rules
from booking.domain.errors import InvalidInput
from booking.domain.identity import BirthDate, Correction, Element, Identifier, IdentifierKind, Identity

AGDREF = Identifier(IdentifierKind.AGDREF, "7503 0123 45")
OTHER_AGDREF = Identifier(IdentifierKind.AGDREF, "7503012399")
PASSPORT = Identifier(IdentifierKind.PASSPORT, "18AB12345")


def person(family: str = "Diallo", given_names: str = "Aïssatou", **changes: object) -> Identity:
    base = Identity(family, given_names, BirthDate(1990, 5, 12), "Conakry", "GN")
    return replace(base, **changes)  # type: ignore[arg-type]


def joins(left: Identity, right: Identity) -> bool:
    return bool(set(identity_rules.joining_values(left)) & set(identity_rules.joining_values(right)))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Lefèvre", "LEFEVRE"),
        ("N’Diaye", "n diaye"),
        ("de la Cruz", "De-La-Cruz"),
        ("de la Cruz", "DELACRUZ"),
        ("García López", "Garcia-Lopez"),
        ("Œuvrard", "OEUVRARD"),
        ("Strauß", "STRAUSS"),
        ("Nguyễn", "Nguyen"),
        ("Đặng", "Dang"),
        ("İnönü", "inonu"),
        ("Yıldız", "YILDIZ"),
        ("Łukasz", "Lukasz"),
        ("Abd El Kader", "Abdelkader"),
        ("ʿAlī", "Ali"),
        ("أحمد", "احمد"),
        ("مُحَمَّد", "محمد"),
        ("ﻣﺤﻤﺪ", "محمد"),
        ("Ｙａｍａｄａ", "yamada"),
    ],
)
def test_one_name_written_in_several_ways(one: str, other: str) -> None:
    """R-02"""
    assert identity_rules.name_words(one) == identity_rules.name_words(other)


@pytest.mark.parametrize(("one", "other"), [("किरण", "करण"), ("Йосиф", "Иосиф"), ("Ali", "Benali"), ("がく", "かく")])
def test_names_that_stay_different(one: str, other: str) -> None:
    """R-02: a mark is a letter in the scripts where it is not an accent."""
    assert identity_rules.name_words(one) != identity_rules.name_words(other)


@given(st.text(max_size=30))
def test_canonical_words_are_stable(text: str) -> None:
    """R-02"""
    words = identity_rules.name_words(text)
    assert identity_rules.name_words(" ".join(words)) == words
    " ".join(words).encode()


def test_the_order_of_given_names_and_the_field_of_a_single_name_do_not_matter() -> None:
    """R-02"""
    assert joins(person(given_names="Marie Aïssatou"), person(given_names="AISSATOU, MARIE"))
    assert joins(person("Sukarno", ""), person("", "SUKARNO"))
    assert joins(person("Diallo", "Aïssatou"), person("Aïssatou", "Diallo"))
    sole = identity_rules.canonical_bytes(person("Sukarno", ""))
    assert sole == identity_rules.canonical_bytes(person("", "Sukarno"))


def test_one_name_is_enough_and_none_is_not() -> None:
    """R-01"""
    assert person("Sukarno", "").family_name == "Sukarno"
    with pytest.raises(InvalidInput) as error:
        person(" - ", "’")
    assert error.value.fields == {"family_name": "name_missing"}


def test_day_and_month_of_birth_may_be_unknown() -> None:
    """R-01"""
    assert BirthDate(1990).text == "1990"
    assert BirthDate(1990, 5).text == "1990-05"
    for impossible in [(1990, None, 3), (1990, 2, 30), (1990, 13, 1), (0, None, None)]:
        with pytest.raises(InvalidInput):
            BirthDate(*impossible)


def test_canonical_bytes_are_fixed() -> None:
    """R-03: published commitments depend on these very bytes; a change needs a new version."""
    identity = person("N’Diaye", "Marie Aïssatou", identifiers=(AGDREF,), birth_country="99330")
    expected = (
        b'{"birth":"1990-05-12","canon":1,"country":"GN",'
        b'"family":"ndiaye","given":["aissatou","marie"],"place":"conakry"}'
    )
    assert identity_rules.canonical_bytes(identity) == expected
    assert identity_rules.canonical_bytes(replace(identity, identifiers=())) == expected


def test_canonical_bytes_are_canonical_json() -> None:
    """R-03"""
    for identity in [person(), person("Йосиф", "हिन्दी \x1f \u2028"), person("محمد", "", birth_place='"\\/\n\x7f é')]:
        produced = identity_rules.canonical_bytes(identity)
        assert produced == rfc8785.dumps(json.loads(produced))


COUNTRIES = (
    "FR=99100 RE=99100 DZ=99352 GN=99330 SY=99206 AF=99212 JE=99161 "
    "TL=99262 DJ=99399 PR=99432 SX=99445 PW=99517 SI=99145 XK=99157"
)


@pytest.mark.parametrize(("iso", "insee"), [pair.split("=") for pair in COUNTRIES.split()])
def test_country_codes_of_both_lists_agree(iso: str, insee: str) -> None:
    """R-04"""
    assert identity_rules.canonical_country(iso.lower()) == identity_rules.canonical_country(insee)


def test_the_name_key_joins_whatever_the_numbers_say() -> None:
    """R-04"""
    assert joins(person(identifiers=(AGDREF,)), person(identifiers=(OTHER_AGDREF,)))
    assert joins(person(identifiers=(AGDREF,)), person())
    assert joins(person(birth_place="Conakry"), person(birth_place="CONAKRY 3"))
    assert not joins(person(identifiers=(AGDREF,)), person("Barry", identifiers=(AGDREF,)))
    assert not joins(person(), person(birth=BirthDate(1990, 5, 13)))
    assert not joins(person(), person(birth_country="SN"))
    assert not joins(person(birth_country=""), person(birth_country="", birth_place="Kindia"))


@pytest.mark.parametrize("birth", [BirthDate(1990), BirthDate(1990, 5), BirthDate(1990, 1, 1)])
def test_an_unknown_birthday_joins_only_with_a_second_key(birth: BirthDate) -> None:
    """R-05"""
    assert not joins(person(birth=birth), person(birth=birth))
    assert joins(person(birth=birth, identifiers=(AGDREF, PASSPORT)), person(birth=birth, identifiers=(AGDREF,)))
    assert not joins(person(birth=birth, identifiers=(AGDREF,)), person(birth=birth, identifiers=(OTHER_AGDREF,)))
    assert not joins(person(birth=birth, identifiers=(AGDREF,)), person("Barry", birth=birth, identifiers=(AGDREF,)))


def test_first_of_january_is_an_unknown_birthday() -> None:
    """R-05"""
    typed = person(birth=BirthDate(1990, 1, 1), identifiers=(AGDREF,))
    assert joins(typed, person(birth=BirthDate(1990), identifiers=(AGDREF,)))


def test_without_place_and_country_only_a_number_joins() -> None:
    """R-05"""
    nowhere = person(birth_place="", birth_country="")
    assert not joins(nowhere, nowhere)
    assert joins(replace(nowhere, identifiers=(PASSPORT,)), replace(nowhere, identifiers=(PASSPORT,)))


identities = st.builds(
    person,
    st.sampled_from(["Diallo", "DIALLÓ", "Barry"]),
    st.sampled_from(["Aïssatou", "Aissatou", "Marie"]),
    birth=st.sampled_from([BirthDate(1990, 5, 12), BirthDate(1990, 5), BirthDate(1990), BirthDate(1990, 1, 1)]),
    birth_country=st.sampled_from(["GN", "99330", "SN", ""]),
    identifiers=st.lists(st.sampled_from([AGDREF, OTHER_AGDREF, PASSPORT]), max_size=2, unique=True).map(tuple),
)


@given(identities, identities)
@settings(max_examples=300)
def test_two_entries_that_join_have_one_name_key(left: Identity, right: Identity) -> None:
    """R-04, R-05: no number joins two name keys, and with a precise birth date no number separates one."""
    same_key = identity_rules.name_key(left) == identity_rules.name_key(right)
    if joins(left, right):
        assert same_key
    elif same_key and (left.birth_country or left.birth_place):
        assert not left.birth.precise


def test_evidence_has_one_value_per_number_however_typed() -> None:
    """R-04"""
    again = Identifier(IdentifierKind.AGDREF, "75-03-01-23-45")
    nothing = Identifier(IdentifierKind.VIN, " - ")
    identity = person(identifiers=(PASSPORT, AGDREF, again, nothing))
    assert identity_rules.evidence_values(identity) == (("agdref", b"7503012345"), ("passport", b"18AB12345"))


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
    assert identity_rules.correction_allowed(person(*old), person(*new), frozenset()) == expected


def test_any_spelling_when_birth_and_a_name_agree() -> None:
    """R-07"""
    old, married = person("Diallo"), person("Fontaine")
    allowed = identity_rules.correction_allowed
    assert allowed(old, married, BIRTH_AND_GIVEN) == (True, "document")
    assert not allowed(old, married, frozenset({Element.BIRTH})).allowed
    assert not allowed(old, married, frozenset({Element.GIVEN_NAMES, Element.BIRTH_COUNTRY})).allowed
    # What differs between the two cannot have been confirmed.
    assert not allowed(old, person("Fontaine", "Fanta"), BIRTH_AND_GIVEN).allowed


def test_the_two_fields_of_the_name_may_have_been_swapped() -> None:
    """R-07"""
    assert identity_rules.correction_allowed(person(), person("Aïssatou", "Diallo"), frozenset()) == (True, "same")


def test_a_country_or_a_place_proves_nobody() -> None:
    """R-07: too many people share them; an entry of the same birthday could be sold."""
    old, stranger = person("Diallo"), person("Fontaine", "Fanta")
    shared = frozenset({Element.BIRTH, Element.BIRTH_PLACE, Element.BIRTH_COUNTRY})
    assert identity_rules.correction_allowed(old, stranger, shared) == (False, "not_the_same_person")


def test_a_number_given_at_filing_proves_the_person() -> None:
    """R-07, R-70"""
    allowed = identity_rules.correction_allowed
    numbered = person("Diallo", identifiers=(AGDREF,))
    by_number = frozenset({Element.IDENTIFIER})
    assert allowed(numbered, person("Touré", "Fanta", identifiers=(AGDREF,)), by_number) == (True, "document")
    assert not allowed(numbered, person("Touré", "Fanta", identifiers=(OTHER_AGDREF,)), by_number).allowed
    assert not allowed(numbered, person("Touré", "Fanta", identifiers=(AGDREF,)), frozenset({Element.BIRTH})).allowed


def test_an_unknown_birthday_needs_two_of_names_and_place() -> None:
    """R-07"""
    allowed = identity_rules.correction_allowed
    old, new = (person(name, birth=BirthDate(1990, 1, 1)) for name in ("Diallo", "Fontaine"))
    assert not allowed(old, new, BIRTH_AND_GIVEN).allowed
    assert not allowed(old, new, BIRTH_AND_GIVEN | {Element.BIRTH_COUNTRY}).allowed
    assert allowed(old, new, BIRTH_AND_GIVEN | {Element.BIRTH_PLACE}) == (True, "document")
    assert not allowed(replace(old, birth_place=""), new, frozenset(Element)).allowed, "no place was given"
    stranger = replace(new, given_names="Fanta")
    assert not allowed(old, stranger, frozenset(Element)).allowed


def test_a_birth_date_is_completed_with_a_number_only() -> None:
    """R-70: a parked entry with a common name and no birthday cannot become a buyer."""
    allowed = identity_rules.correction_allowed
    vague, known = person(birth=BirthDate(1990)), person(birth=BirthDate(1990, 5, 12))
    assert allowed(vague, known, frozenset(Element)) == (False, "birth_unproven")
    mine = [replace(identity, identifiers=(AGDREF,)) for identity in (vague, known)]
    assert allowed(*mine, frozenset({Element.IDENTIFIER})) == (True, "same")
    assert allowed(*mine, frozenset({Element.BIRTH})) == (False, "birth_unproven")
    january = replace(vague, birth=BirthDate(1990, 1, 1), identifiers=(AGDREF,))
    assert allowed(january, mine[1], frozenset({Element.IDENTIFIER})).allowed
    assert not allowed(replace(january, identifiers=()), known, frozenset(Element)).allowed


@pytest.mark.parametrize("kind", sorted(set(IdentifierKind) - identity_rules.PERSONAL))
def test_a_number_of_a_vehicle_or_a_file_proves_nobody(kind: IdentifierKind) -> None:
    """R-70"""
    plate = (Identifier(kind, "AB-123-CD"),)
    vague, known = (person(birth=born, identifiers=plate) for born in (BirthDate(1990), BirthDate(1990, 5, 12)))
    assert identity_rules.correction_allowed(vague, known, frozenset(Element)) == (False, "birth_unproven")


@pytest.mark.parametrize(("declared", "shown"), [((1990,), (1990, 1, 1)), ((1990, 1, 1), (1990,))])
def test_an_unknown_day_and_the_first_of_january_are_one_date(
    declared: tuple[int, ...], shown: tuple[int, ...]
) -> None:
    """R-70: nobody loses a place because a register does not know their birthday."""
    old, new = person(birth=BirthDate(*declared)), person(birth=BirthDate(*shown))
    assert identity_rules.correction_allowed(old, new, frozenset()) == (True, "same")


def test_a_birth_date_is_never_changed() -> None:
    """R-08"""
    everything = frozenset(Element)
    allowed = identity_rules.correction_allowed
    may, june = person(birth=BirthDate(1990, 5)), person(birth=BirthDate(1990, 6))
    assert allowed(may, june, everything) == (False, "birth_changed")
    assert not allowed(person(), person(birth=BirthDate(1990, 5, 21)), everything).allowed
    assert not allowed(person(), person(birth=BirthDate(1990)), everything).allowed
    assert allowed(person(birth_place=""), person(), everything) == (True, "same")


def test_small_steps_cannot_rename_a_person() -> None:
    """R-09: the comparison is with the identity at admission."""
    admitted, first, second = person("Kowalczykowa"), person("Kowalczykoba"), person("Kobalcsykoba")
    assert identity_rules.correction_allowed(admitted, first, frozenset()).allowed
    assert identity_rules.correction_allowed(first, second, frozenset()).allowed
    assert not identity_rules.correction_allowed(admitted, second, frozenset()).allowed


@given(st.text("abc", max_size=6), st.text("abc", max_size=6))
def test_distance_is_symmetric_and_bounded(left: str, right: str) -> None:
    """R-06"""
    distance = identity_rules.osa_distance(left, right)
    assert distance == identity_rules.osa_distance(right, left)
    assert abs(len(left) - len(right)) <= distance <= max(len(left), len(right))
    assert (distance == 0) == (left == right)


@given(identities, identities, st.frozensets(st.sampled_from(list(Element))))
def test_no_correction_moves_a_birth_date(old: Identity, new: Identity, confirms: frozenset[str]) -> None:
    """R-08"""
    if identity_rules.correction_allowed(old, new, confirms).allowed:
        assert new.birth.completes(old.birth)
