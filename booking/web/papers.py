"""Papers that staff print: opened beside the page, one press from the printer."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from flask import make_response, session
from werkzeug.wrappers import Response

from booking.domain.errors import Conflict, NotFound
from booking.domain.territory import ChannelKind
from booking.services import configuration, filing, status
from booking.services.documents import Document
from booking.services.files import File
from booking.services.filing import Receipt
from booking.web import access

_FILED, _RENEWED, _ENTRUSTED = "dernier_recu", "dernier_papier", "dossier_confie"


def printable(document: Document) -> Response:
    """The file as an answer; its name holds a reference, never a name or a need."""
    answer = make_response(document.body)
    answer.headers["Content-Type"] = document.media_type
    answer.headers["Content-Disposition"] = f'inline; filename="{document.name}"'
    return answer


def handed_over(receipt: Receipt, file: File) -> dict[str, Any]:
    """What the paper given with a new demande shows: all that the person needs, on one page."""
    world = access.world()
    return {
        "receipt": receipt,
        "file": file,
        "status": status.status_for_staff(world, file.id, access.actor()),
        "today": world.clock.now().astimezone(ZoneInfo(file.zone)).date(),
        **ways_back(file, receipt.link),
    }


def ways_back(file: File, link: str) -> dict[str, Any]:
    """How the person comes back to their demande: a picture of their link, the address, telephones, who filed it."""
    world = access.world()
    territory = configuration.shown(world).territory(file.territory)
    phones = [
        channel
        for channel in territory.channels
        if channel.kind is ChannelKind.TELEPHONE and file.family_code in (channel.families or (file.family_code,))
    ]
    structure = territory.structures.get(file.structure or "")
    reach = {"address": f"{world.public_url}/suivi", "phones": phones, "structure": structure}
    return {"picture": world.render.qr(f"{world.public_url}/s/{link}"), "reach": reach}


# A secret code is shown once, on the page that follows the act that gave it, to whoever did it.


def filed(form_key: str) -> None:
    """A form was registered: its receipt may be shown, once."""
    session[_FILED] = form_key


def receipt_once(reference: str) -> Receipt | None:
    """The receipt with its code; None when it was shown already, or is that of another demande."""
    try:
        found = filing.receipt(access.world(), session.get(_FILED, ""))
    except (Conflict, NotFound):
        return None
    if found.reference != reference:
        return None
    del session[_FILED]
    return found


def renewed(reference: str) -> None:
    """Link and code of a demande changed: the paper with them may be shown, once."""
    session[_RENEWED] = reference


def paper_once(reference: str) -> bool:
    """Whether the paper with the new link and code may be shown now; not a second time."""
    if session.get(_RENEWED) != reference:
        return False
    del session[_RENEWED]
    return True


# The file of somebody who is there with their code: one at a time, until the session ends.


def entrusted(right: str) -> None:
    """Reference and code were right: this session may open that file."""
    session[_ENTRUSTED] = right


def right() -> str:
    """What opens the file that was entrusted to this session; empty when none was."""
    return str(session.get(_ENTRUSTED, ""))


def hand_back() -> None:
    """The person left: their file is closed."""
    session.pop(_ENTRUSTED, None)
