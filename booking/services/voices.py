"""The entries of one person that speak: who is written to, whose answer counts, and what the page of each one says."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from booking.domain.convocation import ConvocationState
from booking.domain.demande import LIVE_STATES, DemandeState
from booking.domain.waitlist import PauseReason
from booking.services import persons
from booking.store import convocation as convocations
from booking.store import demande as demandes
from booking.store.convocation import Convocation
from booking.store.demande import Demande


def of_person(
    session: Session, main: Demande, since_at: datetime | None = None, attached: Sequence[Demande] | None = None
) -> list[Demande]:
    """The entries that are written to and whose answer counts: ``main`` and those attached that speak, unless revoked.

    ``since_at``: when what is spoken of began; whoever joined later does not hear of it. ``attached``: if read already.
    """
    entries = [main, *(demandes.attached_entries(session, main.id) if attached is None else attached)]
    return [entry for entry in entries if entry.revoked_at is None and hears(entry, main, since_at)]


def hears(entry: Demande, main: Demande, since_at: datetime | None) -> bool:
    """Whether ``entry`` may know what began at ``since_at``: who files under a name learns nothing of before.

    Except for whoever took over from a revoked ``main``: what that one began is theirs.
    """
    late = since_at is not None and entry.admitted_at is not None and entry.admitted_at > since_at
    owed = persons.speaks(entry, main) and (main.revoked_at is not None or not late)
    return entry.id == main.id or owed


def hears_pause(entry: Demande, main: Demande) -> bool:
    """Whether ``entry`` may know of the pause of ``main``: a silence began when what got no answer was asked."""
    asked_at = main.still_needed_asked_at if main.pause_reason != PauseReason.ASKED else None
    return hears(entry, main, asked_at or main.paused_at)


def seen_state(session: Session, entry: Demande, main: Demande, held: Convocation | None) -> DemandeState:
    """The state as the page of ``entry`` says it: that of what it is spoken for, ``main``, if this entry may know it,
    except for what it alone did: withdraw, ask for a pause, give the appointment back. ``held``: what ``main`` holds.
    """
    served_with_main = entry.state is DemandeState.CLOSED and main.state is DemandeState.SERVED
    if entry.state not in LIVE_STATES and not served_with_main:
        return entry.state
    waits = main.state is DemandeState.WAITING
    if held is not None:
        waits = not hears(entry, main, held.offered_at) or _gave_back(session, entry, held)
    elif main.state is DemandeState.PAUSED:
        waits = not hears_pause(entry, main)
    if waits:
        return DemandeState.PAUSED if entry.pause_reason == PauseReason.ASKED else DemandeState.WAITING
    return main.state


def _gave_back(session: Session, entry: Demande, held: Convocation) -> bool:
    """Whether this entry said no to what somebody had confirmed; another one of the person has not."""
    if held.state is not ConvocationState.CONFIRMED or held.answered_at is None:
        return False
    said = convocations.refusals(session, held.id)
    return any(refusal.demande_id == entry.id and refusal.said_at > held.answered_at for refusal in said)
