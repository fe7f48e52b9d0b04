"""The public random value: drand quicknet, verified here whoever brings it, and a local one that proves nothing."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from hashlib import sha256
from http.client import HTTPException
from urllib.request import urlopen

from booking.domain import beacon as rules
from booking.domain.beacon import LOCAL, QUICKNET, SIGNATURE_BYTES

DST = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_"
"""Domain separation tag of quicknet: signatures on G1, RFC 9380."""


TIMEOUT_S = 5
MAX_ANSWER_BYTES = 4096


class DrandBeacon:
    """drand quicknet. ``relay_url`` is any HTTP relay; empty: an operator pastes the 48 bytes. Neither is trusted."""

    source = QUICKNET.source
    chain = QUICKNET.chain

    def __init__(self, relay_url: str = "") -> None:
        self._relay_url = relay_url.rstrip("/")

    def round_for(self, at: datetime) -> int:
        """First round published at or after ``at``."""
        return QUICKNET.round_for(at)

    def round_at(self, round_number: int) -> datetime:
        """When a round comes out."""
        return QUICKNET.round_at(round_number)

    def signature(self, round_number: int, now: datetime) -> bytes | None:
        """The verified signature from the relay; None while the round is not out, unreachable, or does not verify.

        Then the draw waits, however long, or until somebody pastes the signature.
        """
        if not self._relay_url or now < self.round_at(round_number):
            return None
        signature = self._fetch(round_number)
        return signature if signature is not None and self.verify(round_number, signature) else None

    def _fetch(self, round_number: int) -> bytes | None:
        try:
            with urlopen(f"{self._relay_url}/{self.chain}/public/{round_number}", timeout=TIMEOUT_S) as answer:
                return bytes.fromhex(json.loads(answer.read(MAX_ANSWER_BYTES))["signature"])
        except (OSError, HTTPException, ValueError, KeyError, TypeError):
            return None

    def verify(self, round_number: int, signature: bytes) -> bool:
        """True when ``signature`` is the chain's BLS signature of that round (0.2 to 0.5 s of computing)."""
        if round_number < 1 or len(signature) != SIGNATURE_BYTES:
            return False
        return _signed(bytes.fromhex(QUICKNET.public_key), rules.message(round_number), signature)


class LocalBeacon:
    """For demonstration and tests, refused in production: whoever has this file knows every round beforehand."""

    source = LOCAL.source
    chain = LOCAL.chain

    def round_for(self, at: datetime) -> int:
        """First round published at or after ``at``."""
        return LOCAL.round_for(at)

    def round_at(self, round_number: int) -> datetime:
        """When a round comes out."""
        return LOCAL.round_at(round_number)

    def signature(self, round_number: int, now: datetime) -> bytes | None:
        """The 48 bytes of a round, from its hour on: the demonstration waits like the real thing."""
        return rules.local_signature(round_number) if now >= LOCAL.round_at(round_number) else None

    def verify(self, round_number: int, signature: bytes) -> bool:
        """True when ``signature`` is what the local beacon gives for that round."""
        return round_number >= 1 and signature == rules.local_signature(round_number)


def _signed(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """BLS verification, key on G2 (96 bytes), signature on G1 (48 bytes): e(signature, g2) = e(H(message), key)."""
    limit = sys.getrecursionlimit()
    try:
        return _pairs(public_key, message, signature)
    finally:  # py_ecc raises it for the whole process, so far that JSON nested deep enough would crash Python
        sys.setrecursionlimit(limit)


def _pairs(public_key: bytes, message: bytes, signature: bytes) -> bool:
    # Imported here: the curve tables take memory and start-up time that only a process that verifies should pay.
    from py_ecc.bls.g2_primitives import pubkey_to_G1, signature_to_G2, subgroup_check
    from py_ecc.bls.hash_to_curve import hash_to_G1
    from py_ecc.optimized_bls12_381 import FQ12, G2, final_exponentiate, is_inf, neg, pairing

    try:
        # py_ecc names its decoders after Ethereum, where keys lie on G1 and signatures on G2; quicknet is the reverse.
        key, point = signature_to_G2(public_key), pubkey_to_G1(signature)
    except ValueError:
        return False
    if is_inf(point) or not subgroup_check(point):
        return False
    left = pairing(G2, neg(point), final_exponentiate=False)
    right = pairing(key, hash_to_G1(message, DST, sha256), final_exponentiate=False)
    return bool(final_exponentiate(left * right) == FQ12.one())
