"""Insiders who know everything and may change everything, and a stranger with the published files and one receipt.

Each test is a fraud carried out as well as an insider can: all that can be recomputed is recomputed.
"""

from __future__ import annotations

import copy
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from booking.domain import draw as rules
from booking.domain import log as log_rules
from booking.domain import witness
from booking.domain.beacon import LOCAL, QUICKNET, local_signature
from booking.domain.canonical import canonical
from booking.domain.draw import Line
from booking.domain.identity import BirthDate, Identity, canonical_bytes
from booking.domain.log import Tree, person_commitment
from booking.ports import World
from booking.services import bundles, draw, log, persons, proofs, publications, slots
from booking.services.result import BUNDLE_KEY, place_of
from booking.store import draw as draw_rows
from booking.store import log as log_rows
from booking.store import slots as slot_rows
from booking.store.demande import Demande
from tests.support import filings, tsa
from tests.support.filings import FAMILY, TERRITORY
from tests.support.proofs import all_leaves, consistent
from tests.support.tsa import Authority
from tests.verifier.test_match_faults import classes_of, codes, reseated
from verifier import verify_draw

ROOT = Path(verify_draw.__file__).parent
RIGHT = "RIEN NE DIFFÈRE"
_names = count()


@pytest.fixture
def drawn(world: World) -> World:
    """Two draws; between them two more people came."""
    filings.seeded(world)
    slots.plan(world)
    for people in (4, 2):
        for _ in range(people):
            filings.by_staff(world, identity=somebody())
        draw.run_now(world, TERRITORY, FAMILY, "system")
    return world


def somebody() -> Identity:
    letters = "abcdefghijklmnopqrstuvwxyz"
    number = next(_names)
    return Identity(
        f"Nom{letters[number % 26]}{letters[number // 26 % 26]}", "Alix", BirthDate(1980, 5, 12), "Dax", "FR"
    )


def public(world: World, number: int) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(publications.bundle(world, TERRITORY, FAMILY, number))
    return found


def full(world: World, number: int) -> dict[str, Any]:
    with world.reading() as session:
        batch = draw_rows.of_number(session, TERRITORY, FAMILY, number)
        assert batch is not None
        sealed, batch_id = batch.full_bundle_sealed, batch.id
    assert sealed is not None
    found: dict[str, Any] = json.loads(world.keys.open("batch", "full_bundle_sealed", batch_id, sealed))
    return found


def lines_of(bundle: dict[str, Any]) -> list[Line]:
    opened = {part["leaf"]: part for part in bundle["private"]}
    return [
        Line(
            leaf=bytes.fromhex(row["leaf"]),
            code=row["code"],
            priority=row["priority"],
            cohort=row["cohort"],
            classes=tuple(opened[row["leaf"]]["classes"]),
            attached=(),
            salt=bytes.fromhex(opened[row["leaf"]]["salt"]),
        )
        for row in bundle["lines"]
    ]


def forged(bundle: dict[str, Any], lines: Sequence[Line], signature: bytes | None = None, **changes: Any) -> Any:
    """A whole new draw by the insider: other lines or another commitment, everything that follows recomputed."""
    said = bundle["commitment"]
    capacity = {row["class"]: [rules.Place(*place) for place in row["places"]] for row in said["capacity"]}
    commitment = {
        **said,
        "root": rules.frozen_root(lines).hex(),
        "counts": {code: sum(line.code == code for line in lines) for code in "HPW"},
        **changes,
    }
    signature = signature or bytes.fromhex(bundle["beacon"]["signature"])
    outcome = rules.run(lines, capacity, rules.seed(canonical(commitment), signature))
    found = rules.public_bundle(commitment, bundle["evidence"], signature, lines, outcome)
    return rules.full_bundle(found, lines, outcome)


Stranger = Callable[..., str]


@pytest.fixture
def stranger(tmp_path: Path) -> Stranger:
    """Run a program of the verifier on values written to files; what it says."""

    def run(program: str, *arguments: object) -> str:
        words = []
        for number, argument in enumerate(arguments):
            if not isinstance(argument, str):
                path = tmp_path / f"{number}.json"
                path.write_bytes(argument if isinstance(argument, bytes) else canonical(argument))
                words.append(str(path))
            else:
                words.append(argument)
        command = [sys.executable, str(ROOT / program), *words]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout

    return run


def right(said: str) -> bool:
    return said.rstrip().endswith(RIGHT)


def test_without_fraud_nothing_is_flagged(drawn: World, stranger: Stranger) -> None:
    leaves = all_leaves(drawn).encode()
    assert right(stranger("verify_draw.py", full(drawn, 1), full(drawn, 2)))
    assert right(stranger("verify_log.py", leaves, "--tirages", public(drawn, 1), public(drawn, 2)))
    assert right(stranger("verify_draw.py", forged(full(drawn, 1), lines_of(full(drawn, 1)))))


