"""Chance, in one place. Nothing else in the package draws bytes."""

from __future__ import annotations

import hashlib
import os
from abc import ABC, abstractmethod
from datetime import datetime, timedelta
from uuid import UUID

EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
MICROSECOND = timedelta(microseconds=1)


class _Source(ABC):
    """What both sources share: everything is made of ``token_bytes``."""

    @abstractmethod
    def token_bytes(self, count: int) -> bytes:
        """``count`` bytes that nobody can foresee (or, seeded, that anybody can repeat)."""

    def code(self, length: int, alphabet: str) -> str:
        """``length`` characters drawn uniformly from ``alphabet`` (2 to 256 different characters)."""
        if not 2 <= len(set(alphabet)) == len(alphabet) <= 256:
            raise ValueError("an alphabet has 2 to 256 different characters")
        # A byte at or above the last full multiple is thrown away: a plain modulo would favour the first characters.
        limit = 256 - 256 % len(alphabet)
        drawn: list[str] = []
        while len(drawn) < length:
            fresh = self.token_bytes(length - len(drawn))
            drawn.extend(alphabet[byte % len(alphabet)] for byte in fresh if byte < limit)
        return "".join(drawn)

    def uuid(self, now: datetime) -> UUID:
        """UUID version 7 (RFC 9562): milliseconds first, then the rest of the microsecond, then 62 random bits."""
        microseconds = (now - EPOCH) // MICROSECOND
        milliseconds, rest = divmod(microseconds, 1000)
        chance = int.from_bytes(self.token_bytes(8), "big") >> 2
        return UUID(int=milliseconds << 80 | 7 << 76 | (rest * 4096 // 1000) << 64 | 2 << 62 | chance)


class SystemEntropy(_Source):
    """The operating system's generator."""

    def token_bytes(self, count: int) -> bytes:
        return os.urandom(count)


class SeededEntropy(_Source):
    """The same bytes for the same seed, on every machine: tests and demonstration data only, never keys."""

    def __init__(self, seed: str | int) -> None:
        self._seed = hashlib.sha256(str(seed).encode()).digest()
        self._counter = 0

    def token_bytes(self, count: int) -> bytes:
        blocks = bytearray()
        while len(blocks) < count:
            blocks += hashlib.sha256(self._seed + self._counter.to_bytes(8, "big")).digest()
            self._counter += 1
        return bytes(blocks[:count])
