"""The plain data that the rest of Forager and the chain exchange."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NewType

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]

Wei = NewType("Wei", int)
Micro = NewType("Micro", int)
"""Micro-units of the working token (6 decimals)."""
Address = NewType("Address", str)
"""Checksummed, 0x and 40 hex digits."""

RATE_SCALE: Final = 10**18
"""Lease rates are micro-units a second times this."""

SALT: Final = "$salt"
"""An argument the signer fills with SHA-256(wallet ‖ intent id): a retry is the same call."""
WALLET: Final = "$wallet"
"""An argument the signer fills with the wallet's address."""


@dataclass(frozen=True, slots=True)
class Block:
    """A block as far as a decision needs it; `at` is its time in seconds."""

    chain: int
    number: int
    hash: str
    at: int


@dataclass(frozen=True, slots=True)
class Pull:
    """An EIP-3009 authorization that the signer makes for the contract being called.

    The function must end in `uint256 validAfter, uint256 validBefore, bytes signature`; its
    arguments are given without these three. The nonce is the hash of the call itself.
    """

    token: Address
    value: Micro
    valid_before: int


@dataclass(frozen=True, slots=True)
class Call:
    """One transaction's worth of intent in typed fields: no bytes that nobody can read.

    `function` is a canonical signature such as `topUp(uint256,uint256)`, or empty for plain ETH.
    Arguments are JSON-able: integers, 0x-strings for addresses and bytes, lists for the rest.
    """

    to: Address
    function: str
    args: tuple[Json, ...] = ()
    value: Wei = Wei(0)
    gas: int = 21_000
    pull: Pull | None = None


@dataclass(frozen=True, slots=True)
class Fees:
    """EIP-1559 caps in wei for one unit of gas."""

    max_fee: Wei
    priority: Wei


@dataclass(frozen=True, slots=True)
class Intent:
    """What an action asks of the chain, once: `id` is unique, `because` names the record."""

    id: str
    because: int
    purpose: str
    """birth, serve, act, anchor, end, drain"""
    call: Call


@dataclass(frozen=True, slots=True)
class Attempt:
    """Signed bytes of an intent; its attempts share a nonce and differ in fees alone."""

    hash: str
    raw: str
    fees: Fees


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the signer's ledger."""

    intent: Intent
    nonce: int
    attempts: tuple[Attempt, ...]


@dataclass(frozen=True, slots=True)
class Admitted:
    """The intent has a nonce and signed bytes, now (`fresh`) or since an earlier asking."""

    entry: Entry
    fresh: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """The signer will not sign, and why: a constant word and the facts."""

    reason: str
    facts: Mapping[str, Json]


Admission = Admitted | Refused


@dataclass(frozen=True, slots=True)
class Receipt:
    """How an intent ended on chain."""

    hash: str
    block: Block
    ok: bool
    gas_used: int
    fee: Wei


@dataclass(frozen=True, slots=True)
class SignerState:
    """What the signer says of itself."""

    wallet: Address
    log_key: Address
    operator: Address
    chain_id: int
    registry: Address
    agent: int
    """0 before birth."""
    halted: bool
    halt_id: int
    halt_reason: str
    ended: bool
    limits_version: int
    next_nonce: int


@dataclass(frozen=True, slots=True)
class Simulation:
    """What `eth_call` and `eth_estimateGas` say a call would do at the snapshot's block."""

    ok: bool
    gas: int
    reason: str
