"""Papers that staff print: opened beside the page, one press from the printer."""

from __future__ import annotations

from flask import make_response
from werkzeug.wrappers import Response

from booking.services.documents import Document


def printable(document: Document) -> Response:
    """The file as an answer; its name holds a reference, never a name or a need."""
    answer = make_response(document.body)
    answer.headers["Content-Type"] = document.media_type
    answer.headers["Content-Disposition"] = f'inline; filename="{document.name}"'
    return answer
