"""A browser's part in a test: a page's hidden token, a form that is sent with it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from flask.testing import FlaskClient
from werkzeug.test import TestResponse


def token_of(page: str) -> str:
    """The token of the first form on a page."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found, "no form on this page"
    return found.group(1)


def press(
    client: FlaskClient, path: str, typed: Mapping[str, object] | None = None, shown_at: str = ""
) -> TestResponse:
    """Send a form to ``path``, with the token of the page at ``shown_at`` (``path`` itself by default).

    Pages behind a secret link have none: their address is the secret.
    """
    page = client.get(shown_at or path).text
    token = {} if path.startswith("/s/") else {"csrf_token": token_of(page)}
    return client.post(path, data={**token, **(typed or {})})


def is_well_built(text: str) -> None:
    """One title, every identifier once, every reference leads to one, nothing inline."""
    assert text.count("<h1") == 1
    ids = re.findall(r'\sid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    wanted = set(" ".join(re.findall(r'\s(?:for|aria-describedby|aria-labelledby)="([^"]+)"', text)).split())
    wanted |= set(re.findall(r'href="#([^"]+)"', text))
    assert wanted <= set(ids), wanted - set(ids)
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", text)
