"""Founding a local world: the five contracts, always at the same addresses, and money."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Protocol

from eth_utils.crypto import keccak

import contracts
from chain.contracts import constructor
from chain.keys import Key
from chain.purse import Purse
from chain.types import Address, Call, Json, Micro, Wei
from strategies.port import Places
from world.devnet import CHAIN_ID, Devnet
from world.pocket import Pocket
from world.scenario import Scenario
from world.station import weather

RICH: Final = Wei(10**21)


@dataclass(frozen=True, slots=True)
class Deployment:
    """Where everything is."""

    chain_id: int
    token: Address
    registry: Address
    lease_market: Address
    job_board: Address
    gas_station: Address

    @property
    def places(self) -> Places:
        return Places(
            registry=self.registry,
            token=self.token,
            lease_market=self.lease_market,
            job_board=self.job_board,
            gas_station=self.gas_station,
        )

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", "utf-8")

    @classmethod
    def load(cls, path: Path) -> Deployment:
        return cls(**json.loads(path.read_text("utf-8")))


def role(name: str) -> Key:
    """The key of somebody in the world; everyone can make it, so it guards nothing."""
    return Key(keccak(text=f"forager's world: {name}"))


class Founder(Protocol):
    """A purse or a pocket."""

    address: Address

    async def deploy(
        self, bytecode: str, types: Sequence[str] = (), args: Sequence[Json] = ()
    ) -> Address: ...


@dataclass(frozen=True, slots=True)
class Station:
    """What the GasStation is built with."""

    micro_per_eth: Micro
    weather: str
    """The seed its price moves by, 32 bytes as 0x-text."""


async def deploy(devnet: Devnet, scenario: Scenario, seed: int) -> Deployment:
    """Found the world; somebody must be mining. Addresses depend on nothing."""
    founder = Purse(devnet.client, role("founder"))
    await devnet.give_wei(founder.address, RICH)
    station = Station(Micro(scenario.gas.station_micro), weather(scenario.name, seed))
    made = await create_all(founder, CHAIN_ID, station)
    await devnet.give_wei(made.gas_station, Wei(scenario.gas.station_wei))
    return made


async def deploy_at_once(devnet: Devnet, scenario: Scenario, seed: int) -> Deployment:
    """The same contracts at the same addresses; they are there once the next block is mined."""
    founder = Pocket(devnet, role("founder"))
    await devnet.give_wei(founder.address, RICH)
    station = Station(Micro(scenario.gas.station_micro), weather(scenario.name, seed))
    made = await create_all(founder, CHAIN_ID, station)
    await devnet.give_wei(made.gas_station, Wei(scenario.gas.station_wei))
    return made


async def create_all(founder: Founder, chain_id: int, station: Station) -> Deployment:
    """The five contracts, in an order that fixes their addresses for a new key."""

    async def create(name: str, *args: Json) -> Address:
        code = contracts.artifact(name)["bytecode"]
        return await founder.deploy(code, constructor(name), args)

    token = await create("TestDollar")
    registry = await create("AgentRegistry")
    market = await create("LeaseMarket", token)
    board = await create("JobBoard", token)
    pump = await create(
        "GasStation", token, founder.address, station.micro_per_eth, station.weather
    )
    return Deployment(chain_id, token, registry, market, board, pump)


async def mint(purse: Purse, token: Address, to: Address, micro: Micro) -> None:
    """Test dollars out of nothing; anyone may."""
    await purse.send(Call(token, "mint(address,uint256)", (to, micro)))
