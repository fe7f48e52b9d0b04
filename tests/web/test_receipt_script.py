"""What the page of receipts says of a line, run in the Node that Playwright brings, with a document of its own."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import playwright
import pytest

from booking.gateways.catalogues import ROOT

SCRIPT = ROOT / "booking" / "web" / "static" / "js" / "receipt.js"
LEAF = "ab" * 32
PAGE = """
const shown = [];
const element = (name) => ({
  set hidden(value) { if (!value) shown.push(name); },
  addEventListener() {}, dataset: { file: "/draw.json" },
  querySelector: (wanted) => element(wanted), querySelectorAll: () => [],
});
globalThis.document = { querySelector: (wanted) => element(wanted), getElementById: () => ({ value: "" }) };
globalThis.fetch = async () => ({ ok: true, json: async () => JSON.parse(process.argv[1]) });
"""
NODE = Path(playwright.__file__).parent / "driver" / "node"


def said(bundle: dict[str, Any]) -> set[str]:
    """The lines that the page shows of one draw."""
    call = f"shown.length = 0; checkDraw(element('item'), '{LEAF}').then(() => console.log(JSON.stringify(shown)));"
    code = PAGE + Path(SCRIPT).read_text("utf-8").replace('"use strict";', "") + call
    done = subprocess.run([NODE, "-e", code, json.dumps(bundle)], capture_output=True, text=True, check=True)
    return {name for name in json.loads(done.stdout) if name.startswith("[data-line")}


def bundle(code: str = "W", struck: str | None = None, **line: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"lines": [{"leaf": LEAF, "code": code, **line}]}
    return found | ({"struck": [{"place": []}, {"leaf": LEAF, "reason": struck}]} if struck else {})


@pytest.mark.parametrize(
    ("found", "line"),
    [
        (bundle(placed=True, rank=1), "placed"),
        (bundle(placed=False, rank=2), "waiting"),
        (bundle("H"), "H"),
        (bundle("P"), "P"),
        (bundle(struck="double_chance"), "double_chance"),
        (bundle(struck="forged_entry"), "forged_entry"),
        ({"lines": []}, "absent"),
    ],
)
def test_a_struck_line_is_no_line_without_a_place(found: dict[str, Any], line: str) -> None:
    """R-112"""
    assert said(found) == {f'[data-line="{line}"]'}
    assert f'data-line="{line}"' in (ROOT / "templates/public/tirages_recu.html").read_text("utf-8")
