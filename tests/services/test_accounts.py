"""Signing in: nobody learns which accounts exist, a code works once, delays grow, and leaving is immediate."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from threading import Thread

import pyotp
import pytest
from sqlalchemy import select

from booking.domain import accounts as rules
from booking.domain.accounts import ANYWHERE, Actor, Right, Role
from booking.domain.errors import BookingError, Conflict, Forbidden, InvalidInput, NotFound, TooMany
from booking.ports import World
from booking.services import accounts
from booking.store.accounts import Account, SignInDelay, StaffSession
from booking.store.journal import JournalRow

PASSWORD = "une phrase assez longue"
HALL = "192.0.2.0/24"
AGENT = accounts.NewAccount("Agnès@landes.example", "Agnès Test", frozenset({Right(Role.AGENT, "landes", "dax")}))


@pytest.fixture
def secret(world: World) -> str:
    return accounts.create(world, AGENT, PASSWORD, "system").totp_secret


def code_at(world: World, secret: str, steps: int = 0) -> str:
    return pyotp.TOTP(secret).generate_otp(int(world.clock.now().timestamp()) // 30 + steps)


def enter(world: World, secret: str, **changes: str) -> accounts.SignedIn:
    typed = {"login": AGENT.login, "password": PASSWORD, "code": code_at(world, secret), "network": HALL} | changes
    return accounts.sign_in(world, **typed)


def refusal(world: World, secret: str, **changes: str) -> tuple[str, int]:
    with pytest.raises(BookingError) as caught:
        enter(world, secret, **changes)
    return caught.value.code, caught.value.status


def wait(world: World, **span: float) -> None:
    world.clock.advance(timedelta(**span))


def test_signing_in_gives_the_rights_of_the_account(world: World, secret: str) -> None:
    signed = enter(world, secret, login="  agnès@LANDES.example ")
    found = accounts.actor_of(world, signed.token)
    assert found == signed.actor
    assert found is not None
    assert found.has(Role.AGENT, "landes", "dax")
    assert not found.has(Role.AGENT, "landes", "mont-de-marsan")
    assert found.display_name == "Agnès Test"


def test_wrong_login_password_and_code_get_one_answer(world: World, secret: str) -> None:
    wrong_code = code_at(world, secret, steps=40)
    answers = {
        refusal(world, secret, login="nobody"),
        refusal(world, secret, password="another sentence"),
        refusal(world, secret, code=wrong_code),
        refusal(world, secret, code=""),
    }
    assert answers == {("sign_in_failed", 403)}


def test_an_unknown_login_is_delayed_exactly_like_a_known_one(world: World, secret: str) -> None:
    def answers(login: str) -> list[tuple[str, int]]:
        return [refusal(world, secret, login=login, password="wrong") for _ in range(8)]

    assert answers("nobody") == answers(AGENT.login)
    assert ("sign_in_delayed", 429) in answers(AGENT.login)


def test_delays_double_and_the_answer_says_how_long_exactly(world: World, secret: str) -> None:
    waits = []
    for _ in range(10):
        with pytest.raises(BookingError) as caught:
            enter(world, secret, password="wrong")
        if isinstance(caught.value, TooMany):
            waits.append(caught.value.retry_after_s)
            wait(world, seconds=caught.value.retry_after_s)
    assert waits == sorted(waits)
    assert waits[0] == rules.LADDERS["login_and_network"].first_s
    assert waits[1] == 2 * waits[0]


def test_the_right_password_waits_too_and_success_clears_the_delay(world: World, secret: str) -> None:
    for _ in range(5):
        refusal(world, secret, password="wrong")
    assert refusal(world, secret)[0] == "sign_in_delayed"
    wait(world, seconds=5)
    enter(world, secret)
    with world.reading() as session:
        assert session.scalars(select(SignInDelay)).all() == []


def test_a_stranger_elsewhere_cannot_keep_an_agent_out_of_the_hall(world: World, secret: str) -> None:
    for _ in range(12):
        refusal(world, secret, password="wrong", network="198.51.100.0/24")
    assert enter(world, secret).actor.display_name == "Agnès Test"


def test_guesses_from_everywhere_meet_the_short_delay_of_the_login(world: World, secret: str) -> None:
    codes = [refusal(world, secret, password="wrong", network=f"net{n}")[0] for n in range(40)]
    assert codes[20:22] == ["sign_in_failed", "sign_in_delayed"]


def test_simultaneous_guesses_are_all_counted(world: World, secret: str) -> None:
    answers: list[str] = []
    threads = [Thread(target=lambda: answers.append(refusal(world, secret, password="wrong")[0])) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == ["sign_in_delayed"] + ["sign_in_failed"] * 5


def test_a_code_works_once(world: World, secret: str) -> None:
    enter(world, secret)
    assert refusal(world, secret) == ("sign_in_failed", 403)
    assert enter(world, secret, code=code_at(world, secret, steps=1)).token
    assert refusal(world, secret)[0] == "sign_in_failed", "an older step after a newer one is a replay"


def test_failures_a_day_old_are_forgotten(world: World, secret: str) -> None:
    refusal(world, secret, login="nobody")
    wait(world, days=2)
    enter(world, secret)
    with world.reading() as session:
        assert session.scalars(select(SignInDelay)).all() == []


def test_sessions_end_when_idle_and_at_the_end_of_the_day(world: World, secret: str) -> None:
    token = enter(world, secret).token
    wait(world, seconds=rules.SESSION_IDLE.total_seconds() - 1)
    assert accounts.actor_of(world, token)
    wait(world, seconds=rules.SESSION_IDLE.total_seconds())
    assert accounts.actor_of(world, token) is None

    token = enter(world, secret).token
    for _ in range(19):
        wait(world, minutes=30)
        assert accounts.actor_of(world, token)
    wait(world, minutes=30)
    assert accounts.actor_of(world, token) is None, "ten hours after signing in, however busy"


def test_signing_out_ends_one_session_or_all(world: World, secret: str) -> None:
    tokens = [enter(world, secret, code=code_at(world, secret, steps=n)).token for n in (-1, 0, 1)]
    actor = accounts.actor_of(world, tokens[0])
    assert actor is not None
    assert [s.current for s in accounts.my_sessions(world, actor, tokens[2])].count(True) == 1
    accounts.sign_out(world, tokens[0])
    assert [bool(accounts.actor_of(world, token)) for token in tokens] == [False, True, True]
    assert accounts.sign_out_everywhere(world, actor) == 2
    assert not any(accounts.actor_of(world, token) for token in tokens)


def test_one_session_is_revoked_by_its_reference_and_only_by_its_owner(world: World, secret: str) -> None:
    signed = enter(world, secret)
    reference = accounts.my_sessions(world, signed.actor, signed.token)[0].reference
    other = accounts.create(world, replace(AGENT, login="other"), PASSWORD, "system")
    stranger = accounts.sign_in(world, "other", PASSWORD, code_at(world, other.totp_secret), HALL)
    with pytest.raises(NotFound):
        accounts.revoke(world, stranger.actor, reference)
    accounts.revoke(world, signed.actor, reference)
    assert accounts.actor_of(world, signed.token) is None


def test_the_second_factor_typed_again_makes_a_signature_fresh(world: World, secret: str) -> None:
    token = enter(world, secret).token
    wait(world, minutes=10)
    actor = accounts.actor_of(world, token)
    assert actor is not None
    assert not rules.signature_is_fresh(actor.second_factor_at, world.clock.now())
    with pytest.raises(Forbidden, match="second_factor_wrong"):
        accounts.reauthenticate(world, token, "000000")
    fresh = accounts.reauthenticate(world, token, code_at(world, secret))
    assert rules.signature_is_fresh(fresh.second_factor_at, world.clock.now())
    assert accounts.actor_of(world, token) == fresh


def test_guessing_the_second_factor_is_delayed_inside_a_session_too(world: World, secret: str) -> None:
    token = enter(world, secret).token
    codes = []
    for _ in range(6):
        with pytest.raises(BookingError) as caught:
            accounts.reauthenticate(world, token, "000000")
        codes.append(caught.value.code)
    assert codes[-1] == "sign_in_delayed"


def test_whoever_leaves_is_out_at_once(world: World, secret: str) -> None:
    signed = enter(world, secret)
    boss = Actor(
        world.entropy.uuid(world.clock.now()),
        "S",
        frozenset({Right(Role.SUPERVISOR, "landes", ANYWHERE)}),
        world.clock.now(),
    )
    with pytest.raises(Forbidden):
        accounts.disable(world, signed.actor.account_id, replace(signed.actor, account_id=boss.account_id))
    accounts.disable(world, signed.actor.account_id, boss)
    assert accounts.actor_of(world, signed.token) is None
    assert refusal(world, secret, code=code_at(world, secret, steps=1))[0] == "sign_in_failed"
    with pytest.raises(Conflict):
        accounts.disable(world, signed.actor.account_id, signed.actor)


def test_new_accounts_are_checked(world: World, secret: str) -> None:
    for new, password, code in (
        (replace(AGENT, login=AGENT.login.upper()), PASSWORD, "login_taken"),
        (replace(AGENT, login=" "), PASSWORD, "login_missing"),
        (replace(AGENT, login="new"), "short", "password_too_short"),
    ):
        with pytest.raises(InvalidInput, match=code):
            accounts.create(world, new, password, "system")


def test_a_supervisor_gives_no_right_outside_their_territory(world: World) -> None:
    boss = Actor(
        world.entropy.uuid(world.clock.now()),
        "S",
        frozenset({Right(Role.SUPERVISOR, "gers", ANYWHERE)}),
        world.clock.now(),
    )
    with pytest.raises(Forbidden):
        accounts.create(world, AGENT, PASSWORD, boss)


def test_nothing_readable_is_stored(world: World, secret: str) -> None:
    signed = enter(world, secret)
    refusal(world, secret, password="wrong")
    with world.reading() as session:
        account = session.scalars(select(Account)).one()
        stored = session.scalars(select(StaffSession)).one()
        journal = session.scalars(select(JournalRow)).all()
    assert account.password_hash.startswith("$argon2id$")
    assert secret.encode() not in account.totp_sealed
    assert signed.token.encode() not in stored.token_hash
    assert {row.verb for row in journal} == {"account_created", "signed_in"}
    assert "agnès" not in str([(row.subject, row.details) for row in journal])
