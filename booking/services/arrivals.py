"""What was said of a document at an arrival, read again from the journal: a “somebody else” does not go by itself.

Rule R-111 of docs/regles.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from booking.domain.accounts import Actor, Role
from booking.domain.guichet import Mismatch
from booking.ports import World
from booking.store import journal


@dataclass(frozen=True, slots=True)
class Noted:
    """The newest words about an arrival. ``doubted``: somebody else came, and nobody has taken that back since."""

    mismatch: str | None = None
    paid: bool = False
    doubted: bool = False


def noted(session: Session, reference: str) -> Noted:
    """What the journal holds of the arrival at one appointment; nothing is opened."""
    found = Noted()
    for row in journal.about(session, {f"convocation:{reference}"}):
        if row.verb == "arrived":
            mismatch, before = row.details.get("mismatch"), row.details.get("before")
            doubted = mismatch == Mismatch.OTHER_PERSON or (found.doubted and before != Mismatch.OTHER_PERSON)
            found = Noted(mismatch, bool(row.details.get("paid")), doubted)
    return found


def shown(world: World, actor: Actor, territory: str, site: str, reference: str) -> Noted:
    """The same for the page of the visit. Raises Forbidden."""
    actor.require(Role.AGENT, territory, site)
    with world.reading() as session:
        return noted(session, reference)
