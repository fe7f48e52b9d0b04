"""Who a staff member is and what they may do: role × territory × place. Default: nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from booking.domain.errors import Forbidden

ANYWHERE = "*"
SIGNATURE_FRESH = timedelta(minutes=5)
"""A countersignature asks for the second factor at that moment."""
SESSION_IDLE = timedelta(minutes=45)
SESSION_LONGEST = timedelta(hours=10)
"""One working day: whoever forgets to sign out is out the next morning."""
PASSWORD_MIN_LENGTH = 12


class Role(StrEnum):
    AGENT = "agent"
    REFERENT = "referent"
    SUPERVISOR = "supervisor"
    AUDITOR = "auditor"


@dataclass(frozen=True, slots=True)
class Right:
    """One role in one territory at one place: a site (agent), a structure (referent), or ANYWHERE in the territory."""

    role: Role
    territory: str
    place: str


@dataclass(frozen=True, slots=True)
class Actor:
    """A signed-in staff member. ``second_factor_at``: when they last typed their second factor.

    ``entrusted``: the demande whose person opened it for them with reference and code, where no right of their own
    reaches: they speak for that one entry, as its page does (R-130).
    """

    account_id: UUID
    display_name: str
    rights: frozenset[Right]
    second_factor_at: datetime
    entrusted: UUID | None = None

    @property
    def label(self) -> str:
        """What the journal keeps."""
        return f"account:{self.account_id}"

    def has(self, role: Role, territory: str | None = None, place: str | None = None) -> bool:
        """True when one right covers the role, the territory and the place asked for (None: any)."""
        return any(
            right.role == role
            and territory in (None, right.territory)
            and (place is None or right.place in (place, ANYWHERE))
            for right in self.rights
        )

    def require(self, role: Role, territory: str | None = None, place: str | None = None) -> None:
        """Raises Forbidden('missing_right')."""
        if not self.has(role, territory, place):
            raise Forbidden("missing_right")

    def places(self, role: Role, territory: str) -> frozenset[str]:
        """Sites or structures covered by a role in a territory; contains ANYWHERE when all are."""
        return frozenset(right.place for right in self.rights if right.role == role and right.territory == territory)


def signature_is_fresh(second_factor_at: datetime, now: datetime) -> bool:
    return now - second_factor_at <= SIGNATURE_FRESH


@dataclass(frozen=True, slots=True)
class Ladder:
    """Growing delays after wrong sign-ins: none for the first ``free``, then ``first_s``, doubled to ``longest_s``."""

    free: int
    first_s: int
    longest_s: int

    def delay_s(self, failures: int) -> int:
        """Seconds to wait after that many failures in a row."""
        steps = failures - self.free
        return 0 if steps <= 0 else min(self.longest_s, self.first_s << min(steps - 1, 16))


LADDERS = {
    "login_and_network": Ladder(free=4, first_s=5, longest_s=900),
    # A stranger elsewhere must not be able to keep an agent out of the hall for long: a short cap for the login alone.
    "login": Ladder(free=20, first_s=5, longest_s=60),
}
FAILURES_FORGOTTEN = timedelta(days=1)


def session_is_live(created_at: datetime, seen_at: datetime, expires_at: datetime, now: datetime) -> bool:
    """Neither left alone for too long nor older than a working day."""
    return now < expires_at and now < created_at + SESSION_LONGEST and now - seen_at < SESSION_IDLE
