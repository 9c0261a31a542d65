"""A provider's one TOML file: frozen, units in the names, unknown keys refused.

Paths are relative to the file. Times ending in `_s` are chain seconds where they are part of the
offer, and wall seconds elsewhere. Secrets are only ever paths to files.
"""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal

from eth_utils.address import to_checksum_address
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from chain.types import Address
from compute.errors import BadConfig


def _address(value: str) -> Address:
    return Address(to_checksum_address(value))


ChainAddress = Annotated[str, AfterValidator(_address)]
Digest = Annotated[str, Field(pattern=r"^0x[0-9a-f]{64}$")]


class Section(BaseModel):
    """A table of the file."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")


class ChainSection(Section):
    """The chain, and where the contracts are on it."""

    rpc: tuple[str, ...] = Field(min_length=1)
    chain_id: int = Field(gt=0)
    registry: ChainAddress
    """Tenants' proofs are signed for its domain."""
    market: ChainAddress
    token: ChainAddress


class KeySection(Section):
    """The provider's own key: a keystore file and the file with its passphrase."""

    file: Path
    passphrase_file: Path


class OfferSection(Section):
    """What is offered; posted once, and adopted by later runs."""

    rate: int = Field(gt=0)
    """Micro-units a second times 10^18."""
    min_s: int = Field(default=600, gt=0)
    max_s: int = Field(default=30 * 24 * 3600, gt=0)
    grace_s: int = Field(default=900, gt=0)
    activation_s: int = Field(default=900, ge=0)
    slots: int = Field(default=1, gt=0)
    stake_micro: int = Field(default=0, ge=0)
    hardware: Digest = "0x" + "0" * 64
    uri: str = ""
    """Where tenants reach the gateway; empty for the host and port it listens on."""
    price_path: Path | None = None
    """A list of [chain seconds since the start, rate]: JSON, or TOML under `path`."""


class ModelSection(Section):
    """What is served: files here, or fetched by CID from an IPFS gateway and then checked."""

    path: Path
    """Where the GGUF file is, or where a fetched one is kept."""
    digest: Digest | Literal[""] = ""
    """Its SHA-256; needed to fetch it."""
    cid: str = ""
    adapter: Path | None = None
    adapter_digest: Digest | Literal[""] = ""
    adapter_cid: str = ""
    ipfs: str = "http://127.0.0.1:8080"
    """The IPFS gateway to fetch from."""
    serve: bool = True
    """Answer prompts of tenants; without it only agents placed here are served."""
    context: int = Field(default=512, gt=0)
    threads: int = Field(default=1, gt=0)
    deadline_s: float = Field(default=5.0, gt=0)

    @model_validator(mode="after")
    def _fetched_is_checked(self) -> ModelSection:
        for cid, digest in ((self.cid, self.digest), (self.adapter_cid, self.adapter_digest)):
            if cid and not digest:
                raise ValueError("a file fetched by CID needs its digest")
        return self


class GatewaySection(Section):
    """Where this provider listens for its tenants; port 0 takes any."""

    host: str = "127.0.0.1"
    port: int = Field(default=0, ge=0, le=65535)


class HabitSection(Section):
    """How it goes about its duties."""

    poll_s: float = Field(default=1.0, gt=0)
    will_s: float = Field(default=30.0, ge=0)
    """From SIGTERM to SIGKILL of an evicted agent."""
    heartbeat_fraction: float = Field(default=1 / 3, gt=0, lt=1)
    """The part of the grace after which it says that it is there."""
    collect_micro: int = Field(default=1_000_000, gt=0)
    """It withdraws from a running lease once this much is owed."""


class PlacingSection(Section):
    """An agent that lives on this machine while its tenant's lease is active."""

    tenant: ChainAddress
    command: tuple[str, ...] = Field(min_length=1)
    home: Path
    env: dict[str, str] = {}


class ProviderConfig(Section):
    """The whole file."""

    home: Path = Path()
    """Where the provider keeps its notes, and its placements' locks and output."""
    chain: ChainSection
    key: KeySection
    offer: OfferSection
    model: ModelSection
    gateway: GatewaySection = GatewaySection()
    habits: HabitSection = HabitSection()
    placing: tuple[PlacingSection, ...] = ()

    @model_validator(mode="after")
    def _one_place_each(self) -> ProviderConfig:
        tenants = [place.tenant for place in self.placing]
        if len(set(tenants)) != len(tenants):
            raise ValueError("a tenant has two placings")
        return self


_TABLES: Final[dict[str, type[BaseModel]]] = {
    "chain": ChainSection,
    "key": KeySection,
    "offer": OfferSection,
    "model": ModelSection,
    "gateway": GatewaySection,
    "habits": HabitSection,
    "placing": PlacingSection,
}


def load_config(path: Path) -> ProviderConfig:
    """Raises `BadConfig` with the first thing that is wrong, in words."""
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
        config = ProviderConfig.model_validate(raw)
    except OSError as fault:
        raise BadConfig("the config cannot be read", file=str(path)) from fault
    except ValidationError as fault:
        raise BadConfig(_in_words(fault), file=str(path)) from fault
    except ValueError as fault:
        raise BadConfig("the config is not TOML", file=str(path), why=str(fault)) from fault
    return _anchored(config, path.resolve().parent)


def _in_words(fault: ValidationError) -> str:
    errors = fault.errors(include_url=False)
    first = next((e for e in errors if e["type"] == "extra_forbidden"), errors[0])
    place = [str(part) for part in first["loc"]]
    if first["type"] != "extra_forbidden":
        return f"{'.'.join(place)}: {first['msg']}"
    section = _TABLES.get(place[0], ProviderConfig) if len(place) > 1 else ProviderConfig
    near = difflib.get_close_matches(place[-1], section.model_fields, n=1)
    return f"{'.'.join(place)} is unknown" + (f"; did you mean {near[0]}?" if near else "")


def _anchored(config: ProviderConfig, folder: Path) -> ProviderConfig:
    """The same config with every path made absolute."""

    def at(path: Path | None) -> Path | None:
        return None if path is None else folder / path

    model, offer = config.model, config.offer
    return config.model_copy(
        update={
            "home": at(config.home),
            "key": KeySection(
                file=folder / config.key.file,
                passphrase_file=folder / config.key.passphrase_file,
            ),
            "offer": offer.model_copy(update={"price_path": at(offer.price_path)}),
            "model": model.model_copy(
                update={"path": at(model.path), "adapter": at(model.adapter)}
            ),
            "placing": tuple(
                place.model_copy(update={"home": folder / place.home}) for place in config.placing
            ),
        }
    )
