"""The life of an intent on chain: a table, and the one function that reads the signs."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from chain.types import Receipt


class State(StrEnum):
    """Where an intent stands."""

    QUEUED = "queued"
    """Signed and stored; no node is known to have taken it."""
    PENDING = "pending"
    MINED = "mined"
    SETTLED = "settled"
    """Final: nothing that is believed can undo it."""
    FROZEN = "frozen"
    """Its nonce was used by a transaction that is not ours: another holder of the key."""


class Event(StrEnum):
    """What can happen to an intent."""

    BROADCAST = "broadcast"
    INCLUDED = "included"
    REORGED = "reorged"
    FINALIZED = "finalized"
    TAKEN = "taken"


QUEUED, PENDING, MINED, SETTLED, FROZEN = State
BROADCAST, INCLUDED, REORGED, FINALIZED, TAKEN = Event

NEXT: Final = {
    (QUEUED, BROADCAST): PENDING,
    (QUEUED, INCLUDED): MINED,  # sent before a crash, or the reply was lost
    (QUEUED, TAKEN): FROZEN,
    (PENDING, BROADCAST): PENDING,  # the same bytes again, or a fee bump on the same nonce
    (PENDING, INCLUDED): MINED,
    (PENDING, TAKEN): FROZEN,
    (MINED, INCLUDED): MINED,  # a reorg moved it, or let an older attempt win
    (MINED, REORGED): PENDING,
    (MINED, FINALIZED): SETTLED,
}

OPEN: Final = frozenset({QUEUED, PENDING})
"""States in which nodes must still be persuaded."""


def sign(
    state: State, known: Receipt | None, seen: Receipt | None, head: int, finality: int
) -> Event | None:
    """What the receipt seen now says has happened, if anything; `head` is a block number."""
    if seen is None:
        return REORGED if state is MINED else None
    if state is not MINED or known != seen:
        return INCLUDED
    return FINALIZED if head - seen.block.number >= finality else None
