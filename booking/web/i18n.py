"""The commands that keep the catalogues complete. The language in force and its sentences: booking.gateways.catalogues.

$ python -m booking.web.i18n update          extract the sentences, add the new ones to every catalogue
$ python -m booking.web.i18n missing en      print the untranslated ones as JSON {sentence: ""} (plurals: a list)
$ python -m booking.web.i18n fill en         read that JSON, completed, from standard input
$ python -m booking.web.i18n prune           forget the sentences that no page says any more
$ python -m booking.web.i18n check           say what is missing, doubtful or unmarked; exit 1 if anything is
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from io import BytesIO

from babel.messages.catalog import Catalog
from babel.messages.pofile import write_po

from booking.gateways.catalogues import TRANSLATED, path_of, read_catalogue
from booking.web.extraction import extract
from booking.web.wording import problems


def write_catalogue(code: str, catalogue: Catalog, *, keep_obsolete: bool = True) -> None:
    """Write without dates or line numbers, one line a sentence: two people's additions then merge."""
    buffer = BytesIO()
    write_po(buffer, catalogue, width=0, sort_by_file=True, include_lineno=False, ignore_obsolete=not keep_obsolete)
    dated = (b'"POT-Creation-Date', b'"PO-Revision-Date', b'"Generated-By', b'"Last-Translator')
    lines = [line for line in buffer.getvalue().splitlines(keepends=True) if not line.startswith(dated)]
    target = path_of(code)
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_suffix(".new")
    fresh.write_bytes(b"".join(lines))
    fresh.replace(target)


def update() -> None:
    """Add new sentences to every catalogue. What no page says any more is set aside, not lost."""
    wanted = extract()
    for code in TRANSLATED:
        catalogue = read_catalogue(code) if path_of(code).exists() else Catalog(locale=code, fuzzy=False)
        catalogue.update(wanted, no_fuzzy_matching=True, update_header_comment=False)
        write_catalogue(code, catalogue)


def prune() -> None:
    """Forget the sentences set aside by :func:`update`."""
    for code in TRANSLATED:
        write_catalogue(code, read_catalogue(code), keep_obsolete=False)


def missing(code: str) -> dict[str, str | list[str]]:
    """Sentences without translation, ready to be completed: a plural maps to as many empty forms as ``code`` has."""
    catalogue = read_catalogue(code)
    empty: dict[str, str | list[str]] = {}
    for message in extract():
        if not message.id or _is_translated(catalogue, message.id):
            continue
        plural = isinstance(message.id, tuple)
        empty[message.id[0] if plural else str(message.id)] = [""] * catalogue.num_plurals if plural else ""
    return empty


def fill(code: str, sentences: dict[str, str | list[str]]) -> list[str]:
    """Write translations into the catalogue, whatever the kind of space; answers those that it does not know."""
    catalogue = read_catalogue(code)
    known = {_spaced(message.id if isinstance(message.id, str) else message.id[0]): message for message in catalogue}
    unknown = []
    for source, translation in sentences.items():
        message = known.get(_spaced(source))
        if message is None:
            unknown.append(source)
        elif translation:
            message.string = tuple(translation) if isinstance(translation, list) else translation
            message.flags.discard("fuzzy")
    write_catalogue(code, catalogue)
    return unknown


def _spaced(source: str) -> str:
    return source.replace("\u00a0", " ").replace("\u202f", " ")


def _is_translated(catalogue: Catalog, source: str | Sequence[str]) -> bool:
    message = catalogue.get(source if isinstance(source, str) else source[0])
    if message is None or message.fuzzy or not message.string:
        return False
    forms = (message.string,) if isinstance(message.string, str) else message.string
    return all(forms)


def main(arguments: Sequence[str]) -> int:
    """The commands named at the top of this file; answers the exit status."""
    verb, *rest = arguments or ["help"]
    simple: dict[str, Callable[[], None]] = {"update": update, "prune": prune}
    if verb in simple and not rest:
        simple[verb]()
    elif verb == "check" and not rest:
        found = problems()
        _say(*found or ["Every public sentence is marked and translated."])
        return 1 if found else 0
    elif verb in {"missing", "fill"} and len(rest) == 1 and rest[0] in TRANSLATED:
        if verb == "missing":
            _say(json.dumps(missing(rest[0]), ensure_ascii=False, indent=1))
            return 0
        unknown = fill(rest[0], json.load(sys.stdin))
        _say(*(f"unknown: {sentence}" for sentence in unknown))
        return 1 if unknown else 0
    else:
        _say(__doc__ or "")
        return 2
    return 0


def _say(*lines: str) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
