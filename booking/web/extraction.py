"""Which sentences the public may read: found in templates and Python as babel.cfg says."""

from __future__ import annotations

from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_mapping_cfg

from booking.gateways.catalogues import ROOT, TRANSLATIONS

MAPPING = TRANSLATIONS / "babel.cfg"


def mapping() -> tuple[list[tuple[str, str]], dict[str, dict[str, str]]]:
    """Which files speak to the public, and how each kind is read (``babel.cfg``)."""
    with MAPPING.open(encoding="utf-8") as file:
        methods, options = parse_mapping_cfg(file)  # type: ignore[no-untyped-call]
    return methods, options


def extract() -> Catalog:
    """Every sentence that the public may read, from templates and Python."""
    methods, options = mapping()
    wanted = Catalog(project="Tour de rôle", version="1", charset="utf-8", fuzzy=False)
    found = extract_from_dir(
        ROOT,
        methods,
        options,
        keywords={**DEFAULT_KEYWORDS, "lazy_gettext": None, "_l": None},
        comment_tags=("Note:",),
        directory_filter=lambda path: Path(path).relative_to(ROOT).parts[0] in {"templates", "booking"},
    )
    for filename, _line, message, comments, context in found:
        wanted.add(message, locations=[(filename, 0)], auto_comments=comments, context=context)
    return wanted
