"""Finding somebody by name and birth date: all of the territory, exactly, counted and journalled."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from booking.domain.accounts import Actor, Right, Role
from booking.domain.demande import Availability, Channel, Contact, Half
from booking.domain.errors import Forbidden, TooMany
from booking.domain.identity import BirthDate, Identity
from booking.ports import World
from booking.services import demande, filing, finding
from booking.services.guichet import Hall
from booking.store.journal import JournalRow
from tests.support.staff import DAX, MDM, TERRITORY, agent, motif_of, seed

AT_MDM = Availability(frozenset((MDM.site, weekday, half) for weekday in range(5) for half in Half))
FULL, YEAR = BirthDate(1990, 5, 12), BirthDate(1990)


@pytest.fixture
def hall(world: World) -> World:
    return seed(world)


@pytest.fixture
def awa(hall: World) -> Actor:
    return agent(hall, "awa", "mont-de-marsan")


def file(
    world: World, identity: Identity, channel: Channel = Channel.COUNTER, actor: Actor | None = None, family: str = ""
) -> str:
    motif = motif_of(world, family or "pan-permis")
    contact = Contact(email=f"{world.entropy.token_bytes(4).hex()}@exemple.fr")
    wanted = filing.Filing(TERRITORY, motif, identity, contact, AT_MDM)
    return filing.file(world, wanted, world.entropy.token_bytes(8).hex(), channel, actor).reference


def found(world: World, actor: Actor, family: str, given: str, birth: BirthDate, hall: Hall = MDM) -> list[str]:
    return [one.reference for one in finding.by_name(world, actor, hall, Identity(family, given, birth)).files]


@pytest.mark.parametrize("channel", [Channel.COUNTER, Channel.WEB])
@pytest.mark.parametrize("birth", [FULL, YEAR, BirthDate(1990, 1, 1)])
def test_all_names_and_the_birth_date_find_whoever_waits_or_did_not_confirm_yet(
    hall: World, awa: Actor, channel: Channel, birth: BirthDate
) -> None:
    """R-101: accents and order as R-02 says, the country not asked, provisional demandes included."""
    actor = awa if channel is Channel.COUNTER else None
    reference = file(hall, Identity("N’Diaye", "Aïssatou Marie", birth, birth_country="99315"), channel, actor)
    file(hall, Identity("Diallo", "Aïssatou Marie", birth, birth_country="SN"), channel, actor)
    assert found(hall, awa, "NDIAYE", "marie aissatou", birth) == [reference]
    assert found(hall, awa, "Marie Aïssatou", "N'Diaye", birth) == [reference]


def test_who_gave_a_place_and_no_country_is_found_too(hall: World, awa: Actor) -> None:
    """R-101, R-04"""
    reference = file(hall, Identity("N’Diaye", "Aïssatou", FULL, "Dakar"), Channel.COUNTER, awa)
    assert found(hall, awa, "Ndiaye", "Aïssatou", FULL) == [reference]


@pytest.mark.parametrize("channel", [Channel.COUNTER, Channel.WEB])
def test_a_part_of_the_name_or_of_the_date_finds_nobody(hall: World, awa: Actor, channel: Channel) -> None:
    """R-101: the search is no way to look who has filed."""
    file(
        hall, Identity("Diallo", "Awa", FULL, birth_country="SN"), channel, awa if channel is Channel.COUNTER else None
    )
    assert found(hall, awa, "Diallo", "", FULL) == []
    assert found(hall, awa, "Diallo", "Awa", BirthDate(1990, 5, 13)) == []
    if channel is Channel.COUNTER:
        assert found(hall, awa, "Diallo", "Awa", YEAR) == []


def test_a_demande_that_is_over_or_of_another_territory_is_not_found(hall: World, awa: Actor) -> None:
    file(hall, Identity("Diallo", "Awa", FULL, birth_country="SN"), Channel.COUNTER, awa)
    for one in finding.by_name(hall, awa, MDM, Identity("Diallo", "Awa", FULL)).files:
        demande.withdraw(hall, one.id, awa)
    assert found(hall, awa, "Diallo", "Awa", FULL) == []
    file(hall, Identity("Zola", "Awa", FULL, birth_country="SN"), Channel.COUNTER, awa)
    file(hall, Identity("Sand", "Awa", FULL, birth_country="SN"), Channel.WEB)
    elsewhere = Hall("33-gironde", "bordeaux")
    stranger = replace(awa, rights=frozenset({Right(Role.AGENT, *elsewhere)}))
    assert found(hall, stranger, "Zola", "Awa", FULL, elsewhere) == []
    assert found(hall, stranger, "Sand", "Awa", FULL, elsewhere) == []
    with pytest.raises(Forbidden):
        found(hall, awa, "Zola", "Awa", FULL, DAX)


def test_two_needs_are_two_lines_and_two_entries_of_one_need_are_one(hall: World, awa: Actor) -> None:
    who = Identity("Diallo", "Awa", FULL, birth_country="SN")
    first = file(hall, who, Channel.COUNTER, awa)
    file(hall, who, Channel.COUNTER, awa)
    other = file(hall, who, Channel.COUNTER, awa, family="emeraude")
    assert set(found(hall, awa, "Diallo", "Awa", FULL)) == {first, other}
    assert len(found(hall, awa, "Diallo", "Awa", FULL)) == 2


def test_each_search_is_journalled_without_what_was_typed(hall: World, awa: Actor) -> None:
    """R-101."""
    file(hall, Identity("Diallo", "Awa", FULL, birth_country="SN"), Channel.COUNTER, awa)
    found(hall, awa, "Diallo", "Awa", FULL)
    found(hall, awa, "Personne", "Awa", FULL)
    with hall.reading() as session:
        rows = session.scalars(select(JournalRow).where(JournalRow.verb.startswith("person_"))).all()
    assert sorted(row.verb for row in rows) == ["person_found", "person_sought", "person_sought"]
    assert {row.actor for row in rows} == {awa.label}
    assert "diallo" not in repr([(row.subject, row.details) for row in rows]).lower()


def test_searches_are_counted_per_account(hall: World, awa: Actor) -> None:
    """R-101: sixty searches in a quarter of an hour, in config/antifraude.toml."""
    asked: list[tuple[str, dict[str, str]]] = []

    class Counting:
        def check(self, action: str, keys: dict[str, str], _now: object) -> None:
            asked.append((action, keys))
            raise TooMany("limit_find_person", retry_after_s=15)

    object.__setattr__(hall, "limits", Counting())
    with pytest.raises(TooMany):
        found(hall, awa, "Diallo", "Awa", FULL)
    assert asked == [("find_person", {"account": awa.label})]


def test_what_is_not_opened_is_said(hall: World, awa: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    """R-101: bounded, the newest first, and never silently."""
    monkeypatch.setattr(finding, "OPENED_AT_MOST", 1)
    who = Identity("Diallo", "Awa", FULL, birth_country="SN")
    assert finding.by_name(hall, awa, MDM, who).complete
    file(hall, who, Channel.WEB)
    file(hall, Identity("Zola", "Awa", FULL, birth_country="SN"), Channel.WEB)
    answer = finding.by_name(hall, awa, MDM, who)
    assert (list(answer.files), answer.complete) == ([], False)
