"""Who dates a commitment, until when it counts, and that nothing waits for a witness who is not there."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from booking.clock import SimulatedClock
from booking.domain.configuration import InvalidConfiguration
from booking.domain.errors import Unavailable
from booking.domain.slots import DrawKind, PlannedDraw
from booking.domain.witness import Dated
from booking.gateways.render import TemplateRenderer
from booking.gateways.witness import Rfc3161Witness
from booking.ports import World
from booking.services import alerts, configuration, draw, log, outbox, publications, slots, witness
from booking.services.transaction import transaction
from booking.store import draw as rows
from booking.store.draw import Batch, BatchState
from tests.support import filings
from tests.support.fakes import Sender
from tests.support.filings import CONFIG, FAMILY, TERRITORY
from tests.support.tsa import Authority
from verifier import verify_date

DELEGATES = [
    {"code": "association", "name": "Une association", "email": "bureau@association.example"},
    {"code": "defenseur", "name": "Le Défenseur des droits", "email": "landes@defenseur.example"},
]


def with_delegates(world: World, delegates: list[dict[str, Any]]) -> None:
    body = tomllib.loads((CONFIG / "territoires" / "40-landes.toml").read_text(encoding="utf-8"))
    configuration.apply(world, "territoire", TERRITORY, {**body, "delegates": delegates}, "arrêté d’essai", "operator")


@dataclass
class Scene:
    """A draw whose list was just committed, a real authority, and a clock to move."""

    world: World
    authority: Authority
    batch_id: UUID

    @property
    def clock(self) -> SimulatedClock:
        clock = self.world.clock
        assert isinstance(clock, SimulatedClock)
        return clock

    def batch(self) -> Batch:
        with self.world.reading() as session:
            found = rows.by_id(session, self.batch_id)
            assert found is not None
            return found

    def kinds(self) -> list[str]:
        return [one["kind"] for one in self.batch().evidence or []]

    def go_on(self, minutes: float) -> None:
        """Time passes; the sweep and the deliverer do what they do."""
        self.clock.advance(timedelta(minutes=minutes))
        outbox.deliver(self.world)
        draw.advance(self.world, self.batch_id)

    def dated(self) -> Dated | None:
        return publications.one(self.world, TERRITORY, FAMILY, 1).dated


def planned(world: World) -> UUID:
    """A main draw whose hour has come."""
    with transaction(world) as tx:
        when = PlannedDraw(DrawKind.MAIN, tx.now.date(), tx.now, tx.now + timedelta(hours=1))
        return slots.plan_batch(tx, TERRITORY, FAMILY, when).id


@pytest.fixture
def scene(world: World, tmp_path: Path) -> Iterator[Scene]:
    """Frozen and committed; the authority has answered unless the test took it away before."""
    filings.seeded(world)
    slots.plan(world)
    filings.by_staff(world)
    authority = Authority(now=world.clock.now)
    with authority.serve() as url:
        known = Rfc3161Witness(url, authority.write_roots(tmp_path / "roots.pem"))
        ready = replace(world, witness=known)
        yield Scene(ready, authority, planned(ready))


def test_an_authority_dates_the_commitment_and_the_bundle_carries_its_answer(scene: Scene) -> None:
    """R-80"""
    draw.advance(scene.world, scene.batch_id)
    assert (scene.batch().state, scene.kinds(), scene.dated()) == (BatchState.COMMITTED, ["rfc3161"], Dated.PROVED)
    scene.go_on(61)
    assert scene.batch().state is BatchState.OFFERED
    bundle = json.loads(publications.bundle(scene.world, TERRITORY, FAMILY, 1))
    [stamp] = bundle["evidence"]
    assert stamp["at"] == bundle["commitment"]["frozen"]
    assert "date_not_proved" not in filings.verbs(scene.world)


def test_asking_again_changes_nothing(scene: Scene) -> None:
    for _ in range(3):
        draw.advance(scene.world, scene.batch_id)
        scene.clock.advance(timedelta(minutes=3))
    assert (scene.kinds(), scene.authority.asked) == (["rfc3161"], 1)
    assert filings.verbs(scene.world).count("date_witnessed") == 1


def test_an_authority_that_is_down_is_asked_again_and_not_at_each_tick(scene: Scene) -> None:
    """R-81"""
    scene.authority.answers = False
    draw.advance(scene.world, scene.batch_id)
    scene.go_on(0.5)
    assert scene.dated() is Dated.WAITING
    scene.authority.answers = True
    scene.go_on(0.5)
    assert scene.kinds() == []  # two minutes are not over
    scene.go_on(1.5)
    assert (scene.kinds(), scene.dated()) == (["rfc3161"], Dated.PROVED)


def test_without_a_witness_in_time_the_draw_goes_on_and_everybody_is_told(scene: Scene) -> None:
    """R-81"""
    scene.authority.answers = False
    draw.advance(scene.world, scene.batch_id)
    scene.go_on(31)
    scene.authority.answers = True
    scene.go_on(5)
    assert scene.authority.asked == 0  # it would not count any more
    scene.go_on(30)
    assert (scene.batch().state, scene.dated()) == (BatchState.OFFERED, Dated.NOT_PROVED)
    assert "date_not_proved" in filings.verbs(scene.world)


def test_an_answer_over_other_bytes_is_no_evidence(scene: Scene) -> None:
    scene.authority.alter = lambda imprint: bytes(32)
    draw.advance(scene.world, scene.batch_id)
    assert (scene.kinds(), scene.dated()) == ([], Dated.WAITING)


def test_two_delegates_date_the_commitment_by_the_mails_that_left(scene: Scene) -> None:
    """R-80"""
    with_delegates(scene.world, DELEGATES)
    scene.authority.answers = False
    draw.advance(scene.world, scene.batch_id)
    assert scene.kinds() == []
    scene.go_on(3)
    assert (scene.kinds(), scene.dated()) == (["mail", "mail"], Dated.PROVED)
    mail = scene.world.mail
    assert isinstance(mail, Sender)
    told = [one for one in mail.sent if "engagement" in one.subject]
    assert {one.to for one in told} == {one["email"] for one in DELEGATES}
    evidence = scene.batch().evidence or []
    assert {one["message_id"] for one in evidence} == {one.message_id for one in told}
    scene.go_on(60)
    bundle = publications.bundle(scene.world, TERRITORY, FAMILY, 1).decode()
    assert not any(one["email"] in bundle for one in DELEGATES)


def test_mails_that_leave_too_late_prove_nothing(scene: Scene) -> None:
    """R-80"""
    with_delegates(scene.world, DELEGATES)
    scene.authority.answers = False
    mail = scene.world.mail
    assert isinstance(mail, Sender)
    mail.down = Unavailable("mail_down")
    draw.advance(scene.world, scene.batch_id)
    scene.go_on(31)
    mail.down = None
    scene.go_on(5)
    scene.go_on(5)
    assert (scene.kinds(), scene.dated()) == (["mail", "mail"], Dated.NOT_PROVED)


def test_invented_delegates_are_written_to_in_a_demonstration_and_prove_nothing(scene: Scene) -> None:
    """R-80"""
    scene.authority.answers = False
    draw.advance(scene.world, scene.batch_id)
    scene.go_on(3)
    assert len(filings.posted(scene.world, "delegue/engagement")) == 2
    assert (scene.kinds(), scene.dated()) == ([], Dated.WAITING)  # for the authority


@pytest.mark.parametrize(
    ("delegates", "dated"),
    [([], Dated.NOBODY), ([one | {"example": True} for one in DELEGATES], Dated.NOBODY), (DELEGATES, Dated.WAITING)],
)
def test_nobody_is_waited_for_where_nobody_is_named(
    world: World, delegates: list[dict[str, Any]], dated: Dated
) -> None:
    """R-81"""
    filings.seeded(world)
    with_delegates(world, delegates)
    scene = Scene(world, Authority(), planned(world))
    draw.advance(world, scene.batch_id)
    assert (scene.batch().state, scene.dated()) == (BatchState.COMMITTED, dated)
    scene.clock.advance(timedelta(minutes=31))
    assert scene.dated() is Dated.NOT_PROVED


def test_in_production_nobody_writes_to_an_invented_delegate(scene: Scene) -> None:
    draw.advance(replace(scene.world, demonstration=False), scene.batch_id)
    assert filings.posted(scene.world, "delegue/engagement") == []


@pytest.mark.parametrize(
    ("delegates", "mistake"),
    [
        (DELEGATES[:1], "two_are_needed"),
        ([DELEGATES[0], {**DELEGATES[1], "email": "Bureau@association.example"}], "used_twice"),
        ([DELEGATES[0], {**DELEGATES[1], "email": "personne"}], "not_an_address"),
    ],
)
def test_who_can_be_a_delegate(world: World, delegates: list[dict[str, Any]], mistake: str) -> None:
    """R-80"""
    with pytest.raises(InvalidConfiguration) as raised:
        with_delegates(filings.seeded(world), delegates)
    assert mistake in str(vars(raised.value))


def test_what_a_delegate_reads(scene: Scene) -> None:
    """Number, scope, fingerprint, round and the address of the file; the same words at each repeat."""
    draw.advance(scene.world, scene.batch_id)
    found = publications.one(scene.world, TERRITORY, FAMILY, 1)
    [params, _] = filings.posted(scene.world, "delegue/engagement")
    renderer = TemplateRenderer("http://localhost:8000")
    subject, text = renderer.message("mail/delegue/engagement", "fr", params)
    assert "n° 1" in subject
    for said in (found.commitment_hash.hex(), f"{TERRITORY}/{FAMILY}", str(scene.batch().beacon_round)):
        assert said in text
    assert f"/tirages/{TERRITORY}/{FAMILY}/1/engagement.json" in text


# --- alerts --------------------------------------------------------------------------------------------------


def test_alerts_before_and_after_the_limit(scene: Scene) -> None:
    """R-81"""
    scene.authority.answers = False
    production = replace(scene.world, demonstration=False)

    def codes() -> set[str]:
        return {one.code for one in alerts.alerts(production)} & {"witness_late", "date_not_proved"}

    draw.advance(scene.world, scene.batch_id)
    assert codes() == set()
    scene.go_on(11)
    assert codes() == {"witness_late"}
    scene.go_on(51)
    assert codes() == {"date_not_proved"}


def test_a_promise_that_is_not_kept_within_the_hour_is_an_alert(world: World) -> None:
    """R-84"""
    filings.seeded(world)
    filings.by_staff(world)
    clock = world.clock
    assert isinstance(clock, SimulatedClock)

    def unkept() -> list[int]:
        return [one.count for one in alerts.alerts(world) if one.code == "promise_unkept"]

    clock.advance(timedelta(minutes=59))
    assert unkept() == []
    clock.advance(timedelta(minutes=2))
    assert unkept() == [1]
    log.sequence(world)
    assert unkept() == []
    filings.by_staff(world, identity=filings.OTHER)
    clock.advance(timedelta(minutes=30))
    log.sequence(world)  # it has a position; no head is due before the hour is over
    clock.advance(timedelta(minutes=31))
    assert unkept() == [1]
    log.sequence(world)
    assert unkept() == []


# --- the head of the day -------------------------------------------------------------------------------------


def heads(world: World) -> list[tuple[int, list[str]]]:
    return [(head["size"], [one["kind"] for one in head["evidence"]]) for head in publications.heads(world)]


def test_one_head_a_day_is_witnessed(scene: Scene) -> None:
    """R-82"""
    draw.advance(scene.world, scene.batch_id)
    for _ in range(3):
        witness.witness_head(scene.world)
        scene.clock.advance(timedelta(hours=1))
    assert heads(scene.world) == [(1, ["rfc3161"])]
    data, token = publications.head(scene.world, 1)
    assert token is not None
    said_at = datetime.fromisoformat(publications.heads(scene.world)[0]["at"])
    assert verify_date.stamped(token) == (sha256(data).digest(), said_at)
    filings.by_staff(scene.world, identity=filings.OTHER)
    scene.go_on(60)
    second = planned(scene.world)
    draw.advance(scene.world, second)
    witness.witness_head(scene.world)
    assert heads(scene.world)[-1] == (2, [])
    scene.clock.advance(timedelta(hours=22))
    witness.witness_head(scene.world)
    assert heads(scene.world) == [(1, ["rfc3161"]), (2, ["rfc3161"])]


def test_without_an_authority_delegates_keep_the_head(scene: Scene) -> None:
    """R-82"""
    with_delegates(scene.world, DELEGATES)
    scene.authority.answers = False
    draw.advance(scene.world, scene.batch_id)
    witness.witness_head(scene.world)
    outbox.deliver(scene.world)
    witness.witness_head(scene.world)
    assert heads(scene.world) == [(1, ["mail", "mail"])]
    [params, _] = filings.posted(scene.world, "delegue/tete")
    text = TemplateRenderer("http://localhost:8000").message("mail/delegue/tete", "fr", params)[1]
    assert f"1:{publications.heads(scene.world)[0]['root']}" in text


def test_without_a_published_head_nothing_is_asked(scene: Scene) -> None:
    witness.witness_head(scene.world)
    assert scene.authority.asked == 0
