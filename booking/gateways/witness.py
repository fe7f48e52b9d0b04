"""Time stamps of an outside authority (RFC 3161), verified here before they count; delegates are told by mail.

Nothing is configured without internet: the draws go on, and everybody is told that their date is not proved. Behind a
proxy the machine's own variables count (https_proxy).
"""

from __future__ import annotations

from hashlib import sha256
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from cryptography.x509 import Certificate, load_pem_x509_certificates
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from booking.domain.errors import Unavailable
from booking.ports import Stamp

TIMEOUT_S = 10
MAX_ANSWER_BYTES = 1 << 16


class Rfc3161Witness:
    """The authority at ``url``. ``certificates``: PEM, its root and, where its answers lack them, those in between."""

    def __init__(self, url: str, certificates: Path) -> None:
        """Raises ``ValueError`` when the file holds no root certificate."""
        self._url = url
        found = load_pem_x509_certificates(certificates.read_bytes())
        self._roots = [one for one in found if one.issuer == one.subject]
        self._between = [one for one in found if one.issuer != one.subject]
        if not self._roots:
            raise ValueError("no root certificate in the file")
        self.authority = urlsplit(url).hostname or ""

    def stamp(self, data: bytes) -> Stamp:
        """A new time stamp over ``data``. Raises Unavailable('witness_down') or Unavailable('witness_refused').

        The answer must be signed by the configured authority, over these bytes and to this very question (nonce).
        """
        question = TimestampRequestBuilder(data=data, hash_algorithm=HashAlgorithm.SHA256).build()
        answer = self._ask(question.as_bytes())
        try:
            read = decode_timestamp_response(answer)
            self._check(VerifierBuilder.from_request(question), read, data)
            return Stamp(read.tst_info.gen_time, answer)
        except (ValueError, VerificationError) as error:
            raise Unavailable("witness_refused") from error

    def _ask(self, question: bytes) -> bytes:
        headers = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
        try:
            with urlopen(Request(self._url, question, headers), timeout=TIMEOUT_S) as answer:
                said: bytes = answer.read(MAX_ANSWER_BYTES)
        except (OSError, HTTPException) as error:
            raise Unavailable("witness_down") from error
        return said

    def _check(self, builder: VerifierBuilder, read: TimeStampResponse, data: bytes) -> None:
        """Signature, chain, purpose of the certificate, nonce, imprint. Raises VerificationError, ValueError."""
        for certificate in self._roots:
            builder = builder.add_root_certificate(certificate)
        for certificate in self._between:
            builder = builder.add_intermediate_certificate(certificate)
        builder.build().verify(read, sha256(data).digest())


class NoWitness:
    """None configured: nothing is asked, nothing is proved."""

    authority = ""

    def stamp(self, data: bytes) -> Stamp:
        """Raises Unavailable('witness_none')."""
        raise Unavailable("witness_none")


def certificates_in(path: Path) -> list[Certificate]:
    """For the doctor: what the configured file holds."""
    return load_pem_x509_certificates(path.read_bytes())
