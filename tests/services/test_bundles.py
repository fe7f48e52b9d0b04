"""What an insider writes into a draw afterwards is found by whoever has the rows; the full file leaves with a trace."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, text

from booking.domain.accounts import Role
from booking.domain.canonical import canonical
from booking.domain.draw import check_full
from booking.domain.errors import NotFound
from booking.domain.identity import BirthDate, Identity
from booking.ports import MovableClock, World
from booking.services import bundles, draw, slots, strike
from booking.services.result import BUNDLE_KEY, SEALED, open_full
from booking.store.draw import Batch, BatchLine
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
            "UPDATE batch_line SET placed_slot_id = (SELECT id FROM slot WHERE id NOT IN"
            " (SELECT slot_id FROM batch_slot) ORDER BY id LIMIT 1) WHERE rank = 2",
            "do not give what its full file gives",
        ),
        (
            "DELETE FROM batch_slot WHERE slot_id = (SELECT slot_id FROM batch_slot ORDER BY slot_id LIMIT 1)",
            "lines or places",
        ),
        ("UPDATE batch SET public_bundle = :bytes WHERE number = 1", "not the one that was signed"),
        ("UPDATE batch SET bundle_signature = :bytes WHERE number = 2", "not the one that was signed"),
        ("UPDATE batch SET commitment = (SELECT commitment FROM batch WHERE number = 2) WHERE number = 1", "another"),
        ("UPDATE batch SET full_bundle_sealed = :bytes WHERE number = 1", "cannot be read"),
        ("UPDATE batch SET commitment = :empty WHERE number = 2", "cannot be read"),
        ("UPDATE batch SET commitment = :nested WHERE number = 2", "cannot be read"),
        ("UPDATE batch SET number = 9 WHERE number = 1", "its commitment is missing"),
        ("UPDATE batch SET public_bundle = NULL, full_bundle_sealed = NULL WHERE number = 1", "is missing"),
        ("UPDATE batch SET full_bundle_sealed = NULL WHERE number = 2", "is missing"),
        ("UPDATE batch_line SET rank = 5 - rank WHERE cohort = 1", "do not give what its full file gives"),
        ("UPDATE batch_line SET placed_slot_id = NULL WHERE rank = 2", "do not give what its full file gives"),
        (
            "UPDATE batch_line SET demande_id = (SELECT id FROM demande ORDER BY id DESC LIMIT 1) WHERE rank = 1",
            "to whom it gives it",
        ),
    ],
)
def test_what_was_written_afterwards_is_found(drawn: World, fraud: str, seen: str) -> None:
    """R-128"""
    with drawn.sessions() as session:
        kept = session.scalars(select(Batch.public_bundle).where(Batch.number == 2)).one()
        given = {"bytes": kept, "empty": b"{}", "nested": b"[" * 100_000}
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
        batch.full_bundle_sealed = drawn.keys.seal(*SEALED, batch.id, forged)
    assert any("not that of the list and the beacon" in fault for fault in bundles.faults(drawn))


def test_a_public_file_signed_anew_is_not_what_the_full_one_shows(drawn: World) -> None:
    """R-128: who is placed is covered by the signature alone, and the insider has the key."""
    with drawn.sessions() as session:
        batch = session.get_one(Batch, batch_id(drawn, 1))
        shown = json.loads(batch.public_bundle or b"")
        shown["lines"][0]["placed"] = not shown["lines"][0]["placed"]
        batch.public_bundle = canonical(shown)
        batch.bundle_hash = hashlib.sha256(batch.public_bundle).digest()
        batch.bundle_kid, batch.bundle_signature = drawn.keys.sign(BUNDLE_KEY, batch.bundle_hash)
    assert any("not its full file" in fault for fault in bundles.faults(drawn))


@pytest.fixture
def corrected(drawn: World) -> World:
    """The first draw after two corrections: two of its four lines were struck."""
    struck, clock = batch_id(drawn, 1), drawn.clock
    assert isinstance(clock, MovableClock)
    with drawn.reading() as session:
        found = session.scalars(select(BatchLine.leaf).where(BatchLine.batch_id == struck, BatchLine.code == "W"))
        leaves = sorted(found)[:2]
    for leaf in leaves:
        asker, signer = filings.agent(drawn, Role.SUPERVISOR), filings.agent(drawn, Role.SUPERVISOR)
        asked = strike.ask_leaf(drawn, asker, TERRITORY, struck, leaf.hex(), "double_chance")
        clock.advance(timedelta(minutes=1))
        strike.countersign(drawn, signer, TERRITORY, asked)
    return drawn


def test_honest_corrections_are_as_promised(corrected: World) -> None:
    """R-128"""
    assert list(bundles.faults(corrected)) == []


def test_a_full_file_altered_after_a_correction_is_not_that_of_the_beacon(corrected: World) -> None:
    """R-128: two people of the corrected draw change places, in the file and in the rows."""
    with corrected.sessions() as session:
        batch = session.get_one(Batch, batch_id(corrected, 1))
        full = json.loads(open_full(corrected, batch))
        first, second = [row for row in full["private"] if row["slot"]]
        first["slot"], second["slot"] = second["slot"], first["slot"]
        batch.full_bundle_sealed = corrected.keys.seal(*SEALED, batch.id, canonical(full))
        lines = {row.leaf.hex(): row for row in session.scalars(select(BatchLine).where(BatchLine.rank.is_not(None)))}
        one, other = lines[first["leaf"]], lines[second["leaf"]]
        one.placed_slot_id, other.placed_slot_id = other.placed_slot_id, one.placed_slot_id
    [fault] = bundles.faults(corrected)
    assert "not that of the list and the beacon (private)" in fault


@pytest.mark.parametrize(
    ("fraud", "seen"),
    [
        ("UPDATE strike SET reason = 'forged_entry'", "not that of the list and the beacon (struck)"),
        ("DELETE FROM strike WHERE signed_at = (SELECT MAX(signed_at) FROM strike)", "not that of the list"),
        (
            "UPDATE strike SET replaced_bundle = (SELECT public_bundle FROM batch WHERE number = 1)",
            "before correction 2",
        ),
        ("UPDATE batch_line SET rank = 9 WHERE rank IS NULL AND code = 'W'", "do not give what its full file gives"),
    ],
)
def test_what_was_written_into_a_corrected_draw_is_found(corrected: World, fraud: str, seen: str) -> None:
    """R-128"""
    with corrected.sessions() as session:
        session.execute(text(fraud))
    assert any(seen in fault for fault in bundles.faults(corrected))


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
