"""What a node means by its answer to a broadcast: every client words its refusals differently."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Reply(StrEnum):
    """A broadcast's outcome, as far as one node's word goes."""

    ACCEPTED = "accepted"
    KNOWN = "known"
    """These very bytes are in the pool already."""
    PASSED = "passed"
    """The nonce lies behind: one of our attempts was mined, or somebody else's transaction was."""
    UNDERPRICED = "underpriced"
    """A transaction with this nonce is in the pool and pays more, or nearly as much."""
    CHEAP = "cheap"
    """The fee cap is below what the node lets in now."""
    POOR = "poor"
    REFUSED = "refused"
    SILENT = "silent"
    """No answer: it may have arrived or not, so the same bytes will be sent again."""


ARRIVED: Final = frozenset({Reply.ACCEPTED, Reply.KNOWN, Reply.UNDERPRICED, Reply.PASSED})
"""Replies which say that this nonce is on its way."""

PHRASES: Final = (
    ("already known", Reply.KNOWN),  # geth, reth, nethermind: AlreadyKnown
    ("alreadyknown", Reply.KNOWN),
    ("already imported", Reply.KNOWN),  # anvil, openethereum
    ("known transaction", Reply.KNOWN),  # besu
    ("nonce too low", Reply.PASSED),  # geth, erigon, reth, anvil
    ("nonce_too_low", Reply.PASSED),  # besu
    ("oldnonce", Reply.PASSED),  # nethermind
    ("nonce is too low", Reply.PASSED),
    ("replacement transaction underpriced", Reply.UNDERPRICED),
    ("replacementnotallowed", Reply.UNDERPRICED),  # nethermind
    ("replacement_underpriced", Reply.UNDERPRICED),
    ("could not replace", Reply.UNDERPRICED),  # erigon
    ("less than block base fee", Reply.CHEAP),
    ("lower than the current base fee", Reply.CHEAP),
    ("feetoolow", Reply.CHEAP),
    ("fee too low", Reply.CHEAP),
    ("transaction underpriced", Reply.CHEAP),  # below the node's least tip
    ("txpool is full", Reply.CHEAP),
    ("insufficient funds", Reply.POOR),
    ("insufficientfunds", Reply.POOR),
    ("upfront cost exceeds", Reply.POOR),  # besu
)

_BEST: Final = (
    Reply.ACCEPTED,
    Reply.KNOWN,
    Reply.UNDERPRICED,
    Reply.PASSED,
    Reply.CHEAP,
    Reply.POOR,
    Reply.SILENT,
    Reply.REFUSED,
)


def classify(message: str) -> Reply:
    """What a node's refusal means; an unknown one is plainly a refusal."""
    words = message.lower()
    return next((reply for phrase, reply in PHRASES if phrase in words), Reply.REFUSED)


def best(replies: list[Reply]) -> Reply:
    """Of several nodes' replies, the one which says most about the network's state."""
    return min(replies, key=_BEST.index, default=Reply.SILENT)
