"""The tables that every scenario has: time, money, jobs and who else does them, machines, gas."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from strategies.port import Placing
from world.section import (
    MOST_H,
    MOST_MICRO,
    NAME,
    Amount,
    Hours,
    Lasting,
    PerHour,
    Price,
    Section,
    Share,
    Spread,
)

HOUR: Final = 3600
MOST_WORK: Final = 5000
MOST_BLOCKS: Final = 1_000_000
MOST_WINDOW_H: Final = 1000
MOST_LEASE_H: Final = 1000
MOST_HOUR_MICRO: Final = 10**9
MOST_BASE_FEE: Final = 10**11
"""Half of what an agent pays at most for a unit of gas."""
MOST_WEI: Final = 10**20
MOST_STATION_WEI: Final = 10**24
Seconds = Annotated[int, Field(strict=True, gt=0, le=2**32 - 1)]
"""As the lease market takes them."""
Speed = Annotated[float, Field(strict=True, gt=0, le=10**9)]


class Time(Section):
    """How fast chain time runs, and for how long."""

    horizon_h: Hours
    block_wall_s: Speed
    chain_seconds_per_wall_second: Speed

    @property
    def block_s(self) -> int:
        """Chain seconds from one block to the next."""
        return round(self.block_wall_s * self.chain_seconds_per_wall_second)

    @model_validator(mode="after")
    def _whole_seconds(self) -> Self:
        exact = self.block_wall_s * self.chain_seconds_per_wall_second
        if self.block_s < 1 or abs(exact - self.block_s) > 1e-6:  # noqa: PLR2004  # rounding
            raise ValueError("block_wall_s × chain_seconds_per_wall_second must be whole seconds")
        if self.block_s > HOUR * MOST_H:
            raise ValueError(f"a block lasts no more than {MOST_H} hours")
        if self.horizon_h * HOUR / self.block_s > MOST_BLOCKS:
            raise ValueError(f"horizon_h takes more than {MOST_BLOCKS} blocks")
        return self


class Endowment(Section):
    """What an agent starts with, and where it lives."""

    placing: Placing = Placing.EMBODIED

    micro: Amount
    wei: int = Field(strict=True, ge=0, le=MOST_WEI)
    first_lease_h: float = Field(strict=True, ge=0, le=MOST_LEASE_H)
    hibernate_max_h: Hours = 24


class JobRegime(Section):
    """A spell of work: how much there is and what it pays."""

    name: str
    mean_h: Lasting
    per_hour: PerHour
    reward_micro: Price


class Jobs(Section):
    """One stream of jobs, all posted by one poster; rewards spread around their regime's."""

    name: str = Field(pattern=NAME)
    regimes: tuple[JobRegime, ...] = Field(min_length=1)
    spread: Spread = 2
    """Rewards lie between a spread-th and spread times the regime's."""
    work_n: tuple[int, int] = (0, 2000)
    """Least and most steps of work: what its gas grows with."""
    early_share: Share = 0.25
    """So many are announced up to `early_h` before they can be done."""
    early_h: float = Field(default=2, strict=True, ge=0, le=MOST_WINDOW_H)
    window_h: tuple[float, float] = (3, 10)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        least, most = self.work_n
        shortest, longest = self.window_h
        if not 0 <= least <= most <= MOST_WORK:
            raise ValueError(f"work_n is least and most, up to {MOST_WORK}")
        if not 0 < shortest <= longest <= MOST_WINDOW_H:
            raise ValueError(f"window_h is shortest and longest, up to {MOST_WINDOW_H}")
        return self


class Policy(StrEnum):
    """How somebody else goes about the jobs."""

    PATIENT = "patient"
    """Comes round to a job some time after it can be done."""
    HUNGRY = "hungry"
    """The sooner, the more a job pays over what is usual."""
    FOLLOWER = "follower"
    """The sooner, the more jobs somebody else has done of late: success draws him."""
    FRUGAL = "frugal"
    """Works only while gas is cheap, and then at once."""
    STORMY = "stormy"
    """Works only while gas is dear, and then at once: when others stay at home."""
    ACCOMPLICE = "accomplice"
    """Takes what his own poster posts, in the very block in which it can be done: a trap."""


class Rival(Section):
    """Somebody else who does jobs, if it pays him."""

    name: str = Field(pattern=NAME)
    policy: Policy = Policy.PATIENT
    reaction_h: Hours = 1
    """So long after a job can be done he comes round to it, on average, before his policy."""
    least_micro: int = Field(default=0, strict=True, ge=-MOST_MICRO, le=MOST_MICRO)
    """What a job must leave over its gas; an accomplice may do without."""
    jobs: tuple[str, ...] = ()
    """The streams he looks at; all by default."""
    share: float = Field(default=1, strict=True, gt=0, le=1)
    """Of the jobs, so many interest him."""


class PriceRegime(Section):
    """A spell of rent."""

    name: str
    mean_h: Lasting
    hour_micro: int = Field(strict=True, gt=0, le=MOST_HOUR_MICRO)


class Outages(Section):
    """When a provider's machines are silent: no heartbeat, so its leases lapse."""

    every_h: Lasting
    lasting_h: Hours


class Crowd(Section):
    """Other tenants: spells in which so many of a provider's places are taken."""

    mean_h: Lasting
    most_n: int = Field(strict=True, ge=1, le=64)


class Provider(Section):
    """Somebody who rents out machines, and how his price moves."""

    name: str = Field(pattern=NAME)
    regimes: tuple[PriceRegime, ...] = Field(min_length=1)
    min_s: Seconds = 1800
    max_h: Hours = 240
    grace_s: Seconds = 14_400
    activation_s: Seconds = 14_400
    slots: int = Field(default=4, strict=True, gt=0, le=2**32 - 1)
    stake_micro: Amount = 10_000_000
    outages: Outages | None = None
    crowd: Crowd | None = None

    @model_validator(mode="after")
    def _lettable(self) -> Self:
        if self.min_s > int(self.max_h * HOUR):
            raise ValueError("a lease of min_s is longer than max_h")
        return self


class GasRegime(Section):
    """A spell of gas."""

    name: str
    mean_h: Lasting
    base_fee_wei: int = Field(strict=True, ge=7, le=MOST_BASE_FEE)


class Gas(Section):
    """What gas costs on this chain, and what the station takes for it."""

    regimes: tuple[GasRegime, ...] = Field(min_length=1)
    station_micro: int = Field(strict=True, ge=2, le=MOST_MICRO)
    """For 10¹⁸ wei, on average: it moves between half and twice that by itself."""
    station_wei: int = Field(default=10**21, strict=True, ge=0, le=MOST_STATION_WEI)


class Halts(Section):
    """An operator who halts lives now and then, for reasons of his own."""

    mean_h: Lasting
