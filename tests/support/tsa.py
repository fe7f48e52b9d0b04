"""A time-stamping authority on this machine: real requests, real tokens (RFC 3161, RFC 5652), its own certificates.

``Authority().serve()`` answers over HTTP; its clock, its data and its temper are the test's to choose.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from rfc3161_client._rust import parse_timestamp_request

SHA256, ECDSA_SHA256 = "2.16.840.1.101.3.4.2.1", "1.2.840.10045.4.3.2"
SIGNED_DATA, TST_INFO = "1.2.840.113549.1.7.2", "1.2.840.113549.1.9.16.1.4"
CONTENT_TYPE, MESSAGE_DIGEST, SIGNING_CERTIFICATE = (
    "1.2.840.113549.1.9.3",
    "1.2.840.113549.1.9.4",
    "1.2.840.113549.1.9.16.2.47",
)
POLICY = "1.3.6.1.4.1.99999.1"


def der(tag: int, *parts: bytes) -> bytes:
    """Tag, length, content."""
    content = b"".join(parts)
    size = len(content)
    length = bytes([size]) if size < 128 else (lambda raw: bytes([128 + len(raw)]) + raw)(_bytes(size))
    return bytes([tag]) + length + content


def _bytes(number: int) -> bytes:
    return number.to_bytes(max(1, -(-number.bit_length() // 8)), "big")


def integer(number: int) -> bytes:
    return der(2, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def oid(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    out = bytes([first * 40 + second])
    for number in rest:
        groups = [number & 127]
        while number := number >> 7:
            groups.insert(0, number & 127 | 128)
        out += bytes(groups)
    return der(6, out)


def sequence(*parts: bytes) -> bytes:
    return der(0x30, *parts)


def set_of(*parts: bytes) -> bytes:
    return der(0x31, *sorted(parts))


def attribute(kind: str, value: bytes) -> bytes:
    return sequence(oid(kind), set_of(value))


ALGORITHM = sequence(oid(SHA256))


def beside(answer: bytes, words: bytes) -> list[bytes]:
    """Forged answers: the true token, and ``words`` where no signature is over them."""
    token = answer[answer.index(sequence(integer(0))) + len(sequence(integer(0))) :]
    status, told = sequence(integer(0)), sequence(der(0x0C, words))
    return [
        sequence(sequence(integer(0), told), token),
        sequence(sequence(integer(0), sequence(words)), token),
        sequence(status, token, told),
        answer + words,
    ]


@dataclass
class Authority:
    """``now``: its clock. ``alter``: what it stamps instead of the imprint. ``answers``: False, it is down."""

    name: str = "Horodatage de test"
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    alter: Callable[[bytes], bytes] = field(default=lambda imprint: imprint)
    answers: bool = True
    asked: int = 0

    def __post_init__(self) -> None:
        self._root_key, self._key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        self.root = _certificate(f"{self.name} - racine", self._root_key, None)
        self.certificate = _certificate(self.name, self._key, (self.root, self._root_key))

    def write_roots(self, path: Path) -> Path:
        """The file that BOOKING_WITNESS_CERTIFICATES names."""
        path.write_bytes(self.root.public_bytes(Encoding.PEM))
        return path

    def answer(self, question: bytes) -> bytes:
        """A granted answer to one request."""
        self.asked += 1
        read: Any = parse_timestamp_request(question)
        info = self._info(self.alter(read.message_imprint.message), read.nonce)
        return sequence(sequence(integer(0)), self._token(info))

    def stamp(self, data: bytes) -> bytes:
        """An answer without a question, as somebody who asked earlier would hold it."""
        return sequence(sequence(integer(0)), self._token(self._info(sha256(data).digest(), None)))

    def _info(self, imprint: bytes, nonce: int | None) -> bytes:
        parts = [integer(1), oid(POLICY), sequence(ALGORITHM, der(4, imprint)), integer(self.asked + 1)]
        parts.append(der(0x18, self.now().astimezone(UTC).strftime("%Y%m%d%H%M%SZ").encode()))
        return sequence(*parts, *([integer(nonce)] if nonce is not None else []))

    def _token(self, info: bytes) -> bytes:
        certificate = self.certificate.public_bytes(Encoding.DER)
        signing = sequence(sequence(sequence(der(4, sha256(certificate).digest()))))
        attributes = [
            attribute(CONTENT_TYPE, oid(TST_INFO)),
            attribute(MESSAGE_DIGEST, der(4, sha256(info).digest())),
            attribute(SIGNING_CERTIFICATE, signing),
        ]
        signature = self._key.sign(set_of(*attributes), ec.ECDSA(hashes.SHA256()))
        signer = sequence(
            integer(1),
            sequence(self.certificate.issuer.public_bytes(), integer(self.certificate.serial_number)),
            ALGORITHM,
            der(0xA0, *sorted(attributes)),
            sequence(oid(ECDSA_SHA256)),
            der(4, signature),
        )
        content = sequence(oid(TST_INFO), der(0xA0, der(4, info)))
        signed = sequence(integer(3), set_of(ALGORITHM), content, der(0xA0, certificate), set_of(signer))
        return sequence(oid(SIGNED_DATA), der(0xA0, signed))

    @contextmanager
    def serve(self) -> Iterator[str]:
        """Its address on this machine."""
        authority = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                question = self.rfile.read(int(self.headers["Content-Length"]))
                body = authority.answer(question) if authority.answers else b""
                self.send_response(200 if authority.answers else 503)
                self.send_header("Content-Type", "application/timestamp-reply")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            try:
                yield f"http://127.0.0.1:{server.server_port}/tsa"
            finally:
                server.shutdown()
                thread.join()


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, by: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None
) -> x509.Certificate:
    """Its own root, or a certificate for time stamps by ``by``; both old enough for every clock of the tests."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    starts = datetime(2020, 1, 1, tzinfo=UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by[0].subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(starts)
        .not_valid_after(starts + timedelta(days=36500))
        .add_extension(x509.BasicConstraints(ca=by is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if by:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(by[1].public_key())
        builder = builder.add_extension(issuer, critical=False)
    return builder.sign(by[1] if by else key, hashes.SHA256())
