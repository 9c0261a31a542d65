"""A scenario: every figure of a world that an agent may live in, in one versioned TOML file.

Times ending in `_h` and `_s` are chain time, `_wall_s` is the wall clock's; amounts are micro-units
of the token or wei. What happens when follows from the scenario and a seed alone: see `events`.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Literal, Self

from pydantic import Field, ValidationError, model_validator

from strategies.port import Placing
from world.demand import Demand
from world.errors import BadScenario
from world.news import NewsTable
from world.pools import PoolTable
from world.section import NAME, Section
from world.vaults import VaultTable

HOUR: Final = 3600
MOST_WORK: Final = 5000
SHIPPED: Final = Path(__file__).parent / "scenarios"
DEMO: Final = SHIPPED / "demo.toml"


class Time(Section):
    """How fast chain time runs, and for how long."""

    horizon_h: float = Field(gt=0, le=100_000, allow_inf_nan=False)
    block_wall_s: float = Field(gt=0)
    chain_seconds_per_wall_second: float = Field(gt=0)

    @property
    def block_s(self) -> int:
        """Chain seconds from one block to the next."""
        return round(self.block_wall_s * self.chain_seconds_per_wall_second)

    @model_validator(mode="after")
    def _whole_seconds(self) -> Self:
        exact = self.block_wall_s * self.chain_seconds_per_wall_second
        if self.block_s < 1 or abs(exact - self.block_s) > 1e-6:  # noqa: PLR2004  # rounding
            raise ValueError("block_wall_s × chain_seconds_per_wall_second must be whole seconds")
        return self


class Endowment(Section):
    """What an agent starts with, and where it lives."""

    placing: Placing = Placing.EMBODIED

    micro: int = Field(ge=0)
    wei: int = Field(ge=0)
    first_lease_h: float = Field(ge=0)
    hibernate_max_h: float = Field(default=24, gt=0)


class JobRegime(Section):
    """A spell of work: how much there is and what it pays."""

    name: str
    mean_h: float = Field(gt=0)
    per_hour: float = Field(ge=0)
    reward_micro: int = Field(gt=0)


class Jobs(Section):
    """One stream of jobs, all posted by one poster; rewards spread around their regime's."""

    name: str = Field(pattern=NAME)
    regimes: tuple[JobRegime, ...] = Field(min_length=1)
    spread: float = Field(default=2, ge=1)
    """Rewards lie between a spread-th and spread times the regime's."""
    work_n: tuple[int, int] = (0, 2000)
    """Least and most steps of work: what its gas grows with."""
    early_share: float = Field(default=0.25, ge=0, le=1)
    """So many are announced up to `early_h` before they can be done."""
    early_h: float = Field(default=2, ge=0)
    window_h: tuple[float, float] = (3, 10)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        least, most = self.work_n
        if not 0 <= least <= most <= MOST_WORK or not 0 < self.window_h[0] <= self.window_h[1]:
            raise ValueError("least and most are not in order")
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
    reaction_h: float = Field(default=1, gt=0)
    """So long after a job can be done he comes round to it, on average, before his policy."""
    least_micro: int = 0
    """What a job must leave over its gas; an accomplice may do without."""
    jobs: tuple[str, ...] = ()
    """The streams he looks at; all by default."""
    share: float = Field(default=1, gt=0, le=1)
    """Of the jobs, so many interest him."""


class PriceRegime(Section):
    """A spell of rent."""

    name: str
    mean_h: float = Field(gt=0)
    hour_micro: int = Field(gt=0)


class Outages(Section):
    """When a provider's machines are silent: no heartbeat, so its leases lapse."""

    every_h: float = Field(gt=0)
    lasting_h: float = Field(gt=0)


class Crowd(Section):
    """Other tenants: spells in which so many of a provider's places are taken."""

    mean_h: float = Field(gt=0)
    most_n: int = Field(ge=1)


class Provider(Section):
    """Somebody who rents out machines, and how his price moves."""

    name: str = Field(pattern=NAME)
    regimes: tuple[PriceRegime, ...] = Field(min_length=1)
    min_s: int = Field(default=1800, gt=0)
    max_h: float = Field(default=240, gt=0)
    grace_s: int = Field(default=14_400, gt=0)
    activation_s: int = Field(default=14_400, gt=0)
    slots: int = Field(default=4, gt=0)
    stake_micro: int = Field(default=10_000_000, ge=0)
    outages: Outages | None = None
    crowd: Crowd | None = None


