"""The agent's one config file: frozen, with units in the names, and strict about every key."""

from __future__ import annotations

import difflib
import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal, Self
from urllib.parse import urlsplit

from eth_utils.address import is_address, to_checksum_address
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from agent.complaints import DEEPER, PREFIX, explain, know_variables, unparsed
from agent.errors import BadConfig
from agent.models import USUAL
from chain.types import Address
from strategies.port import Places, Placing

FILE = "forager.toml"


def _address(value: str) -> str:
    if not is_address(value):
        raise ValueError("not an address")
    return to_checksum_address(value)


def _http(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ValueError("not an http address")
    _authority(value)
    return value


def _uri(value: str) -> str:
    if value and not value.isascii():
        raise ValueError("not a URI: use its ASCII form")
    if value and "://" not in value:
        raise ValueError("not a URI, like http://agent.example:8420 or ipns://…")
    if value:
        _authority(value)
    return value


def _authority(value: str) -> None:
    """Its host and port must be ones; who may be let in is never part of an address."""
    try:
        parts = urlsplit(value)
        parts.port  # noqa: B018  # it is judged when it is asked for
    except ValueError as error:
        raise ValueError(f"not an address: {error}") from None
    if not parts.hostname or any(c.isspace() for c in value):
        raise ValueError("not an address: no host")
    if parts.username is not None or parts.password is not None:
        raise ValueError("no user or password belongs into an address: it is shown to others")


def _multiaddr(value: str) -> str:
    if not value.startswith("/"):
        raise ValueError("not a multiaddr, like /dns/example.org/tcp/4001/p2p/…")
    return value


AddressText = Annotated[str, AfterValidator(_address)]
UrlText = Annotated[str, AfterValidator(_http)]
UriText = Annotated[str, AfterValidator(_uri)]
MultiaddrText = Annotated[str, AfterValidator(_multiaddr)]
MOST_ORIGINS: Final = 19
"""The pinning API takes twenty; one is our own gateway."""


class Section(BaseModel):
    """A table of the file."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False
    )


class Chain(Section):
    """Which chain, and where this project's contracts stand on it."""

    rpc: tuple[UrlText, ...] = Field(min_length=1)
    chain_id: int = Field(gt=0)
    registry: AddressText
    token: AddressText
    lease_market: AddressText
    job_board: AddressText | None = None
    gas_station: AddressText | None = None
    finality_blocks: int = Field(default=2, ge=1)
    chain_seconds_per_wall_second: float = Field(default=1.0, gt=0)

    @property
    def places(self) -> Places:
        return Places(
            registry=Address(self.registry),
            token=Address(self.token),
            lease_market=Address(self.lease_market),
            job_board=Address(self.job_board) if self.job_board else None,
            gas_station=Address(self.gas_station) if self.gas_station else None,
        )


MISSED_HEARTBEATS: Final = 4
LEAST_SILENCE_MS: Final = 60_000
LONGEST_H: Final = 24.0 * 365 * 100
"""A hundred years: a record's counters have an end."""


class Life(Section):
    """Its rhythm and its bounds; `_s` is wall time, `_h` is chain time."""

    tick_s: float = Field(default=30.0, gt=0)
    heartbeat_s: float = Field(default=300.0, gt=0, le=900)
    horizon_h: float = Field(default=24.0 * 365, gt=0, le=LONGEST_H)
    will_s: float = Field(default=120.0, ge=0)
    hibernate_max_h: float = Field(default=24.0, gt=0, le=LONGEST_H)

    @property
    def silence_ms(self) -> int:
        """Records further apart than this have a `gap` between them; at most an hour."""
        return max(LEAST_SILENCE_MS, round(MISSED_HEARTBEATS * self.heartbeat_s * 1000))


class Place(Section):
    """Embodied on the machine it rents, or remote beside its operator."""

    mode: Placing = Placing.EMBODIED


class Mind(Section):
    """What chooses, and how freely."""

    model: str = USUAL
    context: int = Field(default=512, ge=64)
    threads: int = Field(default=1, ge=1)
    epsilon: float = Field(default=0.05, ge=0, le=1)
    temperature: float = Field(default=1.0, gt=0)
    deadline_s: float = Field(default=10.0, gt=0)
    menu_max: int = Field(default=12, ge=1, le=26)


class Elsewhere(Section):
    """What every target has."""

    url: UrlText
    deadline_s: float = Field(default=20.0, gt=0)

    @property
    def name(self) -> str:
        """What its progress is remembered by."""
        return self.url.rstrip("/")


class KuboTarget(Elsewhere):
    """An IPFS node, or an archive, that takes this life's epochs and pins them."""

    kind: Literal["kubo"] = "kubo"


class PinningTarget(Elsewhere):
    """A pinning service that fetches this life's epochs and pins them."""

    kind: Literal["pinning"] = "pinning"
    token_file: str = Field(min_length=1)
    origins: tuple[MultiaddrText, ...] = Field(default=(), max_length=MOST_ORIGINS)


def _kind(target: object) -> object:
    """What a target says it is; who says nothing is a Kubo."""
    known = target.get("kind", "kubo") if isinstance(target, dict) else None
    return known if known is not None else getattr(target, "kind", None)


Target = Annotated[
    Annotated[KuboTarget, Tag("kubo")] | Annotated[PinningTarget, Tag("pinning")],
    Discriminator(_kind),
]
"""Somewhere else that keeps this life's epochs."""


class Telemetry(Section):
    """How the log is cut, served, anchored and sent away."""

    epoch_records: int = Field(default=256, ge=1, le=4096)
    epoch_s: float = Field(default=600.0, gt=0)
    anchor_every: int = Field(default=6, ge=1)
    gateway_host: str = "127.0.0.1"
    gateway_port: int = Field(default=8420, ge=0, le=65535)
    serve_uri: UriText = ""
    targets: tuple[Target, ...] = ()

    @field_validator("targets")
    @classmethod
    def _once_each(cls, targets: tuple[Target, ...]) -> tuple[Target, ...]:
        if len({target.name for target in targets}) < len(targets):
            raise ValueError("a target's address is listed twice: progress is kept by it")
        return targets


class Plugins(Section):
    """How far strangers' strategies are trusted."""

    allow_unconfined: tuple[str, ...] = ()


class Shop(Section):
    """Where inference is sold and how it is paid; it listens only while `merchant` is in use."""

    host: str = "127.0.0.1"
    port: int = Field(default=8402, ge=0, le=65535)
    uri: UriText = ""
    facilitator: UriText = ""
    token_name: str = "USD Coin"  # noqa: S105  # no secret
    token_version: str = "2"  # noqa: S105  # likewise
    max_timeout_s: int = Field(default=300, ge=30, le=36_000)
    body_bytes: int = Field(default=65_536, gt=0, le=2**20)
    queue_n: int = Field(default=8, ge=1, le=64)


class Keys(Section):
    """Who the operator is, and where the signer is found; secrets are paths to files."""

    operator: AddressText
    signer: Literal["child", "socket"] = "child"
    socket: str = ""

    @model_validator(mode="after")
    def _has_socket(self) -> Self:
        if self.signer == "socket" and not self.socket:
            raise ValueError("a signer of its own needs keys.socket, the path of its socket")
        return self


class Config(BaseSettings):
    """The whole of forager.toml; FORAGER_CHAIN__RPC and the like override single keys."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix=PREFIX, env_nested_delimiter=DEEPER
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
    plugins: Plugins = Plugins()
    shop: Shop = Shop()

    @field_validator("use")
    @classmethod
    def _once_each(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(names)) < len(names):
            raise ValueError("a strategy is listed twice")
        return names

    @model_validator(mode="after")
    def _can_be_paid(self) -> Self:
        if "merchant" in self.use and not self.shop.facilitator.startswith(("http://", "https://")):
            raise ValueError("merchant needs shop.facilitator, the address of an x402 facilitator")
        return self

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
        return parse(path.read_text("utf-8"), path)
    except FileNotFoundError:
        raise BadConfig(f"no agent lives in {home}", "make one with forager init") from None
    except OSError as fault:
        raise BadConfig(f"{path} cannot be read: {fault.strerror}", "look at its mode") from None
    except UnicodeDecodeError as fault:
        raise BadConfig(f"{path} is not TOML: {fault}", "mend that line") from None


def parse(text: str, path: Path) -> Config:
    """What a text says, and the environment above it; `path` is for complaints."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        raise BadConfig(f"{path} is not TOML: {fault}", "mend that line") from None
    know_variables(Config, os.environ)
    try:
        config = Config(**raw)
    except SettingsError as fault:
        raise BadConfig(*unparsed(str(fault))) from None
    except ValidationError as fault:
        raise BadConfig(*explain(Config, path, fault)) from None
    named = [(name, f"strategies.{name}") for name in config.strategies]
    allowed = [
        (name, f"plugins.allow_unconfined: {name}") for name in config.plugins.allow_unconfined
    ]
    for name, where in (*named, *allowed):
        if name not in config.use:
            near = difflib.get_close_matches(name, config.use, n=1)
            hint = f"did you mean {near[0]}?" if near else "list it in use, or remove it"
            raise BadConfig(f"{path}: {where} is not in use", hint)
    return config
