"""What a root and the proofs cost on a long log, in statements and milliseconds: python -m bench.log 1000000

Invented leaves in a throw-away SQLite file; the last row is the same root from all leaves, as it was once computed.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import event, insert

from booking.domain.log import Tree
from booking.ports import World
from booking.services import log, proofs
from booking.store import base, migrate
from booking.store import log as rows
from tests.support import filings
from tests.support.fakes import world_on

AT_ONCE = 50_000


def fill(world: World, size: int) -> None:
    """``size`` leaves with positions, all of one invented person, and no subtree kept yet."""
    person = filings.by_staff(filings.seeded(world)).demande_id
    log.sequence(world)
    now = world.clock.now()
    for start in range(1, size, AT_ONCE):
        made = [
            {
                "id": world.entropy.uuid(now),
                "demande_id": person,
                "type": "amended",
                "entry": b"{}",
                "leaf": hashlib.sha256(position.to_bytes(8, "big")).digest(),
                "promised_at": now,
                "promise_kid": "k",
                "promise": b"",
                "position": position,
            }
            for position in range(start, min(size, start + AT_ONCE))
        ]
        with world.sessions() as session:
            session.execute(insert(rows.LogEntry), made)


def main() -> None:
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder:
        engine = base.make_engine(f"sqlite:///{folder}/log.sqlite3")
        migrate.upgrade(engine)
        world = world_on(engine, Path(folder) / "keys")
        fill(world, size)
        said: list[object] = []
        event.listen(engine, "before_cursor_execute", lambda *arguments: said.append(arguments[2]))

        def measured(name: str, act: Callable[[], object]) -> None:
            said.clear()
            started = time.perf_counter()
            act()
            print(f"{name:<36}{len(said):>8} statements {1000 * (time.perf_counter() - started):>10.1f} ms")

        def reading(act: Callable[[proofs.KeptTree], object]) -> Callable[[], object]:
            def inside() -> object:
                with world.reading() as session:
                    return act(proofs.tree(session))

            return inside

        def plain() -> bytes:
            with world.reading() as session:
                return Tree(rows.nodes(session, 0, 0, size)).root()

        measured("make the subtrees again", lambda: proofs.rebuild(world))
        measured("root", reading(lambda tree: tree.root(size)))
        measured("inclusion", reading(lambda tree: tree.inclusion(size // 3, size)))
        measured("consistency with both roots", lambda: proofs.consistency_of(world, size // 2 + 1, size))
        measured("verify everything", lambda: proofs.verify(world))
        measured("root from all leaves", plain)
        engine.dispose()


if __name__ == "__main__":
    main()
