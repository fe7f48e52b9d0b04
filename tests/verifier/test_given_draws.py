"""What verify_log.py says of the draws that it is given: in any order, some of them, some twice, of two families."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from booking.domain.accounts import Actor, Role
from booking.domain.canonical import canonical
from booking.domain.slots import DrawKind, PlannedDraw
from booking.ports import World
from booking.services import draw, publications, slots, strike
from booking.services.transaction import transaction
from booking.store import draw as draw_rows
from tests.support import filings
from tests.support.filings import FAMILY, TERRITORY

Run = Callable[..., tuple[int, str]]
NOTHING, ALL = "RIEN N’A ÉTÉ COMPARÉ", "RIEN NE DIFFÈRE"
OTHER_ROOT = "ab" * 32


def last_line(said: str) -> str:
    return said.splitlines()[-1]


def chain(folder: Path, family: str, numbers: int, **changes: dict[str, Any]) -> list[Path]:
    """Files of bare commitments, one a day, each naming the one before; ``n3``: what the third one says instead."""
    paths, previous = [], None
    for number in range(1, numbers + 1):
        promise = {
            "territory": TERRITORY,
            "family": family,
            "number": number,
            "main_number": number,
            "previous": previous,
            "frozen": f"2026-03-{number:02}T17:00:00Z",
            "log": {"size": 100 * number, "root": sha256(bytes([number])).hexdigest()},
            **changes.get(f"n{number}", {}),
        }
        paths.append(folder / f"{family}-{number}.json")
        paths[-1].write_bytes(canonical(promise))
        previous = sha256(paths[-1].read_bytes()).hexdigest()
    return paths


def test_the_order_of_the_files_accuses_nobody(run: Run, tmp_path: Path) -> None:
    """R-152: the shell gives 1, 10, 11, 2…; two families have one log and a chain each."""
    for family in ("emeraude", "visite"):
        chain(tmp_path, family, 11)
    files = sorted(tmp_path.iterdir())
    assert [path.name for path in files[:3]] == ["emeraude-1.json", "emeraude-10.json", "emeraude-11.json"]
    for given in (files, files[::-1], files[::2] + files[1::2]):
        code, said = run("--tirages", *given)
        assert (code, last_line(said), "emeraude-9.json et emeraude-10.json, qui" in said) == (0, ALL, True), said


def test_over_a_missing_number_nothing_is_compared(run: Run, tmp_path: Path) -> None:
    """R-152"""
    files = chain(tmp_path, "emeraude", 11)
    alone = "NON COMPARÉ : emeraude-8.json et emeraude-10.json (donnez tous les tirages du n° 8 au n° 10)"
    for given in ([files[7], files[9]], [files[9], files[7]], [files[9], files[6], files[7]]):
        code, said = run("--tirages", *given)
        assert (code, alone in said, "DIFFÈRE [" in said) == (2, True, False), said
    code, said = run("--tirages", files[3], *chain(tmp_path, "visite", 1))
    assert (code, last_line(said), said.count("NON COMPARÉ")) == (2, NOTHING, 2), said


def test_a_number_given_twice_says_twice_the_same(run: Run, tmp_path: Path) -> None:
    """R-152"""
    (tmp_path / "kept").mkdir()
    files, others = chain(tmp_path, "emeraude", 3), chain(tmp_path / "kept", "emeraude", 3, n2={"main_number": None})
    assert run("--tirages", files[1], files[1])[0] == 0
    assert run("--tirages", files[1], *files)[0] == 0
    code, said = run("--tirages", files[1], others[1])
    assert (code, "[suite] deux engagements n° 2" in said) == (1, True), said


def test_neighbours_that_do_not_follow_differ_in_whatever_order(run: Run, tmp_path: Path) -> None:
    """R-152"""
    files = chain(tmp_path, "emeraude", 3, n3={"previous": OTHER_ROOT})
    for given in (files, files[::-1]):
        code, said = run("--tirages", *given)
        assert (code, "[suite] l'engagement n° 3 ne nomme pas" in said, said.count("DIFFÈRE [")) == (1, True, 1), said


def test_all_scopes_name_one_log(run: Run, tmp_path: Path) -> None:
    """R-152: one that is frozen later names no shorter log; those of one minute may be told in either order."""
    first = chain(tmp_path, "emeraude", 3)
    log_of_two = {"size": 200, "root": OTHER_ROOT}
    code, said = run("--tirages", *first, *chain(tmp_path, "visite", 2, n2={"log": log_of_two}))
    assert (code, "[tête] deux têtes de taille 200 se contredisent" in said) == (1, True), said
    for at, differs in (("2026-03-03T17:00:30Z", False), ("2026-03-03T18:30:00Z", True)):
        later = chain(tmp_path, "visite", 2, n2={"log": {"size": 250, "root": OTHER_ROOT}, "frozen": at})
        for given in ([*first, *later], [*later, *first]):
            code, said = run("--tirages", *given)
            assert (code, "[registre] le registre a raccourci, de 300 à 250" in said) == (int(differs), differs), said


@pytest.fixture
def undone(drawn: World, tmp_path: Path) -> dict[str, bytes]:
    """Name → file: draw 1 corrected twice, draw 3 voided, draw 4 held."""
    with drawn.reading() as session:
        batch = draw_rows.of_number(session, TERRITORY, FAMILY, 1)
        assert batch is not None
    for leaf in [row["leaf"] for row in json.loads(publications.bundle(drawn, TERRITORY, FAMILY, 1))["lines"][:2]]:
        asked = strike.ask_leaf(drawn, supervisor(drawn), TERRITORY, batch.id, leaf, "double_chance")
        strike.countersign(drawn, supervisor(drawn), TERRITORY, asked)
    with transaction(drawn) as tx:
        when = PlannedDraw(DrawKind.MAIN, tx.now.date(), tx.now, tx.now + timedelta(hours=1))
        planned = slots.plan_batch(tx, TERRITORY, FAMILY, when).id
    draw.advance(drawn, planned)
    strike.void(drawn, supervisor(drawn), TERRITORY, planned, "wrong_places")
    drawn.clock.advance(timedelta(minutes=1))
    draw.run_now(drawn, TERRITORY, FAMILY, "system")
    files = {f"{number}.json": publications.bundle(drawn, TERRITORY, FAMILY, number) for number in (1, 2, 4)}
    before = {f"1-avant-{one}.json": publications.bundle_before(drawn, TERRITORY, FAMILY, 1, one) for one in (1, 2)}
    return {**files, **before, "3.json": publications.one(drawn, TERRITORY, FAMILY, 3).commitment}


def supervisor(world: World) -> Actor:
    return filings.agent(world, Role.SUPERVISOR)


def test_a_voided_number_and_a_corrected_result_are_no_fault(
    undone: dict[str, bytes], run: Run, tmp_path: Path
) -> None:
    """R-152: a correction names the file before it, which stays public; all of them belong to one number."""

    def given(*names: str, **changed: object) -> tuple[int, str]:
        for name in names:
            said = json.loads(undone[name])
            (tmp_path / name).write_bytes(canonical({**said, **changed} if name == "1.json" else said))
        return run("--tirages", *[tmp_path / name for name in names])

    for names in (sorted(undone), sorted(undone, reverse=True)):
        code, said = given(*names)
        assert (code, last_line(said), said.count("qui se suivent")) == (0, ALL, 3), said
    code, said = given("1.json", "1-avant-1.json", "2.json")
    assert (code, "donnez aussi les corrections" in said, "DIFFÈRE [" in said) == (2, True, False), said
    for altered in ({"replaces": OTHER_ROOT}, {"struck": []}):
        code, said = given("2.json", "1-avant-2.json", "1-avant-1.json", "1.json", **altered)
        assert (code, "[résultat] deux résultats n° 1 se contredisent" in said) == (1, True), said
