"""R-145: a file fits its twin and the people in the database, and what is gone can still be read."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from booking.domain.configuration import InvalidConfiguration
from booking.domain.errors import InvalidInput, NotFound
from booking.domain.slots import SlotState
from booking.gateways import config_files
from booking.ports import World
from booking.services import configuration, convocation, demande, documents, files, slots, standby
from booking.services.configuration import DEMARCHES, EVERYWHERE, TERRITOIRE
from booking.services.transaction import USAGER, transaction
from booking.store.convocation import Convocation
from booking.store.slots import Slot
from booking.web.app import create_app
from tests.support import filings
from tests.support.filings import FAMILY, MOTIF, TERRITORY

SITE = "mont-de-marsan"
NAME = "Préfecture, Mont-de-Marsan"
Change = Callable[[dict[str, Any]], None]


@pytest.fixture
def seeded(world: World) -> World:
    return filings.seeded(world)


def body_of(kind: str) -> dict[str, Any]:
    path = "demarches.toml" if kind == DEMARCHES else f"territoires/{TERRITORY}.toml"
    return config_files.read(filings.CONFIG / path)


def apply(world: World, kind: str, change: Change, **options: Any) -> int:
    body = copy.deepcopy(body_of(kind))
    change(body)
    scope = EVERYWHERE if kind == DEMARCHES else TERRITORY
    return configuration.apply(world, kind, scope, body, "arrêté d’essai", "operator", **options)


def refused(world: World, kind: str, change: Change, **options: Any) -> InvalidConfiguration:
    with pytest.raises(InvalidConfiguration) as caught:
        apply(world, kind, change, **options)
    return caught.value


def without_family(body: dict[str, Any]) -> None:
    body["families"] = [row for row in body["families"] if row["code"] != FAMILY]
    body["motifs"] = [row for row in body["motifs"] if row["family"] != FAMILY]


def without_motif(body: dict[str, Any]) -> None:
    body["motifs"] = [row for row in body["motifs"] if row["code"] != MOTIF]


def without_openings(body: dict[str, Any]) -> None:
    body["openings"] = [row for row in body["openings"] if row["family"] != FAMILY]
    for channel in body["channels"]:
        if FAMILY in channel.get("families", ()):
            channel["families"].remove(FAMILY)


def without_site(body: dict[str, Any]) -> None:
    desks = {row["code"] for row in body["guichets"] if row["site"] == SITE}
    body["sites"] = [row for row in body["sites"] if row["code"] != SITE]
    body["guichets"] = [row for row in body["guichets"] if row["site"] != SITE]
    body["openings"] = [row for row in body["openings"] if row["guichet"] not in desks]
    body["closures"] = [
        row for row in body.get("closures", []) if row.get("site") != SITE and row.get("guichet") not in desks
    ]


def of_nothing(body: dict[str, Any]) -> None:
    body["openings"][0] |= {"family": "zzz"}


def appointment(world: World) -> Convocation:
    """Aminata waits, and is convened in a week."""
    receipt = filings.by_staff(world)
    slots.plan(world)
    with transaction(world) as tx:
        found = tx.session.query(Slot).filter_by(family=FAMILY, site=SITE, state=SlotState.OPEN)
        slot = min((row for row in found if row.start_at > tx.now + timedelta(days=7)), key=lambda row: row.start_at)
        slot.state = SlotState.COMMITTED
        place = configuration.current(tx.session, tx.now).territory(TERRITORY)
        entry = tx.session.get(filings.Demande, receipt.demande_id)
        assert entry is not None
        held = convocation.offer(tx, entry, slot, place, None)
    convocation.confirm(world, held.demande_id, "page", USAGER)
    return held


# --- what is refused ----------------------------------------------------------------------------------------------


def test_an_opening_of_a_family_that_there_is_not_is_one_of_all_the_mistakes(seeded: World) -> None:
    def change(body: dict[str, Any]) -> None:
        of_nothing(body)
        body["zone"], body["surprise"] = "Europe/Atlantide", 1

    found = refused(seeded, TERRITOIRE, change)
    assert found.fields == {
        "openings[0].family": "unknown_family",
        "zone": "unknown_zone",
        "surprise": "unknown_key",
    }
    assert "zzz" in found.hints["openings[0].family"]
    assert FAMILY in found.hints["openings[0].family"]


def test_the_difference_finds_the_same_mistakes(seeded: World) -> None:
    body = body_of(TERRITOIRE)
    of_nothing(body)
    with pytest.raises(InvalidConfiguration):
        configuration.diff(seeded, TERRITOIRE, TERRITORY, body)


def test_a_family_that_people_and_openings_need_stays(seeded: World) -> None:
    """R-145."""
    appointment(seeded)
    filings.by_staff(seeded, identity=filings.OTHER)
    found = refused(seeded, DEMARCHES, without_family)
    assert found.fields == {f"families[{FAMILY}]": "family_in_use", f"motifs[{MOTIF}]": "motif_in_use"}
    assert found.hints[f"families[{FAMILY}]"] == f"2 live demandes, 1 appointment, openings of {TERRITORY}"
    assert found.hints[f"motifs[{MOTIF}]"] == "2 live demandes, 1 appointment"


def test_a_site_where_somebody_is_convened_or_could_come_stays(seeded: World) -> None:
    """R-145."""
    appointment(seeded)
    found = refused(seeded, TERRITOIRE, without_site)
    assert found.fields == {f"sites[{SITE}]": "site_in_use"}
    assert found.hints == {f"sites[{SITE}]": "1 live demande, 1 appointment"}


def test_a_motif_whose_demandes_have_ended_may_go_and_its_papers_stay(seeded: World) -> None:
    """R-145."""
    receipt = filings.by_staff(seeded)
    refused(seeded, DEMARCHES, without_motif)
    demande.withdraw(seeded, receipt.demande_id)
    apply(seeded, DEMARCHES, without_motif)
    assert documents.receipt(seeded, receipt.demande_id).body.startswith(b"%PDF")


def test_a_file_fits_what_will_be_in_force_too(seeded: World) -> None:
    """The family leaves in a month: from then on nobody may open it, and until then somebody may."""
    apply(seeded, TERRITOIRE, without_openings)
    month = seeded.clock.now() + timedelta(days=30)
    apply(seeded, DEMARCHES, without_family, valid_from_at=month)
    assert set(refused(seeded, TERRITOIRE, lambda body: None).fields.values()) == {"unknown_family"}


def test_a_first_territory_needs_no_catalogue_and_a_catalogue_no_territory(world: World) -> None:
    apply(world, TERRITOIRE, lambda body: None)
    assert set(refused(world, DEMARCHES, without_family).fields) == {f"families[{FAMILY}]"}
    apply(world, DEMARCHES, lambda body: None)


# --- what is gone can be read -------------------------------------------------------------------------------------


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Versions that were written before they were checked, or that people overtook."""
    monkeypatch.setattr(configuration, "check", lambda *_: None)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("kind", "change"),
    [(DEMARCHES, without_family), (DEMARCHES, without_motif), (TERRITOIRE, without_site)],
    ids=["family", "motif", "site"],
)
def test_who_was_filed_or_convened_under_older_rules_is_read(seeded: World, kind: str, change: Change) -> None:
    """R-145."""
    held = appointment(seeded)
    waits = filings.by_staff(seeded, identity=filings.OTHER, contact=filings.Contact(postal="1 rue\n40000 Mont"))
    apply(seeded, kind, change)
    client = create_app(seeded, config={"TESTING": True}).test_client()
    pages = [f"/s/{waits.link}{path}" for path in ("", "/recu", "/recu.pdf", "/moments")]
    assert [client.get(page).status_code for page in pages] == [200] * 4
    seen = files.for_agent(seeded, filings.agent(seeded), TERRITORY, filings.row(seeded, held.demande_id).reference)
    assert seen.held is None or seen.held.site == NAME
    assert "titre" in seen.motif.lower()
    assert seen.motif != MOTIF
    assert documents.convocation(seeded, held.id).body.startswith(b"%PDF")
    standby.open_orders(seeded)
    slots.plan(seeded)


