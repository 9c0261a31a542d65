"""What the registry is told of a log: calls as plain data, and when an anchor is due. Pure."""

from __future__ import annotations

from typing import Final, Literal

from chain.contracts import ANCHOR, END, SERVE
from chain.types import Address, Call
from telemetry.checkpoint import Head

Cause = Literal["died", "horizon", "halted", "lost"]
CAUSES: Final[dict[Cause, int]] = {"died": 1, "horizon": 2, "halted": 3, "lost": 4}

ANCHOR_GAS: Final = 160_000
END_GAS: Final = 220_000
SERVE_GAS: Final = 90_000
GAS_PER_URI_WORD: Final = 23_000


def anchor_call(registry: Address, head: Head, digest: bytes) -> Call:
    """Name a checkpoint on chain; `digest` is the SHA-256 in its CID."""
    return Call(
        to=registry,
        function=ANCHOR,
        args=(head.agent, head.epoch, head.size, _hex(head.root), _hex(digest)),
        gas=ANCHOR_GAS,
    )


def end_call(registry: Address, cause: Cause, head: Head, digest: bytes) -> Call:
    """The last anchor and the ending in one; terminal."""
    return Call(
        to=registry,
        function=END,
        args=(head.agent, CAUSES[cause], head.epoch, head.size, _hex(head.root), _hex(digest)),
        gas=END_GAS,
    )


def serve_call(registry: Address, agent: int, uri: str) -> Call:
    """Say where the log is served."""
    words = len(uri.encode()) // 32 + 1
    gas = SERVE_GAS + words * GAS_PER_URI_WORD
    return Call(to=registry, function=SERVE, args=(agent, uri), gas=gas)


def due(head: Head | None, anchored_epoch: int | None, every: int, *, in_flight: bool) -> bool:
    """Whether `head` should be anchored now: every so many epochs, one anchor at a time."""
    if head is None or in_flight:
        return False
    ahead = head.epoch + 1 if anchored_epoch is None else head.epoch - anchored_epoch
    return ahead >= every


def _hex(value: bytes) -> str:
    return "0x" + value.hex()
