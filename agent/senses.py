"""Reads everything a decision may use, at one block, into a snapshot."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple, Protocol, TypeVar

import structlog

from agent import bounds, metabolism
from agent.asked import Asked
from chain.contracts import BALANCE_OF
from chain.errors import ChainError, Reverted
from chain.port import Reader
from chain.types import Address, Json, Micro, Wei
from compute.port import ComputeProvider, Lease, Offer
from strategies.port import (
    LIQUID,
    Holdings,
    Outcome,
    Pending,
    Places,
    Placing,
    Snapshot,
    Vitals,
)

log = structlog.get_logger(__name__)

TIP: Final = Wei(10**9)
"""What is usually paid on top of the base fee."""
T = TypeVar("T")
SURVEY_S: Final = 5.0
MOST_OFFERS: Final = 12
"""Anyone may post offers; so many of the cheapest are enough to choose from."""
NO_WEI: Final = Wei(0)
NO_MICRO: Final = Micro(0)


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
    """What one tick hands to the next, the rest is read anew; None was never read."""

    last_active_at: int
    wei: Wei | None = None
    micro: Micro | None = None
    base_fee: Wei | None = None
    leases: tuple[Lease, ...] | None = None
    offers: tuple[Offer, ...] = ()
    eth_price: Micro = NO_MICRO
    rent: Micro = NO_MICRO
    """The last price of an hour that was known."""
    savings: Mapping[str, Micro] = field(default_factory=dict)
    """What each of our own strategies could have back at once."""
    vitals: Vitals | None = None
    block_number: int = -1


@dataclass(frozen=True, slots=True)
class Doings:
    """What the hands say of their own work."""

    in_flight: tuple[Pending, ...] = ()
    recent: tuple[Outcome, ...] = ()
    gas_per_hour: Wei = NO_WEI


class _Found(NamedTuple):
    """What a look brought, and whether all that runway depends on was read anew."""

    memory: Memory
    stale: bool


class Senses:
    """One look at the world; a source that does not answer leaves its last value, marked stale."""

    def __init__(
        self,
        compute: ComputeProvider,
        strategies: Sequence[Surveyor],
        strangers: Collection[str] = (),
    ) -> None:
        """`strangers` are those of the strategies, by name, whose word about money is not taken."""
        self._compute = compute
        self._strategies = strategies
        self._strangers = strangers
        self.faults: dict[str, str] = {}

    async def snapshot(
        self, read: Reader, who: Self, memory: Memory, doings: Doings
    ) -> tuple[Snapshot, Memory]:
        """Look at one block; the memory returned is for the next look.

        Raises the fault of what was never read yet: then there is nothing that could be shown.
        """
        look = Asked(read)
        found, stale = await self._look(look, who, memory)
        wei, micro = known(found.wei), known(found.micro)
        holdings, leases = Holdings(wei, micro, stale), known(found.leases)
        lease = metabolism.lived_on(leases)
        last_active = memory.last_active_at
        if lease is not None and lease.state in metabolism.HOUSED:
            # A lease that is only remembered does not outlive what was paid for it.
            last_active = max(last_active, min(read.block.at, lease.paid_until))
        cost = metabolism.Burn(
            metabolism.rent(lease, found.offers, memory.rent), doings.gas_per_hour
        )
        escrow = metabolism.escrow(leases)
        remembered = metabolism.runway_h(holdings, _with(escrow, memory.savings), cost)
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
            gas_price=Wei(known(found.base_fee) + TIP),
            eth_price=found.eth_price,
            lease=lease,
            offers=found.offers,
            manifest=who.manifest,
            unleased_s=max(0, read.block.at - last_active),
            hibernate_max_s=who.hibernate_max_s,
            burn=Micro(cost.micro + cost.wei * found.eth_price // 10**18),
            runway_h=remembered,
            vitals=memory.vitals or Vitals.STEADY,
            in_flight=doings.in_flight,
            recent=doings.recent,
        )
        surveys = await self._surveys(look, seen)
        savings = self._savings(surveys, memory.savings)
        runway = metabolism.runway_h(holdings, _with(escrow, savings), cost)
        feeling = memory.vitals if stale else metabolism.vitals(runway, memory.vitals)
        after = replace(
            found,
            last_active_at=last_active,
            rent=cost.micro,
            savings=savings,
            vitals=feeling,
            block_number=read.block.number,
        )
        seen = replace(seen, runway_h=runway, vitals=feeling or Vitals.STEADY, surveys=surveys)
        return seen, after

    async def _look(self, look: Asked, who: Self, memory: Memory) -> _Found:
        wei, micro, base_fee, leases, offers, price = await asyncio.gather(
            self._try("balance", look.balance(who.wallet), memory.wei),
            self._try("token", _token(look, who), memory.micro),
            self._try("base fee", look.base_fee(), memory.base_fee),
            self._try("leases", _leases(self._compute, look, who), memory.leases),
            self._try("offers", self._compute.discover(look), memory.offers),
            self._try("gas station", _eth_price(look, who), memory.eth_price),
        )
        found = replace(
            memory,
            wei=wei,
            micro=micro,
            base_fee=base_fee,
            leases=leases,
            offers=_fewer(offers, leases),
            eth_price=price,
        )
        return _Found(found, stale=any(s in self.faults for s in ("balance", "token", "leases")))

    async def _surveys(self, look: Asked, seen: Snapshot) -> dict[str, Mapping[str, Json]]:
        found = await asyncio.gather(*(self._survey(s, look, seen) for s in self._strategies))
        return {
            strategy.name: self._believed(strategy.name, survey)
            for strategy, survey in zip(self._strategies, found, strict=True)
            if survey is not None
        }

    def _believed(self, name: str, survey: Mapping[str, Json]) -> Mapping[str, Json]:
        """A stranger's word that it has money would keep a dying life from its ending."""
        if name not in self._strangers:
            return survey
        return {key: value for key, value in survey.items() if key != LIQUID}

    def _savings(
        self, surveys: Mapping[str, Mapping[str, Json]], last: Mapping[str, Micro]
    ) -> Mapping[str, Micro]:
        """What each says now; of whom nothing is heard, what he said last."""
        said = {name: metabolism.liquid(survey) for name, survey in surveys.items()}
        return {name: micro for name, micro in {**last, **said}.items() if micro}

    async def _survey(
        self, strategy: Surveyor, read: Reader, seen: Snapshot
    ) -> Mapping[str, Json] | None:
        place = f"survey {strategy.name}"
        try:
            found = await asyncio.wait_for(strategy.survey(read, seen), SURVEY_S)
            survey = bounds.survey(found)
        except Exception as fault:  # a strategy that fails is skipped, not obeyed
            if _halts(fault):
                raise
            told = str(fault) or type(fault).__name__
            if place not in self.faults:  # the first of a row
                log.warning("strategy.failed", strategy=strategy.name, says=told)
            self.faults[place] = told
            # A contract that reverts has answered: there is nothing to be had.
            return {} if isinstance(fault, Reverted) else None
        self.faults.pop(place, None)
        return survey

    async def _try(self, source: str, reading: Awaitable[T], last: T | None) -> T:
        """What is read now, else what was read last."""
        try:
            value = await reading
        except ChainError as fault:
            if _halts(fault) or last is None:
                raise
            self.faults[source] = str(fault)
            return last
        self.faults.pop(source, None)
        return value