@pytest.fixture
def overtaken(seeded: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Somebody waits and is convened, and everything they need was taken away all the same."""
    appointment(seeded)
    with monkeypatch.context() as patched:
        patched.setattr(configuration, "check", lambda *_: None)
        apply(seeded, TERRITOIRE, of_nothing)
        apply(seeded, DEMARCHES, without_motif)
    return seeded


def test_an_opening_of_nothing_gives_no_slot_and_takes_none_from_the_others(overtaken: World) -> None:
    slots.plan(overtaken)
    with overtaken.reading() as session:
        assert {slot.family for slot in session.query(Slot)} == {row["code"] for row in body_of(DEMARCHES)["families"]}


def test_what_does_not_fit_any_more_is_told(overtaken: World) -> None:
    found = configuration.standing(overtaken)
    assert found[f"{DEMARCHES}/{EVERYWHERE}"] == {
        f"motifs[{MOTIF}]": "1 live demande, 1 appointment",
        "families[zzz]": f"openings of {TERRITORY}",
    }
    assert found[f"{TERRITOIRE}/{TERRITORY}"]["openings[0].family"].startswith("zzz; there are: ")


def test_what_no_version_ever_knew_has_its_code_for_a_name(seeded: World) -> None:
    with seeded.reading() as session:
        in_force = configuration.current(session, seeded.clock.now())
    assert in_force.catalogue.motifs["chasse"].label.fr == in_force.catalogue.families["chasse"].label.fr == "chasse"
    assert in_force.catalogue.motifs["chasse"].documents == ()
    site = in_force.territory(TERRITORY).sites["tartas"]
    assert (site.name, site.address_on(date(2026, 3, 2))) == ("tartas", None)
    assert "chasse" not in in_force.catalogue.motifs


# --- what a file is -----------------------------------------------------------------------------------------------


def test_a_file_is_known_by_what_it_holds() -> None:
    territory = body_of(TERRITOIRE)
    del territory["openings"]
    assert configuration.kind_of(territory) == (TERRITOIRE, TERRITORY)
    del territory["code"]
    assert configuration.kind_of(territory) == (TERRITOIRE, "")
    assert configuration.kind_of(body_of(DEMARCHES)) == (DEMARCHES, EVERYWHERE)
    with pytest.raises(InvalidInput, match="kind_unclear"):
        configuration.kind_of({"name": "?"})


def test_what_was_never_written_is_told_from_an_empty_database(world: World) -> None:
    with pytest.raises(NotFound, match="configuration"):
        configuration.export(world, TERRITOIRE, "99")
    filings.seeded(world)
    with pytest.raises(NotFound, match="version") as caught:
        configuration.export(world, TERRITOIRE, "99")
    assert caught.value.fields == {"there is": TERRITORY}
