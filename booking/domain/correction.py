"""May what was declared be written anew, as on the document? R-06 to R-09 and R-70 of docs/regles.md."""

from __future__ import annotations

from typing import NamedTuple

from booking.domain.identity import (
    PERSONAL,
    Element,
    Identity,
    canonical_country,
    canonical_names,
    canonical_place,
    evidence_values,
    name_words,
)

MAX_LETTERS = 2
LENGTH_SHARE = 5  # at most one letter in five


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
    numbered = Element.IDENTIFIER in document_confirms and _share_a_number(admitted, new)
    if not (numbered or new.birth.agrees(admitted.birth)):
        return Correction(False, "birth_unproven")
    same = _agreeing(admitted, new)
    if {Element.FAMILY_NAME, Element.GIVEN_NAMES, Element.BIRTH_PLACE, Element.BIRTH_COUNTRY} <= same:
        return Correction(True, "same")
    if _few_letters(admitted, new):
        return Correction(True, "letters")
    if numbered or _proven(admitted, same & document_confirms, document_confirms):
        return Correction(True, "document")
    return Correction(False, "not_the_same_person")


def _share_a_number(old: Identity, new: Identity) -> bool:
    """Whether one number of a person, given at filing, is on both sides. No vehicle's, no file's."""
    pairs = set(evidence_values(old)) & set(evidence_values(new))
    return any(kind in PERSONAL for kind, _ in pairs)


def _proven(admitted: Identity, same: set[Element], document_confirms: frozenset[str]) -> bool:
    """The birth date as declared, and a name; for an unknown birthday, two of family name, given names and place."""
    names = {Element.FAMILY_NAME, Element.GIVEN_NAMES} & same
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
