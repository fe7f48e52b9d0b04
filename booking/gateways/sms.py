"""SMS: over HTTP as BOOKING_SMS_URL says, or as files that the demonstration shows.

A text that fits the GSM 7-bit alphabet holds 160 characters a segment, any other 70 (UCS-2). French is brought into
that alphabet: no-break spaces, typographic apostrophes and the accents that it lacks (ê, ç…) are simplified, é is not.
Source of alphabet and segment lengths: 3GPP TS 23.038 and 23.040.
"""

from __future__ import annotations

import http.client
import json
import unicodedata
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from booking.domain.errors import InvalidInput, Unavailable
from booking.gateways.mail import keep
from booking.ports import Message

TIMEOUT_S = 15
GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_EXTENDED = frozenset("^{}\\[~]|€")
_SIMPLER = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": "...", "œ": "oe", "Œ": "OE"})
_SIMPLER |= {ord(space): " " for space in "\u00a0\u202f\u2009"} | {ord(quote): '"' for quote in "«»"}


@dataclass(frozen=True, slots=True)
class Segments:
    """How a text travels: ``encoding`` is GSM-7 or UCS-2, ``count`` is what the operator bills."""

    encoding: str
    count: int


def simplified(text: str) -> str:
    """``text`` in the GSM alphabet when only spaces, quotes and rare accents stood in the way; else unchanged."""
    plain = "".join(_simpler(character) for character in text.translate(_SIMPLER))
    return plain if set(plain) <= GSM | GSM_EXTENDED else text


def _simpler(character: str) -> str:
    if character in GSM or character in GSM_EXTENDED:
        return character
    return "".join(part for part in unicodedata.normalize("NFD", character) if not unicodedata.combining(part))


def segments(text: str) -> Segments:
    """How ``text`` is cut: 160 or 153 septets a segment in GSM-7, 70 or 67 units of 16 bits in UCS-2."""
    if set(text) <= GSM | GSM_EXTENDED:
        encoding, length, alone, joined = "GSM-7", len(text) + sum(c in GSM_EXTENDED for c in text), 160, 153
    else:
        encoding, length, alone, joined = "UCS-2", len(text.encode("utf-16-be")) // 2, 70, 67
    return Segments(encoding, 1 if length <= alone else -(-length // joined))


class HttpSmsSender:
    """POSTs ``{"id", "to", "text", "encoding", "segments"}`` to ``url``; a password in it is sent as a bearer token.

    The id is also the ``Idempotency-Key``: an operator that knows it sends a repeat once.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._token = unquote(parts.password or parts.username or "")
        self._url = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()

    def send(self, message: Message) -> None:
        """Raises ``Unavailable('sms_down')``, or ``InvalidInput('address_refused')`` on 400, 404, 410 and 422."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": message.message_id}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        body = json.dumps(_payload(message), ensure_ascii=False).encode()
        request = urllib.request.Request(self._url, data=body, headers=headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S):
                return
        except urllib.error.HTTPError as error:
            error.close()
            if error.code in (400, 404, 410, 422):
                raise InvalidInput("address_refused") from error
            raise Unavailable("sms_down") from error
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable("sms_down") from error


def _payload(message: Message) -> dict[str, str | int]:
    text = simplified(message.text)
    cut = segments(text)
    return {"id": message.message_id, "to": message.to, "text": text, "encoding": cut.encoding, "segments": cut.count}


class FileSmsSender:
    """The demonstration's SMS: one .sms.json file a message; a repeat writes the same file again."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def send(self, message: Message) -> None:
        """Raises ``Unavailable('sms_down')`` when the file cannot be written."""
        content = json.dumps(_payload(message), ensure_ascii=False, indent=1).encode()
        keep(self._directory, message, ".sms.json", content, failure="sms_down")
