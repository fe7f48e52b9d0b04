"""One territory: its sites and their addresses, guichets, weekly openings, closures, and the help that is near.

Read from config/territoires/*.toml by :func:`parse`. Dates and times are local; domain/slots.py makes them instants.
A value that no source backs carries ``example``: pages show it as such.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, time
from enum import StrEnum
from zoneinfo import ZoneInfo

from booking.domain import certificate
from booking.domain.configuration import (
    CLOCK,
    FLAG,
    INSEE,
    POSTAL,
    SLUG,
    TEXT,
    WEEKDAY,
    ZONE,
    Kind,
    Needed,
    Span,
    Table,
    by_code,
    one_of,
    span,
)
from booking.domain.demande import Half
from booking.domain.witness import Delegate, delegates


class HolidayZone(StrEnum):
    """Where in France: the public holidays differ."""

    METROPOLE = "metropole"
    ALSACE_MOSELLE = "alsace-moselle"
    GUADELOUPE = "guadeloupe"
    MARTINIQUE = "martinique"
    GUYANE = "guyane"
    LA_REUNION = "la-reunion"
    MAYOTTE = "mayotte"
    SAINT_BARTHELEMY = "saint-barthelemy"
    SAINT_MARTIN = "saint-martin"
    SAINT_PIERRE_ET_MIQUELON = "saint-pierre-et-miquelon"
    WALLIS_ET_FUTUNA = "wallis-et-futuna"
    POLYNESIE_FRANCAISE = "polynesie-francaise"
    NOUVELLE_CALEDONIE = "nouvelle-caledonie"
    TERRES_AUSTRALES = "terres-australes"


class SiteKind(StrEnum):
    """What a site is to the public."""

    PREFECTURE = "prefecture"
    SOUS_PREFECTURE = "sous-prefecture"
    OTHER = "other"


class StructureKind(StrEnum):
    """Who helps people near their home."""

    FRANCE_SERVICES = "france-services"
    ASSOCIATION = "association"
    CCAS = "ccas"


class ChannelKind(StrEnum):
    """Ways to register a need or to ask, other than the pages."""

    TELEPHONE = "telephone"
    LETTER = "letter"
    COUNTER = "counter"
    NATIONAL_CONTACT_CENTRE = "national-contact-centre"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a site is during a span: sites move, works happen."""

    lines: tuple[str, ...]
    postal_code: str
    town: str
    valid: Span
    example: bool


@dataclass(frozen=True, slots=True)
class Site:
    """A place that receives people."""

    code: str
    name: str
    kind: SiteKind
    commune: str
    addresses: tuple[Address, ...]

    def address_on(self, on: date) -> Address | None:
        """The address people come to on that day; None: the site is nowhere, hence gives no slot."""
        return next((address for address in self.addresses if address.valid.covers(on)), None)


@dataclass(frozen=True, slots=True)
class Guichet:
    """One desk: at most one person at a time."""

    code: str
    site: str
    name: str
    valid: Span
    example: bool


@dataclass(frozen=True, slots=True)
class Opening:
    """A weekly stretch of local time that one guichet gives to one family. ``weekday``: 0 is Monday."""

    guichet: str
    family: str
    weekday: int
    starts: time
    ends: time
    valid: Span
    example: bool

    def overlaps(self, other: Opening) -> bool:
        """Whether both would occupy one guichet at one time on some day."""
        return (
            (self.guichet, self.weekday) == (other.guichet, other.weekday)
            and self.starts < other.ends
            and other.starts < self.ends
            and self.valid.meets(other.valid)
        )


@dataclass(frozen=True, slots=True)
class Closure:
    """Days without slots: of the territory, of a site or of a guichet (None is all); ``half`` None is the whole day."""

    site: str | None
    guichet: str | None
    days: Span
    half: Half | None
    reason: str

    def closes(self, guichet: Guichet, on: date, half: Half) -> bool:
        """Whether this closure takes that half-day of ``guichet`` away."""
        return (
            self.days.covers(on)
            and self.site in (None, guichet.site)
            and self.guichet in (None, guichet.code)
            and self.half in (None, half)
        )


