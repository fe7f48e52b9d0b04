"""One verb, one transaction. Nothing leaves for the network inside it: messages go through the outbox, jobs follow."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from booking.domain.accounts import Actor
from booking.domain.errors import Conflict
from booking.ports import World
from booking.recent import Kind
from booking.store import journal, outbox
from booking.store.base import insert_all
from booking.store.journal import JournalRow

T = TypeVar("T")

_encoded = json.JSONEncoder(ensure_ascii=False).encode

USAGER = "usager"
SYSTEM = "system"


def label_of(actor: Actor | str) -> str:
    """What the journal keeps of who acted."""
    return actor if isinstance(actor, str) else actor.label


@dataclass(slots=True)
class Transaction:
    """What a verb works with: the session, one instant for all that it writes, and what leaves afterwards."""

    world: World
    session: Session
    now: datetime
    _jobs: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    _notes: list[dict[str, Any]] = field(default_factory=list)
    _posts: list[dict[str, Any]] = field(default_factory=list)
    _index: list[tuple[str, str, int | None]] = field(default_factory=list)

    def new_id(self) -> UUID:
        return self.world.entropy.uuid(self.now)

    def note(self, actor: Actor | str, verb: str, subject: str, territory: str | None = None, **details: Any) -> None:
        """One row of the journal. ``details``: codes, references, counts; never personal data."""
        self._notes.append(
            {
                "id": self.new_id(),
                "at": self.now,
                "actor": label_of(actor),
                "verb": verb,
                "subject": subject,
                "territory": territory,
                "details": details,
                "position": None,
                "hash": None,
            }
        )

    def post(
        self,
        dedup_key: str,
        channel: str,
        template: str,
        lang: str,
        to: str,
        params: Mapping[str, Any],
        demande_id: UUID | None = None,
        not_before_at: datetime | None = None,
    ) -> None:
        """One message for the outbox, written with the commit; a second with the same ``dedup_key`` does nothing."""
        row_id = self.new_id()
        plain = _encoded({"to": to, "params": dict(params)}).encode()
        self._posts.append(
            {
                "id": row_id,
                "dedup_key": dedup_key,
                "channel": channel,
                "demande_id": demande_id,
                "template": template,
                "lang": lang,
                "sealed": self.world.keys.seal("outbox", "sealed", row_id, plain),
                "created_at": self.now,
                "not_before_at": not_before_at or self.now,
                "attempts": 0,
            }
        )
        self.after("deliver")

    def close(self) -> None:
        """The last statements: all notes in one, all messages in another. A draw may tell ten thousand people."""
        self.session.flush()
        insert_all(self.session, JournalRow, self._notes)
        outbox.add(self.session, self._posts)

    def after(self, job: str, *ids: str) -> None:
        """Enqueue ``job`` once the commit is done."""
        if (job, ids) not in self._jobs:
            self._jobs.append((job, ids))

    def waiting(self, scope: str, demande_id: UUID, cohort: int | None) -> None:
        """Tell the waiting-list index after the commit; ``cohort`` None takes the demande out."""
        self._index.append((scope, str(demande_id), cohort))

    def leave(self) -> None:
        """What happens after the commit; losing any of it is mended by a sweep or a rebuild."""
        for scope, demande_id, cohort in self._index:
            if cohort is None:
                self.world.waitlist.remove(scope, demande_id)
            else:
                self.world.waitlist.put(scope, demande_id, cohort)
        for job, ids in self._jobs:
            self.world.jobs.enqueue(job, *ids)


@contextmanager
def transaction(world: World) -> Iterator[Transaction]:
    """A write transaction; what was asked with ``after`` and ``waiting`` happens only if it was committed."""
    with world.sessions() as session:
        opened = Transaction(world, session, world.clock.now())
        yield opened
        opened.close()
    world.recent.forget(Kind.FIGURES)
    opened.leave()


def attempt(world: World, act: Callable[[Transaction], T]) -> T:
    """Run ``act`` in a write transaction; again in a new one when a unique index says that somebody was faster.

    The second time it sees what the other wrote. Twice more at most: a clash that stays is a fault, and is raised.
    """
    for _ in range(2):
        try:
            with transaction(world) as tx:
                return act(tx)
        except IntegrityError:
            continue
    with transaction(world) as tx:
        return act(tx)


CLOCK_TOLERANCE = timedelta(seconds=2)


def check_clock(session: Session, now: datetime) -> None:
    """Conflict('clock_backwards') when the clock is before the newest journal row: a wrong clock decides nothing."""
    newest_at = journal.newest_at(session)
    if newest_at is not None and now < newest_at - CLOCK_TOLERANCE:
        raise Conflict("clock_backwards")


def scope_of(territory: str, family: str) -> str:
    """The name of a draw's scope."""
    return f"{territory}/{family}"
