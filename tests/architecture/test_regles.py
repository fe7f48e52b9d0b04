"""docs/regles.md cannot lag behind the code: each rule has a test that cites it and an example with true dates."""

from __future__ import annotations

import ast
import re
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RULES = (ROOT / "docs" / "regles.md").read_text(encoding="utf-8")
RULE_ID = re.compile(r"\bR-\d{2,3}\b")
MONTHS = "janvier février mars avril mai juin juillet août septembre octobre novembre décembre".split()  # noqa: SIM905
WEEKDAYS = ["lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"]
DATED = re.compile(rf"\b({'|'.join(WEEKDAYS)}) (\d{{1,2}})(?:er)? ({'|'.join(MONTHS)}) (\d{{4}})\b")


def sections() -> list[tuple[str, str]]:
    """(id, text) of every rule, in the order of the page."""
    pieces = re.split(r"^### (R-\d+) ", RULES, flags=re.MULTILINE)
    return list(zip(pieces[1::2], pieces[2::2], strict=True))


def cited() -> dict[str, set[str]]:
    """Rule id → tests that cite it in their docstring."""
    found: dict[str, set[str]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                for rule in RULE_ID.findall(ast.get_docstring(node) or ""):
                    found.setdefault(rule, set()).add(f"{path.name}::{node.name}")
    return found


def test_every_rule_is_tested_and_every_citation_exists() -> None:
    known, citations = {rule for rule, _ in sections()}, cited()
    assert known, "docs/regles.md holds no rule"
    assert not known - citations.keys(), "rules that no test cites"
    assert not citations.keys() - known, "rules that the page does not hold"


def test_a_number_serves_once_and_grows() -> None:
    numbers = [int(rule.removeprefix("R-")) for rule, _ in sections()]
    assert numbers == sorted(set(numbers))


def test_every_rule_has_a_dated_example() -> None:
    examples = {rule: text.partition("Exemple\u00a0:")[2] for rule, text in sections()}
    assert not [rule for rule, example in examples.items() if not DATED.search(example)]


def test_the_days_of_the_week_are_right() -> None:
    for weekday, day, month, year in DATED.findall(RULES):
        on = date(int(year), MONTHS.index(month) + 1, int(day))
        assert WEEKDAYS[on.weekday()] == weekday, f"{weekday} {day} {month} {year}"


def test_french_typography() -> None:
    for number, line in enumerate(RULES.splitlines(), start=1):
        assert not re.search(r" [:;?!»]|« |'", line), f"line {number}: a no-break space or a true apostrophe is missing"