@dataclass(frozen=True, slots=True)
class Structure:
    """Somebody who helps, and may file for the person; never a title is delivered there."""

    code: str
    kind: StructureKind
    name: str
    commune: str
    phone: str | None
    example: bool


@dataclass(frozen=True, slots=True)
class Commune:
    """A commune and the structure nearest to it. The names are sourced; ``nearest_example``: the structure is not."""

    insee: str
    name: str
    postal_code: str
    nearest: str
    nearest_example: bool


@dataclass(frozen=True, slots=True)
class Channel:
    """A way in besides the pages; ``families`` empty means all."""

    kind: ChannelKind
    value: str
    hours: str | None
    families: tuple[str, ...]
    example: bool


@dataclass(frozen=True, slots=True)
class Territory:
    """All of one territory. ``structures_source`` says where the number of structures comes from.

    ``town_proves``: whether a town of birth counts for somebody whose birthday is unknown (R-07). False where very many
    people bear the same names (docs/simulation.md).
    """

    code: str
    name: str
    departement: str
    zone: ZoneInfo
    holiday_zone: HolidayZone
    structures_source: str
    sites: Mapping[str, Site]
    guichets: Mapping[str, Guichet]
    openings: tuple[Opening, ...]
    closures: tuple[Closure, ...]
    structures: Mapping[str, Structure]
    communes: Mapping[str, Commune]
    delegates: tuple[Delegate, ...]
    channels: tuple[Channel, ...]
    certificate: certificate.Signatory
    town_proves: bool

    def sites_of(self, family: str) -> tuple[str, ...]:
        """Codes of the sites with an opening for ``family`` now or later, in the order of the file."""
        used = {self.guichets[opening.guichet].site for opening in self.openings if opening.family == family}
        return tuple(code for code in self.sites if code in used)

    def nearest_help(self, insee: str) -> Structure | None:
        """The structure nearest to a commune; None where the commune is not of this territory."""
        commune = self.communes.get(insee)
        return self.structures[commune.nearest] if commune else None


def parse(
    data: Mapping[str, object], needed: Needed | None = None, families: Collection[str] | None = None
) -> Territory:
    """Parse a whole territory; raises InvalidConfiguration with every mistake and its path.

    ``needed``: what it may not leave out. ``families``: all that there are, where that is known.
    """
    root = Table(data, needed=needed)
    sites = by_code(root, "sites", _site)
    guichets = by_code(root, "guichets", lambda table: _guichet(table, sites))
    structures = by_code(root, "structures", _structure)
    territory = Territory(
        code=root.get("code", SLUG),
        name=root.get("name", TEXT),
        departement=root.get("departement", TEXT),
        zone=root.get("zone", ZONE),
        holiday_zone=root.get("holiday_zone", one_of(HolidayZone)),
        structures_source=root.get("structures_source", TEXT),
        sites=sites,
        guichets=guichets,
        openings=_openings(root.tables("openings"), guichets),
        closures=tuple(_closure(table, sites, guichets) for table in root.tables("closures")),
        structures=structures,
        communes=_communes(root.tables("postal_areas"), structures),
        delegates=delegates(root),
        channels=tuple(_channel(table) for table in root.tables("channels")),
        certificate=certificate.signatory(root),
        town_proves=root.find("town_proves", FLAG, True),
    )
    if families is not None:
        for path, code in unknown_families(territory, families).items():
            root.wrong(path, "unknown_family", f"{code}; there are: {', '.join(sorted(families))}")
    root.finish()
    return territory


def unknown_families(territory: Territory, families: Collection[str]) -> dict[str, str]:
    """Path → code of each family that an opening or a channel names and that is not one of ``families``."""
    openings = {f"openings[{index}].family": (opening.family,) for index, opening in enumerate(territory.openings)}
    channels = {f"channels[{index}].families": channel.families for index, channel in enumerate(territory.channels)}
    return {path: code for path, named in (openings | channels).items() for code in named if code not in families}


