"""Why a draw gave a place to a demande, or none: read from its own line and from the public numbers, nothing else.

Source: allocation.md 5; loi Informatique et Libertés art. 47; CRPA L.311-3-1, R.311-3-1-1 and R.311-3-1-2.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from booking.domain.slots import DrawKind
from booking.domain.waitlist import FreezeCode


class Why(StrEnum):
    """What decided; each has its sentence in the templates."""

    PLACED = "placed"
    PLACE_LOST = "place_lost"
    """A place was drawn, but it was gone, or the demande did not wait any more, when the offers were made."""
    NO_PLACE_FITS = "no_place_fits"
    NO_PLACE_LEFT = "no_place_left"
    HELD = "held"
    STRUCK = "struck"
    """Its line was found false and taken out after the draw, with two signatures (R-85, R-112)."""
    NOT_DRAWN = "not_drawn"
    """In the list, not in the draw. Why is not said: “attached” would tell whoever filed in somebody's name."""


@dataclass(frozen=True, slots=True)
class Part:
    """One draw as one demande saw it, once its offers were made.

    Its own line: ``code``, ``first`` (a place had been taken away), ``cohort``, ``rank`` from 1, ``placed``,
    ``offered``; ``struck`` and ``struck_on``: why and on which local day it was taken out. Its own wishes against the
    public capacity: ``half_days`` it could come to, ``compatible`` places in them. Public: ``drawn`` demandes,
    ``places`` and how many were ``given``, ``last_rank`` served (0: nobody).
    """

    number: int
    kind: DrawKind
    drawn_at: datetime
    code: FreezeCode
    first: bool
    cohort: int
    rank: int | None
    placed: bool
    offered: bool
    half_days: int
    compatible: int
    drawn: int
    places: int
    given: int
    last_rank: int
    struck: str | None = None
    struck_on: date | None = None

    @property
    def why(self) -> Why:
        """One reason. A line without place has no compatible place left: the match would have taken it."""
        if self.struck is not None:
            return Why.STRUCK
        if self.code is not FreezeCode.DRAWN:
            return Why.HELD if self.code is FreezeCode.HELD else Why.NOT_DRAWN
        if self.offered:  # what was offered counts, even where a correction gives the place to nobody or to another
            return Why.PLACED
        if self.placed:
            return Why.PLACE_LOST
        return Why.NO_PLACE_LEFT if self.compatible else Why.NO_PLACE_FITS

    @property
    def served_after(self) -> bool:
        """Did somebody behind in the order get a place at moments that this demande did not tick?"""
        return not (self.placed or self.offered) and self.rank is not None and self.last_rank > self.rank
