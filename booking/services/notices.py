"""Telling people: one event, one message to each contact of each entry of the person, in the language kept with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import phonenumbers
from phonenumbers import PhoneNumberType

from booking.domain.demande import Contact
from booking.domain.territory import Territory
from booking.services import persons, voices
from booking.services.transaction import Transaction
from booking.store.demande import Demande
from booking.store.listed import Told
from booking.store.slots import Slot

POST, CALL = "post", "call"
_NO_SMS = frozenset({PhoneNumberType.FIXED_LINE, PhoneNumberType.VOIP})
_ONLY_WRITTEN = frozenset({"filed", "still_here"})
"""The receipt is a paper, and “write to me after each draw” asks nobody to telephone."""


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
    """Put ``template`` into the outbox for ``demande``; with ``everybody``, for each entry that speaks for its person.

    ``event`` names the event once and for all (``offer:<id>``): said twice, it is sent once. Who has neither mail nor
    telephone gets a letter, printed by the staff; without an address their name goes on the staff's call list, as does
    whoever left a fixed line only (R-132).
    ``since_at``: when what is told began; entries that joined later are not told.
    """
    tell_each(tx, voices.of_person(tx.session, demande, since_at) if everybody else [demande], template, event, params)


def tell_each(
    tx: Transaction, entries: Iterable[Demande | Told], template: str, event: str, params: Mapping[str, Any]
) -> None:
    """The same to exactly these entries: a draw tells everybody who waits, without asking again who they are."""
    for entry in entries:
        for channel, to in _ways(persons.contact_of(tx.world, entry), template):
            tx.post(
                f"{event}:{entry.reference}:{channel}",
                channel,
                template,
                entry.lang,
                to,
                {"reference": entry.reference, **persons.page_of(tx.world, entry), **params},
                demande_id=entry.id,
            )


def written_ways(contact: Contact) -> list[tuple[str, str]]:
    """(channel, address) of messages that arrive by themselves, mail first; a fixed line gets none."""
    phone = contact.phone if contact.phone and _takes_sms(contact.phone) else None
    return [(channel, to) for channel, to in (("mail", contact.email), ("sms", phone)) if to]


def _takes_sms(number: str) -> bool:
    """False for fixed lines, those of internet boxes too; a number of which nothing is known may take one."""
    try:
        return phonenumbers.number_type(phonenumbers.parse(number, None)) not in _NO_SMS
    except phonenumbers.NumberParseException:
        return True


def _ways(contact: Contact, template: str) -> list[tuple[str, str]]:
    found = written_ways(contact)
    if found:
        return found
    if contact.phone and template not in _ONLY_WRITTEN:
        return [(CALL, contact.phone)]
    if contact.postal:
        return [(POST, contact.postal)]
    return [] if contact.phone else [(CALL, "")]


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
