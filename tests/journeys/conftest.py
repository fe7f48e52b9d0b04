"""One demonstration, started as a newcomer starts it, and a real browser in front of it."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from booking import bootstrap, settings
from booking.ports import World
from tests.support import household
from tests.support.household import Household, until
from tests.support.stages import browser as browser_path

SCREENSHOTS = Path(os.environ.get("BOOKING_TEST_SCREENSHOTS", settings.ROOT / "var" / "screenshots"))
WIDTHS_PX = (320, 375, 1280)
FIRST_START_S = 240.0
"""Weeks are lived through before the first page: half a minute on a quiet machine."""


@dataclass(frozen=True)
class House:
    """A running demonstration: its address, its folder, and a world that looks into the same database."""

    url: str
    var_dir: Path
    port: int
    world: World

    def mails_to(self, address: str) -> list[str]:
        """The texts of all mails to an address, oldest first."""
        found = []
        for path in sorted((self.var_dir / "outbox").rglob("*.eml"), key=lambda path: path.stat().st_mtime):
            mail = message_from_bytes(path.read_bytes(), policy=policy.default)
            if address in str(mail["To"]):
                body = mail.get_body(("plain",))
                found.append(body.get_content() if body else "")
        return found

    def mailed(self, address: str, pattern: str) -> str:
        """What the pattern finds in a mail to ``address``, once it has come: the newest one that fits."""
        return until(
            lambda: next((hit[1] for text in self.mails_to(address)[::-1] if (hit := re.search(pattern, text))), ""),
            f"no mail to {address} with {pattern}",
        )

    def command(self, *words: str) -> None:
        """A verb of ``booking``, as an operator types it."""
        subprocess.run(
            [sys.executable, "-m", "booking", *words],
            cwd=settings.ROOT,
            env={"PATH": os.environ["PATH"], "BOOKING_VAR_DIR": str(self.var_dir)},
            check=True,
            capture_output=True,
        )


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("journeys")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    given = {"BOOKING_VAR_DIR": str(folder / "var"), "BOOKING_PORT": str(port)}
    with Household(["-m", "booking", "run"], folder, given) as started, pytest.MonkeyPatch.context() as patch:
        patch.setattr(household, "PATIENCE_S", FIRST_START_S)
        until(lambda: "is open: http://" in started.output or started.parent.poll() is not None, "it never opened")
        url = re.search(r"is open: (http://\S+)", started.output)
        assert url, started.output
        patch.setattr(household, "PATIENCE_S", 60.0)
        with bootstrap.opened(settings.load(var_dir=folder / "var", port=port)) as world:
            yield House(url[1], folder / "var", port, world)
        assert "process_failed" not in started.output


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = browser_path()
    if path is None:
        pytest.skip("no Chromium on this machine")
    with sync_playwright() as playwright:
        arguments = ["--disable-gpu", "--disable-dev-shm-usage", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
        launched = playwright.chromium.launch(executable_path=path, args=arguments)
        yield launched
        launched.close()


NewPage = Callable[..., Page]


@pytest.fixture
def open_page(chromium: Browser, house: House) -> Iterator[NewPage]:
    """``open_page(locale=…, java_script_enabled=…)``: a page of a new browser, on the house. Errors of scripts fail."""
    opened: list[BrowserContext] = []
    broken: list[str] = []

    def new(**options: object) -> Page:
        given = {"locale": "fr-FR", "viewport": {"width": 375, "height": 740}, **options}
        context = chromium.new_context(base_url=house.url, **given)  # type: ignore[arg-type]
        context.set_default_timeout(30_000)
        opened.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: broken.append(str(error)))
        page.on("console", lambda said: broken.append(said.text) if "Content Security Policy" in said.text else None)
        return page

    yield new
    for context in opened:
        context.close()
    assert broken == []


def look(page: Page, name: str) -> None:
    """No violation that axe can see, nothing wider than the screen; a picture at every width."""
    found = Axe().run(page).response["violations"]
    assert found == [], f"{page.url}: " + "; ".join(
        f"{rule['id']} {[node['target'] for node in rule['nodes']][:3]}" for rule in found
    )
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    for width in WIDTHS_PX:
        page.set_viewport_size({"width": width, "height": 740})
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{page.url} is {wide} px too wide at {width} px"
        page.screenshot(path=SCREENSHOTS / f"{name}-{width}.png", full_page=True, animations="disabled")
    page.set_viewport_size({"width": 375, "height": 740})


def sign_in(page: Page, login: str) -> Page:
    """As somebody who reads the demonstration's accounts on the page."""
    page.goto("/connexion")
    row = page.locator("tbody tr", has=page.get_by_text(login, exact=True))
    code = row.locator("code").last.inner_text()
    page.fill("[name=login]", login)
    page.fill("[name=mot_de_passe]", f"demonstration-{login}")
    page.fill("[name=code]", code)
    page.get_by_role("button", name="Se connecter").click()
    assert "/connexion" not in page.url, page.locator("main").inner_text()
    return page
