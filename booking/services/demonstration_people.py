"""Who files in the demonstration: invented people of many origins, the same on every machine.

Nothing here is drawn: the n-th person follows from n. Telephone numbers are of the ranges that ARCEP keeps for fiction,
addresses of mail end in ``.example`` (RFC 2606), and no name is that of somebody we know.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from booking.domain.demande import Availability, Channel, Contact, Half
from booking.domain.demarche import Asked
from booking.domain.identity import BirthDate, Identity
from booking.services.filing import Filing

TERRITORY, STRUCTURE = "40-landes", "fs-biscarrosse"
SITES = ("mont-de-marsan", "dax")
DAYS = 18
"""How long the past is: two weekly draws, a dozen daily ones, a week of visits; more makes the start slow."""
COMMUNES = ("40192", "40088", "40279", "40046", "40313", "40119", "40184", "40001")
STREETS = ("rue des Pins", "allée des Arènes", "chemin du Moulin", "avenue de la Douze", "rue du Marché")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where people come from: country of birth, language of their messages, towns, family and given names."""

    country: str
    lang: str
    towns: Sequence[str]
    families: Sequence[str]
    given: Sequence[str]


def _origin(country: str, lang: str, towns: str, families: str, given: str) -> Origin:
    return Origin(country, lang, towns.split(", "), families.split(", "), given.split(", "))


ABROAD = (
    _origin("MA", "ar", "Fès, Oujda, Béni Mellal", "El Amrani, Benjelloun, Ouazzani, Tazi", "Khadija, Youssef, Salma"),
    _origin("SN", "fr", "Thiès, Saint-Louis, Kaolack", "Diop, Ndiaye, Sarr, Faye", "Aminata, Moussa, Fatou Binetou"),
    _origin("DZ", "ar", "Oran, Constantine, Tlemcen", "Benali, Cherif, Haddad, Mansouri", "Nadia, Samir, Yasmine"),
    _origin("AF", "en", "Hérat, Kunduz, Ghazni", "Ahmadi, Rahimi, Noori", "Farid, Zahra, Najibullah"),
    _origin("GB", "en", "Leeds, Bristol, Cardiff", "Whitfield, O’Connell, Hargreaves, Price", "Margaret, Alan, Susan"),
    _origin("UA", "en", "Kharkiv, Odessa, Lviv", "Kovalenko, Shevchuk, Bondarenko", "Olena, Taras, Iryna"),
    _origin("CM", "fr", "Douala, Bafoussam, Garoua", "Mbarga, Nkoulou, Fotso, Etoundi", "Chantal, Serge, Blandine"),
    _origin("TN", "ar", "Sfax, Bizerte, Gabès", "Trabelsi, Ben Salah, Jaziri", "Amel, Hichem, Rim"),
    _origin("GN", "fr", "Conakry, Kindia, Labé", "Diallo, Barry, Camara, Sylla", "Mariama, Ibrahima, Kadiatou"),
    _origin("BR", "en", "Recife, Goiânia, Belém", "da Silva Ramos, Oliveira, Nascimento", "Thaís, Rafael, Juliana"),
    _origin("SY", "ar", "Homs, Alep, Deraa", "Al-Khatib, Darwish, Sabbagh", "Rania, Omar, Lina"),
    _origin("VN", "fr", "Hué, Da Nang, Can Tho", "Nguyễn, Trần, Lê", "Thị Hoa, Văn Minh, Thu Trang"),
    _origin("TR", "en", "Izmir, Kayseri, Adana", "Yılmaz, Şahin, Öztürk", "Elif, Murat, Zeynep"),
    _origin("CD", "fr", "Goma, Lubumbashi, Kinshasa", "Mukendi, Ilunga, Kabongo", "Espérance, Dieudonné, Grâce"),
    _origin("GE", "en", "Koutaïssi, Batoumi, Tbilissi", "Beridze, Kapanadze", "Nino, Giorgi, Tamar"),
    _origin("IN", "en", "Pondichéry, Pune, Kochi", "Krishnan, Deshmukh, Thomas", "Lakshmi, Arjun, Priya"),
)
ONE_NAME = (
    Origin("AF", "en", ("Kunduz",), ("Zabihullah", "Shukria", "Gulalai"), ("",)),
    Origin("ID", "en", ("Yogyakarta",), ("Suharti", "Wahyuni"), ("",)),
    Origin("ER", "fr", ("Keren",), ("Tesfay", "Semhar"), ("",)),
)
HERE = (
    _origin(
        "FR", "fr", "Dax, Mimizan, Tartas", "Lafitte, Dubroca, Castaing, Darrieumerlou", "Jean-Pierre, Odette, Maïté"
    ),
    _origin("FR", "fr", "Bordeaux, Pau, Bayonne", "Etcheverry, Labarthe, Saint-Marc, Desclaux", "Léa, Bastien, Inès"),
    _origin("PT", "fr", "Braga, Viseu", "Ferreira, Gonçalves, dos Santos", "Manuel, Maria da Conceição"),
    _origin("FR", "fr", "Lille, Brest, Mulhouse", "Vandenbroucke, Le Goff, Schmitt", "Corentin, Mathilde, Élodie"),
)
ANEF = (
    *("titre-etudiant", "titre-visiteur", "titre-bpi", "titre-famille-francais", "titre-regroupement-familial"),
    *("naturalisation", "changement-adresse", "duplicata-titre", "titre-saisonnier", "passeport-talent"),
)
COUNTER = ("renouvellement-recepisse", "remise-titre", "depot-hors-anef")
LICENCE = ("permis-fabrication", "permis-echange", "permis-demande", "permis-retabli")
REGISTRATION = ("carte-grise-titulaire", "carte-grise-adresse")


