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

FALSE = Identifier(IdentifierKind.PASSPORT, "00ZZ00000")
documents = st.builds(
    person,
    st.sampled_from(["Diallo", "Kowalczykowa"]),
    st.sampled_from(["Aïssatou", "Marie"]),
    birth=st.sampled_from([BirthDate(1990, 5, 12), BirthDate(1990, 1, 1)]),
    identifiers=st.just((AGDREF, PASSPORT)),
)
"""What somebody can show: two numbers of their own."""


def spellings(document: Identity) -> st.SearchStrategy[Identity]:
    """What a seller might file for whoever has ``document``: wrong names, vague dates, true and false numbers."""
    births = [document.birth, BirthDate(document.birth.year), BirthDate(document.birth.year, 1, 1)]
    family, given_names = document.family_name, document.given_names
    return st.builds(
        person,
        st.sampled_from([family, family[:-1], f"{family}s", "Fontaine", given_names]),
        st.sampled_from([given_names, f"{given_names}e", "Zoé", family]),
        birth=st.sampled_from(births),
        birth_place=st.sampled_from([document.birth_place, "Conakri", "Dax", ""]),
        birth_country=st.sampled_from([document.birth_country, "99330", "SN", ""]),
        identifiers=st.lists(st.sampled_from([AGDREF, OTHER_AGDREF, PASSPORT, FALSE]), max_size=2, unique=True).map(
            tuple
        ),
    )
