"""Mail: over SMTP as BOOKING_MAIL_URL says, or as .eml files that the demonstration shows.

Each message is plain text with a simple HTML form of the same words, in the language kept with the demande.
"""

from __future__ import annotations

import re
import smtplib
import ssl
from email.errors import HeaderParseError
from email.message import EmailMessage
from email.policy import SMTP
from hashlib import sha256
from pathlib import Path
from urllib.parse import unquote, urlsplit

from booking.domain.errors import InvalidInput, Unavailable
from booking.gateways import catalogues, words
from booking.ports import Clock, Message

TIMEOUT_S = 15
_PORTS = {"smtp": 587, "smtps": 465}
_READY, _PERMANENT = 220, 500
_LINK = re.compile(r"(https?://\S+[^\s.,;:!?)»])")


def compose(message: Message, sender: str, clock: Clock) -> EmailMessage:
    """The mail itself. Raises ``InvalidInput('address_refused')`` when no header can hold the address."""
    mail = EmailMessage(policy=SMTP)
    try:
        mail["From"] = sender
        mail["To"] = message.to
        mail["Subject"] = message.subject
    except (ValueError, IndexError, HeaderParseError) as error:  # what the standard library says of a bad address
        raise InvalidInput("address_refused") from error
    if len(mail["To"].addresses) != 1 or not mail["To"].addresses[0].domain:
        raise InvalidInput("address_refused")
    mail["Message-ID"] = message.message_id
    mail["Date"] = clock.now()
    mail["Content-Language"] = message.lang
    # No out-of-office answer, please.
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(message.text)
    mail.add_alternative(_html(message), subtype="html")
    return mail


def _html(message: Message) -> str:
    """The same words with links; each part says its language (a translation is followed by the French text)."""
    texts = message.text.split(catalogues.FRENCH_BELOW)
    languages = [catalogues.LANGUAGES[code] for code in (message.lang, catalogues.SOURCE)]
    parts = [
        {"lang": language.code, "dir": language.direction, "paragraphs": _paragraphs(text)}
        for text, language in zip(texts, languages, strict=False)
    ]
    return words.render("mail/page.html", message.lang, {"subject": message.subject, "parts": parts})


def _paragraphs(text: str) -> list[list[list[str]]]:
    """Paragraphs of lines of pieces; every second piece is a link."""
    return [[_LINK.split(line) for line in paragraph.splitlines()] for paragraph in re.split(r"\n\s*\n", text.strip())]


class SmtpMailer:
    """Hands messages to the server at ``url`` (smtp://user:password@host:587 or smtps://…).

    ``smtp`` turns TLS on wherever the server offers it, and sends a password over TLS only.
    """

    def __init__(self, url: str, sender: str, clock: Clock) -> None:
        self._url = urlsplit(url)
        self._sender = sender
        self._clock = clock

    def send(self, message: Message) -> None:
        """Raises ``Unavailable('mail_down')`` (server), ``Unavailable('mail_deferred')`` (this message, later) or
        ``InvalidInput('address_refused' | 'message_refused')`` (this message, never)."""
        mail = compose(message, self._sender, self._clock)
        try:
            with self._connect() as server:
                server.send_message(mail)
        except smtplib.SMTPRecipientsRefused as error:
            code = max(code for code, _ in error.recipients.values())
            _refuse(code, "address_refused", error)
        except smtplib.SMTPDataError as error:
            _refuse(error.smtp_code, "message_refused", error)
        except smtplib.SMTPNotSupportedError as error:
            raise InvalidInput("address_refused") from error
        except (smtplib.SMTPException, OSError) as error:
            raise Unavailable("mail_down") from error

    def check(self) -> None:
        """Connect, sign in, leave; nothing is sent. Raises ``Unavailable('mail_down')``."""
        try:
            with self._connect() as server:
                server.noop()
        except (smtplib.SMTPException, OSError) as error:
            raise Unavailable("mail_down") from error

    def _connect(self) -> smtplib.SMTP:
        host, port = self._url.hostname or "", self._url.port or _PORTS[self._url.scheme]
        context = ssl.create_default_context()
        if self._url.scheme == "smtps":
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=TIMEOUT_S, context=context)
        else:
            server = smtplib.SMTP(host, port, timeout=TIMEOUT_S)
        try:
            self._secure(server, context)
        except BaseException:
            server.close()
            raise
        return server

    def _secure(self, server: smtplib.SMTP, context: ssl.SSLContext) -> None:
        server.ehlo_or_helo_if_needed()
        encrypted = self._url.scheme == "smtps"
        if not encrypted and server.has_extn("starttls"):
            code, _ = server.starttls(context=context)
            if code != _READY:
                raise smtplib.SMTPException("TLS was offered, then refused")
            encrypted = True
        if self._url.username:
            if not encrypted:
                raise smtplib.SMTPException("a password never travels in clear")
            server.login(unquote(self._url.username), unquote(self._url.password or ""))


def _refuse(code: int, refusal: str, error: Exception) -> None:
    if code >= _PERMANENT:
        raise InvalidInput(refusal) from error
    raise Unavailable("mail_deferred") from error


class FileMailer:
    """The demonstration's mail: one .eml file a message; a repeat writes the same file again."""

    def __init__(self, directory: Path, sender: str, clock: Clock) -> None:
        self._directory = directory
        self._sender = sender
        self._clock = clock

    def send(self, message: Message) -> None:
        """Raises ``Unavailable('mail_down')`` when the file cannot be written."""
        content = compose(message, self._sender, self._clock).as_bytes()
        keep(self._directory, message, ".eml", content, failure="mail_down")


def keep(directory: Path, message: Message, suffix: str, content: bytes, *, failure: str) -> None:
    """Write the message's own file, whole or not at all. Raises ``Unavailable(failure)``."""
    name = sha256(message.message_id.encode()).hexdigest()[:24] + suffix
    try:
        directory.mkdir(parents=True, exist_ok=True)
        fresh = directory / f".{name}"
        fresh.write_bytes(content)
        fresh.replace(directory / name)
    except OSError as error:
        raise Unavailable(failure) from error
