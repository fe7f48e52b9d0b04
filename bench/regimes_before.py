"""The three rules that the simulation had changed, and what else was tried (docs/decisions/0011)."""

from __future__ import annotations

from dataclasses import dataclass, field

from bench.regimes_people import Rules
from booking.domain import correction
from booking.domain import identity as identity_rules
from booking.domain.identity import Element, Identity

EVERYTHING = frozenset(Element)
NAMES = (Element.FAMILY_NAME, Element.GIVEN_NAMES)
PLACES = (Element.BIRTH_PLACE, Element.BIRTH_COUNTRY)
OPT_IN = 0.2


@dataclass(frozen=True, slots=True)
class RuleSet:
    """``corrections``: now, before, country (a country of birth proves nobody, a year is still completed), or town: as
    now, where a territory has decided that a town proves nobody either.

    ``office``: the order of calls at short notice, whether that exists, and proof after an unused place. ``ticks``: who
    can be called at short notice: seven in ten where the form shows the box ticked, two in ten where it does not.
    ``bearer_received``: whoever comes with a convocation is received.
    """

    name: str
    corrections: str = "now"
    office: Rules = field(default_factory=Rules)
    ticks: float = 0.7
    bearer_received: bool = False
    one_document: bool = True
    """R-75: what would be mended for a document is not, if the same document opens another entry."""
    one_of_alike: bool = True
    """R-76: of entries that nothing tells apart, a document opens one."""


NOW = RuleSet("now")
BEFORE = RuleSet("before", "before", Rules(standby_order="draw"), OPT_IN, bearer_received=True)
NO_TOWN = RuleSet("town does not count", "town")
COUNTRY = RuleSet("country does not count", "country")
EACH_MENDED = RuleSet("each spelling is mended", one_document=False, one_of_alike=False)
DRAW_ORDER = RuleSet("order of the last draw", office=Rules(standby_order="draw"))
COHORT_FIRST = RuleSet("cohort first, new lottery", office=Rules(standby_order="cohort"), ticks=OPT_IN)
FIFTEEN = RuleSet("groups of 15", office=Rules(group=15))
TWENTY_FIVE = RuleSet("groups of 25", office=Rules(group=25))
UNTICKED = RuleSet("groups of 15, box not ticked", office=Rules(group=15), ticks=OPT_IN)
PROOF = RuleSet("the same, proof after", office=Rules(unused_needs_proof=True, group=15), ticks=OPT_IN)
NO_STANDBY = RuleSet("no calls below 72 hours", office=Rules(standby=False))


def may_correct(rule_set: RuleSet, admitted: Identity, new: Identity) -> bool:
    """Whether the counter may mend ``admitted`` into ``new``, whose document confirms all that both have in common."""
    if rule_set.corrections in {"now", "town"}:
        counted = EVERYTHING - ({Element.BIRTH_PLACE} if rule_set.corrections == "town" else frozenset())
        return correction.correction_allowed(admitted, new, counted).allowed
    left_out = {Element.BIRTH_COUNTRY} if rule_set.corrections == "country" else frozenset[Element]()
    return correction_allowed(admitted, new, EVERYTHING - left_out)


def correction_allowed(admitted: Identity, new: Identity, confirmed: frozenset[str]) -> bool:
    """A year could be completed by any day, and a country counted as an element of the person."""
    old, now = admitted.birth, new.birth
    completed = now.text == old.text or (old.day is None and now.text.startswith(old.text + "-"))
    if not completed:
        return False
    before, after = _elements(admitted), _elements(new)
    same = {element for element in before if before[element] == after[element]}
    proven = {element for element in same & confirmed if before[element]}
    if (
        set(identity_rules.evidence_values(admitted)) & set(identity_rules.evidence_values(new))
        and Element.IDENTIFIER in confirmed
    ):
        proven.add(Element.IDENTIFIER)
    unchanged = same | {element for element in PLACES if not before[element]}
    if unchanged >= {*NAMES, *PLACES} or _few_letters(before, after):
        return True
    return Element.BIRTH in confirmed and len(proven) >= (1 if old.precise else 2)


def _elements(identity: Identity) -> dict[Element, str]:
    names = identity_rules.canonical_names(identity)
    return {
        Element.FAMILY_NAME: "".join(names.family),
        Element.GIVEN_NAMES: "".join(names.given),
        Element.BIRTH_PLACE: identity_rules.canonical_place(identity.birth_place).replace(" ", ""),
        Element.BIRTH_COUNTRY: identity_rules.canonical_country(identity.birth_country),
    }


def _few_letters(before: dict[Element, str], after: dict[Element, str]) -> bool:
    changes = {element: correction.osa_distance(before[element], after[element]) for element in before}
    fits = all(change * correction.LENGTH_SHARE <= len(before[element]) for element, change in changes.items())
    return fits and sum(changes.values()) <= correction.MAX_LETTERS
