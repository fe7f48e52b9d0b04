"""Mails: their form, and what each answer of a server means. The server is real, on this machine."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest

from booking.clock import SimulatedClock
from booking.domain.errors import InvalidInput, Unavailable
from booking.gateways import catalogues
from booking.gateways.mail import FileMailer, SmtpMailer, compose
from booking.ports import Message

SENDER = "ne-pas-repondre@tour-de-role.example"
TEXT = "Bonjour,\n\nUne place vous est proposée.\nOuvrez https://rdv.example/suivi/abc.\n\nÀ bientôt"


def message(text: str = TEXT, lang: str = "fr", to: str = "awa@exemple.example") -> Message:
    return Message("<0198@tour-de-role.example>", to, "Une place vous est proposée", text, lang)


class Server(socketserver.ThreadingTCPServer):
    """A mail server that says what it was told to say, and keeps what it accepted."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, answers: dict[str, str], extensions: tuple[str, ...] = ()) -> None:
        super().__init__(("127.0.0.1", 0), Session)
        self.answers, self.extensions = answers, extensions
        self.accepted: list[EmailMessage] = []
        self.commands: list[str] = []


class Session(socketserver.StreamRequestHandler):
    server: Server

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())

    def handle(self) -> None:
        self.say("220 test")
        while line := self.rfile.readline():
            verb = line.decode().split()[0].upper()
            self.server.commands.append(verb)
            if verb == "EHLO" and "EHLO" not in self.server.answers:
                self.say("250-test")
                for extension in self.server.extensions:
                    self.say(f"250-{extension}")
            answer = self.server.answers.get(verb, {"DATA": "354 go", "QUIT": "221 bye"}.get(verb, "250 ok"))
            self.say(answer)
            if verb == "DATA" and answer.startswith("354"):
                self.receive()
            if verb == "QUIT":
                return

    def receive(self) -> None:
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        self.server.accepted.append(message_from_bytes(b"".join(lines), policy=default))  # type: ignore[arg-type]
        self.say(self.server.answers.get("END", "250 accepted"))


@contextmanager
def serving(answers: dict[str, str] | None = None, extensions: tuple[str, ...] = ()) -> Iterator[Server]:
    with Server(answers or {}, extensions) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def mailer(server: Server, clock: SimulatedClock, credentials: str = "") -> SmtpMailer:
    return SmtpMailer(f"smtp://{credentials}127.0.0.1:{server.server_address[1]}", SENDER, clock)


def test_a_server_receives_text_and_html_of_the_same_words(clock: SimulatedClock) -> None:
    with serving() as server:
        mailer(server, clock).send(message())
    (mail,) = server.accepted
    assert mail["Message-ID"] == "<0198@tour-de-role.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Date"].datetime == clock.now()
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert plain.get_content().strip().replace("\r\n", "\n") == TEXT
    page = html.get_content()
    assert '<html lang="fr" dir="ltr">' in page
    assert '<a href="https://rdv.example/suivi/abc">https://rdv.example/suivi/abc</a>.' in page


def test_a_translation_and_its_french_text_say_their_languages(clock: SimulatedClock) -> None:
    text = "مرحبًا" + catalogues.FRENCH_BELOW + "Bonjour"
    html = compose(message(text, "ar"), SENDER, clock).get_body(("html",))
    assert html is not None
    page = html.get_content()
    assert page.index('<div lang="ar" dir="rtl">') < page.index("مرحبًا") < page.index('<div lang="fr" dir="ltr">')


def test_what_a_person_typed_is_never_markup(clock: SimulatedClock) -> None:
    html = compose(message("Lieu : <script>x</script>"), SENDER, clock).get_body(("html",))
    assert html is not None
    assert "<script>" not in html.get_content()


@pytest.mark.parametrize(
    ("answers", "kind", "code"),
    [
        ({"RCPT": "550 no such mailbox"}, InvalidInput, "address_refused"),
        ({"RCPT": "452 mailbox full"}, Unavailable, "mail_deferred"),
        ({"END": "554 spam"}, InvalidInput, "message_refused"),
        ({"END": "451 later"}, Unavailable, "mail_deferred"),
        ({"MAIL": "421 shutting down"}, Unavailable, "mail_down"),
        ({"EHLO": "500 what", "HELO": "500 what"}, Unavailable, "mail_down"),
    ],
)
def test_what_an_answer_means(
    clock: SimulatedClock, answers: dict[str, str], kind: type[InvalidInput | Unavailable], code: str
) -> None:
    with serving(answers) as server, pytest.raises(kind) as raised:
        mailer(server, clock).send(message())
    assert raised.value.code == code


def test_no_server_at_all(clock: SimulatedClock) -> None:
    with serving() as server:
        pass
    with pytest.raises(Unavailable) as raised:
        mailer(server, clock).send(message())
    assert raised.value.code == "mail_down"


def test_a_password_never_travels_in_clear(clock: SimulatedClock) -> None:
    with serving(extensions=("AUTH PLAIN",)) as server, pytest.raises(Unavailable):
        mailer(server, clock, "user:secret@").send(message())
    assert "AUTH" not in server.commands
    assert "STARTTLS" not in server.commands


def test_tls_is_taken_where_it_is_offered(clock: SimulatedClock) -> None:
    with serving({"STARTTLS": "454 not now"}, ("STARTTLS",)) as server, pytest.raises(Unavailable):
        mailer(server, clock).send(message())
    assert "STARTTLS" in server.commands
    assert not server.accepted  # it does not fall back to clear text


@pytest.mark.parametrize("to", ["a@b.example\r\nBcc: all@b.example", "", "sans-arobase\n"])
def test_an_address_cannot_add_a_header(clock: SimulatedClock, to: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as raised:
        FileMailer(tmp_path, SENDER, clock).send(message(to=to))
    assert raised.value.code == "address_refused"
    assert not list(tmp_path.iterdir())


def test_the_demonstration_keeps_one_file_a_message(clock: SimulatedClock, tmp_path: Path) -> None:
    for _ in range(2):
        FileMailer(tmp_path / "outbox", SENDER, clock).send(message())
    (file,) = (tmp_path / "outbox").iterdir()
    assert file.suffix == ".eml"
    assert message_from_bytes(file.read_bytes(), policy=default)["To"] == "awa@exemple.example"


def test_a_folder_that_cannot_be_written_is_a_server_that_is_down(clock: SimulatedClock, tmp_path: Path) -> None:
    (tmp_path / "outbox").write_text("a file")
    with pytest.raises(Unavailable):
        FileMailer(tmp_path / "outbox", SENDER, clock).send(message())
