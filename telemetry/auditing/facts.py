"""What a chain says of one agent: plain data that an auditor compares with the log."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from chain.authorized import Authorized
from telemetry.auditing.said import Mark


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


class Anchored(NamedTuple):
    """One `Anchored` event."""

    mark: Mark
    block: int


class Ended(NamedTuple):
    """The `Ended` event; `mark` is None when the operator closed a life without a checkpoint."""

    cause: int
    by: str
    mark: Mark | None
    tx: str
    block: int


class HaltedAt(NamedTuple):
    """A halt on the chain: its block and time, and the block of its `Resumed`, if there was one."""

    block: int
    at: int
    lifted: int | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """What the registry and the wallet's counter show, up to the chain's head."""

    nonce: int
    seen_from: int
    """The head when the audit began, before it read the log."""
    head: int
    """The head after the log was read."""
    silent_s: int = 0
    """Chain time between the block of the log's last record and the head."""
    anchors: tuple[Anchored, ...] = ()
    halts: tuple[HaltedAt, ...] = ()
    ended: Ended | None = None


class Mined(NamedTuple):
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


class Nonce(NamedTuple):
    """What was found at one nonce; where nothing was, `searched` says which blocks were read."""

    nonce: int
    mined: Mined | None
    searched: str = ""


class Movement(NamedTuple):
    """One `Transfer` event from or to the wallet."""

    token: str
    other: str
    value: int
    tx: str
    block: int


class Spending(NamedTuple):
    """What left the wallet in one transaction, and the EIP-3009 nonces of its that this used up."""

    tx: str
    out: tuple[Movement, ...]
    authorizations: frozenset[tuple[str, bytes]]
    """Each with the token that says so."""


class LeaseFact(NamedTuple):
    """One lease as the market holds it; times are chain seconds, 0 for what has not happened."""

    lease: int
    tenant: str
    guardian: str
    offer: int
    provider: str
    rate: int
    opened_at: int
    activated_at: int
    settled_until: int
    """Up to when it has been paid."""
    closed_at: int


class Witness(Protocol):
    """Reads what a chain knows from blocks, transactions, receipts and logs."""

    chain_id: int
    registry: str

    async def life(self, agent: int, block: int | None = None) -> Registered | None:
        """The registry's entry, at the latest block if none is named; None for one never born."""
        ...

    async def uri(self, agent: int) -> str:
        """Where the agent says that its log is served."""
        ...

    async def account(self, agent: int, life: Registered, last: int) -> Account:
        """`last` is the block of the log's last record."""
        ...

    def transactions(
        self, wallet: str, count: int, named: Iterable[tuple[int, Sequence[str]]]
    ) -> AsyncIterator[Nonce]:
        """Nonces 0 to `count`, in order; `named` says where the log says each may be found."""
        ...

    def spendings(self, life: Registered, head: int) -> AsyncIterator[Spending]:
        """All that left the wallet, of any token, in the chain's order."""
        ...

    def authorized(self, txs: Iterable[str]) -> AsyncIterator[Sequence[Authorized]]:
        """What each of these transactions moved by EIP-3009, in the order of asking."""
        ...

    def gains(self, life: Registered, head: int) -> AsyncIterator[Movement]:
        """All that came to it."""
        ...

    async def leases(
        self, market: str, life: Registered, named: Iterable[int]
    ) -> Sequence[LeaseFact]:
        """Those that the wallet or its operator opened, and of the `named` ones all that exist."""
        ...

    async def time(self, block: int) -> int:
        """When a block was made, in chain seconds."""
        ...

    async def block_at(self, time: int, head: int) -> int:
        """The first block not before a time; that after `head` if there is none yet."""
        ...

    def blocks(self, numbers: Sequence[int]) -> AsyncIterator[tuple[str, int] | None]:
        """Hash and time of these blocks, in their order; None for one that there is not."""
        ...
