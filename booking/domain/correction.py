"""May what was declared be written anew, as on the document? R-06 to R-09, R-70 and R-75 of docs/regles.md."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from booking.domain.identity import (
    PERSONAL,
    Element,
    IdentifierKind,
    Identity,
    canonical_country,
    canonical_names,
    canonical_place,
    evidence_values,
    name_words,
)

MAX_LETTERS = 2
LENGTH_SHARE = 5  # at most one letter in five
_NAMES = frozenset({Element.FAMILY_NAME, Element.GIVEN_NAMES})
_WRITTEN = _NAMES | {Element.BIRTH_PLACE, Element.BIRTH_COUNTRY}
_EVERYTHING = frozenset(Element)


class Correction(NamedTuple):
    """Answer of :func:`correction_allowed`: the reason is a code for the journal or for the refusal's sentence."""

    allowed: bool
    reason: str


def correction_allowed(admitted: Identity, new: Identity, document_confirms: frozenset[str]) -> Correction:
    """May the identity ``admitted`` become ``new``, by an agent or referent who sees the document? (R-06 to R-08, R-70)

    ``admitted`` is the identity at admission, never a corrected one: two letters now and two letters next week would
    rename a person. ``document_confirms`` holds the :class:`Element` codes that the document confirms; one that
    differs between ``admitted`` and ``new`` does not count. A country of birth is shared by too many people to prove
    one, and so is a year: whoever parks an entry with a common name and no birthday could complete it into a buyer.
    Only a number given at filing proves that. Reasons: ``same``, ``letters``, ``document``; refused:
    ``birth_changed``, ``birth_unproven``, ``not_the_same_person``. A refusal closes the demande and opens another.
    """
    if not new.birth.completes(admitted.birth):
        return Correction(False, "birth_changed")
    same = _agreeing(admitted, new)
    numbered = Element.IDENTIFIER in document_confirms and _share_a_number(admitted, new, _numbers(admitted, same))
    if not (numbered or new.birth.agrees(admitted.birth)):
        return Correction(False, "birth_unproven")
    if same >= _WRITTEN:
        return Correction(True, "same")
    if _few_letters(admitted, new):
        return Correction(True, "letters")
    if numbered or _proven(admitted, same & document_confirms, document_confirms):
        return Correction(True, "document")
    return Correction(False, "not_the_same_person")


class Rival(NamedTuple):
    """Another person's entry of the same family that was in the lists together with the one to be mended (R-75).

    ``proven``: a document was seen for it and agrees with ``in_force``.
    """

    admitted: Identity
    in_force: Identity
    proven: bool


def waited_together(since_at: datetime, admitted_at: datetime | None, ended_at: datetime | None) -> bool:
    """Whether an entry admitted at ``admitted_at`` was there when, or after, another one came in at ``since_at``.

    One withdrawn since, even an hour before the visit, was a chance all the same.
    """
    return admitted_at is not None and (ended_at is None or ended_at >= since_at)


def mends(in_force: Identity, document: Identity) -> bool:
    """Whether ``document`` changes what stands there; what R-02 calls one spelling, and a place added, is no change."""
    return not (document.birth.agrees(in_force.birth) and _agreeing(in_force, document) >= _WRITTEN)


def opens_another(admitted: Identity, document: Identity, rivals: Iterable[Rival]) -> bool:
    """R-75: would the document that mends ``admitted`` open one of ``rivals`` too? Then it mends nothing.

    Asked of every spelling: a client who is filed under three of them has no more chances than one written rightly,
    and none at all where none is. An entry whose own document was seen is somebody else's: a twin's.
    """
    # A document that needs a number to mend may hold others: nobody says which numbers it has.
    by_number = not correction_allowed(admitted, document, _EVERYTHING - {Element.IDENTIFIER}).allowed
    own = _personal(admitted) if by_number else frozenset(PERSONAL)
    unseen = PERSONAL if len(own) > 1 and by_number else PERSONAL - own
    return any(_opens(rival, document, unseen) for rival in rivals)


def _opens(rival: Rival, document: Identity, unseen: frozenset[IdentifierKind]) -> bool:
    if not mends(rival.in_force, document):
        return True
    if rival.proven:
        return False
    shown = _with_numbers(rival.admitted, document, unseen) if unseen else document
    return correction_allowed(rival.admitted, shown, _EVERYTHING).allowed


