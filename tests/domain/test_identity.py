"""Names and keys: R-01 to R-05 of docs/regles.md."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import rfc8785
from hypothesis import example, given, settings
from hypothesis import strategies as st

from booking.domain import identity as identity_rules
from booking.domain.errors import InvalidInput
from booking.domain.identity import BirthDate, Identifier, IdentifierKind, Identity
from tests.support.identities import AGDREF, OTHER_AGDREF, PASSPORT, identities, person


def joins(left: Identity, right: Identity) -> bool:
    """Whichever of both was filed first."""
    found = [
        bool(set(identity_rules.joining_values(first)) & set(identity_rules.sought_values(second)))
        for first, second in ((left, right), (right, left))
    ]
    assert found[0] == found[1]
    return found[0]


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
@example("A:P:0")
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
    assert joins(person(birth_country=""), person(birth_country="", birth_place="Kindia"))
    assert joins(person(birth_place=""), person(birth_country=""))
    assert joins(person(birth_country="99330"), person(birth_country="", birth_place="Dax"))


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


@given(identities, identities)
@settings(max_examples=300)
def test_two_entries_that_join_have_one_name_key(left: Identity, right: Identity) -> None:
    """R-04, R-05: no number joins two name keys, and with a precise birth date no number separates one.

    Where one leaves out the country, it is the key without any.
    """
    key = identity_rules.name_key
    if left.birth.precise and not (left.birth_country and right.birth_country):
        key = identity_rules.name_key_anywhere
    same_key = key(left) == key(right)
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
