"""The strategies' port: a snapshot goes in, actions come out, both plain data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol, runtime_checkable

from chain.port import Reader
from chain.types import Address, Block, Call, Json, Micro, Wei
from compute.port import ComputeProvider, Lease, Offer, Scorer

LIQUID: Final = "liquid_micro"
"""In a survey of one of our own strategies: what it could have back at once, as decimal text. It
counts as money in runway and vitals. In a stranger's survey it is left out."""


class Vitals(StrEnum):
    """How near death is, judged from runway with hysteresis."""

    THRIVING = "thriving"
    STEADY = "steady"
    LEAN = "lean"
    CRITICAL = "critical"
    STARVING = "starving"


class Placing(StrEnum):
    """Where the agent runs: on the machine it rents, or beside its operator with an endpoint."""

    EMBODIED = "embodied"
    REMOTE = "remote"


@dataclass(frozen=True, slots=True)
class Holdings:
    """The wallet at the snapshot's block; stale keeps the last values that were read."""

    wei: Wei
    micro: Micro
    stale: bool = False


@dataclass(frozen=True, slots=True)
class Pending:
    """An intent that has been signed and that no block has taken yet."""

    id: str
    key: str
    since_s: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a recent action ended; `fee` in wei."""

    key: str
    ok: bool
    fee: Wei
    ago_s: int


@dataclass(frozen=True, slots=True)
class Places:
    """Addresses of the contracts this life knows."""

    registry: Address
    token: Address
    lease_market: Address
    job_board: Address | None = None
    gas_station: Address | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Every fact a decision may use, read at one block; times are chain seconds."""

    agent: int
    wallet: Address
    guardian: Address
    block: Block
    age_s: int
    horizon_s: int
    """How long this life may last in all."""
    placing: Placing
    places: Places
    holdings: Holdings
    gas_price: Wei
    """The base fee plus the usual tip, for one unit of gas."""
    eth_price: Micro
    """Micro-units of the token for 10¹⁸ wei; 0 when nobody sells gas."""
    lease: Lease | None
    """The lease that is lived on, if any (requested or active)."""
    offers: tuple[Offer, ...]
    manifest: str
    unleased_s: int
    """Time since a lease was last active; `hibernate_max_s` of it is death."""
    hibernate_max_s: int
    burn: Micro
    """Measured cost of one hour: lease and gas."""
    runway_h: float
    vitals: Vitals
    in_flight: tuple[Pending, ...] = ()
    recent: tuple[Outcome, ...] = ()
    surveys: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    """What each strategy read for itself, by its name."""


@dataclass(frozen=True, slots=True)
class Action:
    """One legal thing to do: complete, bounded, and able to explain itself in a line.

    `key` is `strategy.verb`. `params` are the few numbers that matter, each named with its unit
    (`_micro`, `_wei`, `_s`, `_n`, `_pct`), so that a prompt can show them without knowing the
    strategy.
    `score` is the reflex's opinion on a logit scale; hold is 0.
    """

    key: str
    params: Mapping[str, int]
    summary: str
    calls: tuple[Call, ...] = ()
    score: float = 0.0


class Strategy(Protocol):
    """Turns what is seen into things that could be done. Never signs, never waits."""

    name: str

    async def survey(self, read: Reader, seen: Snapshot) -> Mapping[str, Json]:
        """Read what this strategy needs, at the snapshot's block.

        `seen.surveys` is still empty; runway and vitals count savings as they were a look before.
        """
        ...

    def propose(self, seen: Snapshot) -> Sequence[Action]:
        """Offer zero or more actions from the snapshot alone: same snapshot, same actions."""
        ...


@runtime_checkable
class Parting(Protocol):
    """One of our own strategies that may hold something elsewhere when a life ends."""

    name: str

    async def survey(self, read: Reader, seen: Snapshot) -> Mapping[str, Json]: ...

    def parting(self, seen: Snapshot) -> Sequence[Call]:
        """Plain transfers of it to the operator: the signer takes nothing else from an ending."""
        ...


class Shop(Protocol):
    """What sells this life's inference. It obeys decisions; strategies may look into its book."""

    def figures(self, at: int) -> Mapping[str, Json]:
        """Its price, and who came for it, at a chain time."""
        ...


@dataclass(frozen=True, slots=True)
class Tools:
    """What a strategy may hold: a way to describe calls to the compute network, a shop's book, and
    the life's own model to think with while it surveys.
    """

    compute: ComputeProvider
    shop: Shop | None = None
    """None for a life that sells nothing, and for a stranger's strategy."""
    scorer: Scorer | None = None
    """None where no model thinks, and for a stranger's strategy."""


Factory = Callable[[Mapping[str, Json], Tools], Strategy]
"""What an entry point of the group `forager.strategies` names; raises `BadOptions`."""
