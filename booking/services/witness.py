"""Outside evidence that a commitment, and once a day a head of the log, existed in time: a stamp, mails to delegates.

Nothing here delays a draw: what is missing is asked again by the sweep until it would count no more, then the draw goes
on and everybody is told that its date is not proved. Source: allocation.md 4 and 6.2; rules R-80 to R-82.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from booking.domain import log as tree_rules
from booking.domain import witness as rules
from booking.domain.beacon import CHAINS
from booking.domain.canonical import canonical, instant
from booking.domain.draw import commitment_hash
from booking.domain.errors import Unavailable
from booking.domain.strike import void_bytes
from booking.domain.witness import Dated, Delegate
from booking.ports import Stamp, World
from booking.services import configuration, outbox
from booking.services.transaction import SYSTEM, Transaction, transaction
from booking.store import draw as draw_rows
from booking.store import log as log_rows
from booking.store import outbox as messages
from booking.store.draw import Batch, BatchState
from booking.store.log import LogHead

RETRY = timedelta(minutes=2)
"""An authority that does not answer is not asked more often."""
HEAD_EVERY = timedelta(days=1)
COMMITMENT, HEAD, VOIDED = "delegue/engagement", "delegue/tete", "delegue/annulation"


def witness(world: World, batch_id: UUID) -> None:
    """``committed``, and it stays so: evidence of the date is asked for and gathered. Never raises for lack of it."""
    with transaction(world) as tx:
        batch = _waiting(tx, batch_id)
        if batch is None or batch.commitment is None:
            return
        _tell(tx, f"witness:{batch.id}", COMMITMENT, _params(tx, batch), _delegates(tx, batch.territory))
        _keep(tx, batch, _accepted(tx, f"witness:{batch.id}", _delegates(tx, batch.territory)))
        wanted = tx.now < _limit(tx, batch) and _wants_stamp(tx, batch.evidence or [], batch.witness_tried_at)
        if wanted:
            batch.witness_tried_at = tx.now
        commitment = batch.commitment
    stamp = _stamp(world, commitment) if wanted else None
    if stamp is None:
        return
    with transaction(world) as tx:
        batch = _waiting(tx, batch_id)
        if batch is not None:
            _keep(tx, batch, [rules.stamp(stamp.at, world.witness.authority, stamp.token)])


def tell_voided(tx: Transaction, batch: Batch) -> None:
    """The delegates learn at once that a commitment counts no more: their mail says that it was before the round."""
    if batch.number is None or batch.voided_at is None:
        return
    promise = commitment_hash(batch.commitment or b"")
    scope = (batch.territory, batch.family, batch.number)
    statement = void_bytes(scope, promise, batch.voided_at, batch.voided_reason or "")
    params = _params(tx, batch)
    more = {
        "statement": sha256(statement).hexdigest(),
        "voided_at": batch.voided_at.isoformat(),
        "file": params["file"].replace("engagement.json", "annulation.json"),
    }
    _tell(tx, f"void:{batch.id}", VOIDED, params | more, _delegates(tx, batch.territory))


def dated(world: World, batch: Batch) -> Dated | None:
    """What is known of a commitment's date; None before there is one."""
    if batch.beacon_round is None or batch.beacon_source is None:
        return None
    limit = rules.limit_at(CHAINS[batch.beacon_source].round_at(batch.beacon_round))
    return rules.dated(batch.evidence or [], limit, world.clock.now(), named=_named(world, batch.territory))


def _named(world: World, territory: str) -> bool:
    """Whether somebody is named whose word counts: an authority, or enough delegates who are not invented."""
    known = configuration.shown(world).territories.get(territory)
    real = [one for one in known.delegates if not one.example] if known else []
    return bool(world.witness.authority) or len(real) >= rules.DELEGATES


def _waiting(tx: Transaction, batch_id: UUID) -> Batch | None:
    batch = draw_rows.by_id(tx.session, batch_id, lock=True)
    return batch if batch is not None and batch.state is BatchState.COMMITTED and batch.beacon_round else None


def _limit(tx: Transaction, batch: Batch) -> datetime:
    return rules.limit_at(tx.world.beacon.round_at(batch.beacon_round or 1))


def _wants_stamp(tx: Transaction, evidence: rules.Evidence, tried_at: datetime | None) -> bool:
    """Only one is needed; outside a transaction it is asked for (the network is slow)."""
    if not tx.world.witness.authority or any(one["kind"] == rules.STAMP for one in evidence):
        return False
    return tried_at is None or tx.now - tried_at >= RETRY


def _stamp(world: World, data: bytes) -> Stamp | None:
    try:
        return world.witness.stamp(data)
    except Unavailable:
        return None


def _keep(tx: Transaction, batch: Batch, fresh: Iterable[Mapping[str, Any]]) -> None:
    """Each piece once, with a row of the journal; ``witnessed_at`` from the moment on that they suffice."""
    before = batch.evidence or []
    after = rules.merged(before, fresh)
    if len(after) == len(before):
        return
    batch.evidence = after
    for one in after:
        if one not in before:
            tx.note(SYSTEM, "date_witnessed", f"batch:{batch.id}", batch.territory, kind=one["kind"], dated=one["at"])
    if batch.witnessed_at is None and rules.proves(after, _limit(tx, batch)):
        batch.witnessed_at = tx.now


