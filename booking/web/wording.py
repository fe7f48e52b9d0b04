"""Reads the public templates as a proof-reader: no sentence unmarked, none untranslated, no placeholder lost.

Used by ``python -m booking.web.i18n check`` and by the tests; no page imports it. Text is left alone inside an element
with ``lang="fr"`` (a French legal text that stands beside its translation) or ``translate="no"`` (a name).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from pathlib import Path

from babel.messages.catalog import Message
from babel.util import pathmatch
from jinja2 import Environment

from booking.gateways.catalogues import ROOT, TRANSLATED, read_catalogue
from booking.web.extraction import extract, mapping

_WORD = re.compile(r"[^\W\d_]{2,}")
_PLACEHOLDER = re.compile(r"%\((\w+)\)s|<(/?\w+)")
_SENTENCE = re.compile(r"[A-ZÀ-Þ][a-zà-ÿ]|[À-ÿ\u00a0\u202f]")
_SPOKEN = frozenset({"alt", "title", "aria-label", "placeholder", "aria-description"})
_VOID = frozenset({"area", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr", "path", "circle", "use"})
_LOOSE_SPACE = re.compile(r" [:;?!»]|« |\w'\w")
_CALLS = frozenset({"_", "gettext", "ngettext", "pgettext"})


def problems() -> list[str]:
    """One line for each sentence that is unmarked, untranslated, doubtful, or whose placeholders differ."""
    found = [f"{path}:{line}: not marked for translation: {text}" for path, line, text in unmarked()]
    wanted = [message for message in extract() if message.id]
    found += [f"no-break space or curly apostrophe wanted: {text}" for text in badly_set(wanted)]
    for code in TRANSLATED:
        catalogue = read_catalogue(code)
        for message in wanted:
            source = message.id if isinstance(message.id, str) else message.id[0]
            said = catalogue.get(source)
            if said is None or not _complete(said):
                found.append(f"{code}: not translated: {source}")
            elif _placeholders_differ(said):
                found.append(f"{code}: placeholders or tags differ: {source}")
    return found


def badly_set(messages: Iterable[Message]) -> list[str]:
    """French sentences with an ordinary space before : ; ? ! » or after «, or a typewriter's apostrophe."""
    return [form for message in messages for form in _forms(message.id) if _LOOSE_SPACE.search(form)]


def _complete(said: Message) -> bool:
    return not said.fuzzy and all(_forms(said.string)) and bool(said.string)


def _forms(text: str | tuple[str, ...] | list[str] | None) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text or ())


def _placeholders_differ(said: Message) -> bool:
    """Every form must use only, and a singular sentence all, of the placeholders and tags of the French."""
    sources = [sorted(map(str, _PLACEHOLDER.findall(form))) for form in _forms(said.id)]
    targets = [sorted(map(str, _PLACEHOLDER.findall(form))) for form in _forms(said.string)]
    if isinstance(said.id, str):
        return targets[0] != sources[0]
    allowed = set().union(*sources)
    return any(not set(target) <= allowed for target in targets)


def public_templates() -> list[Path]:
    """The templates that ``babel.cfg`` reads."""
    methods, _ = mapping()
    chosen = []
    for path in sorted((ROOT / "templates").rglob("*.*")):
        name = path.relative_to(ROOT).as_posix()
        method = next((method for pattern, method in methods if pathmatch(pattern, name)), "ignore")
        if method == "jinja2":
            chosen.append(path)
    return chosen


def unmarked() -> list[tuple[str, int, str]]:
    """(file, line, text) of each piece of text in a public template that no translation can reach."""
    found = []
    for path in public_templates():
        source = path.read_text(encoding="utf-8")
        name = path.relative_to(ROOT).as_posix()
        found += [(name, line, text) for line, text in unmarked_in(source)]
    return found


def unmarked_in(source: str) -> list[tuple[int, str]]:
    """(line, text) found in the source of one template."""
    reader = _Reader()
    found = list(_literals(source))
    reader.feed(_markup_only(source))
    reader.close()
    return sorted(found + reader.found)


def _lexed(source: str) -> list[tuple[int, str, str]]:
    return list(Environment(extensions=["jinja2.ext.i18n"]).lex(source))


def _markup_only(source: str) -> str:
    """The template's own text: expressions, comments and translated blocks emptied, line breaks kept."""
    kept: list[str] = []
    translated = False
    tokens = _lexed(source)
    for index, (_, kind, value) in enumerate(tokens):
        if kind == "block_begin":
            name = next(text for _, token, text in tokens[index + 1 :] if token == "name")
            translated = name in {"trans", "pluralize"} or (translated and name != "endtrans")
        keep = kind == "data" and not translated
        kept.append(value if keep else "\n" * value.count("\n"))
    return "".join(kept)


def _literals(source: str) -> Iterator[tuple[int, str]]:
    """String literals inside expressions that look like a sentence and are not handed to gettext."""
    calls: list[str] = []
    previous = ""
    for line, kind, value in _lexed(source):
        if kind == "operator" and value == "(":
            calls.append(previous)
        elif kind == "operator" and value == ")" and calls:
            calls.pop()
        elif kind == "string" and _SENTENCE.search(value) and not (calls and calls[-1] in _CALLS):
            yield line, value[1:-1]
        if kind != "whitespace":
            previous = value


class _Reader(HTMLParser):
    """Collects words that stand in the markup itself, outside elements that are meant to stay as they are."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[int, str]] = []
        self._open: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        kept = dict(attrs)
        exempt = kept.get("lang") == "fr" or kept.get("translate") == "no" or tag in {"script", "style"}
        if not exempt:
            for name in _SPOKEN & kept.keys():
                self._note(kept[name] or "")
        if tag not in _VOID:
            self._open.append((tag, exempt))

    def handle_endtag(self, tag: str) -> None:
        # Conditional tags may open twice and close once: go back to the nearest one of that name.
        for index in range(len(self._open) - 1, -1, -1):
            if self._open[index][0] == tag:
                del self._open[index:]
                return

    def handle_data(self, data: str) -> None:
        if not any(exempt for _, exempt in self._open):
            self._note(data)

    def _note(self, text: str) -> None:
        if _WORD.search(text):
            self.found.append((self.getpos()[0], " ".join(text.split())))
