"""The territory file: what it says, what it marks as an example, what it may not say."""

from __future__ import annotations

import copy
import json
import re
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from booking.domain import demarche, territory
from booking.domain.configuration import InvalidConfiguration, Use
from booking.domain.territory import ChannelKind, Territory

CONFIG = Path(__file__).parents[2] / "config"
CATALOGUE = demarche.catalogue(tomllib.loads((CONFIG / "demarches.toml").read_text(encoding="utf-8")))
RAW = tomllib.loads((CONFIG / "territoires" / "40-landes.toml").read_text(encoding="utf-8"))
LANDES = territory.parse(RAW)

FICTION = re.compile(r"(01 99 00|02 61 91|03 53 01|04 65 71|05 36 49|06 39 98) \d\d \d\d")
SMALL: dict[str, Any] = {
    "code": "40-landes",
    "name": "Landes",
    "departement": "40",
    "zone": "Europe/Paris",
    "holiday_zone": "metropole",
    "structures_source": "test",
    "sites": [
        {
            "code": "dax",
            "name": "Dax",
            "kind": "sous-prefecture",
            "commune": "40088",
            "addresses": [
                {
                    "lines": ["2 rue de l’Exemple"],
                    "postal_code": "40100",
                    "town": "Dax",
                    "valid_from": "2026-01-01",
                    "valid_until": "2026-06-30",
                },
                {
                    "lines": ["3 rue de l’Exemple"],
                    "postal_code": "40100",
                    "town": "Dax",
                    "valid_from": "2026-07-01",
                    "example": True,
                },
            ],
        }
    ],
    "guichets": [{"code": "dax-1", "site": "dax", "name": "1", "valid_from": "2026-01-01"}],
    "openings": [
        {
            "guichet": "dax-1",
            "family": "pan-permis",
            "weekday": "monday",
            "starts": "09:00",
            "ends": "12:00",
            "valid_from": "2026-01-01",
        }
    ],
}


def small() -> dict[str, Any]:
    return copy.deepcopy(SMALL)


