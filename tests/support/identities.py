"""People for the rules of identity and correction."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from booking.domain.identity import BirthDate, Identifier, IdentifierKind, Identity

AGDREF = Identifier(IdentifierKind.AGDREF, "7503 0123 45")
OTHER_AGDREF = Identifier(IdentifierKind.AGDREF, "7503012399")
PASSPORT = Identifier(IdentifierKind.PASSPORT, "18AB12345")


def person(family: str = "Diallo", given_names: str = "Aïssatou", **changes: object) -> Identity:
    base = Identity(family, given_names, BirthDate(1990, 5, 12), "Conakry", "GN")
    return replace(base, **changes)  # type: ignore[arg-type]


identities = st.builds(
    person,
    st.sampled_from(["Diallo", "DIALLÓ", "Barry"]),
    st.sampled_from(["Aïssatou", "Aissatou", "Marie"]),
    birth=st.sampled_from([BirthDate(1990, 5, 12), BirthDate(1990, 5), BirthDate(1990), BirthDate(1990, 1, 1)]),
    birth_country=st.sampled_from(["GN", "99330", "SN", ""]),
    identifiers=st.lists(st.sampled_from([AGDREF, OTHER_AGDREF, PASSPORT]), max_size=2, unique=True).map(tuple),
)
