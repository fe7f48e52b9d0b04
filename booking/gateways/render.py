"""Words and papers: mails and SMS by Jinja, PDFs by Typst, in the language kept with the demande.

A message in another language carries the French text below, which alone has legal force; a PDF says both side by side.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO, Literal
from urllib.parse import urlsplit

import fontpkg_amiri
import fontpkg_noto_sans
import typst

from booking.gateways import catalogues, documents, words

PDF = words.TEMPLATES / "pdf"
_SENTENCE = re.compile(r'(?<![\w-])(?:t|both|fact|legal|section|head|paper\.with)\(\s*"([^"]+)"')
_DATA = "json(bytes(sys.inputs.data))"
_UNSHOWN = re.compile("could not be displayed|disallowed codepoint")
_SPARE_LINES = re.compile(r"\n\s*\n\s*")


class TemplateRenderer:
    """The renderer of :mod:`booking.ports`. ``public_url``: where people find us, without a final slash."""

    def __init__(self, public_url: str) -> None:
        self._public_url = public_url

    def message(self, template: str, lang: str, params: Mapping[str, Any]) -> tuple[str, str]:
        """(subject, text) of templates/<template>.txt; an SMS has no subject. A missing value raises.

        ``post/<name>`` is the mail of that name as a letter says it.
        """
        on_paper = template.startswith("post/")
        values = self._values(params) | {"on_paper": on_paper}
        if on_paper:
            return _said(template.replace("post/", "mail/"), lang, values)
        subject, text = _said(template, lang, values)
        if template.startswith("mail/") and lang in catalogues.TRANSLATED:
            text += catalogues.FRENCH_BELOW + _said(template, catalogues.SOURCE, values)[1]
        return subject, text

    def _values(self, params: Mapping[str, Any]) -> dict[str, Any]:
        values = {name: _typed(name, value) for name, value in params.items()}
        private = "link" in values
        return values | {
            "home": self._public_url,
            "host": urlsplit(self._public_url).netloc,
            "private": private,
            "page": values["link"] if private else f"{self._public_url}/suivi",
            "town": values.get("town") or values.get("site"),
        }

    def pdf(self, template: str, data: Mapping[str, Any]) -> bytes:
        """Tagged PDF/UA-1; the same data gives the same bytes. ``qr`` in ``data`` is drawn as a QR code.

        Each moment and day of ``data`` reaches the template in words, as ``said`` (in ``lang``) and ``french``; so does
        the town whose clock it is.
        """
        return _compiled(PDF / f"{template}.typ", PDF, {"data": self._given(data)})

    def pages(self, papers: Sequence[tuple[str, Mapping[str, Any]]]) -> bytes:
        """Several papers (template, data) as one file to print, each on a sheet of its own; at least one."""
        with TemporaryDirectory() as folder:
            root = Path(folder)
            for number, (_, data) in enumerate(papers):
                # Each paper reads its own data: the sources stand beside it once for each paper.
                (root / str(number)).mkdir()
                (root / str(number) / "data.json").write_text(self._given(data), encoding="utf-8")
                for source in PDF.glob("*.typ"):
                    text = source.read_text(encoding="utf-8").replace(_DATA, 'json("data.json")')
                    (root / str(number) / source.name).write_text(text, encoding="utf-8")
            sheets = [f'#include "{number}/{template}.typ"' for number, (template, _) in enumerate(papers)]
            (root / "main.typ").write_text("\n#pagebreak(weak: true)\n".join(sheets), encoding="utf-8")
            return _compiled(root / "main.typ", root, {})

    def _given(self, data: Mapping[str, Any]) -> str:
        lang = data["lang"] if data["lang"] in catalogues.LANGUAGES else catalogues.SOURCE
        given = {
            **data,
            "lang": lang,
            "dir": catalogues.LANGUAGES[lang].direction,
            "reviewed": catalogues.LANGUAGES[lang].reviewed,
            "home": self._public_url,
            "said": _in_words(data, lang),
            "french": _in_words(data, catalogues.SOURCE),
            "sentences": _sentences_in(lang),
        }
        if "qr" in given:
            given["qr"] = documents.qr_svg(given["qr"])
        return json.dumps(given, ensure_ascii=False)

    def calendar(self, event: Mapping[str, Any]) -> bytes:
        """See :func:`booking.gateways.documents.calendar`."""
        with catalogues.using(event["lang"]):
            return documents.calendar({name: _typed(name, value) for name, value in event.items()})

    def qr(self, text: str) -> str:
        """See :func:`booking.gateways.documents.qr_svg`."""
        return documents.qr_svg(text)


def _compiled(source: Path, root: Path, inputs: dict[str, str]) -> bytes:
    """The PDF/UA; a plain one when a name holds a letter that our fonts lack: a box on a letter, not a letter less."""

    def made(standards: Literal["ua-1"] | None) -> bytes:
        fonts = _fonts()
        return typst.compile(
            str(source), root=str(root), font_paths=fonts, format="pdf", pdf_standards=standards, sys_inputs=inputs
        )

    try:
        return made("ua-1")
    except typst.TypstError as error:
        if not _UNSHOWN.search(str(error)):
            raise
        return made(None)


def _typed(name: str, value: Any) -> Any:
    if isinstance(value, str) and name.endswith("_at"):
        return datetime.fromisoformat(value)
    if isinstance(value, str) and name.endswith("_on"):
        return date.fromisoformat(value)
    return value


def _said(template: str, lang: str, values: Mapping[str, Any]) -> tuple[str, str]:
    rendered = words.render(f"{template}.txt", lang, values).strip()
    # templates/mail/base.txt: the first line is the subject.
    subject, _, text = rendered.partition("\n") if template.startswith("mail/") else ("", "", rendered)
    return subject, _SPARE_LINES.sub("\n\n", text).strip()


# ------------------------------------------------------------------ what a Typst source is given


def _in_words(data: Mapping[str, Any], lang: str) -> dict[str, str]:
    zone = data.get("zone", "UTC")
    with catalogues.using(lang):
        said = {"zone": words.town_of_zone(zone)}
        for name, value in ((name, _typed(name, value)) for name, value in data.items()):
            if isinstance(value, datetime):
                local = words.at_site(value, zone)
                said[name] = words.format_datetime_at_site(value, zone)
                said[f"{name}.date"] = words.format_date_in_words(local)
                said[f"{name}.hour"] = words.format_hour(local)
            elif isinstance(value, date):
                said[name] = words.format_date_in_words(value)
            elif name.endswith("_days") and value is not None:
                said[name] = words.format_days(value)
    return said


@cache
def _sentences_in(lang: str) -> dict[str, str]:
    """Every ``t("…")`` of the PDF templates, said in ``lang``."""
    catalogue = catalogues.translations(lang)
    sources = sorted(PDF.glob("*.typ"))
    return {
        sentence: catalogue.gettext(sentence)
        for source in sources
        for _, sentence in _marked(source.read_text(encoding="utf-8"))
    }


def _marked(source: str) -> Iterator[tuple[int, str]]:
    for found in _SENTENCE.finditer(source):
        yield source.count("\n", 0, found.start()) + 1, found.group(1)


def extract_typst(
    fileobj: BinaryIO, _keywords: Collection[str], _comment_tags: Collection[str], options: Mapping[str, Any]
) -> Iterator[tuple[int, str, str, list[str]]]:
    """For Babel (translations/babel.cfg): the sentences of one Typst source."""
    for line, sentence in _marked(fileobj.read().decode()):
        yield line, "gettext", sentence, []


@cache
def _fonts() -> typst.Fonts:
    """Our own fonts only: a PDF looks alike on every machine. They come as packages; none is committed.

    Amiri for Arabic: fonts that draw a letter's dots as glyphs of their own (Noto) make a screen reader say it twice.
    """
    folders = [Path(package.ROOT) / "files" for package in (fontpkg_noto_sans, fontpkg_amiri)]
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=folders)