@dataclass(frozen=True, slots=True)
class Need:
    """One filing: when (local, naive), by which channel, and the key of the form. ``proves``: enters the code sent."""

    at: datetime
    channel: Channel
    filing: Filing
    key: str
    proves: bool = True


def chance(*what: object) -> float:
    """A number in [0, 1) that follows from ``what``: the same on every machine."""
    digest = hashlib.sha256("/".join(map(str, what)).encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def needs(first_on: date) -> list[Need]:
    """Everybody's filing in the order of their hours, from ``first_on`` for DAYS days."""
    found = [
        *_stream("emeraude", 66, ANEF, (*ABROAD, *ONE_NAME), first_on),
        *_stream("guichet", 24, COUNTER, ABROAD[::-1], first_on),
        *_stream("permis", 24, LICENCE, (*HERE, ABROAD[4], ABROAD[0]), first_on),
        *_stream("cg", 26, REGISTRATION, (*HERE, ABROAD[12]), first_on),
        *_stream("lundi", 10, (*LICENCE, *REGISTRATION), HERE, first_on + timedelta(days=DAYS - 1), days=0),
    ]
    return sorted([*found, *_again(found)], key=lambda need: (need.at, need.key))


def _stream(
    pool: str, count: int, motifs: Sequence[str], origins: Sequence[Origin], first_on: date, days: int = DAYS
) -> Iterator[Need]:
    for index in range(count):
        # The first weeks are busier: word has gone round that a desk has opened.
        day = int(days * (index / count) ** 1.3)
        minute = 8 * 60 + int(chance(pool, index, "minute") * (13 if days else 8) * 60)
        at = datetime.combine(first_on + timedelta(days=day), time(minute // 60, minute % 60))
        yield _need(pool, index, motifs[index % len(motifs)], origins[index % len(origins)], at)


def _need(pool: str, index: int, motif: str, origin: Origin, at: datetime) -> Need:
    channel = _channel(pool, index, at)
    identity = _identity(pool, index, origin)
    shared = index % 11 == 5  # a family mailbox, or that of a neighbour who helps
    contact = _contact(pool, index, identity, channel, shared=shared)
    at_desk = channel in (Channel.COUNTER, Channel.REFERENT)
    filing = Filing(
        territory=TERRITORY,
        motif=motif,
        identity=identity,
        contact=contact,
        availability=_availability(pool, index, at.date()),
        details=_details(motif, pool, index, at.date()),
        lang=origin.lang,
        commune=COMMUNES[index % len(COMMUNES)] if pool in ("emeraude", "guichet") else None,
        structure=STRUCTURE if channel is Channel.REFERENT else None,
        household=shared,
        welcome="Vient avec un interprète." if index % 17 == 3 else "",
        document_seen=("residence_title" if pool in ("emeraude", "guichet") else "identity_card") if at_desk else None,
        news=index % 9 != 4,
    )
    return Need(at, channel, filing, f"demonstration-{pool}-{index}", proves=index % 14 != 6)


def _channel(pool: str, index: int, at: datetime) -> Channel:
    open_now = at.weekday() < 5 and time(9) <= at.time() < time(17)
    drawn = chance(pool, index, "channel")
    staff = (Channel.REFERENT, Channel.COUNTER, Channel.PHONE, Channel.LETTER)
    return staff[int(drawn * 10)] if open_now and drawn < 0.4 else Channel.WEB


def _identity(pool: str, index: int, origin: Origin) -> Identity:
    family = origin.families[index // 3 % len(origin.families)]
    given = origin.given[(index + index // 7) % len(origin.given)]
    month, day = 1 + int(chance(pool, index, "month") * 12), 1 + int(chance(pool, index, "day") * 28)
    year = 1946 + int(chance(pool, index, "year") * (58 if origin in HERE else 50))
    birth = BirthDate(year, month, day)
    if origin.country in ("AF", "ER", "GN") and index % 2:
        birth = BirthDate(year) if index % 4 == 1 else BirthDate(year, 1, 1)  # registers that know the year only
    return Identity(family, given, birth, origin.towns[index % len(origin.towns)], origin.country)


def _contact(pool: str, index: int, identity: Identity, channel: Channel, *, shared: bool) -> Contact:
    number = f"{len(pool) * 1000 + index:04d}"
    postal = f"{1 + index} {STREETS[index % len(STREETS)]}, {COMMUNES[index % 3][:2]}000 Mont-de-Marsan"
    mail = f"{_ascii(identity.given_names or 'boite')}.{_ascii(identity.family_name)}@courriel.example"
    if channel is Channel.LETTER:
        return Contact(postal=postal)
    if channel in (Channel.PHONE, Channel.COUNTER):
        return Contact(phone=f"+3319900{number}" if index % 3 == 0 else f"+3363998{number}", postal=postal)
    if channel is Channel.REFERENT:
        return Contact(postal=postal) if index % 2 else Contact(email=mail)
    if shared:
        return Contact(email=f"famille.{_ascii(identity.family_name)}@boite.example")
    if index % 13 == 9:
        return Contact()  # provisional: a counter or a referent will confirm it
    return Contact(phone=f"+3363998{number}") if index % 5 == 2 else Contact(email=mail)


def _ascii(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.lower().replace("ı", "i").replace("’", "")).encode("ascii", "ignore")
    return plain.decode().replace(" ", "-").replace(".", "")


def _availability(pool: str, index: int, on: date) -> Availability:
    sites = SITES if pool not in ("emeraude", "guichet") and index % 3 else SITES[:1]
    days = {weekday for weekday in range(5) if chance(pool, index, "can", weekday) < 0.7} | {1}
    halves = [Half.AM] if index % 4 else list(Half)
    excluded = {on + timedelta(days=19 + index % 7)} if index % 8 == 1 else set()
    patterns = frozenset((site, weekday, half) for site in sites for weekday in days for half in halves)
    return Availability(patterns, frozenset(excluded), short_notice=index % 3 == 0)


def _details(motif: str, pool: str, index: int, on: date) -> dict[str, str]:
    """What the form asks; a few numbers have a digit missing, as on old papers, and many people have none."""
    number = str(9900000000 + int(chance(pool, index, "number") * 99999999))
    details = {str(Asked.FOREIGNER_NUMBER): number[: 9 if index % 10 == 3 else 10]} if index % 2 else {}
    if motif.startswith("titre-") or motif in ("renouvellement-recepisse", "passeport-talent"):
        details[str(Asked.EXPIRY_ON)] = (on + timedelta(days=12 + int(chance(pool, index, "expiry") * 110))).isoformat()
    return details


def _again(filed: Sequence[Need]) -> Iterator[Need]:
    """A few people register a second time, by another way: their second entry is attached to the first."""
    for need in [need for need in filed if need.channel is Channel.WEB and need.proves][5:60:14]:
        filing = Filing(
            territory=TERRITORY,
            motif=need.filing.motif,
            identity=need.filing.identity,
            contact=Contact(email=f"aide.{_ascii(need.filing.identity.family_name)}@boite.example"),
            availability=need.filing.availability,
            lang=need.filing.lang,
            commune=need.filing.commune,
        )
        yield Need(need.at + timedelta(days=2, hours=1), Channel.WEB, filing, f"{need.key}-again")
