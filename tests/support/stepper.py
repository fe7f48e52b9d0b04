"""The stepper as a person without JavaScript goes through it: page after page, hidden fields sent back as they came."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

NEED: dict[str, dict[str, Any]] = {
    "famille": {"family": "emeraude"},
    "besoin": {"motif": "titre-etudiant", "obstacle": "no_help"},
    "lieux": {},
    "moments": {"availability": ["mont-de-marsan/all"], "away_1_from": "2026-04-06", "away_1_to": "10/04/2026"},
    "identite": {
        "family_name": "Diallo",
        "birth_month": "5",
        "birth_year": "1990",
        "birth_unknown": ["day"],
        "birth_country": "GN",
        "commune": "st paul les dax",
        "foreigner_number": "123",
        "no_contact_centre_ticket": "1",
    },
    "contact": {"email": "Aminata@Exemple.Example"},
    "sans-contact": {"postal": "3 rue de l’Exemple\n40000 Mont-de-Marsan"},
}


class Browser:
    """One tab: the page shown, what its hidden fields hold, and what is typed on each screen."""

    def __init__(self, client: FlaskClient, page: TestResponse | None = None) -> None:
        self.client = client
        self.page = page or client.get("/demande/")

    def tab(self) -> Browser:
        """The same page once more."""
        return Browser(self.client, self.page)

    @property
    def screen(self) -> str:
        return self.hidden("ecran")

    def hidden(self, name: str) -> str:
        found = re.search(rf'name="{name}" value="([^"]*)"', self.page.text)
        assert found, self.page.text
        return found.group(1)

    def send(self, **typed: Any) -> TestResponse:
        names = ("brouillon", "ecran")
        self.page = self.client.post("/demande/", data={**{name: self.hidden(name) for name in names}, **typed})
        return self.page

    def fill(self, until: str = "resume", **changes: Mapping[str, Any]) -> Browser:
        """Answer screen after screen until ``until`` is shown."""
        while self.screen != until:
            before = self.screen
            self.send(**{**NEED, **changes}[before])
            assert self.page.status_code == 200, self.page.text
            assert self.screen != before
        return self
