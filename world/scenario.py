"""A scenario: every figure of a world that an agent may live in, in one versioned TOML file.

Times ending in `_h` and `_s` are chain time, `_wall_s` is the wall clock's; amounts are micro-units
of the token or wei. What happens when follows from the scenario and a seed alone: see `events`.
"""

from __future__ import annotations

import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from world.errors import BadScenario

HOUR: Final = 3600
DEMO: Final = Path(__file__).parent / "scenarios" / "demo.toml"


class Section(BaseModel):
    """A table of the file."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")


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
    """What an agent starts with."""

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
    """The stream of jobs; rewards lie between a spread-th and spread times the regime's."""

    regimes: tuple[JobRegime, ...] = Field(min_length=1)
    spread: float = Field(default=2, ge=1)
    work_max: int = Field(default=2000, ge=0, le=5000)
    early_share: float = Field(default=0.25, ge=0, le=1)
    """So many are announced up to `early_h` before they can be done."""
    early_h: float = Field(default=2, ge=0)
    window_h: tuple[float, float] = (3, 10)
    posters: int = Field(default=2, ge=1, le=16)


class Rival(Section):
    """Somebody else who does jobs: so long after they can be done, on average, if it pays him."""

    name: str
    reaction_h: float = Field(gt=0)
    least_micro: int = Field(default=0, ge=0)


class PriceRegime(Section):
    """A spell of rent."""

    name: str
    mean_h: float = Field(gt=0)
    hour_micro: int = Field(gt=0)


class Rent(Section):
    """The provider's offer, and how its price moves."""

    regimes: tuple[PriceRegime, ...] = Field(min_length=1)
    min_s: int = Field(default=1800, gt=0)
    max_h: float = Field(default=240, gt=0)
    grace_s: int = Field(default=14_400, gt=0)
    activation_s: int = Field(default=14_400, gt=0)
    slots: int = Field(default=4, gt=0)
    stake_micro: int = Field(default=10_000_000, ge=0)


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


class Scenario(Section):
    """The whole file."""

    version: Literal[1]
    name: str
    time: Time
    endowment: Endowment
    jobs: Jobs
    rivals: tuple[Rival, ...] = ()
    rent: Rent
    gas: Gas

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
