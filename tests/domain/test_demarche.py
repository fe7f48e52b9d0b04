"""The catalogue: what the file says, what it may not say, and the legal clocks."""

from __future__ import annotations

import copy
import json
import tomllib
from datetime import date, time
from pathlib import Path
from typing import Any

import pytest

from booking.domain import demarche
from booking.domain.configuration import InvalidConfiguration
from booking.domain.demarche import Asked, Asker, Catalogue, Elsewhere, Jurisdiction, Minors, Shift

FILE = Path(__file__).parents[2] / "config" / "demarches.toml"
RAW = tomllib.loads(FILE.read_text(encoding="utf-8"))
LANDES = demarche.catalogue(RAW)


def raw() -> dict[str, Any]:
    return copy.deepcopy(RAW)


def mistakes_of(data: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(InvalidConfiguration) as caught:
        demarche.catalogue(data)
    return caught.value.fields


def test_the_file_holds_every_motif_of_the_pilot() -> None:
    counts = {family: len(LANDES.motifs_of(family)) for family in LANDES.families}
    assert counts == {"emeraude": 15, "guichet-etrangers": 3, "pan-permis": 6, "pan-carte-grise": 4}


def test_what_has_no_source_is_kept_as_an_example() -> None:
    assert all(family.slot.example and family.draw.example for family in LANDES.families.values())
    assert LANDES.families["guichet-etrangers"].example
    assert not LANDES.families["emeraude"].example
    assert all(document.example for motif in LANDES.motifs.values() for document in motif.documents)


def test_legal_windows_say_that_the_text_in_force_was_not_read() -> None:
    windows = [window for motif in LANDES.motifs.values() for window in motif.windows]
    assert windows
    assert all(window.to_check and "CESEDA" in window.source for window in windows)


def test_languages_without_a_reader_are_marked() -> None:
    assert LANDES.unreviewed == {"en", "ar"}


def test_residence_decides_for_titles_and_not_for_licences() -> None:
    assert LANDES.motifs["titre-etudiant"].manner.jurisdiction is Jurisdiction.RESIDENCE
    assert LANDES.motifs["permis-echange"].manner.jurisdiction is Jurisdiction.EVERYWHERE


def test_everybody_may_ask_and_a_minor_comes_with_a_parent() -> None:
    for motif in LANDES.motifs.values():
        assert motif.manner.asked_by == set(Asker)
        assert motif.manner.minors is Minors.WITH_PARENT


def test_draws_follow_the_scarcity_of_the_family() -> None:
    emeraude, permis = LANDES.families["emeraude"], LANDES.families["pan-permis"]
    assert emeraude.draw.main.weekday == 3
    assert permis.draw.main.weekday is None
    assert emeraude.draw.main.freeze == time(17)
    for family in LANDES.families.values():
        assert (family.lead.days, family.lead.letter_days, family.lead.nightly_h) == (10, 15, 72)
        assert family.urgent_share_percent == 15


def test_not_here_names_each_other_service() -> None:
    assert {redirection.goes_to for redirection in LANDES.redirections} == set(Elsewhere)


def test_unknown_language_reads_french() -> None:
    label = LANDES.motifs["titre-etudiant"].label
    assert label.in_language("ar") == label.ar
    assert label.in_language("en") == label.en
    assert label.in_language("uk") == label.fr


# --- legal clocks, with worked dates -------------------------------------------------------------------------------


def test_renewal_on_anef_is_in_time_between_day_120_and_day_60_before_expiry() -> None:
    motif = LANDES.motifs["titre-etudiant"]
    assert motif.legal_window({Asked.EXPIRY_ON: date(2026, 9, 30)}) == (date(2026, 6, 2), date(2026, 8, 1))
    assert motif.useful_days_before_expiry == 120


def test_other_titles_are_in_time_in_the_last_two_months() -> None:
    motif = LANDES.motifs["depot-hors-anef"]
    assert motif.legal_window({Asked.EXPIRY_ON: date(2026, 9, 30)}) == (date(2026, 7, 30), date(2026, 9, 30))


def test_first_request_is_in_time_within_two_months_of_entry() -> None:
    motif = LANDES.motifs["titre-etudiant"]
    assert motif.legal_window({Asked.ENTRY_ON: date(2025, 12, 31)}) == (date(2025, 12, 31), date(2026, 2, 28))


def test_a_declared_expiry_counts_before_a_declared_entry() -> None:
    declared = {Asked.ENTRY_ON: date(2020, 1, 1), Asked.EXPIRY_ON: date(2026, 9, 30)}
    assert LANDES.motifs["titre-etudiant"].legal_window(declared) == (date(2026, 6, 2), date(2026, 8, 1))


def test_no_declared_date_no_deadline() -> None:
    assert LANDES.motifs["titre-etudiant"].legal_window({}) is None
    assert LANDES.motifs["naturalisation"].legal_window({Asked.EXPIRY_ON: date(2026, 9, 30)}) is None


@pytest.mark.parametrize(
    ("on", "amount", "expected"),
    [
        (date(2026, 8, 31), -6, date(2026, 2, 28)),
        (date(2028, 4, 30), -2, date(2028, 2, 29)),
        (date(2026, 1, 15), -1, date(2025, 12, 15)),
        (date(2026, 12, 31), 2, date(2027, 2, 28)),
    ],
)
def test_months_end_on_the_last_day_of_a_shorter_month(on: date, amount: int, expected: date) -> None:
    assert Shift(amount, months=True).apply(on) == expected


# --- what the file may not say -------------------------------------------------------------------------------------


def test_json_text_reads_like_toml() -> None:
    stored = json.loads(json.dumps(raw(), default=lambda value: value.isoformat()))
    assert demarche.catalogue(stored) == LANDES


def test_every_mistake_is_listed_at_once_with_its_path() -> None:
    data = raw()
    data["famillies"] = []
    data["unreviewed_languages"] = ["en", "tlh"]
    data["families"][0]["slot"]["length_min"] = 0
    del data["families"][1]["label"]["ar"]
    data["families"][2]["draw"]["main"]["freeze"] = "25:00"
    data["motifs"][0]["family"] = "armes"
    data["motifs"][1]["colour"] = "red"
    data["motifs"][2]["documents"] = ["passeport", "grimoire"]
    data["motifs"][3]["asks"] = ["religion"]
    data["windows"][0]["opens"] = "120 jours"
    assert mistakes_of(data) == {
        "famillies": "unknown_key",
        "unreviewed_languages[1]": "unknown_language",
        "families[emeraude].slot.length_min": "out_of_range",
        "families[guichet-etrangers].label.ar": "missing",
        "families[pan-permis].draw.main.freeze": "not_a_time",
        "motifs[titre-etudiant].family": "unknown_code",
        "motifs[passeport-talent].colour": "unknown_key",
        "motifs[titre-visiteur].documents[1]": "unknown_code",
        "motifs[titre-bpi].asks[0]": "unknown_choice",
        "motifs[titre-bpi].windows": "date_not_asked",
        "windows[renouvellement-anef].opens": "not_a_duration",
    }


def test_the_exception_reads_as_one_line() -> None:
    data = raw()
    del data["motifs"][0]["label"]
    with pytest.raises(InvalidConfiguration, match=r"^motifs\[titre-etudiant\]\.label: missing$"):
        demarche.catalogue(data)


def test_a_code_is_used_once_and_is_a_slug() -> None:
    data = raw()
    data["motifs"][1]["code"] = "titre-etudiant"
    data["documents"][0]["code"] = "Pièce"
    found = mistakes_of(data)
    assert found["motifs[titre-etudiant].code"] == "used_twice"
    assert found["documents[Pièce].code"] == "not_a_slug"


@pytest.mark.parametrize(
    ("times", "mistake"),
    [
        ({"main": {"every": "open-day", "freeze": "17:00", "draw": "17:59"}}, {"main.draw": "too_soon_after_freeze"}),
        ({"nightly": {"freeze": "18:00", "draw": "20:00"}}, {"nightly.freeze": "before_main_draw"}),
        ({"main": {"every": "week", "freeze": "17:00", "draw": "18:30"}}, {"main.weekday": "missing"}),
        (
            {"main": {"every": "open-day", "weekday": "monday", "freeze": "17:00", "draw": "18:30"}},
            {"main.weekday": "unknown_key"},
        ),
    ],
)
def test_draw_times_leave_an_hour_and_never_two_open_batches(times: dict[str, Any], mistake: dict[str, str]) -> None:
    data = raw()
    data["families"][2]["draw"].update(times)
    assert mistakes_of(data) == {f"families[pan-permis].draw.{place}": code for place, code in mistake.items()}


def test_a_motif_may_differ_from_its_family() -> None:
    data = raw()
    data["motifs"][0] |= {"minors": "no", "asked_by": ["agent"]}
    catalogue: Catalogue = demarche.catalogue(data)
    assert catalogue.motifs["titre-etudiant"].manner == demarche.Manner(
        frozenset({Asker.AGENT}), Minors.NO, Jurisdiction.RESIDENCE
    )


def test_something_else_than_a_table_is_one_mistake() -> None:
    data = raw()
    data["windows"] = "none"
    data["elsewhere"] = [3]
    found = mistakes_of(data)
    assert found["windows"] == "not_a_list"
    assert found["elsewhere[0]"] == "not_a_table"