# --- delegates -----------------------------------------------------------------------------------------------


def _delegates(tx: Transaction, territory: str) -> dict[str, Delegate]:
    """Key → delegate. In production an invented one is not written to."""
    found = configuration.current(tx.session, tx.now).territory(territory).delegates
    return {f"{territory}:{one.code}": one for one in found if tx.world.demonstration or not one.example}


def _tell(tx: Transaction, event: str, template: str, params: Mapping[str, Any], to: Mapping[str, Delegate]) -> None:
    """One mail to each, once and for all: the outbox knows the event."""
    known = messages.with_keys(tx.session, [f"{event}:{key}" for key in to])
    for key, delegate in to.items():
        if f"{event}:{key}" not in known:
            tx.post(f"{event}:{key}", "mail", template, "fr", delegate.email, params)


def _accepted(tx: Transaction, event: str, to: Mapping[str, Delegate]) -> list[dict[str, Any]]:
    """Evidence of the mails that a server took over. An invented delegate of the demonstration is no witness."""
    real = [f"{event}:{key}" for key, delegate in to.items() if not delegate.example]
    return [
        rules.mail(row.sent_at, outbox.message_id(tx.world, row.id))
        for row in messages.with_keys(tx.session, real).values()
        if row.sent_at is not None
    ]


def _params(tx: Transaction, batch: Batch) -> dict[str, Any]:
    """What the mail says: enough to recognise the commitment among all others, and where to fetch it."""
    territory = configuration.current(tx.session, tx.now).territory(batch.territory)
    return {
        "territory": territory.name,
        "zone": territory.zone.key,
        "scope": f"{batch.territory}/{batch.family}",
        "number": batch.number,
        "sha256": commitment_hash(batch.commitment or b"").hex(),
        "round": batch.beacon_round,
        "source": batch.beacon_source,
        "draw_at": tx.world.beacon.round_at(batch.beacon_round or 1).isoformat(),
        "file": f"{tx.world.public_url}/tirages/{batch.territory}/{batch.family}/{batch.number}/engagement.json",
    }


# --- heads of the log ----------------------------------------------------------------------------------------


def witness_head(world: World) -> None:
    """Once a day the newest published head is chosen, shown to the same witnesses, and their evidence gathered."""
    with transaction(world) as tx:
        head = _head_of_the_day(tx)
        if head is None:
            return
        params = {"size": head.size, "root": head.root.hex(), "signed_at": head.signed_at.isoformat()}
        everybody = _everybody(tx)
        more = {"zone": "Europe/Paris", "file": f"{world.public_url}/tirages/tetes.json?de={head.size}"}
        _tell(tx, f"head:{head.size}", HEAD, params | more, everybody)
        _keep_head(tx, head, _accepted(tx, f"head:{head.size}", everybody))
        wanted = _wants_stamp(tx, evidence_of(head), head.witness_tried_at)
        if wanted:
            head.witness_tried_at = tx.now
        head_id, data = head.id, head_bytes(head)
    stamp = _stamp(world, data) if wanted else None
    if stamp is None:
        return
    with transaction(world) as tx:
        found = tx.session.get(LogHead, head_id, with_for_update=True)
        if found is not None:
            _keep_head(tx, found, [rules.stamp(stamp.at, world.witness.authority, stamp.token)])


def head_bytes(head: LogHead) -> bytes:
    """What is signed, and stamped."""
    return tree_rules.head_bytes(head.size, head.root, head.signed_at)


def evidence_of(head: LogHead) -> list[dict[str, Any]]:
    """The evidence of a head; empty when it was not chosen, or nobody answered yet."""
    found: list[dict[str, Any]] = json.loads(head.witness) if head.witness else []
    return found


def _head_of_the_day(tx: Transaction) -> LogHead | None:
    """The head chosen during the last day; else the newest published one is chosen now, if it was not already."""
    chosen, newest = log_rows.last_witnessed(tx.session), log_rows.last_published(tx.session)
    if chosen is not None and chosen.witness_chosen_at is not None:
        if tx.now - chosen.witness_chosen_at < HEAD_EVERY:
            return chosen
        if newest is None or newest.size == chosen.size:
            return None
    if newest is not None:
        newest.witness_chosen_at, newest.witness = tx.now, canonical([])
    return newest


def _everybody(tx: Transaction) -> dict[str, Delegate]:
    """The log is one for all territories: so are its witnesses."""
    rules_in_force = configuration.current(tx.session, tx.now)
    return {key: one for code in rules_in_force.territories for key, one in _delegates(tx, code).items()}


def _keep_head(tx: Transaction, head: LogHead, fresh: Iterable[Mapping[str, Any]]) -> None:
    before = evidence_of(head)
    after = rules.merged(before, fresh)
    if len(after) > len(before):
        head.witness = canonical(after)
        tx.note(SYSTEM, "head_witnessed", f"head:{head.size}", kinds=[one["kind"] for one in after], at=instant(tx.now))
