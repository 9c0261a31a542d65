"""The agent's one config file: frozen, with units in the names, and strict about every key."""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from agent.errors import BadConfig
from strategies.port import Placing

FILE = "forager.toml"


class Section(BaseModel):
    """A table of the file."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")


class Chain(Section):
    """Which chain, and where this project's contracts stand on it."""

    rpc: tuple[str, ...] = Field(min_length=1)
    chain_id: int = Field(gt=0)
    registry: str
    token: str
    lease_market: str
    job_board: str | None = None
    gas_station: str | None = None
    finality_blocks: int = Field(default=2, ge=1)
    chain_seconds_per_wall_second: float = Field(default=1.0, gt=0)

    @field_validator("registry", "token", "lease_market", "job_board", "gas_station")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        from eth_utils.address import is_address, to_checksum_address

        if value is None:
            return None
        if not is_address(value):
            raise ValueError("not an address")
        return to_checksum_address(value)


class Life(Section):
    """Its rhythm and its bounds; `_s` is wall time, `_h` is chain time."""

    tick_s: float = Field(default=30.0, gt=0)
    heartbeat_s: float = Field(default=300.0, gt=0)
    horizon_h: float = Field(default=24.0 * 365, gt=0)
    will_s: float = Field(default=120.0, ge=0)
    hibernate_max_h: float = Field(default=24.0, gt=0)


class Place(Section):
    """Embodied on the machine it rents, or remote beside its operator."""

    mode: Placing = Placing.EMBODIED


class Mind(Section):
    """What chooses, and how freely."""

    model: str = "builtin:g0"
    context: int = Field(default=512, ge=64)
    threads: int = Field(default=1, ge=1)
    epsilon: float = Field(default=0.05, ge=0, le=1)
    temperature: float = Field(default=1.0, gt=0)
    deadline_s: float = Field(default=10.0, gt=0)
    menu_max: int = Field(default=12, ge=1, le=26)


class Target(Section):
    """Somewhere else that keeps this life's epochs."""

    kind: Literal["kubo"] = "kubo"
    url: str
    deadline_s: float = Field(default=20.0, gt=0)


class Telemetry(Section):
    """How the log is cut, served, anchored and sent away."""

    epoch_records: int = Field(default=256, ge=1, le=4096)
    epoch_s: float = Field(default=600.0, gt=0)
    anchor_every: int = Field(default=6, ge=1)
    gateway_host: str = "127.0.0.1"
    gateway_port: int = Field(default=8420, ge=0, le=65535)
    serve_uri: str = ""
    targets: tuple[Target, ...] = ()


class Keys(Section):
    """Who the operator is, and where the signer is found; secrets are paths to files."""

    operator: str
    signer: Literal["child", "socket"] = "child"
    socket: str = ""


class Config(BaseSettings):
    """The whole of forager.toml; FORAGER_CHAIN__RPC and the like override single keys."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix="FORAGER_", env_nested_delimiter="__"
    )

    chain: Chain
    keys: Keys
    life: Life = Life()
    placing: Place = Place()
    mind: Mind = Mind()
    telemetry: Telemetry = Telemetry()
    use: tuple[str, ...] = ("thrift", "keeper")
    strategies: dict[str, dict[str, Any]] = Field(default_factory=dict)
    compute: str = "lease-market"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file; nothing else is read."""
        del settings_cls, dotenv_settings, file_secret_settings
        return env_settings, init_settings


def load(home: Path) -> Config:
    """Read the home's config, or say in one line what is wrong with it."""
    path = home / FILE
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise BadConfig(f"no agent lives in {home}", "make one with forager init") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise BadConfig(f"{path} is not TOML: {fault}", "mend that line") from None
    try:
        return Config(**raw)
    except ValidationError as fault:
        raise BadConfig(*_explain(path, fault)) from None


def _explain(path: Path, fault: ValidationError) -> tuple[str, str]:
    first = fault.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(first["loc"][-1]), _names(first["loc"][:-1]), n=1)
        hint = f"did you mean {near[0]}?" if near else "remove it"
        return f"{path}: unknown key {where}", hint
    if first["type"] == "missing":
        return f"{path}: {where} is missing", "add it"
    return f"{path}: {where}: {first['msg'].lower()}", f"it is {first.get('input')!r} now"


def _names(table: tuple[int | str, ...]) -> list[str]:
    model: Any = Config
    for part in table:
        if isinstance(part, str) and part in getattr(model, "model_fields", {}):
            annotation = model.model_fields[part].annotation
            inner = [a for a in getattr(annotation, "__args__", ()) if hasattr(a, "model_fields")]
            model = inner[0] if inner else annotation
    return list(getattr(model, "model_fields", {}))
