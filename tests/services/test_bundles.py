"""What an insider writes into a draw afterwards is found by whoever has the rows; the full file leaves with a trace."""

from __future__ import annotations

import hashlib
import json
from uuid import UUID

import pytest
from sqlalchemy import select, text

from booking.domain.draw import check_full
from booking.domain.errors import NotFound
from booking.domain.identity import BirthDate, Identity
from booking.ports import World
from booking.services import bundles, draw, slots
from booking.services.result import BUNDLE_KEY
from booking.store.draw import Batch
from booking.store.journal import JournalRow
from tests.support import filings
from tests.support.filings import FAMILY, TERRITORY


@pytest.fixture
def drawn(world: World) -> World:
    """Two draws, with four people and then two more."""
    filings.seeded(world)
    slots.plan(world)
    for letters in ("abcd", "ef"):
        for letter in letters:
            filings.by_staff(world, identity=Identity(f"Personne{letter}", "Alix", BirthDate(1980, 5, 12), "Dax", "FR"))
        draw.run_now(world, TERRITORY, FAMILY, "system")
    return world


def batch_id(world: World, number: int) -> UUID:
    with world.reading() as session:
        return session.scalars(select(Batch.id).where(Batch.number == number)).one()


def test_honest_draws_are_as_promised(drawn: World) -> None:
    """R-128"""
    assert list(bundles.faults(drawn)) == []


@pytest.mark.parametrize(
    ("fraud", "seen"),
    [
        ("UPDATE batch_line SET priority = -5 WHERE rank = 1", "lines or places"),
        ("DELETE FROM batch_line WHERE rank = 1", "lines or places"),
        (
            "DELETE FROM batch_slot WHERE slot_id = (SELECT slot_id FROM batch_slot ORDER BY slot_id LIMIT 1)",
            "lines or places",
        ),
        ("UPDATE batch SET public_bundle = :bytes WHERE number = 1", "not the one that was signed"),
        ("UPDATE batch SET bundle_signature = :bytes WHERE number = 2", "not the one that was signed"),
        ("UPDATE batch SET commitment = (SELECT commitment FROM batch WHERE number = 2) WHERE number = 1", "another"),
        ("UPDATE batch SET full_bundle_sealed = :bytes WHERE number = 1", "cannot be read"),
        ("UPDATE batch SET commitment = :empty WHERE number = 2", "cannot be read"),
        ("UPDATE batch SET number = 9 WHERE number = 1", "its commitment is missing"),
    ],
)
def test_what_was_written_afterwards_is_found(drawn: World, fraud: str, seen: str) -> None:
    """R-128"""
    with drawn.sessions() as session:
        kept = session.scalars(select(Batch.public_bundle).where(Batch.number == 2)).one()
        given = {"bytes": kept, "empty": b"{}"}
        session.execute(text(fraud), {name: value for name, value in given.items() if f":{name}" in fraud})
    assert any(seen in fault for fault in bundles.faults(drawn))


def test_a_result_made_anew_with_every_signature_is_not_that_of_the_beacon(drawn: World) -> None:
    """R-128: the insider has the keys; the list and the public value still say who was placed."""
    found = batch_id(drawn, 1)
    data = json.loads(bundles.export(drawn, found, "insider").data)
    rows = [row for row in data["lines"] if row["code"] == "W"]
    rows[0]["rank"], rows[1]["rank"] = rows[1]["rank"], rows[0]["rank"]
    with drawn.sessions() as session:
        batch = session.get_one(Batch, found)
        forged = json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
        batch.full_bundle_sealed = drawn.keys.seal(*bundles.SEALED, batch.id, forged)
    assert any("not that of the list and the beacon" in fault for fault in bundles.faults(drawn))


def test_the_full_file_is_handed_over_signed_and_the_journal_knows_it(drawn: World) -> None:
    """R-129"""
    found = bundles.export(drawn, batch_id(drawn, 1), filings.agent(drawn))
    assert check_full(found.data, drawn.beacon.verify) == []
    assert found.digest == hashlib.sha256(found.data).digest()
    assert drawn.keys.verify(BUNDLE_KEY, found.kid, found.digest, found.signature)
    with drawn.reading() as session:
        wanted = JournalRow.verb.in_(("full_bundle_kept", "full_bundle_exported"))
        rows = session.scalars(select(JournalRow).where(wanted).order_by(JournalRow.at)).all()
    same = [row.verb for row in rows if row.details["sha256"] == found.digest.hex()]
    assert same == ["full_bundle_kept", "full_bundle_exported"]
    with pytest.raises(NotFound):
        bundles.export(drawn, UUID(int=1), "operator")
