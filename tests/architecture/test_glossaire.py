"""Every term of the glossary names something that exists."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

GLOSSARY = Path(__file__).parents[2] / "docs" / "glossaire.md"
NAMES = re.findall(r"^\| .+? \| `(booking\.[\w.]+)` \|", GLOSSARY.read_text("utf-8"), re.MULTILINE)


def test_the_glossary_is_read() -> None:
    assert len(NAMES) > 25


@pytest.mark.parametrize("name", NAMES)
def test_a_term_names_something_in_the_code(name: str) -> None:
    module, _, attribute = name.rpartition(".")
    assert hasattr(importlib.import_module(module), attribute)
