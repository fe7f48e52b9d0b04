"""Every paper in every language: tagged, whole, with a code that scans."""

from __future__ import annotations

import contextlib
import io
import json
import re
import struct
import zlib
from datetime import UTC, date, datetime, timedelta
from typing import Any
from xml.etree import ElementTree

import icalendar
import numpy as np
import pytest
import typst
import zxingcpp

from booking.gateways import catalogues, words
from booking.gateways.render import PDF, TemplateRenderer, _fonts, extract_typst
from tests.support.messages import HOME, PARAMS

LANGUAGES = tuple(catalogues.LANGUAGES)


@pytest.fixture(scope="module")
def renderer() -> TemplateRenderer:
    return TemplateRenderer(HOME)


# --- papers ----------------------------------------------------------------------------------------------

QR = "TDR1-" + "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567" * 6
PAPER = {
    "issuer": "Préfecture, Mont-de-Marsan",
    "demonstration": True,
    "zone": "Europe/Paris",
    "person": "Awa Exemple",
    "phones": [{"value": "05 36 49 40 40", "hours": "le matin", "example": True}],
    "desks": [{"name": "Préfecture", "address": "26 rue de l’Exemple, 40000 Mont-de-Marsan", "example": False}],
}
RECEIPT = PAPER | {
    "reference": "K7MPRT4X",
    "code": "P3QRT4XA",
    "motif": "Need",
    "motif_french": "Besoin",
    "filed_at": PARAMS["filed_at"],
    "next_draw_at": PARAMS["next_draw_at"],
    "wait_median_days": 12,
    "wait_p90_days": 40,
    "deadline_on": "2026-05-01",
    "waits": True,
    "proof": {"entry": json.dumps({"v": 1, "ref": "0" * 200}), "leaf": "ab" * 32, "salt": "cd" * 32},
}
CARD = PAPER | {
    "reference": "C3MPRT4X",
    "start_at": PARAMS["start_at"],
    "site": PARAMS["site"],
    "address": PARAMS["address"],
    "qr": QR,
    "documents": [{"label": "Photographs", "french": "Photographies", "example": True}],
}
LETTER = CARD | {
    "demande": "K7MPRT4X",
    "recipient": ["Awa Exemple", "12 rue des Essais", "40100 Dax"],
    "sender_address": ["26 rue de l’Exemple", "40000 Mont-de-Marsan"],
    "written_on": "2026-09-10",
}
OFFER = LETTER | {"expires_at": PARAMS["expires_at"]}
LONG_CODE = "TDRC1-" + "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567" * 40
CERTIFICATE = PAPER | {
    "reference": "K7MPRT4X",
    "wording": "L’administration atteste les faits ci-dessous.",
    "example": True,
    "name": "EXEMPLE Awa",
    "birth": "12/05/1990",
    "need": "Besoin",
    "need_said": "Need",
    "filed_at": PARAMS["filed_at"],
    "issued_at": PARAMS["filed_at"],
    "state": "waiting",
    "draws_total": 60,
    "draws": [[number, "23/09/2026", not number % 9] for number in range(21, 61)],
    "offers_total": 2,
    "offers": [["10/09/2026", "23/09/2026", "taken_away"], ["10/09/2026", "23/09/2026", "declined"]],
    "taken_away": 1,
    "place": [3, 28],
    "wait_median_days": 12,
    "wait_p90_days": 40,
    "qr": LONG_CODE,
    "code": LONG_CODE,
}
PROVISIONAL = {k: v for k, v in RECEIPT.items() if not k.startswith(("wait", "next", "proof", "deadline"))}
PAPERS: dict[str, tuple[str, dict[str, Any]]] = {
    "receipt": ("receipt", RECEIPT),
    "provisional": ("receipt", PROVISIONAL | {"confirm_before_on": "2026-04-01"}),
    "received": ("receipt", {k: v for k, v in PROVISIONAL.items() if k != "waits"} | {"person": "", "phones": []}),
    "listed": ("receipt", RECEIPT | {"listed_in": 34, "listed_draw_at": PARAMS["next_draw_at"]}),
    "uncommitted": ("receipt", RECEIPT | {"listed_in": None, "listed_draw_at": PARAMS["next_draw_at"]}),
    "passed": ("receipt", RECEIPT | {"deadline_passed": True}),
    "to-check": ("receipt", RECEIPT | {"deadline_to_check": True}),
    "convocation": ("convocation", CARD),
    "offer": ("letter", OFFER),
    "firm": ("letter", LETTER),
    "certificate": ("certificate", CERTIFICATE),
}


