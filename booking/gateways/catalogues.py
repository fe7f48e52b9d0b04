"""Languages: the one in force, and its catalogue read once into memory: no compiled file is committed.

French sentences are the message ids, so French needs no catalogue. Nothing here knows a request: a mail, an SMS, a PDF
are said as a page is. The commands that keep the catalogues complete are in booking.web.i18n.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from markupsafe import Markup, escape

ROOT = Path(__file__).parents[2]
TRANSLATIONS = ROOT / "booking" / "web" / "translations"
SOURCE = "fr"
FRENCH_BELOW = "\n\n* * *\n\n"
"""Stands in a mail between the translation and the French text, which alone has legal force."""


@dataclass(frozen=True, slots=True)
class Language:
    """A language of the public pages. ``reviewed`` is False until a named reader has approved its catalogue."""

    code: str
    name: str
    direction: str
    reviewed: bool


LANGUAGES = {
    language.code: language
    for language in (
        Language("fr", "Français", "ltr", reviewed=True),
        Language("en", "English", "ltr", reviewed=False),
        Language("ar", "العربية", "rtl", reviewed=False),
    )
}
TRANSLATED = tuple(code for code in LANGUAGES if code != SOURCE)

_current: ContextVar[str] = ContextVar("language", default=SOURCE)


class _French(NullTranslations):
    """The source language: sentences as written; in French zero is singular."""

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return msgid1 if n < 2 else msgid2


def language() -> Language:
    """The language in force."""
    return LANGUAGES[_current.get()]


def choose(code: str) -> None:
    """Put ``code`` in force until the next choice (the web does so at each request). Unknown codes mean French."""
    _current.set(code if code in LANGUAGES else SOURCE)


@contextmanager
def using(code: str) -> Iterator[Language]:
    """Put ``code`` in force for a block: a mail, an SMS, a PDF in the language of its demande."""
    token = _current.set(code if code in LANGUAGES else SOURCE)
    try:
        yield language()
    finally:
        _current.reset(token)


@cache
def translations(code: str) -> NullTranslations:
    """The catalogue of ``code``; a sentence that it lacks is said in French."""
    if code == SOURCE:
        return _French()
    compiled = BytesIO()
    write_mo(compiled, read_catalogue(code))
    compiled.seek(0)
    catalogue = GNUTranslations(compiled)
    catalogue.add_fallback(_French())
    return catalogue


def gettext(message: str) -> str:
    """``message`` in the language in force."""
    return translations(_current.get()).gettext(message)


def ngettext(singular: str, plural: str, n: int) -> str:
    """The form for ``n`` in the language in force (Arabic has six)."""
    return translations(_current.get()).ngettext(singular, plural, n)


@dataclass(frozen=True, slots=True)
class Lazy:
    """A sentence written where no language is in force yet (labels of a form class), said when it is shown."""

    message: str

    def __str__(self) -> str:
        return gettext(self.message)

    def __html__(self) -> Markup:
        return escape(str(self))


def lazy_gettext(message: str) -> Lazy:
    """Mark ``message`` for translation at the time of showing."""
    return Lazy(message)


def path_of(code: str) -> Path:
    return TRANSLATIONS / code / "LC_MESSAGES" / "messages.po"


def read_catalogue(code: str) -> Catalog:
    """The catalogue as its file says it."""
    with path_of(code).open("rb") as file:
        return read_po(file, locale=code)
