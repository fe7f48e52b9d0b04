"""Papers of a demande: what they say, who signed the QR code, and that none of them is given too early."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import icalendar
import pytest
from sqlalchemy import select

from booking.domain.convocation import decode_qr, encode_qr, read_pass
from booking.domain.demande import Channel, Contact
from booking.domain.errors import InvalidInput, NotFound
from booking.domain.slots import SlotState
from booking.gateways.render import TemplateRenderer
from booking.ports import World
from booking.services import configuration, convocation, documents, errands, filing, slots
from booking.services.transaction import USAGER, transaction
from booking.store.convocation import Convocation
from booking.store.slots import Slot
from tests.support import filings
from tests.support.draws import committed

HOME = "https://rdv.prefecture.example"
POSTAL = Contact(postal="12 rue des Essais\n40100 Dax")


@dataclass
class Recording(TemplateRenderer):
    """The real renderer, which remembers what it was given."""

    given: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(HOME)

    def pdf(self, template: str, data: Any) -> bytes:
        self.given.append({"template": template, **json.loads(json.dumps(data))})
        return super().pdf(template, data)


@pytest.fixture
def world(world: World) -> World:
    return replace(filings.seeded(world), render=Recording())


def given(world: World) -> dict[str, Any]:
    assert isinstance(world.render, Recording)
    return world.render.given[-1]


def offer(world: World, **changes: Any) -> Convocation:
    receipt = filings.by_staff(world, **changes)
    slots.plan(world)
    in_time = world.clock.now() + timedelta(days=16)  # also for who is reached by letter only
    with transaction(world) as tx:
        slot = tx.session.scalars(
            select(Slot)
            .where(Slot.family == filings.FAMILY, Slot.state == SlotState.OPEN, Slot.start_at > in_time)
            .order_by(Slot.start_at)
        ).first()
        assert slot is not None
        slot.state = SlotState.COMMITTED
        territory = configuration.current(tx.session, tx.now).territory(filings.TERRITORY)
        demande = tx.session.get(filings.Demande, receipt.demande_id)
        assert demande is not None
        return convocation.offer(tx, demande, slot, territory, None)


def appointment(world: World, **changes: Any) -> Convocation:
    held = offer(world, **changes)
    convocation.confirm(world, held.demande_id, "page", USAGER)
    return held


def slot_of(world: World, held: Convocation) -> Slot:
    with world.reading() as session:
        slot = session.get(Slot, held.slot_id)
        assert slot is not None
        return slot


@pytest.mark.parametrize("lang", ["fr", "en", "ar"])
def test_a_receipt_says_all_that_the_filing_gave(world: World, lang: str) -> None:
    filed = filings.by_staff(world, lang=lang)
    slots.plan(world)
    paper = documents.receipt(world, filed.demande_id, with_code=True)
    assert (paper.name, paper.media_type) == (f"recu-{filed.reference}.pdf", "application/pdf")
    assert paper.body.startswith(b"%PDF")
    data = given(world)
    assert (data["template"], data["lang"]) == ("receipt", lang)
    assert (data["reference"], data["code"]) == (filed.reference, filed.code)
    assert filed.log is not None
    assert data["proof"]["leaf"] == filed.log.leaf.hex()
    assert data["proof"]["salt"] == filed.log.salt.hex()
    assert data["proof"]["promise"] == filed.log.promise.hex()
    assert data["proof"]["promised at"] == filed.log.promised
    assert filed.log.promised.endswith("Z"), "the form of the signed bytes"
    assert data["next_draw_at"] > data["filed_at"]
    assert "wait_median_days" not in data  # nobody was received yet: not known


@pytest.mark.parametrize(("read", "expiry", "said"), [
    (True, "2026-05-10", {"deadline_on": "2026-03-11"}),
    (True, "2026-04-10", {"deadline_on": "2026-02-09", "deadline_passed": True}),
    (False, "2026-05-10", {"deadline_on": "2026-03-11", "deadline_to_check": True}),
    (False, "2026-04-10", {"deadline_to_check": True}),
])  # fmt: skip
def test_a_deadline_is_said_as_law_only_if_somebody_read_the_text(
    world: World, read: bool, expiry: str, said: dict[str, Any]
) -> None:
    """R-90, on the receipt and in the mail."""
    if read:
        filings.windows_read(world)
    filed = filings.by_staff(world, details={"expiry_on": expiry})
    documents.receipt(world, filed.demande_id)
    (mail,) = filings.posted(world, "filed")
    for found in (given(world), mail):
        assert {name: value for name, value in found.items() if name.startswith("deadline")} == said
    text = TemplateRenderer(HOME).message("mail/filed", "fr", {k: v for k, v in mail.items() if k != "to"})[1]
    assert ("Votre date limite" in text) is read
    assert ("Un délai peut s’appliquer" in text) is not read
    assert ("Si cette date approche" in text) is (read and "deadline_passed" not in said)


def test_a_provisional_receipt_says_until_when_to_confirm(world: World) -> None:
    slots.plan(world)
    filed = filings.by_web(world, contact=filings.NOBODY)
    documents.receipt(world, filed.demande_id)
    assert given(world)["confirm_before_on"] == "2026-04-01"
    assert "next_draw_at" not in given(world)  # R-110
    assert "proof" not in given(world)


@pytest.mark.parametrize(("channel", "printed"), [(Channel.COUNTER, False), (Channel.LETTER, True)])
def test_the_letter_that_acknowledges_carries_the_code_if_nobody_was_there(
    world: World, channel: Channel, printed: bool
) -> None:
    """R-91"""
    awa = filings.agent(world)
    filed = filing.file(world, filings.need(contact=POSTAL), filings.key(), channel, awa)
    printed_pages: list[Any] = []
    pages = world.render.pages
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(world.render, "pages", lambda papers: printed_pages.extend(papers) or pages(papers))
        errands.letters(world, awa, filings.TERRITORY)
    assert [name for name, _ in printed_pages] == ["notice", "receipt"]
    assert (filed.code in str(printed_pages)) is printed


def test_papers_bear_the_name_that_was_declared_and_files_and_messages_do_not(world: World) -> None:
    """R-94: a family with one mailbox tells its papers apart."""
    held = appointment(world)
    for paper in (documents.receipt(world, held.demande_id), documents.convocation(world, held.id)):
        assert given(world)["person"] == "Aminata Diallo"
        assert "diallo" not in paper.name.lower()
    for template in ("filed", "offer", "confirmed"):
        assert "diallo" not in str(filings.posted(world, template)).lower()


def test_a_convocation_bears_the_name_of_the_entry_that_it_is_printed_from(world: World) -> None:
    """R-94: an attached entry learns nothing of how the other one was written."""
    held = appointment(world)
    spelled = replace(filings.AMINATA, family_name="DIALLO")
    other = filings.by_staff(world, identity=spelled)
    assert filings.row(world, other.demande_id).attached_to_id == held.demande_id
    documents.convocation(world, held.id, other.demande_id)
    assert given(world)["person"] == "Aminata DIALLO"


def test_by_telephone_and_at_the_counter_come_with_number_and_address(world: World) -> None:
    held = appointment(world)
    for paper in (documents.receipt(world, held.demande_id), documents.convocation(world, held.id)):
        assert paper.body
        assert given(world)["phones"][0]["value"] == "05 36 49 40 40"
        assert any("40000 Mont-de-Marsan" in desk["address"] for desk in given(world)["desks"])


def test_a_receipt_asked_for_after_the_freeze_names_the_draw_under_way(world: World) -> None:
    """R-154"""
    filed = filings.by_staff(world)
    batch = committed(world)
    documents.receipt(world, filed.demande_id)
    assert (given(world)["listed_in"], given(world)["listed_draw_at"]) == (1, batch.draw_at.isoformat())
    late = filings.by_staff(world, identity=filings.OTHER)
    documents.receipt(world, late.demande_id)
    assert "listed_draw_at" not in given(world)


def test_who_waits_no_more_reads_of_no_next_draw(world: World) -> None:
    slots.plan(world)
    held = appointment(world)
    documents.receipt(world, held.demande_id)
    assert not {"waits", "next_draw_at", "wait_median_days"} & given(world).keys()


def test_a_convocation_has_place_hour_documents_and_a_signed_code(world: World) -> None:
    held = appointment(world)
    paper = documents.convocation(world, held.id)
    assert paper.name == f"convocation-{held.reference}.pdf"
    data, slot = given(world), slot_of(world, held)
    assert datetime.fromisoformat(data["start_at"]) == slot.start_at
    assert data["site"] == "Préfecture, Mont-de-Marsan"
    assert data["documents"]
    assert documents.read_qr(world, data["qr"]) == held.reference
    content = read_pass(decode_qr(data["qr"])[0])
    assert (content.site, content.on_date, content.start) == (slot.site, slot.on_date, slot.start)


def test_the_code_is_read_however_it_was_typed(world: World) -> None:
    held = appointment(world)
    text = documents.qr_text(world, held, slot_of(world, held))
    assert documents.read_qr(world, f" {text[:20].lower()} {text[20:]}\n") == held.reference


def test_a_code_that_we_did_not_sign_is_refused(world: World) -> None:
    held = appointment(world)
    payload, signature, kid = decode_qr(documents.qr_text(world, held, slot_of(world, held)))
    other = payload.replace(held.reference.encode(), held.reference[::-1].encode())
    for forged in (
        encode_qr(other, signature, kid),
        encode_qr(payload, bytes(64), kid),
        encode_qr(payload, signature, "unknown"),
        encode_qr(payload, world.keys.sign("log_head", payload)[1], world.keys.sign("log_head", payload)[0]),
    ):
        with pytest.raises(InvalidInput) as raised:
            documents.read_qr(world, forged)
        assert raised.value.code == "qr_forged"
    with pytest.raises(InvalidInput) as raised:
        documents.read_qr(world, "https://example.invalid/")
    assert raised.value.code == "qr_unreadable"


def test_an_offer_is_no_convocation_yet(world: World) -> None:
    held = offer(world)
    for paper in (documents.convocation, documents.calendar):
        with pytest.raises(NotFound):
            paper(world, held.id)


def test_an_unknown_paper(world: World) -> None:
    for paper in (documents.receipt, documents.convocation, documents.letter, documents.calendar):
        with pytest.raises(NotFound):
            paper(world, UUID(int=0))


def test_the_letter_of_a_standing_acceptance_carries_the_convocation(world: World) -> None:
    held = offer(world, contact=POSTAL)
    assert held.firm
    paper = documents.letter(world, held.id)
    assert paper.name == f"lettre-{held.reference}.pdf"
    data = given(world)
    assert data["recipient"] == ["Aminata Diallo", "12 rue des Essais", "40100 Dax"]
    assert data["written_on"] == "2026-03-02"
    assert "expires_at" not in data
    assert documents.read_qr(world, data["qr"]) == held.reference


def test_the_letter_of_an_offer_says_until_when_to_answer(world: World) -> None:
    contact = Contact(email="aminata@exemple.invalid", postal="12 rue des Essais\n40100 Dax")
    held = offer(world, contact=contact)
    documents.letter(world, held.id)
    assert held.expires_at is not None
    assert given(world)["expires_at"] == held.expires_at.isoformat()


def test_no_letter_without_an_address(world: World) -> None:
    with pytest.raises(NotFound):
        documents.letter(world, offer(world).id)


def test_the_calendar_file_and_the_one_that_takes_it_out(world: World) -> None:
    held = appointment(world)
    paper = documents.calendar(world, held.id)
    (entry,) = icalendar.Calendar.from_ical(paper.body).walk("VEVENT")
    slot = slot_of(world, held)
    assert entry.decoded("DTSTART").astimezone(UTC) == slot.start_at
    assert entry.decoded("DTEND") - entry.decoded("DTSTART") == timedelta(minutes=slot.length_min)
    assert str(entry["SUMMARY"]) == "Rendez-vous — Préfecture, Mont-de-Marsan"
    convocation.give_back(world, held.demande_id, "page", USAGER)
    (gone,) = icalendar.Calendar.from_ical(documents.calendar(world, held.id).body).walk("VEVENT")
    assert (gone["UID"], gone["STATUS"], gone["SEQUENCE"]) == (entry["UID"], "CANCELLED", 1)


def test_no_file_name_or_calendar_says_what_for(world: World) -> None:
    held = appointment(world)
    motif = filings.MOTIF.split("-")
    for paper in (documents.receipt(world, held.demande_id), documents.convocation(world, held.id)):
        assert not any(word in paper.name for word in motif)
    body = documents.calendar(world, held.id).body.decode().lower()
    assert not any(word in body for word in ("étudiant", "titre", "emeraude", "diallo"))