def _one_known(table: Table, key: str, known: Mapping[str, object]) -> str:
    code = table.get(key, SLUG)
    if code and code not in known:
        table.wrong(key, "unknown_code", ", ".join(known))
    return code


def _site(table: Table) -> Site:
    addresses: list[Address] = []
    for place in table.tables("addresses"):
        address = Address(
            lines=place.get_all("lines", TEXT),
            postal_code=place.get("postal_code", POSTAL),
            town=place.get("town", TEXT),
            valid=span(place),
            example=place.find("example", FLAG, False),
        )
        if any(address.valid.meets(other.valid) for other in addresses):
            place.wrong("valid_from", "overlaps")
        addresses.append(address)
    if not addresses:
        table.wrong("addresses", "empty")
    return Site(
        code=table.get("code", SLUG),
        name=table.get("name", TEXT),
        kind=table.get("kind", one_of(SiteKind)),
        commune=table.get("commune", INSEE),
        addresses=tuple(addresses),
    )


def _guichet(table: Table, sites: Mapping[str, Site]) -> Guichet:
    return Guichet(
        code=table.get("code", SLUG),
        site=_one_known(table, "site", sites),
        name=table.get("name", TEXT),
        valid=span(table),
        example=table.find("example", FLAG, False),
    )


def _openings(tables: list[Table], guichets: Mapping[str, Guichet]) -> tuple[Opening, ...]:
    openings: list[Opening] = []
    for table in tables:
        opening = Opening(
            guichet=_one_known(table, "guichet", guichets),
            family=table.get("family", SLUG),
            weekday=table.get("weekday", WEEKDAY),
            starts=table.get("starts", CLOCK),
            ends=table.get("ends", CLOCK),
            valid=span(table),
            example=table.find("example", FLAG, False),
        )
        if opening.ends <= opening.starts:
            table.wrong("ends", "before_starts")
        if any(opening.overlaps(other) for other in openings):
            table.wrong("starts", "overlaps")
        openings.append(opening)
    return tuple(openings)


def _closure(table: Table, sites: Mapping[str, Site], guichets: Mapping[str, Guichet]) -> Closure:
    return Closure(
        site=_one_known(table, "site", sites) if "site" in table else None,
        guichet=_one_known(table, "guichet", guichets) if "guichet" in table else None,
        days=span(table, prefix=""),
        half=table.find("half", one_of(Half), None),
        reason=table.get("reason", SLUG),
    )


def _structure(table: Table) -> Structure:
    return Structure(
        code=table.get("code", SLUG),
        kind=table.get("kind", one_of(StructureKind)),
        name=table.get("name", TEXT),
        commune=table.get("commune", INSEE),
        phone=table.find("phone", TEXT, None),
        example=table.find("example", FLAG, False),
    )


def _communes(areas: list[Table], structures: Mapping[str, Structure]) -> dict[str, Commune]:
    communes: dict[str, Commune] = {}
    for area in areas:
        postal_code = area.get("postal_code", POSTAL)
        nearest = _one_known(area, "nearest", structures)
        example = area.find("nearest_example", FLAG, False)
        for index, (insee, name) in enumerate(area.get_all("communes", NAMED_COMMUNE)):
            if insee in communes:
                area.wrong(f"communes[{index}]", "used_twice")
            communes[insee] = Commune(insee, name, postal_code, nearest, example)
    return communes


def _named_commune(value: object) -> tuple[str, str]:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise ValueError("not_an_insee_code_and_a_name")
    return INSEE.convert(value[0]), TEXT.convert(value[1])


NAMED_COMMUNE = Kind(_named_commune, ("", ""))


def _channel(table: Table) -> Channel:
    return Channel(
        kind=table.get("kind", one_of(ChannelKind)),
        value=table.get("value", TEXT),
        hours=table.find("hours", TEXT, None),
        families=table.get_all("families", SLUG),
        example=table.find("example", FLAG, False),
    )
