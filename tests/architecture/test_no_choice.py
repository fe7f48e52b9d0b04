"""No code path lets anybody choose a slot for a person, or a person for a slot.

Looks where a choice could enter: verbs that take the world, fields of forms, addresses, templates. What allocates takes
its slot from a rule, inside a transaction, and is called by nobody at an edge.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from booking.ports import World
from booking.web.app import create_app

ROOT = Path(__file__).parents[2]
SLOT = re.compile(r"(^|_)(slot|slots|creneau|creneaux|start_at|start|batch_slot)(_id|_ids|_key)?$", re.IGNORECASE)
PERSON = re.compile(r"(^|_)(demande|demandes|person|convocation|reference|typed|receipt)(_id|_ids|s)?$", re.IGNORECASE)
EDGES = ("booking/web", "booking/cli", "workers")
ALLOCATES = {"offer", "appoint", "_hold", "_assign", "assign_urgent"}
"""Functions that join a person and a slot. Only services that follow a rule call them."""


def functions(source: str) -> Iterator[ast.FunctionDef]:
    return (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef))


def arguments(function: ast.FunctionDef) -> list[str]:
    spec = function.args
    return [argument.arg for argument in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs)]


def choosing_verbs(sources: Iterable[tuple[str, str]]) -> list[str]:
    """Public verbs (their first argument is the world) to which somebody outside could hand a slot."""
    return [
        f"{name}:{function.name}"
        for name, source in sources
        for function in functions(source)
        if not function.name.startswith("_")
        and arguments(function)[:1] == ["world"]
        and any(SLOT.search(argument) for argument in arguments(function))
        and any(PERSON.search(argument) for argument in arguments(function))
    ]


def callers_of_allocation(sources: Iterable[tuple[str, str]]) -> list[str]:
    """Edges that call what joins a person and a slot."""
    found = []
    for name, source in sources:
        for node in ast.walk(ast.parse(source)):
            called = node.func if isinstance(node, ast.Call) else None
            spoken = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", None)
            if spoken in ALLOCATES:
                found.append(f"{name}:{spoken}")
    return found


def named_fields(source: str) -> list[str]:
    """Names of form fields in a template, whichever macro writes them."""
    plain = re.findall(r"""\bname=["']([\w-]+)["']""", source)
    macros = re.findall(
        r"""\b(?:field|select|radios|checkbox|checkboxes|textarea|partial_date)\(\s*["']([\w-]+)["']""", source
    )
    return [*plain, *macros]


def read_fields(source: str) -> list[str]:
    """Names that a view reads from a form or an address."""
    return re.findall(r"""request\.(?:form|args|values)(?:\.get|\.getlist)?[\(\[]\s*["']([\w-]+)["']""", source)


def python(*folders: str) -> list[tuple[str, str]]:
    paths = [
        path
        for folder in folders
        for path in ([ROOT / folder] if folder.endswith(".py") else (ROOT / folder).rglob("*.py"))
    ]
    return [(path.relative_to(ROOT).as_posix(), path.read_text("utf-8")) for path in paths if path.exists()]


def test_no_verb_takes_a_person_and_a_slot_from_outside() -> None:
    assert choosing_verbs(python("booking/services")) == []


def test_no_edge_calls_what_joins_a_person_and_a_slot() -> None:
    assert callers_of_allocation(python(*EDGES)) == []


def test_no_form_field_names_a_slot() -> None:
    templates = [(path.name, path.read_text("utf-8")) for path in (ROOT / "templates").rglob("*.html")]
    found = [(name, field) for name, source in templates for field in named_fields(source) if SLOT.search(field)]
    found += [
        (name, field) for name, source in python("booking/web") for field in read_fields(source) if SLOT.search(field)
    ]
    assert found == []


def test_no_address_names_a_slot(world: World) -> None:
    rules = create_app(world).url_map.iter_rules()
    assert [rule.rule for rule in rules if any(SLOT.search(argument) for argument in rule.arguments)] == []


def test_the_rule_for_urgent_slots_is_given_all_of_them_and_no_wish() -> None:
    from booking.domain import guichet

    assert list(inspect.signature(guichet.assign_urgent).parameters) == ["slots", "availability", "not_before_at"]


@pytest.mark.parametrize(
    "verb",
    [
        "def give(world, actor, reference, slot_id): ...",
        "def move_person(world, actor, demande_id, *, new_slot=None): ...",
        "def choose(world, convocation_id, start_at): ...",
    ],
)
def test_negative_control_a_choosing_verb_is_seen(verb: str) -> None:
    assert len(choosing_verbs([("x.py", verb)])) == 1


def test_negative_control_a_choosing_form_or_edge_is_seen() -> None:
    assert [
        f for f in named_fields('{{ select("creneau", "Quand ?", x) }}<input name="slot_id">') if SLOT.search(f)
    ] == [
        "slot_id",
        "creneau",
    ]
    assert [f for f in read_fields('request.form["slot"]; request.args.get("start_at")') if SLOT.search(f)] == [
        "slot",
        "start_at",
    ]
    assert callers_of_allocation([("x.py", "convocation.offer(tx, demande, slot, territory, None)")]) == ["x.py:offer"]
