"""Values for every message and paper; the longest words that a date can have."""

from __future__ import annotations

from typing import Any

HOME = "https://rdv.prefecture.example"
PARAMS: dict[str, Any] = {
    "reference": "K7MPRT4X",
    "convocation": "C3MPRT4X",
    "code": "482913",
    "valid_min": 15,
    "zone": "Europe/Paris",
    "filed_at": "2026-03-02T08:00:00+00:00",
    "next_draw_at": "2026-03-06T17:00:00+00:00",
    "wait_median_days": 12,
    "wait_p90_days": 40,
    "deadline_on": "2026-05-01",
    # The longest words: a Wednesday in September, at half past ten.
    "start_at": "2026-09-23T08:30:00+00:00",
    "expires_at": "2026-09-16T18:00:00+00:00",
    "site": "Préfecture, Mont-de-Marsan",
    "town": "Mont-de-Marsan",
    "address": "26 rue de l’Exemple, 40000 Mont-de-Marsan",
    "keeps_place": True,
    "answer_before_on": "2026-09-23",
    "contest_before_on": "2026-09-23",
}