class GasRegime(Section):
    """A spell of gas."""

    name: str
    mean_h: float = Field(gt=0)
    base_fee_wei: int = Field(ge=7)


class Gas(Section):
    """What gas costs on this chain, and what the station takes for it."""

    regimes: tuple[GasRegime, ...] = Field(min_length=1)
    station_micro: int = Field(ge=2)
    """For 10¹⁸ wei, on average: it moves between half and twice that by itself."""
    station_wei: int = Field(default=10**21, ge=0)


class Halts(Section):
    """An operator who halts lives now and then, for reasons of his own."""

    mean_h: float = Field(gt=0)


class Scenario(Section):
    """The whole file."""

    version: Literal[2]
    name: str = Field(pattern=NAME)
    summary: str = ""
    time: Time
    endowment: Endowment
    jobs: tuple[Jobs, ...] = Field(min_length=1)
    rivals: tuple[Rival, ...] = ()
    providers: tuple[Provider, ...] = Field(min_length=1)
    gas: Gas
    halts: Halts | None = None
    pools: tuple[PoolTable, ...] = ()
    vault: VaultTable | None = None
    news: NewsTable | None = None
    demand: Demand | None = None
    """Who would buy the agents' answers."""
    use: tuple[str, ...] = ("thrift", "keeper")
    """The strategies that agents here are born with."""
    strategies: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict)
    """Options of theirs; addresses are the world's to fill in."""

    @model_validator(mode="after")
    def _names(self) -> Self:
        for what, named in (
            ("jobs", self.jobs),
            ("rivals", self.rivals),
            ("providers", self.providers),
        ):
            if len({each.name for each in named}) < len(named):
                raise ValueError(f"two {what} have one name")
        known = {stream.name for stream in self.jobs}
        for rival in self.rivals:
            if unknown := set(rival.jobs) - known:
                raise ValueError(f"rival {rival.name} looks at unknown jobs: {min(unknown)}")
            if rival.policy is Policy.ACCOMPLICE and len(rival.jobs) != 1:
                raise ValueError(f"accomplice {rival.name} names his poster's one stream of jobs")
        return self

    @property
    def home(self) -> Provider:
        """Where the first lease is opened."""
        return self.providers[0]

    @property
    def digest(self) -> str:
        """Of everything in it, however the file was written."""
        text = json.dumps(
            self.model_dump(mode="json", exclude_unset=True), sort_keys=True, separators=(",", ":")
        )
        return "0x" + hashlib.sha256(text.encode()).hexdigest()

    @property
    def horizon_s(self) -> int:
        return int(self.time.horizon_h * HOUR)

    def lasting(self, wall_s: float) -> Scenario:
        """The same world with another horizon, given in wall seconds."""
        hours = wall_s * self.time.chain_seconds_per_wall_second / HOUR
        return self.model_copy(update={"time": self.time.model_copy(update={"horizon_h": hours})})


def load_scenario(path: Path = DEMO) -> Scenario:
    """Raises `BadScenario` with the first thing that is wrong, in words."""
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
    except OSError as fault:
        raise BadScenario("the scenario cannot be read", file=path, why=fault.strerror) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise BadScenario("the scenario is not TOML", file=path, why=fault) from None
    try:
        return Scenario.model_validate(raw)
    except ValidationError as fault:
        raise _in_words(fault, path) from None


def _in_words(fault: ValidationError, path: Path) -> BadScenario:
    faults = fault.errors(include_url=False)
    unknown = [each for each in faults if each["type"] == "extra_forbidden"]
    first = (unknown or faults)[0]
    place = first["loc"]
    where = ".".join(str(part) for part in place)
    if not unknown:
        return BadScenario("a value cannot be", file=path, key=where, why=first["msg"])
    nearest = get_close_matches(str(place[-1]), _names(place[:-1]), n=1, cutoff=0.0)
    return BadScenario("unknown key", file=path, key=where, meant=nearest[0])


def _names(table: tuple[int | str, ...]) -> list[str]:
    """What may stand in a table."""
    model: Any = Scenario
    for part in table:
        if isinstance(part, str):
            kind = model.model_fields[part].annotation
            model = next((a for a in getattr(kind, "__args__", ()) if a is not Ellipsis), kind)
    return list(model.model_fields)
