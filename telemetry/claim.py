"""What a target can show for an epoch that it was once sent: the head, with its signature.

It is why a home that was restored from an old backup finds out that more of its life is known
elsewhere, and why a target that lies, or means another life, cannot stop one: only the log key
makes such a signature.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from telemetry.checkpoint import Checkpoint, Domain, Head

_COUNTERS: Final = ("agent", "epoch", "size")
_BYTES: Final = {"root": 32, "prev": 32, "sig": 65}
_COUNTER: Final = re.compile(r"[0-9]{1,15}")
_HEX: Final = re.compile(r"0x[0-9a-f]+")


@dataclass(frozen=True, slots=True)
class Claim:
    """A head that somebody says was signed."""

    head: Head
    sig: bytes

    def signed_by(self, log_key: str, domain: Domain) -> bool:
        return Checkpoint(self.head, (), self.sig).signed_by(log_key, domain)

    def texts(self) -> dict[str, str]:
        """As short texts by name, which is all that some targets take."""
        head = self.head
        counters = {name: str(getattr(head, name)) for name in _COUNTERS}
        parts = {"root": head.root, "prev": head.prev, "sig": self.sig}
        return counters | {name: f"0x{data.hex()}" for name, data in parts.items()}

    @classmethod
    def read(cls, texts: object) -> Self | None:
        """None if it is not of that form; others may have written there."""
        found = texts if isinstance(texts, Mapping) else {}
        counters = [_counter(found.get(name)) for name in _COUNTERS]
        parts = [_bytes(found.get(name), length) for name, length in _BYTES.items()]
        if None in counters or None in parts:
            return None
        values: list[Any] = [*counters, *parts]
        *head, sig = values
        return cls(Head(*head), sig)


def _counter(text: object) -> int | None:
    return int(text) if isinstance(text, str) and _COUNTER.fullmatch(text) else None


def _bytes(text: object, length: int) -> bytes | None:
    if not isinstance(text, str) or len(text) != 2 + 2 * length or not _HEX.fullmatch(text):
        return None
    return bytes.fromhex(text[2:])