def picture_of(renderer: TemplateRenderer, template: str, data: dict[str, Any], ppi: int) -> Any:
    """The first page in grey levels, by the same compiler, template and fonts as the PDF."""
    original = typst.compile

    def as_png(source: str, **options: Any) -> Any:
        return original(source, **(options | {"format": "png", "pdf_standards": [], "ppi": ppi}))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typst, "compile", as_png)
        pages: Any = renderer.pdf(template, data)
    return grey(pages[0] if isinstance(pages, list) else pages)


def grey(png: bytes) -> Any:
    """Height × width, 0 black to 255 white, of an 8-bit PNG without interlacing (no picture library is at hand)."""
    at, packed, width, height, channels = 8, b"", 0, 0, 0
    while at < len(png):
        length, kind = struct.unpack(">I4s", png[at : at + 8])
        body = png[at + 8 : at + 8 + length]
        if kind == b"IHDR":
            width, height, _, colour = struct.unpack(">IIBB", body[:10])
            channels = {0: 1, 2: 3, 6: 4}[colour]
        packed += body if kind == b"IDAT" else b""
        at += 12 + length
    rows = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(height, 1 + width * channels)
    above = np.zeros((width, channels), np.uint8)
    picture = np.empty((height, width), np.uint8)
    for y, row in enumerate(rows):
        above = unfiltered(int(row[0]), row[1:].reshape(width, channels), above)
        picture[y] = above[:, :3].mean(axis=1)
    return picture


def unfiltered(kind: int, row: Any, above: Any) -> Any:
    """One row of a PNG: none, left, up, average or Paeth (ISO/IEC 15948, 9)."""
    if kind in (0, 2):
        return row + above if kind == 2 else row
    if kind == 1:
        return np.cumsum(row, axis=0, dtype=np.uint8)
    width, channels = row.shape
    flat, up = [0] * channels + row.ravel().tolist(), [0] * channels + above.ravel().tolist()
    for i in range(channels, len(flat)):
        left, over, corner = flat[i - channels], up[i], up[i - channels]
        if kind == 3:
            guess = (left + over) // 2
        else:
            to_left, to_over, to_corner = abs(over - corner), abs(left - corner), abs(left + over - corner - corner)
            guess = left if to_left <= to_over and to_left <= to_corner else over if to_over <= to_corner else corner
        flat[i] = (flat[i] + guess) & 255
    return np.array(flat[channels:], np.uint8).reshape(width, channels)


