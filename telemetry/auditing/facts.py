"""What a chain says of one agent: plain data that an auditor compares with the log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from telemetry.auditing.told import Mark


@dataclass(frozen=True, slots=True)
class Registered:
    """The registry's entry; addresses and hashes are 0x-text in lower case."""

    wallet: str
    operator: str
    log_key: str
    genome: str
    seed: str
    parents: tuple[int, ...]
    born_at: int
    halted: bool
    ended: bool
    cause: int
    last: Mark | None
    """The last anchored checkpoint."""


@dataclass(frozen=True, slots=True)
class Anchored:
    """One `Anchored` event."""

    mark: Mark
    block: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The `Ended` event; `mark` is None when the operator closed a life without a checkpoint."""

    cause: int
    by: str
    mark: Mark | None
    tx: str


@dataclass(frozen=True, slots=True)
class Mined:
    """A transaction of the wallet and its receipt; `fees`: each honest way to count its fee."""

    nonce: int
    hash: str
    to: str | None
    value: int
    data: bytes
    block: int
    block_hash: str
    ok: bool
    gas_used: int
    fees: frozenset[int]


@dataclass(frozen=True, slots=True)
class Movement:
    """One `Transfer` event from or to the wallet."""

    token: str
    other: str
    value: int
    tx: str
    block: int


@dataclass(frozen=True, slots=True)
class Account:
    """Everything the wallet and the registry did between birth and the chain's head."""

    nonce: int
    seen_from: int
    """The head when the audit began, before it read the log."""
    head: int
    """The head after the log was read."""
    silent_s: int = 0
    """Chain time between the block of the log's last record and the head."""
    anchors: tuple[Anchored, ...] = ()
    ended: Ended | None = None
    mined: Mapping[int, Mined] = field(default_factory=dict)
    """By nonce; one that is missing was searched for and not found."""
    searched: str = ""
    """Where the missing ones were looked for."""
    out: tuple[Movement, ...] = ()
    into: tuple[Movement, ...] = ()
    authorizations: Mapping[str, frozenset[bytes]] = field(default_factory=dict)
    """The wallet's EIP-3009 nonces that each transaction used up."""


class Witness(Protocol):
    """Reads what a chain knows from blocks, transactions, receipts and logs."""

    chain_id: int
    registry: str

    async def life(self, agent: int) -> Registered | None:
        """The registry's entry at the latest block; None for an id that was never born."""
        ...

    async def account(
        self, agent: int, life: Registered, hashes: Mapping[int, Sequence[str]], last: int
    ) -> Account:
        """Read everything else.

        `hashes` are where the log says each nonce may be found, `last` its last record's block.
        """
        ...