def test_a_ghost_entry_after_the_head(drawn: World, stranger: Stranger) -> None:
    """A list with one more line is a right list; but the log of that hour does not hold its leaf."""
    honest = full(drawn, 2)
    ghost = replace(lines_of(honest)[-1], leaf=hashlib.sha256(b"ghost").digest(), code="W", classes=())
    draw_of_insider = forged(honest, [*lines_of(honest), ghost])
    assert right(stranger("verify_draw.py", draw_of_insider))
    said = stranger("verify_log.py", all_leaves(drawn).encode(), "--tirages", draw_of_insider)
    assert "[fantôme]" in said
    assert ghost.leaf.hex() in said


def test_a_log_rewritten_to_hold_the_ghost(drawn: World, stranger: Stranger) -> None:
    """Whoever kept one head sees it; and so does every draw before."""
    with drawn.reading() as session:
        head = log_rows.last_head(session)
    assert head is not None
    leaves = all_leaves(drawn).splitlines()
    rewritten = "\n".join([hashlib.sha256(b"ghost").hexdigest(), *leaves]).encode()
    kept = f"{head.size}:{head.root.hex()}"
    assert right(stranger("verify_log.py", "\n".join(leaves).encode(), "--tete", kept))
    assert "[tête]" in stranger("verify_log.py", rewritten, "--tete", kept)
    assert "[tête]" in stranger("verify_log.py", rewritten, "--tirages", public(drawn, 1))


def test_a_back_dated_entry(drawn: World, stranger: Stranger) -> None:
    """After the commitment the root differs; before it, the draw before did not know the age."""
    honest = full(drawn, 2)
    newcomer = next(row for row in honest["lines"] if row["code"] == "W" and row["cohort"] == 2)
    after = json.loads(canonical(honest))
    next(row for row in after["lines"] if row["leaf"] == newcomer["leaf"])["cohort"] = 1
    assert "[racine]" in stranger("verify_draw.py", after)
    aged = [replace(one, cohort=1) if one.leaf.hex() == newcomer["leaf"] else one for one in lines_of(honest)]
    leaves = all_leaves(drawn).encode()
    said = stranger("verify_log.py", leaves, "--tirages", public(drawn, 1), forged(honest, aged))
    assert "à faire expliquer" in said
    assert newcomer["leaf"] in said


def test_an_entry_left_out_of_the_freeze(drawn: World, stranger: Stranger) -> None:
    honest = full(drawn, 1)
    victim = honest["lines"][0]["leaf"]
    without = forged(honest, lines_of(honest)[1:])
    assert right(stranger("verify_draw.py", without))
    assert "[absente]" in stranger("verify_draw.py", without, "--feuille", victim)
    assert right(stranger("verify_draw.py", honest, "--feuille", victim))


def test_a_private_seed_ground_until_a_friend_wins(drawn: World, stranger: Stranger) -> None:
    """Twenty private tries turn one chance in five into certainty; none of them is the round that was named."""
    honest = full(drawn, 1)
    lines = [line for line in lines_of(honest) if line.code == "W"]
    friend = lines[0].leaf

    def wins(signature: bytes) -> bool:
        return rules.order(lines, rules.seed(canonical(honest["commitment"]), signature))[0].leaf == friend

    tries = [local_signature(number) for number in range(1, 61)]
    ground = next(signature for signature in tries if wins(signature))
    said = honest["commitment"]["beacon"]
    report = verify_draw.Report()
    quicknet = {**said, "source": QUICKNET.source, "chain": QUICKNET.chain, "public_key": QUICKNET.public_key}
    bundle = {"commitment": {"beacon": quicknet}, "beacon": {"signature": ground.hex()}}
    verify_draw.check_beacon(bundle, report)
    assert report.faults
    other = forged(honest, lines_of(honest), beacon={**said, "round": said["round"] + 7})
    assert "[tour]" in stranger("verify_draw.py", other)


def test_a_silent_second_draw(drawn: World, stranger: Stranger) -> None:
    """Drawn again an hour later under the same number: whoever kept the commitment sees it, and so does the next."""
    honest = full(drawn, 1)
    kept, beacon = canonical(honest["commitment"]), honest["commitment"]["beacon"]
    later = LOCAL.round_at(beacon["round"]) + timedelta(hours=1)
    number = LOCAL.round_for(later)
    again = forged(
        honest,
        lines_of(honest),
        local_signature(number),
        beacon={**beacon, "round": number, "at": later.strftime("%Y-%m-%dT%H:%M:%SZ")},
    )
    assert right(stranger("verify_draw.py", again))
    assert "[engagement]" in stranger("verify_draw.py", again, "--engagement", kept)
    leaves = all_leaves(drawn).encode()
    assert "[suite]" in stranger("verify_log.py", leaves, "--tirages", again, public(drawn, 2))