def shrunk(picture: Any, by: int) -> Any:
    """Each square of ``by`` × ``by`` points becomes their mean: what a messenger does to a screenshot."""
    height, width = (size // by * by for size in picture.shape)
    blocks = picture[:height, :width].reshape(height // by, by, width // by, by)
    return blocks.mean(axis=(1, 3)).astype(np.uint8)


def scanned(picture: Any) -> list[str]:
    return [code.text for code in zxingcpp.read_barcodes(np.ascontiguousarray(picture))]


def inside(pdf: bytes) -> bytes:
    """The file with its compressed streams opened, to look for what must and must not be there."""
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL)
    opened = [pdf]
    for stream in streams:
        with contextlib.suppress(zlib.error):
            opened.append(zlib.decompress(stream))
    return b"\n".join(opened)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("paper", PAPERS)
def test_every_paper_is_tagged_and_says_its_language(renderer: TemplateRenderer, paper: str, lang: str) -> None:
    template, data = PAPERS[paper]
    pdf = renderer.pdf(template, data | {"lang": lang})
    content = inside(pdf)
    assert b"pdfuaid:part" in content
    assert b"/StructTreeRoot" in content
    assert f"/Lang ({lang})".encode() in content or f"/Lang({lang})".encode() in content
    assert b"/H1" in content
    if lang == "ar":
        assert b"Amiri" in content
        assert b"/Lang (fr)" in content or b"/Lang(fr)" in content  # the French text beside


def test_the_same_data_gives_the_same_bytes(renderer: TemplateRenderer) -> None:
    assert renderer.pdf("receipt", RECEIPT | {"lang": "ar"}) == renderer.pdf("receipt", RECEIPT | {"lang": "ar"})


def test_an_unknown_language_is_french(renderer: TemplateRenderer) -> None:
    assert renderer.pdf("receipt", RECEIPT | {"lang": "xx"}) == renderer.pdf("receipt", RECEIPT | {"lang": "fr"})


def test_a_missing_value_is_an_error(renderer: TemplateRenderer) -> None:
    with pytest.raises(typst.TypstError):
        renderer.pdf("convocation", {key: value for key, value in CARD.items() if key != "site"} | {"lang": "fr"})


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_code_is_read_from_a_page_as_wide_as_a_cheap_phone(renderer: TemplateRenderer, lang: str) -> None:
    assert scanned(picture_of(renderer, "convocation", CARD | {"lang": lang}, ppi=72)) == [QR]


def test_the_longer_code_of_a_certificate_is_read_from_paper(renderer: TemplateRenderer) -> None:
    assert scanned(picture_of(renderer, "certificate", CERTIFICATE | {"lang": "ar"}, ppi=144)) == [LONG_CODE]


def test_the_code_is_read_from_a_screenshot_that_was_shrunk_and_scratched(renderer: TemplateRenderer) -> None:
    picture = picture_of(renderer, "convocation", CARD | {"lang": "fr"}, ppi=144)
    assert scanned(shrunk(picture, 2)) == [QR]
    picture[:, ::40] = 255
    assert scanned(shrunk(picture, 2)) == [QR]
    assert scanned(shrunk(picture, 8)) == []  # too small is unreadable, never another text


def test_the_letter_has_its_address_in_the_window(renderer: TemplateRenderer) -> None:
    """French window envelope: 110 to 200 mm from the left, 45 to 80 mm from the top; nothing else shows there."""
    for lang in LANGUAGES:
        picture = picture_of(renderer, "letter", OFFER | {"lang": lang}, ppi=72)
        mm = 72 / 25.4
        dark = np.argwhere(picture < 128) / mm
        window = dark[(dark[:, 0] > 45) & (dark[:, 0] < 80)]
        left = window[window[:, 1] < 108]
        assert len(window) > 50, lang
        assert len(left) == 0, lang
        assert window[:, 1].min() < 115, lang


def test_references_are_in_groups_on_every_paper() -> None:
    for path in set(PDF.glob("*.typ")) - {PDF / "dossier.typ"}:
        source = re.sub(r"alt: t\(.*", "", path.read_text(encoding="utf-8"))
        for found in re.finditer(r"(\w*)\(?data\.(?:reference|demande)\b", source):
            assert found[1] in {"grouped", "aloud"}, (path.name, found[0])


def test_the_fonts_are_ours_only() -> None:
    assert set(_fonts().families()) == {"Noto Sans", "Amiri"}


def test_every_sentence_of_a_paper_is_found_for_translation() -> None:
    for path in set(PDF.glob("*.typ")) - {PDF / "dossier.typ"}:  # for a judge, in French only
        source = path.read_text(encoding="utf-8")
        code = "\n".join(line for line in source.splitlines() if not line.lstrip().startswith("//"))
        found = {sentence for _, _, sentence, _ in extract_typst(io.BytesIO(source.encode()), (), (), {})}
        texts = set(re.findall(r'"([A-ZÀ-Ý][^"]* [^"]*|[A-ZÀ-Ý][a-zà-ÿ]{3,})"', code))
        assert texts - {"Noto Sans", "Amiri"} <= found, path.name


# --- QR code and calendar --------------------------------------------------------------------------------


def test_a_qr_code_for_a_page_is_a_plain_picture(renderer: TemplateRenderer) -> None:
    root = ElementTree.fromstring(renderer.qr(QR))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root.get("viewBox")
    assert root.get("width") is None


EVENT: dict[str, Any] = {
    "uid": "0198@tour-de-role",
    "sequence": 0,
    "stamp_at": "2026-03-02T08:00:00+00:00",
    "start_at": "2026-09-23T08:30:00+00:00",
    "length_min": 20,
    "zone": "Europe/Paris",
    "site": "Préfecture, Mont-de-Marsan",
    "address": "26 rue de l’Exemple, 40000 Mont-de-Marsan",
    "reference": "C3MPRT4X",
    "lang": "fr",
    "cancelled": False,
}


def entry_of(body: bytes) -> Any:
    (entry,) = icalendar.Calendar.from_ical(body).walk("VEVENT")
    return entry


def test_the_calendar_entry_is_at_the_hour_of_the_site_and_neutral(renderer: TemplateRenderer) -> None:
    body = renderer.calendar(EVENT)
    entry = entry_of(body)
    assert entry["SUMMARY"] == "Rendez-vous — Préfecture, Mont-de-Marsan"
    (alarm,) = entry.walk("VALARM")
    assert alarm.decoded("TRIGGER") == timedelta(days=-1)
    assert alarm["DESCRIPTION"] == entry["SUMMARY"]
    assert entry["LOCATION"] == "Préfecture, Mont-de-Marsan, 26 rue de l’Exemple, 40000 Mont-de-Marsan"
    assert entry.decoded("DTSTART") == datetime(2026, 9, 23, 8, 30, tzinfo=UTC)
    assert entry["DTSTART"].params["TZID"] == "Europe/Paris"
    assert (entry.decoded("DTEND") - entry.decoded("DTSTART")).total_seconds() == 20 * 60
    assert b"BEGIN:VTIMEZONE" in body
    changes = body.count(b"BEGIN:DAYLIGHT") + body.count(b"BEGIN:STANDARD") + body.count(b"RDATE")
    assert changes <= 12, "only the summer times around the appointment"
    assert entry["STATUS"] == "CONFIRMED"


def test_a_cancelled_entry_takes_the_same_one_out(renderer: TemplateRenderer) -> None:
    body = renderer.calendar(EVENT | {"cancelled": True, "sequence": 1})
    entry = entry_of(body)
    assert b"METHOD:CANCEL" in body
    assert b"VALARM" not in body
    assert (entry["UID"], entry["STATUS"], entry["SEQUENCE"]) == ("0198@tour-de-role", "CANCELLED", 1)


def test_short_words_of_dates(renderer: TemplateRenderer) -> None:
    with catalogues.using("fr"):
        assert words.format_day_short(date(2026, 3, 1)) == "dimanche 1er mars"
        assert words.format_days(1) == "1 jour"
    with catalogues.using("ar"):
        assert words.format_days(12) == "12 يومًا"


@pytest.mark.parametrize("name", ["გიორგი", "李", "אברהם", "😀", "a\x00b"])
def test_a_name_that_our_fonts_lack_stops_no_letter(renderer: TemplateRenderer, name: str) -> None:
    strange = LETTER | {"lang": "fr", "recipient": [name, "12 rue des Essais", "40100 Dax"]}
    assert renderer.pdf("letter", strange).startswith(b"%PDF")
    assert renderer.pages([("letter", strange), ("letter", LETTER | {"lang": "fr"})]).startswith(b"%PDF")


def test_a_fault_of_a_template_is_no_missing_letter(renderer: TemplateRenderer) -> None:
    with pytest.raises(typst.TypstError):
        renderer.pdf("letter", {"lang": "fr"})
