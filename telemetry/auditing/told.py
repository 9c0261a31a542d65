"""What a log says of its own life, as far as the chain can confirm or deny it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from cbrrr import encode_dag_cbor

from chain.halt import Who
from chain.types import Address
from telemetry.auditing import body as read
from telemetry.auditing.body import Body
from telemetry.auditing.calls import Callprint, callprint
from telemetry.errors import BadRecord
from telemetry.record import Record

LONGEST_SILENCE_S: Final = 24 * 3600
"""No life may hibernate longer, whatever its first record says."""
CAUSES: Final[Mapping[str, int]] = {"died": 1, "horizon": 2, "halted": 3, "lost": 4}
"""An ending's reason, and the number by which the registry knows it."""


@dataclass(frozen=True, slots=True)
class Birth:
    """Who record 0 says this is."""

    agent: int
    chain: int
    wallet: str
    operator: str
    log_key: str
    genome: str
    seed: str
    parents: tuple[int, ...]
    registry: str
    nonce: int
    hash: str
    hibernate_s: int
    """How long it may be without a lease, and so without a record."""

    @property
    def who(self) -> Who:
        """Whose signer it is that must have signed all this."""
        wallet, log_key, operator, registry = map(
            Address, (self.wallet, self.log_key, self.operator, self.registry)
        )
        return Who(wallet, log_key, operator, registry, self.chain, self.agent)


@dataclass(frozen=True, slots=True)
class Named:
    """A transaction that a record names; what is None the record does not say."""

    seq: int
    intent: str
    purpose: str
    nonce: int | None
    hash: str | None
    call: Callprint | None


@dataclass(frozen=True, slots=True)
class Settled:
    """How a record says that a transaction ended."""

    seq: int
    intent: str
    nonce: int
    hash: str
    block: int
    block_hash: str
    ok: bool
    gas_used: int
    fee: int


@dataclass(frozen=True, slots=True)
class Ending:
    """The last record: why, and the last two transactions."""

    seq: int
    reason: str
    cause: str
    intents: tuple[Named, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """One state of the log: a checkpoint, or an anchor that should be one."""

    epoch: int
    size: int
    root: bytes
    digest: bytes


@dataclass(slots=True)
class Told:
    """Grows as a log is read; holds nothing of what decisions saw."""

    agent: int | None = None
    wallet: str | None = None
    """The chain's word where there is one, else record 0's."""
    birth: Birth | None = None
    ending: Ending | None = None
    marks: dict[int, Mark] = field(default_factory=dict)
    named: dict[int, Named] = field(default_factory=dict)
    """By nonce."""
    authorized: list[Named] = field(default_factory=list)
    """Off-chain authorizations, which anyone may bring to the chain."""
    settled: dict[int, Settled] = field(default_factory=dict)
    """By nonce."""
    funded: set[str] = field(default_factory=set)
    """Transactions that `funds` records name."""
    tokens: set[str] = field(default_factory=set)
    """What decisions say is the money they live on."""
    records: int = 0
    last_block: int = 0


def read_birth(record: Record) -> Birth:
    body = record.body
    born = read.within(body, "birth")
    parents = read.listed(body, "parents")
    if not all(type(parent) is int for parent in parents):
        raise BadRecord(why="parents are not ids", field="parents")
    return Birth(
        agent=record.agent,
        chain=record.block.chain,
        wallet=read.address(body, "wallet"),
        operator=read.address(body, "operator"),
        log_key=read.address(body, "log_key"),
        genome=read.hexes(body, "genome_digest", 32),
        seed=read.hexes(body, "seed", 32),
        parents=tuple(parents),
        registry=read.address(body, "registry"),
        nonce=read.integer(born, "nonce"),
        hash=read.hexes(born, "hash", 32),
        hibernate_s=min(read.integer(body, "hibernate_max_s"), LONGEST_SILENCE_S),
    )


def genome_digest(body: Body) -> str:
    """SHA-256 of the genome's DAG-CBOR form, which is also its name on IPFS."""
    return "0x" + sha256(encode_dag_cbor(dict(read.within(body, "genome")))).hexdigest()


def observed_token(body: Body) -> Iterator[str]:
    """The address of the token that a decision's observation lives on, if it says so."""
    with suppress(BadRecord):
        yield read.address(read.within(read.within(body, "observation"), "places"), "token")


def read_sent(seq: int, body: Body, wallet: str | None) -> Named:
    intent = read.text(body, "intent")
    return Named(
        seq=seq,
        intent=intent,
        purpose=read.text(body, "purpose"),
        nonce=None if read.absent(body, "nonce") else read.integer(body, "nonce"),
        hash=None if read.absent(body, "hash") else read.hexes(body, "hash", 32),
        call=callprint(body, intent, wallet) if wallet else None,
    )


def read_settled(seq: int, body: Body) -> Settled:
    block = read.within(body, "block")
    return Settled(
        seq=seq,
        intent=read.text(body, "intent"),
        nonce=read.integer(body, "nonce"),
        hash=read.hexes(body, "hash", 32),
        block=read.integer(block, "number"),
        block_hash=read.hexes(block, "hash", 32),
        ok=read.flag(body, "ok"),
        gas_used=read.amount(body, "gas_used"),
        fee=read.amount(body, "fee"),
    )


def read_mark(body: Body) -> Mark:
    return Mark(
        epoch=read.integer(body, "epoch"),
        size=read.integer(body, "size"),
        root=read.raw(body, "root"),
        digest=read.raw(body, "digest"),
    )


def read_ending(record: Record) -> Ending:
    reason = read.text(record.body, "reason")
    if reason not in CAUSES:
        raise BadRecord(why="not one of the four endings", field="reason")
    intents = tuple(
        Named(
            seq=record.seq,
            intent=read.text(item, "intent"),
            purpose=read.text(item, "purpose"),
            nonce=read.integer(item, "nonce"),
            hash=None if read.absent(item, "hash") else read.hexes(item, "hash", 32),
            call=None,
        )
        for item in read.maps(record.body, "intents")
    )
    return Ending(record.seq, reason, read.text(record.body, "cause"), intents)