def mistakes_of(data: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(InvalidConfiguration) as caught:
        territory.parse(data)
    return caught.value.fields


# --- the Landes ----------------------------------------------------------------------------------------------------


def test_emeraude_opens_one_half_day_a_week_and_only_at_mont_de_marsan() -> None:
    openings = [opening for opening in LANDES.openings if opening.family == "emeraude"]
    assert {opening.weekday for opening in openings} == {1}
    assert all(opening.ends.hour < 13 for opening in openings)
    assert LANDES.sites_of("emeraude") == ("mont-de-marsan",)
    assert LANDES.sites_of("pan-permis") == ("mont-de-marsan", "dax")


def test_sixteen_france_services_their_number_is_sourced_and_their_places_are_examples() -> None:
    assert len(LANDES.structures) == 16
    assert "16 France Services" in LANDES.structures_source
    assert all(structure.example for structure in LANDES.structures.values())


def test_every_commune_has_help_nearby() -> None:
    assert len(LANDES.communes) == 327
    for insee, commune in LANDES.communes.items():
        assert insee.startswith("40")
        assert commune.nearest_example
        assert LANDES.nearest_help(insee) is LANDES.structures[commune.nearest]
    assert LANDES.nearest_help("75056") is None


def test_a_commune_with_a_structure_is_sent_to_it() -> None:
    for structure in LANDES.structures.values():
        assert LANDES.nearest_help(structure.commune) is structure


def test_hours_addresses_guichets_and_delegates_are_examples() -> None:
    assert all(opening.example for opening in LANDES.openings)
    assert all(guichet.example for guichet in LANDES.guichets.values())
    assert all(address.example for site in LANDES.sites.values() for address in site.addresses)
    assert all(delegate.example for delegate in LANDES.delegates)
    assert len(LANDES.delegates) >= 2


def test_no_telephone_number_could_ring_at_somebody_s_home() -> None:
    phones = [structure.phone for structure in LANDES.structures.values() if structure.phone]
    phones += [channel.value for channel in LANDES.channels if channel.kind is ChannelKind.TELEPHONE]
    assert len(phones) == 17
    assert all(FICTION.fullmatch(phone) for phone in phones)


def test_the_national_contact_centre_comes_first_for_foreign_nationals_only() -> None:
    (centre,) = [channel for channel in LANDES.channels if channel.kind is ChannelKind.NATIONAL_CONTACT_CENTRE]
    assert (centre.value, centre.example) == ("0 806 001 620", False)
    assert set(centre.families) == {"emeraude", "guichet-etrangers"}


def test_both_files_fit_together() -> None:
    assert not territory.unknown_families(LANDES, CATALOGUE.families)


def test_json_text_reads_like_toml() -> None:
    stored = json.loads(json.dumps(RAW, default=lambda value: value.isoformat()))
    assert territory.parse(stored) == LANDES


# --- rules of the values -------------------------------------------------------------------------------------------


def test_a_site_that_moves_has_one_address_a_day() -> None:
    site = territory.parse(small()).sites["dax"]
    before, after = site.address_on(date(2026, 6, 30)), site.address_on(date(2026, 7, 1))
    assert before is not None
    assert after is not None
    assert (before.lines[0], after.lines[0]) == ("2 rue de l’Exemple", "3 rue de l’Exemple")
    assert (before.example, after.example) == (False, True)
    assert site.address_on(date(2025, 12, 31)) is None


def test_two_addresses_on_one_day_are_a_mistake() -> None:
    data = small()
    data["sites"][0]["addresses"][1]["valid_from"] = "2026-06-30"
    assert mistakes_of(data) == {"sites[dax].addresses[1].valid_from": "overlaps"}


@pytest.mark.parametrize(
    ("change", "is_mistake"),
    [
        ({"starts": "11:59", "ends": "14:00"}, True),
        ({"starts": "12:00", "ends": "14:00"}, False),
        ({"weekday": "tuesday"}, False),
        ({"valid_from": "2027-01-01"}, True),
        ({"family": "pan-carte-grise"}, True),
    ],
)
def test_one_guichet_receives_one_family_at_a_time(change: dict[str, str], is_mistake: bool) -> None:
    data = small()
    data["openings"].append(data["openings"][0] | change)
    if is_mistake:
        assert mistakes_of(data) == {"openings[1].starts": "overlaps"}
    else:
        assert len(territory.parse(data).openings) == 2


def test_an_opening_may_follow_one_that_ended() -> None:
    data = small()
    data["openings"][0]["valid_until"] = "2026-08-31"
    data["openings"].append(SMALL["openings"][0] | {"valid_from": "2026-09-01", "ends": "11:00"})
    assert len(territory.parse(data).openings) == 2


def test_every_mistake_is_listed_at_once_with_its_path() -> None:
    data = small()
    del data["name"]
    data["zone"] = "Europe/Landes"
    data["holiday_zone"] = "atlantide"
    data["guichets"][0]["site"] = "pau"
    data["guichets"][0]["valid_until"] = "2025-01-01"
    data["openings"][0] |= {"weekday": "lundi", "starts": "14:00", "room": 3, "valid_from": "yesterday"}
    data["closures"] = [{"from": "2026-01-01", "until": "2026-01-02", "half": "noon", "reason": "works", "site": "pau"}]
    data["postal_areas"] = [{"postal_code": "4010", "nearest": "fs-dax", "communes": [["40088"], ["4008", "Dax"]]}]
    assert mistakes_of(data) == {
        "name": "missing",
        "zone": "unknown_zone",
        "holiday_zone": "unknown_choice",
        "guichets[dax-1].site": "unknown_code",
        "guichets[dax-1].valid_until": "before_from",
        "openings[0].weekday": "not_a_weekday",
        "openings[0].ends": "before_starts",
        "openings[0].room": "unknown_key",
        "openings[0].valid_from": "not_a_date",
        "closures[0].half": "unknown_choice",
        "closures[0].site": "unknown_code",
        "postal_areas[0].postal_code": "not_a_postal_code",
        "postal_areas[0].nearest": "unknown_code",
        "postal_areas[0].communes[0]": "not_an_insee_code_and_a_name",
        "postal_areas[0].communes[1]": "not_an_insee_code",
    }


def test_a_site_needs_an_address_and_a_commune_stands_once() -> None:
    data = small()
    data["sites"][0]["addresses"] = []
    data["structures"] = [{"code": "fs-a", "kind": "france-services", "name": "A", "commune": "40088"}]
    data["postal_areas"] = [
        {"postal_code": "40100", "nearest": "fs-a", "communes": [["40088", "Dax"]]},
        {"postal_code": "40990", "nearest": "fs-a", "communes": [["40088", "Dax"]]},
    ]
    assert mistakes_of(data) == {"sites[dax].addresses": "empty", "postal_areas[1].communes[0]": "used_twice"}


def test_seconds_are_refused_slots_start_on_whole_minutes() -> None:
    data = small()
    data["openings"][0]["starts"] = "09:00:30"
    assert mistakes_of(data) == {"openings[0].starts": "not_a_whole_minute"}


def test_a_family_that_no_catalogue_knows_is_a_mistake() -> None:
    data = small()
    data["openings"][0]["family"] = "armes"
    data["channels"] = [{"kind": "counter", "value": "accueil", "families": ["pan-permis", "chasse"]}]
    parsed: Territory = territory.parse(data)
    unknown = {"openings[0].family": "armes", "channels[0].families": "chasse"}
    assert territory.unknown_families(parsed, CATALOGUE.families) == unknown
    data["zone"] = "Europe/Atlantide"
    with pytest.raises(InvalidConfiguration) as caught:
        territory.parse(data, families=CATALOGUE.families)
    assert caught.value.fields == {**dict.fromkeys(unknown, "unknown_family"), "zone": "unknown_zone"}, "in one go"
    assert caught.value.hints["openings[0].family"].startswith("armes; there are: emeraude, ")


def test_what_somebody_needs_may_not_be_left_out() -> None:
    """R-145."""
    data = small()
    needed = {"sites": {"dax": Use(demandes=3), "tartas": Use(demandes=1, appointments=2)}}
    with pytest.raises(InvalidConfiguration) as caught:
        territory.parse(data, needed)
    assert caught.value.fields == {"sites[tartas]": "site_in_use"}
    assert caught.value.hints == {"sites[tartas]": "1 live demande, 2 appointments"}


def test_a_wrong_choice_says_the_choices() -> None:
    data = small()
    data["sites"][0]["kind"] = "mairie"
    with pytest.raises(InvalidConfiguration) as caught:
        territory.parse(data)
    assert caught.value.hints == {f"sites[{data['sites'][0]['code']}].kind": "prefecture, sous-prefecture, other"}


def test_a_town_proves_unless_a_territory_decides_otherwise() -> None:
    """R-07"""
    assert LANDES.town_proves
    assert not territory.parse({**RAW, "town_proves": False}).town_proves
    with pytest.raises(InvalidConfiguration):
        territory.parse({**RAW, "town_proves": "non"})
