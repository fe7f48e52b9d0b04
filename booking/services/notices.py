"""Telling people: one event, one message to each contact of each entry of the person, in the language kept with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from booking.domain.demande import Contact
from booking.domain.territory import Territory
from booking.services import persons
from booking.services.transaction import Transaction
from booking.store.demande import Demande
from booking.store.listed import Told
from booking.store.slots import Slot

POST, CALL = "post", "call"


def tell(
    tx: Transaction,
    demande: Demande,
    template: str,
    event: str,
    params: Mapping[str, Any],
    *,
    everybody: bool = True,
    since_at: datetime | None = None,
) -> None:
    """Put ``template`` into the outbox for ``demande`` and, with ``everybody``, for each entry attached to it.

    ``event`` names the event once and for all (``offer:<id>``): said twice, it is sent once. Who has neither mail nor
    telephone gets a letter, printed by the staff; without an address their name goes on the staff's call list.
    ``since_at``: when what is told began; entries that joined later are not told.
    """
    tell_each(tx, persons.voices(tx.session, demande, since_at) if everybody else [demande], template, event, params)


def tell_each(
    tx: Transaction, entries: Iterable[Demande | Told], template: str, event: str, params: Mapping[str, Any]
) -> None:
    """The same to exactly these entries: a draw tells everybody who waits, without asking again who they are."""
    for entry in entries:
        for channel, to in _ways(persons.contact_of(tx.world, entry)):
            tx.post(
                f"{event}:{entry.reference}:{channel}",
                channel,
                template,
                entry.lang,
                to,
                {"reference": entry.reference, **persons.page_of(tx.world, entry), **params},
                demande_id=entry.id,
            )


def _ways(contact: Contact) -> list[tuple[str, str]]:
    ways = [("mail", contact.email), ("sms", contact.phone)]
    found = [(channel, to) for channel, to in ways if to]
    if found:
        return found
    return [(POST, contact.postal)] if contact.postal else [(CALL, "")]


def place_and_hour(slot: Slot, territory: Territory) -> dict[str, Any]:
    """What every message about one slot says: when, where, in the site's time. Never what for."""
    site = territory.sites[slot.site]
    address = site.address_on(slot.on_date)
    lines = [*address.lines, f"{address.postal_code} {address.town}"] if address else []
    return {
        "start_at": slot.start_at.isoformat(),
        "zone": territory.zone.key,
        "site": site.name,
        "town": address.town if address else site.name,
        "address": ", ".join(lines),
    }
