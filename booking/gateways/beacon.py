"""The public random value of a draw: drand *quicknet*, checked offline, or a local stand-in that proves nothing.

Chain, key and scheme are those of the League of Entropy's quicknet (bls-unchained-g1-rfc9380): signatures on G1, keys
on G2.
"""

from __future__ import annotations

import json
import urllib.request
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from math import ceil

import structlog

CHAIN = "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971"
PUBLIC_KEY = (
    "83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d106451"
    "0d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a"
)
SCHEME = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_"
GENESIS_AT = datetime.fromtimestamp(1692803367, UTC)
PERIOD_S = 3
SIGNATURE_BYTES = 48
TIMEOUT_S = 10.0

log = structlog.get_logger(__name__)


def round_for(at: datetime) -> int:
    """First round published at or after ``at``."""
    return max(1, ceil((at - GENESIS_AT) / timedelta(seconds=PERIOD_S)) + 1)


def round_at(round_number: int) -> datetime:
    """When a round is published."""
    return GENESIS_AT + timedelta(seconds=PERIOD_S * (round_number - 1))


def verify_quicknet(round_number: int, signature: bytes) -> bool:
    """Whether ``signature`` (48 bytes) is quicknet's for that round; takes about 0.3 s of pure Python."""
    # Imported here: half a second and 20 MB that only a draw needs.
    from py_ecc.bls.g2_primitives import subgroup_check
    from py_ecc.bls.hash_to_curve import hash_to_G1
    from py_ecc.bls.point_compression import decompress_G1, decompress_G2
    from py_ecc.optimized_bls12_381 import FQ12, G2, final_exponentiate, neg, pairing

    if len(signature) != SIGNATURE_BYTES:
        return False
    try:
        point = decompress_G1(int.from_bytes(signature, "big"))
    except ValueError:
        return False
    if not subgroup_check(point):
        return False
    key = decompress_G2((int(PUBLIC_KEY[:96], 16), int(PUBLIC_KEY[96:], 16)))
    message = hash_to_G1(sha256(round_number.to_bytes(8, "big")).digest(), SCHEME, sha256)
    product = pairing(G2, point, final_exponentiate=False) * pairing(neg(key), message, final_exponentiate=False)
    return bool(final_exponentiate(product) == FQ12.one())


class DrandBeacon:
    """quicknet. With ``url`` (a drand HTTP relay) rounds are fetched; without, an operator pastes the signature."""

    source = "drand-quicknet"
    chain = CHAIN

    def __init__(self, url: str = "") -> None:
        self._url = url.rstrip("/")

    def round_for(self, at: datetime) -> int:
        return round_for(at)

    def round_at(self, round_number: int) -> datetime:
        return round_at(round_number)

    def signature(self, round_number: int, now: datetime) -> bytes | None:
        if not self._url or now < round_at(round_number):
            return None
        address = f"{self._url}/{CHAIN}/public/{round_number}"
        try:
            with urllib.request.urlopen(address, timeout=TIMEOUT_S) as answer:
                found = bytes.fromhex(json.load(answer)["signature"])
        except (OSError, ValueError, KeyError) as error:
            log.warning("beacon_unreachable", error=type(error).__name__)
            return None
        return found if self.verify(round_number, found) else None

    def verify(self, round_number: int, signature: bytes) -> bool:
        return verify_quicknet(round_number, signature)


class LocalBeacon:
    """For demonstration and tests: anybody can compute it in advance, so it proves nothing. Refused in production."""

    source = "local"
    chain = "local"

    def round_for(self, at: datetime) -> int:
        return round_for(at)

    def round_at(self, round_number: int) -> datetime:
        return round_at(round_number)

    def signature(self, round_number: int, now: datetime) -> bytes | None:
        return _local(round_number) if now >= round_at(round_number) else None

    def verify(self, round_number: int, signature: bytes) -> bool:
        return signature == _local(round_number)


def _local(round_number: int) -> bytes:
    return sha256(b"tour-de-role local beacon" + round_number.to_bytes(8, "big")).digest()
