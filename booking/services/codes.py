"""Is the contact real? One-time codes: sent, tried, and what a right one does. Rules in booking.domain.checks."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from booking.domain import checks as rules
from booking.domain.checks import CodeOutcome, CodeState
from booking.domain.demande import LIVE_STATES, DemandeState, Proof
from booking.domain.errors import InvalidInput, TooMany
from booking.ports import World
from booking.services import checks, persons
from booking.services.notices import written_ways
from booking.services.transaction import USAGER, Transaction, attempt
from booking.store import demande as rows
from booking.store.base import insert_now
from booking.store.demande import ContactCode, Demande


def send_code(world: World, demande_id: UUID) -> None:
    """Send another code to the contact of a demande. TooMany('code_resend') says how long to wait.

    A demande that is unknown, over, proven already or without contact answers in the same way and gets nothing.
    """
    with world.reading() as session:
        found = rows.by_id(session, demande_id)
        counted = found.contact_digest.hex() if found and found.contact_digest else str(demande_id)
    world.limits.check("send_code", {"contact": counted}, world.clock.now())

    def act(tx: Transaction) -> int:
        demande = rows.by_id(tx.session, demande_id, lock=True)
        return post_code(tx, demande) if demande and _may_prove(demande) else 0

    wait_s = attempt(world, act)
    if wait_s:
        raise TooMany("code_resend", retry_after_s=wait_s)


def _may_prove(demande: Demande) -> bool:
    return demande.state in LIVE_STATES and demande.proof is Proof.DECLARED and demande.contact_digest is not None


def post_code(tx: Transaction, demande: Demande) -> int:
    """Make a code and post it, by mail before SMS; or the seconds to wait, when the contact got too many.

    Nothing for a fixed line only: that person confirms as those without a contact do (R-132).
    """
    ways, digest = written_ways(persons.contact_of(tx.world, demande)), demande.contact_digest
    if not ways or digest is None:
        return 0
    channel, to = ways[0]
    sent = rows.codes_sent(tx.session, digest, tx.now - timedelta(days=1))
    wait_s = rules.resend_wait_s(tuple(sent), tx.now)
    if wait_s:
        return wait_s
    code_id, code = tx.new_id(), rules.one_time_code(tx.world.entropy.token_bytes(3))
    row = ContactCode(
        id=code_id,
        demande_id=demande.id,
        digest=tx.world.keys.digest("contact_code", code_id.bytes + code.encode())[1],
        sent_at=tx.now,
        expires_at=CodeState(tx.now).expires_at,
    )
    insert_now(tx.session, row)
    words = {"code": code, "valid_min": rules.CODE_MINUTES, "reference": demande.reference}
    tx.post(f"contact_code:{code_id}", channel, "contact_code", demande.lang, to, words, demande.id)
    return 0


def verify_code(world: World, demande_id: UUID, typed: str) -> None:
    """The contact is proven: a provisional demande is admitted and waits. The same right code twice is once.

    Raises InvalidInput with the field ``code``: code_wrong, code_expired, code_exhausted, code_used. An unknown demande
    says code_wrong. The attempt counts even though it fails.
    """
    world.limits.check("verify_code", {"demande": str(demande_id)}, world.clock.now())
    outcome = attempt(world, lambda tx: _try_code(tx, demande_id, rules.normalise_code(typed)))
    if outcome is not CodeOutcome.ACCEPTED:
        raise InvalidInput(outcome, fields={"code": str(outcome)})


def _try_code(tx: Transaction, demande_id: UUID, code: str) -> CodeOutcome:
    demande = rows.by_id(tx.session, demande_id, lock=True)
    row = rows.latest_code(tx.session, demande_id, lock=True)
    row_id, digest = (row.id, row.digest) if row else (demande_id, b"")
    candidates = tx.world.keys.digests("contact_code", row_id.bytes + code.encode())
    matches = persons.one_fits(candidates, digest)
    if row is None or demande is None or demande.state not in LIVE_STATES:
        return CodeOutcome.WRONG
    state, outcome = rules.attempt_code(
        CodeState(row.sent_at, row.attempts, row.used_at is not None), matches=matches, now_at=tx.now
    )
    row.attempts = state.attempts
    if outcome is CodeOutcome.ACCEPTED:
        row.used_at = tx.now
        _prove_contact(tx, demande)
    return CodeOutcome.ACCEPTED if outcome is CodeOutcome.USED and matches else outcome


def _prove_contact(tx: Transaction, demande: Demande) -> None:
    proof = max(demande.proof, Proof.CONTACT)
    if demande.state is DemandeState.PROVISIONAL:
        checks.admit(tx, demande, proof, USAGER)
    else:
        demande.proof = proof
        tx.note(USAGER, "contact_proven", f"demande:{demande.id}", demande.territory)
