"""Papers that staff print: opened beside the page, one press from the printer."""

from __future__ import annotations

from flask import make_response, session
from werkzeug.wrappers import Response

from booking.domain.errors import Conflict, NotFound
from booking.services import filing
from booking.services.documents import Document
from booking.services.filing import Receipt
from booking.web import access

_FILED, _RENEWED, _ENTRUSTED = "dernier_recu", "dernier_papier", "dossier_confie"


def printable(document: Document) -> Response:
    """The file as an answer; its name holds a reference, never a name or a need."""
    answer = make_response(document.body)
    answer.headers["Content-Type"] = document.media_type
    answer.headers["Content-Disposition"] = f'inline; filename="{document.name}"'
    return answer


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