def test_a_commitment_published_late(drawn: World, stranger: Stranger) -> None:
    """Written once the random value was known, in favour of a friend, with every date set back; witnesses are not ours.

    The insider holds a true stamp of the honest commitment, may ask the authority for one more, and may write anything.
    """
    honest = full(drawn, 1)
    said, authority = honest["commitment"], Authority()
    in_time, at = (datetime.fromisoformat(said[name] if name else said["beacon"]["at"]) for name in ("frozen", ""))
    authority.now = lambda: in_time
    true = witness.stamp(in_time, "horodatage.example", authority.stamp(canonical(said)))
    assert "NON PROUVÉE" not in stranger("verify_draw.py", {**honest, "evidence": [true]})

    late = forged(honest, lines_of(honest)[1:])
    assert "NON PROUVÉE" in stranger("verify_draw.py", late)
    assert "[horodatage]" in stranger("verify_draw.py", {**late, "evidence": [true]})
    authority.now = lambda: at + timedelta(seconds=3)
    token = authority.stamp(canonical(late["commitment"]))
    asked_late = witness.stamp(authority.now(), "horodatage.example", token)
    assert "NON PROUVÉE" in stranger("verify_draw.py", {**late, "evidence": [asked_late]})
    set_back = {**asked_late, "at": true["at"]}
    assert "[horodatage]" in stranger("verify_draw.py", {**late, "evidence": [set_back]})
    one_mail_twice = [witness.mail(in_time, "<1@rdv.example>")] * 2
    assert "NON PROUVÉE" in stranger("verify_draw.py", {**late, "evidence": one_mail_twice})
    assert "[délai]" in stranger("verify_draw.py", forged(honest, lines_of(honest), frozen=said["beacon"]["at"]))


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl on this machine")
def test_a_stamp_of_the_insiders_own_making(drawn: World, stranger: Stranger, tmp_path: Path) -> None:
    """Right bytes, right date, an authority of their own with the same name: openssl and the true root see it."""
    honest = full(drawn, 1)
    in_time = datetime.fromisoformat(honest["commitment"]["frozen"])
    true, own = (Authority(now=lambda: in_time) for _ in range(2))
    roots = str(true.write_roots(tmp_path / "autorite.pem"))
    for authority, seen in ((true, False), (own, True)):
        stamp = witness.stamp(in_time, "horodatage.example", authority.stamp(canonical(honest["commitment"])))
        said = stranger("verify_date.py", {**honest, "evidence": [stamp]}, "--autorite", roots)
        assert ("[horodatage]" in said) is seen


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl on this machine")
def test_a_date_written_beside_what_the_authority_signed(drawn: World, stranger: Stranger, tmp_path: Path) -> None:
    """A true stamp, asked for after the draw; in front of it, in the unsigned words of the answer, an earlier one."""
    honest = full(drawn, 1)
    said, authority = honest["commitment"], Authority()
    in_time, at = (datetime.fromisoformat(said[name] if name else said["beacon"]["at"]) for name in ("frozen", ""))
    authority.now = lambda: at + timedelta(days=90)
    late = authority.stamp(canonical(said))
    authority.now = lambda: in_time
    earlier = authority._info(hashlib.sha256(canonical(said)).digest(), None)
    roots = str(authority.write_roots(tmp_path / "autorite.pem"))
    for forged_answer in tsa.beside(late, earlier):
        stamp = witness.stamp(in_time, "horodatage.example", forged_answer)
        assert not right(stranger("verify_date.py", {**honest, "evidence": [stamp]}, "--autorite", roots))
        assert not right(stranger("verify_draw.py", {**honest, "evidence": [stamp]}))


def test_a_result_altered_afterwards(drawn: World, stranger: Stranger) -> None:
    """Two seats exchanged, a later week, nobody instead of somebody: each is named, and nothing else is accused."""
    honest = full(drawn, 1)
    due, weeks = classes_of(honest), [row["class"] for row in honest["commitment"]["capacity"]]
    assert due == [weeks[0]] * 4
    seats = copy.deepcopy(honest)
    one, two = [row for row in seats["private"] if row["slot"]][:2]
    one["slot"], two["slot"] = two["slot"], one["slot"]
    later, out = (reseated(honest, [*due[:2], instead, due[3]]) for instead in (weeks[1], None))
    for altered, fault in ((seats, "créneau"), (later, "date"), (out, "oubli")):
        assert codes(stranger("verify_draw.py", altered)) == [fault]
    shown = public(drawn, 1)
    shown["lines"][0]["placed"] = not shown["lines"][0]["placed"]
    found = publications.one(drawn, TERRITORY, FAMILY, 1)
    assert codes(stranger("verify_draw.py", shown)) == ["servis"]
    assert hashlib.sha256(canonical(shown)).digest() != found.bundle_hash


