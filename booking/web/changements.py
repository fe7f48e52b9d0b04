"""What staff change of a demande, as its person says: when they can come, and the language of their messages (R-140).

The contact is not among them: who holds it answers offers, so it changes with the document only (booking.web.identite).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from werkzeug.datastructures import MultiDict

from booking.domain.demande import LIVE_STATES, DemandeState
from booking.domain.errors import InvalidInput
from booking.services import configuration, demande, status
from booking.services.files import File
from booking.services.status import Status
from booking.web import access
from booking.web.public import availability, reading
from booking.web.public.draft import Answers

TIMES, LANGUAGE = "moments", "langue"
SAID = {
    TIMES: "Les moments sont changés. Ils comptent à partir du prochain tirage.",
    LANGUAGE: "La langue des messages est changée.",
}


def page_values(file: File, form: MultiDict[str, str], errors: Mapping[str, str]) -> dict[str, Any]:
    """What templates/macros/changements.html is given: what came back, else what the demande says."""
    world = access.world()
    found = status.status_for_staff(world, file.id, access.actor())
    territory = configuration.shown(world).territory(file.territory)
    today = world.clock.now().astimezone(territory.zone).date()
    sites = territory.sites_of(found.family)
    came_back = any(name in errors for name in availability.FIELDS)
    return {
        "file": file,
        "errors": errors,
        "answers": _answers(form) if came_back else availability.typed(found.availability, today),
        "sites": availability.sites_shown(territory, found.family, sites, today),
        "chosen": form.get("lang") or found.lang,
        "amendable": found.amendable,
        "contact_here": found.state in LIVE_STATES - {DemandeState.PROVISIONAL},
    }


def change(file: File, what: str, form: MultiDict[str, str]) -> str:
    """Do it; the sentence that says so. Raises InvalidInput, Conflict('not_amendable' | 'over'), Forbidden."""
    world, actor = access.world(), access.actor()
    if what == LANGUAGE:
        demande.choose_language(world, file.id, form.get("lang", ""), actor)
    else:
        _change_times(file, _answers(form), status.status_for_staff(world, file.id, actor))
    return SAID[what]


def _change_times(file: File, answers: Answers, found: Status) -> None:
    world = access.world()
    territory = configuration.shown(world).territory(file.territory)
    today = world.clock.now().astimezone(ZoneInfo(file.zone)).date()
    sites = territory.sites_of(found.family)
    wrong = availability.errors(answers, territory, found.family, sites, today)
    if wrong:
        raise InvalidInput(next(iter(wrong.values())), fields=wrong)
    demande.amend(world, file.id, availability.read(answers, territory, found.family, sites), access.actor())


def _answers(form: MultiDict[str, str]) -> Answers:
    return Answers(reading.texts(dict(form.lists()), availability.FIELDS))