def _with_numbers(other: Identity, document: Identity, unseen: frozenset[IdentifierKind]) -> Identity:
    """``document`` with the numbers of ``other`` that it may hold as well: those of a kind that nobody has looked at.

    Somebody has a passport and a title: with two invented names and one number each, either would be mended. Not asked
    where ``other`` knows no birthday and no name: only the foreigner's number proves that one.
    """
    near = other.birth.precise or bool(_agreeing(other, document) & _NAMES) or _few_letters(other, document)
    more = (number for number in other.identifiers if near and number.kind in unseen)
    return replace(document, identifiers=document.identifiers + tuple(more))


def _numbers(admitted: Identity, same: set[Element]) -> frozenset[IdentifierKind]:
    """Kinds that prove a person: no vehicle's, no file's. Without birthday and name, the foreigner's number, alone.

    Nobody has two of those. Of the others somebody has several: each would be one more entry that fits one buyer. And
    whoever sees the document says that it holds “a number” given at filing, not which one.
    """
    if admitted.birth.precise or same & _NAMES:
        return PERSONAL
    return PERSONAL & {IdentifierKind.AGDREF} if _personal(admitted) == {IdentifierKind.AGDREF} else frozenset()


def _personal(identity: Identity) -> set[IdentifierKind]:
    return {number.kind for number in identity.identifiers if number.kind in PERSONAL}


def _share_a_number(old: Identity, new: Identity, kinds: frozenset[IdentifierKind]) -> bool:
    """Whether one number of these kinds, given at filing, is on both sides."""
    pairs = set(evidence_values(old)) & set(evidence_values(new))
    return any(kind in kinds for kind, _ in pairs)


def _proven(admitted: Identity, same: set[Element], document_confirms: frozenset[str]) -> bool:
    """The birth date as declared, and a name; for an unknown birthday, two of family name, given names and place."""
    names = _NAMES & same
    place = {Element.BIRTH_PLACE} & same if admitted.birth_place else set()
    enough = bool(names) if admitted.birth.precise else len(names | place) >= 2
    return Element.BIRTH in document_confirms and enough


def _agreeing(old: Identity, new: Identity) -> set[Element]:
    before, after = _elements(old), _elements(new)
    same = {element for element in before if before[element] == after[element]}
    # A place or country that was left empty is completed, not changed.
    same |= {element for element in (Element.BIRTH_PLACE, Element.BIRTH_COUNTRY) if not before[element]}
    if _all_words(old) == _all_words(new):  # the two fields were swapped
        same |= {Element.FAMILY_NAME, Element.GIVEN_NAMES}
    return same


def _all_words(identity: Identity) -> list[str]:
    names = canonical_names(identity)
    return sorted(names.family + names.given)


def _elements(identity: Identity) -> dict[Element, object]:
    names = canonical_names(identity)
    return {
        Element.FAMILY_NAME: names.family,
        Element.GIVEN_NAMES: names.given,
        Element.BIRTH_PLACE: canonical_place(identity.birth_place),
        Element.BIRTH_COUNTRY: canonical_country(identity.birth_country),
    }


def _few_letters(old: Identity, new: Identity) -> bool:
    """At most two letters in all, and in each name, place and country at most a fifth of its length."""
    before, after = _letters(old), _letters(new)
    if sum(abs(len(a) - len(b)) for a, b in zip(before, after, strict=True)) > MAX_LETTERS:
        return False  # many are asked; few need the distance
    changes = [(len(a), osa_distance(a, b)) for a, b in zip(before, after, strict=True)]
    fits = all(change * LENGTH_SHARE <= length for length, change in changes)
    return sum(change for _, change in changes) <= MAX_LETTERS and fits


def _letters(identity: Identity) -> tuple[str, str, str, str]:
    return (
        "".join(name_words(identity.family_name)),
        "".join(name_words(identity.given_names)),
        canonical_place(identity.birth_place).replace(" ", ""),
        canonical_country(identity.birth_country),
    )


def osa_distance(left: str, right: str) -> int:
    """Letters added, removed, replaced or swapped with their neighbour to go from one word to the other."""
    before_last: list[int] = []
    last = list(range(len(right) + 1))
    for i, a in enumerate(left, start=1):
        row = [i]
        for j, b in enumerate(right, start=1):
            best = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and b == left[i - 2]:
                best = min(best, before_last[j - 2] + 1)
            row.append(best)
        before_last, last = last, row
    return last[-1]