def written(world: World, number: int, bundle: dict[str, Any]) -> None:
    """The insider has the database and every key: a whole draw takes the place of the true one, rows and signatures."""
    shown = canonical({name: value for name, value in bundle.items() if name != "private"})
    with world.sessions() as session:
        batch = draw_rows.of_number(session, TERRITORY, FAMILY, number)
        assert batch is not None
        batch.commitment, batch.public_bundle = canonical(bundle["commitment"]), shown
        batch.full_bundle_sealed = world.keys.seal("batch", "full_bundle_sealed", batch.id, canonical(bundle))
        batch.bundle_hash = hashlib.sha256(shown).digest()
        batch.bundle_kid, batch.bundle_signature = world.keys.sign(BUNDLE_KEY, batch.bundle_hash)
        at = {place_of(slot): slot.id for slot in slot_rows.of_batch(session, batch.id)}
        slots_of = {bytes.fromhex(part["leaf"]): part["slot"] for part in bundle["private"] if part["slot"]}
        given = {leaf: at[text, rules.Place(*place)] for leaf, (text, *place) in slots_of.items()}
        ranks = {bytes.fromhex(row["leaf"]): row["rank"] for row in bundle["lines"] if "rank" in row}
        draw_rows.write_outcome(session, batch.id, ranks, given)


@pytest.mark.parametrize(
    ("number", "changes"), [(1, {"rules": {}}), (2, {"previous": "00" * 32}), (2, {"previous": None})]
)
def test_a_draw_written_anew_is_not_what_the_next_one_names(drawn: World, number: int, changes: dict[str, Any]) -> None:
    """R-128: the commitment of one draw is another, all that follows from it is right; the chain alone tells."""
    honest = full(drawn, number)
    written(drawn, number, honest)
    assert list(bundles.faults(drawn)) == []
    written(drawn, number, forged(honest, lines_of(honest), **changes))
    told = "it does not hold the hash of the one before"
    assert list(bundles.faults(drawn)) == [f"draw {TERRITORY}/{FAMILY}/2: {told}"]


def test_a_leaf_re_pointed_to_a_buyer(world: World, stranger: Stranger) -> None:
    """The insider writes the buyer into the demande and into its entry; the leaf opens for the first person only.

    To make it open for the buyer the leaf itself must change, and then the log is not what its heads said.
    """
    filings.seeded(world)
    filed = filings.by_staff(world)
    receipt = filed.log
    assert receipt is not None
    log.sequence(world)
    kept = all_leaves(world).encode()
    with world.sessions() as session:
        demande = session.get(Demande, filed.demande_id)
        row = log_rows.entries_of(session, filed.demande_id)[0]
        head = log_rows.last_head(session)
        assert demande is not None
        assert head is not None
        persons.seal_identity(world, demande, filings.OTHER)
        buyer = person_commitment(receipt.salt, canonical_bytes(filings.OTHER)).hex()
        row.entry = canonical({**json.loads(receipt.entry), "person": buyer})
    with world.reading() as session:
        row = log_rows.entries_of(session, filed.demande_id)[0]
        demande = session.get(Demande, filed.demande_id)
        assert demande is not None
        assert persons.identity_of(world, demande) == filings.OTHER
    seller = person_commitment(receipt.salt, canonical_bytes(filings.AMINATA)).hex()
    assert json.loads(receipt.entry)["person"] == seller
    assert log_rules.leaf_hash(receipt.salt, receipt.entry) == receipt.leaf == row.leaf
    assert log_rules.leaf_hash(receipt.salt, row.entry) != row.leaf
    bought = log_rules.leaf_hash(receipt.salt, row.entry)
    said = f"{head.size}:{head.root.hex()}"
    assert right(stranger("verify_log.py", kept, "--tete", said))
    assert "[tête]" in stranger("verify_log.py", f"{bought.hex()}\n".encode(), "--tete", said)


def test_heads_at_each_freeze_are_published_and_are_what_the_commitment_names(drawn: World) -> None:
    published = {(head["size"], head["root"]) for head in publications.heads(drawn)}
    for number in (1, 2):
        promised = public(drawn, number)["commitment"]["log"]
        assert (promised["size"], promised["root"]) in published


def test_two_heads_of_one_log_agree_and_a_contradiction_shows(drawn: World) -> None:
    old, new = (head["size"] for head in publications.heads(drawn)[:2])
    leaves = [bytes.fromhex(leaf) for leaf in all_leaves(drawn).split()]
    path = proofs.consistency_of(drawn, old, new).path
    root = Tree(leaves[:new]).root()
    assert consistent(old, Tree(leaves[:old]).root(), new, root, path)
    other = Tree([bytes(32), *leaves[1:old]]).root()
    assert not consistent(old, other, new, root, path)
