"""Reads everything a decision may use, at one block, into a snapshot."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol, TypeVar

from agent import metabolism
from chain.errors import ChainError
from chain.port import Reader
from chain.types import Address, Json, Micro, Wei
from compute.port import ComputeProvider, Lease, LeaseState, Offer
from strategies.port import (
    Holdings,
    Outcome,
    Pending,
    Places,
    Placing,
    Snapshot,
    Vitals,
)

TIP: Final = Wei(10**9)
"""What is usually paid on top of the base fee."""
T = TypeVar("T")
SURVEY_S: Final = 5.0
ALIVE: Final = (LeaseState.ACTIVE, LeaseState.GRACE)


class Surveyor(Protocol):
    """The part of a strategy that reads."""

    name: str

    async def survey(self, read: Reader, seen: Snapshot) -> Mapping[str, Json]: ...


@dataclass(frozen=True, slots=True)
class Self:
    """What does not change during a life."""

    agent: int
    wallet: Address
    guardian: Address
    places: Places
    placing: Placing
    manifest: str
    born_at: int
    horizon_s: int
    hibernate_max_s: int


@dataclass(frozen=True, slots=True)
class Memory:
    """What one tick hands to the next; everything else is read anew."""

    last_active_at: int
    holdings: Holdings = Holdings(Wei(0), Micro(0), stale=True)
    leases: tuple[Lease, ...] = ()
    offers: tuple[Offer, ...] = ()
    eth_price: Micro = Micro(0)
    vitals: Vitals | None = None
    block_number: int = -1


@dataclass(frozen=True, slots=True)
class Doings:
    """What the hands say of their own work."""

    in_flight: tuple[Pending, ...] = ()
    recent: tuple[Outcome, ...] = ()
    gas_per_hour: Wei = Wei(0)


class Senses:
    """One look at the world; a source that does not answer leaves its last value, marked stale."""

    def __init__(
        self,
        compute: ComputeProvider,
        strategies: Sequence[Surveyor],
    ) -> None:
        self._compute = compute
        self._strategies = strategies
        self.faults: dict[str, str] = {}

    async def snapshot(
        self, read: Reader, who: Self, memory: Memory, doings: Doings
    ) -> tuple[Snapshot, Memory]:
        """Look at one block; the memory returned is for the next look."""
        wei, micro, base_fee, leases, offers, price = await asyncio.gather(
            self._try("balance", read.balance(who.wallet)),
            self._try("token", _token(read, who)),
            self._try("base fee", read.base_fee()),
            self._try("leases", self._compute.leases(read, who.wallet)),
            self._try("offers", self._compute.discover(read)),
            self._try("gas station", _eth_price(read, who)),
        )
        before = memory.holdings
        holdings = Holdings(
            wei=before.wei if wei is None else wei,
            micro=before.micro if micro is None else micro,
            stale=wei is None or micro is None,
        )
        seen_leases = memory.leases if leases is None else tuple(leases)
        seen_offers = memory.offers if offers is None else tuple(offers)
        eth_price = memory.eth_price if price is None else price
        lease = metabolism.lived_on(seen_leases)
        alive = lease is not None and lease.state in ALIVE
        last_active = read.block.at if alive else memory.last_active_at
        cost = metabolism.burn(lease, seen_offers, doings.gas_per_hour)
        runway = metabolism.runway_h(holdings, lease, cost)
        feeling = memory.vitals if holdings.stale else metabolism.vitals(runway, memory.vitals)
        seen = Snapshot(
            agent=who.agent,
            wallet=who.wallet,
            guardian=who.guardian,
            block=read.block,
            age_s=max(0, read.block.at - who.born_at),
            horizon_s=who.horizon_s,
            placing=who.placing,
            places=who.places,
            holdings=holdings,
            gas_price=Wei((base_fee or Wei(0)) + TIP),
            eth_price=eth_price,
            lease=lease,
            offers=seen_offers,
            manifest=who.manifest,
            unleased_s=max(0, read.block.at - last_active),
            hibernate_max_s=who.hibernate_max_s,
            burn=Micro(cost.micro + cost.wei * eth_price // 10**18),
            runway_h=runway,
            vitals=feeling or Vitals.STEADY,
            in_flight=doings.in_flight,
            recent=doings.recent,
        )
        surveys = await asyncio.gather(*(self._survey(s, read, seen) for s in self._strategies))
        seen = replace(
            seen,
            surveys={
                s.name: found
                for s, found in zip(self._strategies, surveys, strict=True)
                if found is not None
            },
        )
        after = Memory(
            last_active, holdings, seen_leases, seen_offers, eth_price, feeling, read.block.number
        )
        return seen, after

    async def _survey(
        self, strategy: Surveyor, read: Reader, seen: Snapshot
    ) -> Mapping[str, Json] | None:
        try:
            return await asyncio.wait_for(strategy.survey(read, seen), SURVEY_S)
        except Exception as fault:  # noqa: BLE001  # a strategy that fails is skipped, not obeyed
            self.faults[f"survey {strategy.name}"] = str(fault) or type(fault).__name__
            return None

    async def _try(self, source: str, reading: Awaitable[T]) -> T | None:
        try:
            value = await reading
        except ChainError as fault:
            if fault.consequence == "halt":
                raise
            self.faults[source] = str(fault)
            return None
        self.faults.pop(source, None)
        return value


async def _token(read: Reader, who: Self) -> Micro:
    [held] = await read.call(who.places.token, "balanceOf(address)(uint256)", [who.wallet])
    return Micro(int(str(held)))


async def _eth_price(read: Reader, who: Self) -> Micro:
    if who.places.gas_station is None:
        return Micro(0)
    [price] = await read.call(who.places.gas_station, "price()(uint256)")
    return Micro(int(str(price)))
