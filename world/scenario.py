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
from pathlib import Path
from typing import Any, Final, Literal, Self

from pydantic import Field, ValidationError, model_validator

from world.demand import Demand
from world.errors import BadScenario
from world.news import NewsTable
from world.pools import PoolTable
from world.section import NAME, Section
from world.tables import Endowment, Gas, Halts, Jobs, Policy, Provider, Rival, Time
from world.vaults import VaultTable

HOUR: Final = 3600
MOST_EVENTS: Final = 1_000_000
"""Jobs, visits and news: all are drawn before a world begins, or come to it one by one."""
SHIPPED: Final = Path(__file__).parent / "scenarios"
DEMO: Final = SHIPPED / "demo.toml"


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
            ("pools", self.pools),
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

    @model_validator(mode="after")
    def _strategies(self) -> Self:
        if len(set(self.use)) < len(self.use):
            raise ValueError("a strategy is named twice in use")
        if idle := self.strategies.keys() - set(self.use):
            raise ValueError(f"options of {min(idle)}, which is not in use")
        return self

    @model_validator(mode="after")
    def _bearable(self) -> Self:
        most = [max(regime.per_hour for regime in stream.regimes) for stream in self.jobs]
        most += [pool.informed_per_h + pool.noise_per_h for pool in self.pools]
        if self.demand:
            most.append(max(regime.per_hour for regime in self.demand.regimes))
        if self.news:
            most.append(self.news.per_hour)
        if sum(most) * self.time.horizon_h > MOST_EVENTS:
            raise ValueError(f"more than {MOST_EVENTS} jobs, visits and news would come")
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
    except (ValueError, RecursionError) as fault:  # of text, numbers, or nesting
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
        key = {"key": where} if where else {}
        why = first["msg"].removeprefix("Value error, ")
        return BadScenario("a value cannot be", file=path, **key, why=why)
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