def _with(escrow: Micro, savings: Mapping[str, Micro]) -> Micro:
    """All money that is not in hand."""
    return Micro(escrow + sum(savings.values()))


def known(value: T | None) -> T:
    """What a look has made sure of."""
    if value is None:
        raise ValueError(value)
    return value


def _halts(fault: Exception) -> bool:
    return isinstance(fault, ChainError) and fault.consequence == "halt"


def _fewer(offers: Sequence[Offer], leases: Sequence[Lease]) -> tuple[Offer, ...]:
    """The cheapest, and what those offer whose machines are rented already."""
    hosts = {lease.provider for lease in leases}
    cheapest = sorted(offers, key=lambda offer: (offer.rate, offer.id))
    theirs = [offer for offer in cheapest if offer.provider in hosts][:MOST_OFFERS]
    others = [offer for offer in cheapest if offer.provider not in hosts][:MOST_OFFERS]
    return tuple(sorted((*theirs, *others), key=lambda offer: (offer.rate, offer.id)))


async def _leases(compute: ComputeProvider, read: Reader, who: Self) -> tuple[Lease, ...]:
    return tuple(await compute.leases(read, who.wallet))


async def _token(read: Reader, who: Self) -> Micro:
    [held] = await read.call(who.places.token, BALANCE_OF, [who.wallet])
    return Micro(int(str(held)))


async def _eth_price(read: Reader, who: Self) -> Micro:
    if who.places.gas_station is None:
        return Micro(0)
    [price] = await read.call(who.places.gas_station, "price()(uint256)")
    return Micro(int(str(price)))
