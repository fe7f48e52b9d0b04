"""Entries of one name and one birth that nothing tells apart: which of them a document opens. R-76 of docs/regles.md.

Two people may be “Mohamed Ali, 1 January 1990”; one person may have filed so twice. The order decides which entry the
document opens, and the foreigner's number before it: in one list, one entry a document, whoever it is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from booking.domain.checks import ascii_digit
from booking.domain.errors import InvalidInput
from booking.domain.guichet import DocumentKind
from booking.domain.identity import Identifier, IdentifierKind, Identity

DIGITS = 10
NUMBERED = frozenset({DocumentKind.RESIDENCE_TITLE, DocumentKind.RECEPISSE})
"""Documents that always have a foreigner's number on them."""


class Alike(NamedTuple):
    """One of them, as the list knew it that gave the place.

    ``numbers``: canonical foreigner's numbers, typed at filing or read before that list on a document that was shown;
    ``read_since``: those read later. They say who somebody is not, and decide nothing that was given before.
    """

    admitted_at: datetime
    id: UUID
    numbers: frozenset[str] = frozenset()
    read_since: frozenset[str] = frozenset()


def foreigner_numbers(identity: Identity) -> frozenset[str]:
    """The foreigner's numbers that were typed, in canonical form: nobody has two, as they may have two passports."""
    typed = (number.canonical for number in identity.identifiers if number.kind is IdentifierKind.AGDREF)
    return frozenset(_digits(number) for number in typed if number)


def read_number(typed: str, document: DocumentKind | None) -> str:
    """The foreigner's number that staff read on a document, in canonical form; empty: it has none.

    Raises InvalidInput ``number_on_title`` (a title and a récépissé always have one) or ``number_shape``.
    """
    number = _digits(Identifier(IdentifierKind.AGDREF, typed).canonical)
    if not number and document in NUMBERED:
        raise InvalidInput("number_on_title", fields={"numero": "number_on_title"})
    if number and not (len(number) == DIGITS and number.isdecimal()):
        raise InvalidInput("number_shape", fields={"numero": "number_shape"})
    return number


def _digits(number: str) -> str:
    """Nine digits are ten without the zero that some papers leave out."""
    text = "".join(map(ascii_digit, number))
    return text.zfill(DIGITS) if len(text) == DIGITS - 1 else text


def was_listed(
    listed_at: datetime, admitted_at: datetime | None, ended_at: datetime | None, paused_at: datetime | None
) -> bool:
    """Whether an entry could be drawn when a list was frozen at ``listed_at``.

    One that was withdrawn or paused since, even an hour before the visit, was a chance all the same.
    """
    here = admitted_at is not None and admitted_at < listed_at and (ended_at is None or ended_at >= listed_at)
    return here and (paused_at is None or paused_at >= listed_at)


def opened(entries: Iterable[Alike], number: str) -> Alike | None:
    """The one of ``entries`` that a document with this foreigner's number opens; empty: the document has none.

    The oldest that holds the number; else the oldest that holds no other one; None when each holds another. Raises
    InvalidInput ``number_needed`` when the document has none and an entry holds one: with a passport for the first and
    a title for the second, one person would open both.
    """
    known = list(entries)
    if not number:
        if any(entry.numbers for entry in known):
            raise InvalidInput("number_needed", fields={"numero": "number_needed"})
        return _oldest(known)
    holding = [entry for entry in known if number in entry.numbers]
    return _oldest(holding or [entry for entry in known if entry.numbers | entry.read_since <= {number}])


def _oldest(entries: Collection[Alike]) -> Alike | None:
    return min(entries, key=lambda entry: (entry.admitted_at, entry.id), default=None)
