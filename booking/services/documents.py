"""Papers of a demande: receipt, convocation with its signed QR code, letter, calendar file. Reading only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from booking.domain import convocation as rules
from booking.domain.convocation import ConvocationState, Pass
from booking.domain.demande import LIVE_STATES, Channel, DemandeState, provisional_until
from booking.domain.errors import InvalidInput, NotFound, Unavailable
from booking.domain.guichet import CONTEST_DAYS
from booking.domain.territory import ChannelKind, SiteKind, Territory
from booking.domain.waitlist import STILL_NEEDED_ANSWER_DAYS
from booking.ports import World
from booking.services import configuration, log, notices, persons, voices, waitlist
from booking.services.configuration import Rules
from booking.services.outbox import Errand
from booking.store import convocation as convocations
from booking.store import demande as demandes
from booking.store import slots
from booking.store.convocation import Convocation
from booking.store.demande import Demande
from booking.store.slots import Slot

PDF, CALENDAR = "application/pdf", "text/calendar; charset=utf-8"
QR = "qr"
_ABOUT_THE_WAIT = frozenset({"filed", "still_here"})
_ANSWER_BEFORE = frozenset({"answer_before_on", "contest_before_on"})
_ABOUT_A_SLOT = frozenset({"offer", "confirmed", "reminder"})
_FILED_FROM_AFAR = frozenset({Channel.PHONE, Channel.LETTER})
"""Nobody was there to be handed the code: the letter that acknowledges the filing carries it."""
_WAITS = frozenset({DemandeState.PROVISIONAL, DemandeState.ADMITTED, DemandeState.WAITING})
_WAIT = frozenset({"next_draw_at", "wait_median_days", "wait_p90_days"}) | waitlist.DEADLINE
_HELD = frozenset({ConvocationState.CONFIRMED, ConvocationState.SERVED, ConvocationState.ABSENT})


@dataclass(frozen=True, slots=True)
class Document:
    """A file to hand out; ``name`` holds a reference, never a name or a need."""

    name: str
    media_type: str
    body: bytes


def receipt(world: World, demande_id: UUID, *, with_code: bool = False) -> Document:
    """The receipt of a filing, in the language of its demande: what it was given then, what is known now.

    ``with_code``: for whoever holds the secret link already; what staff print again has none (R-91). Raises NotFound.
    """
    with world.reading() as session:
        demande = _demande(session, demande_id)
        in_force = configuration.current(session, world.clock.now())
        territory = in_force.territory(demande.territory)
        data = (
            _paper(world, demande, territory)
            | _what(demande, in_force)
            | _outlook(world, session, demande, in_force)
            | _listed(world, session, demande)
            | _proof(world, session, demande)
            | (_code(world, demande) if with_code else {})
        )
    return Document(f"recu-{demande.reference}.pdf", PDF, world.render.pdf("receipt", data))


def convocation(world: World, convocation_id: UUID, entry_id: UUID | None = None) -> Document:
    """The convocation of a confirmed appointment, in the name that the entry it is printed from declared (R-94).

    Raises NotFound, also for an offer that nobody accepted.
    """
    with world.reading() as session:
        held, slot, demande, in_force = _holding(world, session, convocation_id)
        if held.state not in _HELD:
            raise NotFound("convocation")
        data = _paper(world, demande, in_force.territory(slot.territory)) | _card(world, held, slot, demande, in_force)
        data["person"] = _person(world, _demande(session, entry_id)) if entry_id else data["person"]
    return Document(f"convocation-{held.reference}.pdf", PDF, world.render.pdf("convocation", data))


def letter(world: World, convocation_id: UUID) -> Document:
    """The offer, or the convocation of a standing acceptance, as a letter for a window envelope.

    Raises NotFound, also when no postal address is known or the offer is over.
    """
    with world.reading() as session:
        held, slot, demande, in_force = _holding(world, session, convocation_id)
        postal = persons.contact_of(world, demande).postal
        if held.state not in _HELD | {ConvocationState.OFFERED} or not postal:
            raise NotFound("letter")
        data = _letter(world, held, slot, demande, in_force, postal)
    return Document(f"lettre-{held.reference}.pdf", PDF, world.render.pdf("letter", data))


def mailing(world: World, errands: Sequence[Errand]) -> Document:
    """Letters for window envelopes, one file to print: an offer, a convocation with its code, a receipt, or the words.

    ``errands``: letters to print, as :func:`booking.services.outbox.errands` gives them, at least one.
    """
    with world.reading() as session:
        in_force = configuration.current(session, world.clock.now())
        papers = [paper for errand in errands for paper in _of_errand(world, session, in_force, errand)]
    return Document("courriers.pdf", PDF, world.render.pages(papers))


def _of_errand(world: World, session: Session, in_force: Rules, errand: Errand) -> list[tuple[str, dict[str, Any]]]:
    demande = _demande(session, errand.demande_id)
    held = convocations.live_of(session, persons.spoken_for(session, demande).id)
    slot = slots.by_id(session, held.slot_id) if held else None
    if held is not None and slot is not None and errand.template in _ABOUT_A_SLOT:
        return [("letter", _letter(world, held, slot, demande, in_force, errand.to))]
    pages = [("notice", _notice(world, session, demande, in_force, errand))]
    if errand.template == "filed":
        territory = in_force.territory(demande.territory)
        data = _paper(world, demande, territory) | _what(demande, in_force)
        data |= _outlook(world, session, demande, in_force) | _proof(world, session, demande)
        if demande.channel in _FILED_FROM_AFAR and demande.secrets_number == 1:
            data |= _code(world, demande)
        pages.append(("receipt", data))
    return pages


def calendar(world: World, convocation_id: UUID) -> Document:
    """The appointment as an iCalendar file; once it is cancelled, the file that takes it out again. Raises NotFound."""
    with world.reading() as session:
        held, slot, demande, in_force = _holding(world, session, convocation_id)
        if held.answered_at is None:
            raise NotFound("convocation")
        cancelled = held.state not in _HELD
        event = notices.place_and_hour(slot, in_force.territory(slot.territory)) | {
            "uid": f"{held.id}@tour-de-role",
            "sequence": int(cancelled),
            "stamp_at": (held.ended_at or held.answered_at).isoformat(),
            "length_min": slot.length_min,
            "reference": held.reference,
            "lang": demande.lang,
            "cancelled": cancelled,
        }
    return Document(f"rendez-vous-{held.reference}.ics", CALENDAR, world.render.calendar(event))


def qr_text(world: World, held: Convocation, slot: Slot) -> str:
    """What the QR code of a convocation says, signed: it is read without network, from paper or from a screenshot."""
    payload = rules.pass_bytes(Pass(held.reference, slot.territory, slot.site, slot.on_date, slot.start))
    kid, signature = world.keys.sign(QR, payload)
    return rules.encode_qr(payload, signature, kid)


def read_qr(world: World, text: str) -> str:
    """The reference of the convocation whose QR code was scanned.

    Raises InvalidInput('qr_unreadable' | 'qr_forged'): damaged, or not signed by one of our keys.
    """
    payload, signature, kid = rules.decode_qr(text)
    if not world.keys.verify(QR, kid, payload, signature):
        raise InvalidInput("qr_forged")
    return rules.read_pass(payload).reference


# --- what each paper is told -----------------------------------------------------------------------------


def _paper(world: World, demande: Demande, territory: Territory) -> dict[str, Any]:
    sites = territory.sites.values()
    issuer = next((site.name for site in sites if site.kind is SiteKind.PREFECTURE), territory.name)
    return {
        "lang": demande.lang,
        "zone": territory.zone.key,
        "issuer": issuer,
        "demonstration": world.demonstration,
        "person": _person(world, demande),
        **_ways(territory, world.clock.now().astimezone(territory.zone).date(), demande.family),
    }


def _person(world: World, demande: Demande) -> str:
    """The name as declared; empty once it is erased."""
    try:
        identity = persons.identity_of(world, demande)
    except Unavailable:
        return ""
    return f"{identity.given_names} {identity.family_name}".strip()


def _ways(territory: Territory, on: date, family: str) -> dict[str, Any]:
    """Where “by telephone, at the counter” is: numbers and addresses."""
    return {
        "phones": [
            {"value": channel.value, "hours": channel.hours or "", "example": channel.example}
            for channel in territory.channels
            if channel.kind is ChannelKind.TELEPHONE and family in (channel.families or (family,))
        ],
        "desks": [
            {"name": site.name, "address": ", ".join(_lines(code, on, territory)), "example": address.example}
            for code, site in territory.sites.items()
            if (address := site.address_on(on))
        ],
    }


def _envelope(world: World, demande: Demande, territory: Territory, postal: str) -> dict[str, Any]:
    return {
        "recipient": [_person(world, demande), *postal.splitlines()],
        "written_on": world.clock.now().astimezone(territory.zone).date().isoformat(),
    }


def _letter(
    world: World, held: Convocation, slot: Slot, demande: Demande, in_force: Rules, postal: str
) -> dict[str, Any]:
    territory = in_force.territory(slot.territory)
    data = _paper(world, demande, territory) | _card(world, held, slot, demande, in_force)
    data |= _envelope(world, demande, territory, postal)
    data |= {"demande": demande.reference, "sender_address": _lines(slot.site, slot.on_date, territory)}
    if held.state is ConvocationState.OFFERED and held.expires_at:
        data["expires_at"] = held.expires_at.isoformat()
    return data


def params_now(world: World, session: Session, demande: Demande, in_force: Rules, errand: Errand) -> dict[str, Any]:
    """What an errand says, its days counted from today: letters are printed, and people called, days later (R-95)."""
    now, params = world.clock.now(), dict(errand.params)
    zone = in_force.territory(demande.territory).zone
    if errand.template in _ABOUT_THE_WAIT:
        params = {name: value for name, value in params.items() if name not in _WAIT}
        return params | _wait(world, session, demande, in_force)
    today = now.astimezone(zone).date()
    for name in _ANSWER_BEFORE & params.keys():
        if date.fromisoformat(params[name]) < today:
            params |= _new_limit(persons.spoken_for(session, demande), errand.template, now, zone)
    return params


def _new_limit(main: Demande, template: str, now: datetime, zone: ZoneInfo) -> dict[str, Any]:
    """The day that counts once the announced one is past: nobody is told of a limit that they could not keep."""
    if template == "absent":
        return {"contest_before_on": _day(now + timedelta(days=CONTEST_DAYS), zone)}
    if template == "expired" and main.state is DemandeState.PAUSED:
        return {"keeps_place": False, "answer_before_on": _day(persons.pause_of(main, now).closes_at, zone)}
    return {"answer_before_on": _day(now + timedelta(days=STILL_NEEDED_ANSWER_DAYS), zone)}


def _day(at: datetime, zone: ZoneInfo) -> str:
    return at.astimezone(zone).date().isoformat()


def _notice(world: World, session: Session, demande: Demande, in_force: Rules, errand: Errand) -> dict[str, Any]:
    territory = in_force.territory(demande.territory)
    data = _paper(world, demande, territory) | _envelope(world, demande, territory, errand.to)
    main = next((code for code, site in territory.sites.items() if site.kind is SiteKind.PREFECTURE), None)
    on = world.clock.now().astimezone(territory.zone).date()
    # The words are those of the mail; the French ones stand beside them.
    languages = dict.fromkeys((demande.lang, "fr"))
    params = params_now(world, session, demande, in_force, errand)
    texts = [world.render.message(f"post/{errand.template}", lang, params) for lang in languages]
    return data | {
        "sender_address": _lines(main, on, territory) if main else [],
        "texts": [{"subject": subject, "body": text.split("\n\n")} for subject, text in texts],
    }


def _what(demande: Demande, in_force: Rules) -> dict[str, Any]:
    label = in_force.catalogue.motifs[demande.motif].label
    return {
        "reference": demande.reference,
        "motif": label.in_language(demande.lang),
        "motif_french": label.fr,
        "filed_at": demande.filed_at.isoformat(),
    }


def _outlook(world: World, session: Session, demande: Demande, in_force: Rules) -> dict[str, Any]:
    provisional = demande.state is DemandeState.PROVISIONAL
    zone = in_force.territory(demande.territory).zone
    until = provisional_until(demande.filed_at).astimezone(zone).date()
    return {
        **_wait(world, session, demande, in_force),
        **({"waits": True} if _state(session, demande) in _WAITS else {}),
        **({"confirm_before_on": until.isoformat()} if provisional else {}),
    }


def _listed(world: World, session: Session, demande: Demande) -> dict[str, Any]:
    """The draw under way that has whoever waits in its list; a letter, which is read later, says the next one."""
    listed = waitlist.listed_in(world, session, demande) if _state(session, demande) in _WAITS else None
    return {"listed_in": listed.number, "listed_draw_at": listed.draw_at.isoformat()} if listed else {}


def _wait(world: World, session: Session, demande: Demande, in_force: Rules) -> dict[str, Any]:
    """What lies ahead, as it is known now: the next draw and recent waits of whoever waits, and the legal deadline."""
    state = _state(session, demande)
    known = waitlist.outlook(world, session, demande.territory, demande.family, demande.cohort)
    joins = known.next_draw_at if state is not DemandeState.PROVISIONAL else None
    ahead = {
        "next_draw_at": joins.isoformat() if joins else None,
        "wait_median_days": known.estimate.median_days if known.estimate else None,
        "wait_p90_days": known.estimate.p90_days if known.estimate else None,
    }
    said = {name: value for name, value in ahead.items() if value is not None} if state in _WAITS else {}
    return said | (waitlist.deadline(demande, in_force, world.clock.now()) if state in LIVE_STATES else {})


def _state(session: Session, demande: Demande) -> DemandeState:
    """The state as the page of this entry says it."""
    main = persons.spoken_for(session, demande)
    return voices.seen_state(session, demande, main, convocations.live_of(session, main.id))


def _code(world: World, demande: Demande) -> dict[str, str]:
    secrets = persons.secrets_of(world, demande)
    return {"code": secrets.code} if secrets else {}


def _proof(world: World, session: Session, demande: Demande) -> dict[str, Any]:
    given = log.receipt_of(world, session, demande)
    if given is None:  # provisional: not in the log yet; or erased
        return {}
    proof = {
        "entry": given.entry.decode(),
        "salt": given.salt.hex(),
        "leaf": given.leaf.hex(),
        "promised at": given.promised,
        "key": given.kid,
        "promise": given.promise.hex(),
    }
    return {"proof": proof}


def _card(world: World, held: Convocation, slot: Slot, demande: Demande, in_force: Rules) -> dict[str, Any]:
    documents = in_force.catalogue.motifs[demande.motif].documents
    return {
        **notices.place_and_hour(slot, in_force.territory(slot.territory)),
        "reference": held.reference,
        "qr": qr_text(world, held, slot),
        "documents": [
            {"label": one.label.in_language(demande.lang), "french": one.label.fr, "example": one.example}
            for one in documents
        ],
    }


def _lines(site: str, on: date, territory: Territory) -> list[str]:
    address = territory.sites[site].address_on(on)
    return [*address.lines, f"{address.postal_code} {address.town}"] if address else []


# --- rows ------------------------------------------------------------------------------------------------


def _demande(session: Session, demande_id: UUID) -> Demande:
    demande = demandes.by_id(session, demande_id)
    if demande is None:
        raise NotFound("demande")
    return demande


def _holding(world: World, session: Session, convocation_id: UUID) -> tuple[Convocation, Slot, Demande, Rules]:
    held = convocations.by_id(session, convocation_id)
    slot = slots.by_id(session, held.slot_id) if held else None
    if held is None or slot is None:
        raise NotFound("convocation")
    return held, slot, _demande(session, held.demande_id), configuration.current(session, world.clock.now())
