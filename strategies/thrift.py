"""Staying alive: keeping a lease paid for and gas in the tank, and no more than that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from chain.port import Reader
from chain.types import Json, Micro
from compute import market
from compute.port import ComputeProvider
from strategies.needs import Needs, Rule
from strategies.options import read_options
from strategies.port import Action, Places, Snapshot, Tools
from strategies.refuel import BUY, Tank, fuel_money, refuels
from strategies.rent import COMING, LIVE, Habits, closings, extensions, openings

GUARDIAN_ARG: Final = market.OPEN.split(",").index("address", 1)
"""Where a lease's guardian stands among the arguments."""


@dataclass(frozen=True, slots=True)
class Options:
    """Hours are chain hours; gas is in units of gas."""

    extend_h: tuple[int, ...] = (4, 8, 16)
    """Sizes of an extension."""
    low_h: int = 6
    """Below this much paid time the reflex wants more."""
    target_h: int = 12
    """What it would like to have paid for afterwards."""
    open_h: int = 8
    """Deposit of a new lease."""
    renew_h: int = 3
    """So long before a lease's own end the next one may be opened."""
    change_pct: int = 20
    """A remote life moves for such a saving."""
    sleep_h: int = 2
    """A remote life with less runway than this would rather sleep and earn."""
    home: str = ""
    """The provider an embodied life lives at, for when no lease tells."""
    floor_gas: int = 1_500_000
    fill_gas: int = 4_000_000
    slippage_pct: int = 30
    authorization_s: int = 21_600
    """How long a signed payment may be used."""


class Thrift:
    """Offers to extend, open or close leases and to refuel."""

    name = "thrift"

    def __init__(self, options: Options, compute: ComputeProvider) -> None:
        self._home = options.home
        self._compute = compute
        self._habits = Habits(
            extend_h=options.extend_h,
            low_h=max(1, options.low_h),
            target_h=max(1, options.target_h),
            open_h=options.open_h,
            renew_h=max(1, options.renew_h),
            change_pct=options.change_pct,
            sleep_h=options.sleep_h,
            authorization_s=options.authorization_s,
        )
        self._tank = Tank(
            floor=options.floor_gas,
            fill=options.fill_gas,
            slippage_pct=options.slippage_pct,
            authorization_s=options.authorization_s,
        )

    async def survey(self, read: Reader, seen: Snapshot) -> Mapping[str, Json]:
        """How many leases there are besides the one lived on."""
        here = seen.lease.id if seen.lease is not None else None
        leases = await self._compute.leases(read, seen.wallet)
        others = [x for x in leases if x.id != here and x.state in (*LIVE, *COMING)]
        return {"other_n": len(others)}

    def propose(self, seen: Snapshot) -> Sequence[Action]:
        spare = Micro(max(0, seen.holdings.micro - fuel_money(seen, self._tank)))
        return (
            *extensions(seen, self._habits, self._compute, spare),
            *openings(seen, self._habits, self._compute, spare, self._home),
            *refuels(seen, self._tank),
            *closings(seen, self._habits, self._compute),
        )


def make(options: Mapping[str, Json], tools: Tools) -> Thrift:
    return Thrift(read_options(Options, options), tools.compute)


def needs(options: Mapping[str, Json], places: Places) -> Needs:  # noqa: ARG001
    """Whoever guards a lease may close it and keep the rest: that is the operator or nobody."""
    leases = (
        Rule(places.lease_market, market.OPEN, payee=GUARDIAN_ARG),
        Rule(places.lease_market, market.EXTEND),
        Rule(places.lease_market, market.CLOSE),
    )
    station = places.gas_station
    return Needs((*leases, Rule(station, BUY)) if station else leases)
