"""Rounds of a public random value: arithmetic and bytes. Source: allocation.md 5.

Verifying a signature needs curve arithmetic and lives in booking.gateways.beacon.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from booking.domain.errors import InvalidInput

SIGNATURE_BYTES = 48
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Chain:
    """One beacon. Round 1 comes at ``genesis_s`` (Unix time), then one every ``period_s`` seconds.

    ``chain`` (hash, hex) and ``public_key`` (hex) are part of what a draw commits to.
    """

    source: str
    genesis_s: int
    period_s: int
    chain: str
    public_key: str

    def round_for(self, at: datetime) -> int:
        """The first round with ``genesis + period·(round - 1) ≥ at``; ``at`` is aware."""
        late = at - _EPOCH - timedelta(seconds=self.genesis_s)
        return max(1, -(-late // timedelta(seconds=self.period_s)) + 1)

    def round_at(self, round_number: int) -> datetime:
        """When a round comes out, aware UTC. Raises ``ValueError`` below round 1."""
        if round_number < 1:
            raise ValueError("rounds are counted from 1")
        return _EPOCH + timedelta(seconds=self.genesis_s + self.period_s * (round_number - 1))


QUICKNET = Chain(
    source="drand-quicknet",
    genesis_s=1692803367,
    period_s=3,
    chain="52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971",
    public_key="83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d106451"
    "0d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a",
)
LOCAL = Chain(source="local", genesis_s=1692803367, period_s=3, chain="local", public_key="")
"""For demonstration and tests. Anybody can compute all of its rounds in advance: it proves nothing."""

CHAINS = {chain.source: chain for chain in (QUICKNET, LOCAL)}


def randomness(signature: bytes) -> bytes:
    """SHA-256 of the signature: the 32 bytes that enter the seed."""
    return sha256(signature).digest()


def message(round_number: int) -> bytes:
    """What a round of quicknet signs: SHA-256 of the number as eight bytes, big-endian."""
    return sha256(round_number.to_bytes(8, "big")).digest()


def local_signature(round_number: int) -> bytes:
    """48 bytes that stand in for a signature in the demonstration."""
    return b"".join(sha256(b"RDV-LOCAL-BEACON-v1" + bytes([i]) + message(round_number)).digest() for i in range(2))[
        :SIGNATURE_BYTES
    ]


def pasted(text: str) -> bytes:
    """The signature that an operator pasted, as hex; white space is ignored.

    Raises ``InvalidInput('beacon_signature_format')`` unless it is 48 bytes. The caller still verifies it.
    """
    try:
        signature = bytes.fromhex("".join(text.split()))
    except ValueError:
        signature = b""
    if len(signature) != SIGNATURE_BYTES:
        raise InvalidInput("beacon_signature_format", fields={"signature": "beacon_signature_format"})
    return signature
