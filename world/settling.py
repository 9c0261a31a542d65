"""Settles people in a new world: an operator, a provider and his machine, and one agent, unborn."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent.founding import Founded, Founding, found
from agent.models import USUAL, resolve
from agent.permitting import Caps, Permission, grant
from chain import keystore
from chain.contracts import APPROVE, TRANSFER
from chain.keys import Key
from chain.purse import Purse
from chain.reader import BlockReader
from chain.types import Address, Call, Micro, Wei
from compute.manifest import digest_file, manifest
from compute.market import LeaseMarket
from strategies.port import Placing
from world.deploy import RICH, Deployment, mint
from world.devnet import Devnet
from world.events import birth_seed
from world.scenario import HOUR, Scenario
from world.townsfolk import Townsman, options
from world.townsfolk import tables as tables_of

MODEL: Final = USUAL
CONTEXT: Final = 512
WILL_WALL_S: Final = 3.0
TICK_WALL_S: Final = 0.5
HEARTBEAT_WALL_S: Final = 5.0
EPOCH_WALL_S: Final = 6.0
EPOCH_RECORDS: Final = 64
ANCHOR_EVERY: Final = 3
PERMIT_S: Final = 30 * 24 * HOUR
FIRST_LEASE: Final = "openLeaseFor(address,uint256,uint256,uint256,bytes32,address,bytes32)"
TOKEN: Final = ("Test Dollar", "1")
CAPS: Final = Caps(
    usd_per_action=100,
    usd_per_hour=1000,
    usd_per_day=1000,
    eth_per_action=0.02,
    eth_per_hour=0.5,
    eth_per_day=0.5,
    eth_reserve=0.01,
)
"""Chain days pass in a wall minute here, and limits count wall time."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """Where everybody lives."""

    root: Path

    @property
    def agent(self) -> Path:
        return self.root / "agent"

    @property
    def provider(self) -> Path:
        return self.root / "provider"

    @property
    def operator(self) -> Path:
        return self.root / "operator"

    @property
    def passphrase(self) -> Path:
        return self.operator / "passphrase"

    @property
    def provider_config(self) -> Path:
        return self.provider / "provider.toml"


@dataclass(frozen=True, slots=True)
class Ground:
    """The world that people are settled in."""

    devnet: Devnet
    deployment: Deployment
    scenario: Scenario
    seed: int
    folk: tuple[Townsman, ...] = ()


def make_operator(homes: Settlement) -> Key:
    """A key of his own, outside every agent's home."""
    homes.operator.mkdir(parents=True)
    homes.passphrase.touch(mode=0o600)
    homes.passphrase.write_text(secrets.token_hex(16) + "\n", "utf-8")
    return keystore.make(homes.operator / "key.json", keystore.read_passphrase(homes.passphrase))


def make_agent(
    homes: Settlement,
    ground: Ground,
    operator: Key,
    archive: str,
    placing: Placing = Placing.EMBODIED,
) -> Founded:
    """A home, and the operator's permit and limits in it."""
    at, time_, use = ground.deployment, ground.scenario.time, ground.scenario.use
    known = options(ground.folk, ground.scenario, use)
    founded = found(
        homes.agent,
        Founding(
            operator=operator.address,
            passphrase_file=homes.passphrase,
            chain={
                "rpc": [ground.devnet.url],
                "chain_id": at.chain_id,
                "registry": at.registry,
                "token": at.token,
                "lease_market": at.lease_market,
                "job_board": at.job_board,
                "gas_station": at.gas_station,
                "chain_seconds_per_wall_second": time_.chain_seconds_per_wall_second,
            },
            tables={
                "life": {
                    "tick_s": TICK_WALL_S,
                    "heartbeat_s": HEARTBEAT_WALL_S,
                    "horizon_h": time_.horizon_h,
                    "will_s": WILL_WALL_S,
                    "hibernate_max_h": ground.scenario.endowment.hibernate_max_h,
                },
                "placing": {"mode": str(placing)},
                "mind": {"model": MODEL, "context": CONTEXT},
                "telemetry": {
                    "epoch_records": EPOCH_RECORDS,
                    "epoch_s": EPOCH_WALL_S,
                    "anchor_every": ANCHOR_EVERY,
                    "gateway_port": 0,
                    "serve_uri": archive,
                    "targets": [{"kind": "kubo", "url": archive}],
                },
                **tables_of(ground.folk),
            },
            use=use,
            strategies={name: table for name, table in known.items() if table},
            ask_s=1.0,
        ),
    )
    seed = birth_seed(ground.scenario, ground.seed)
    deadline = ground.devnet.head.at + PERMIT_S
    grant(homes.agent, operator, Permission(deadline, *TOKEN, seed=seed, caps=CAPS))
    return founded


async def fund(ground: Ground, operator: Key, provider: Key, agent: Address) -> Purse:
    """Money for everybody; the operator pays for the agent's start."""
    devnet, token = ground.devnet, ground.deployment.token
    purse = Purse(devnet.client, operator)
    for someone in (operator, provider):
        await devnet.give_wei(someone.address, RICH)
        await mint(purse, token, someone.address, Micro(10**12))
    grant_ = ground.scenario.endowment
    await purse.send(Call(agent, "", value=Wei(grant_.wei)))
    await purse.send(Call(token, TRANSFER, (agent, grant_.micro)))
    return purse


async def open_first_lease(ground: Ground, operator: Purse, tenant: Address) -> int:
    """The operator rents the machine that the agent will be born on; gives the rate."""
    at, hours = ground.deployment, ground.scenario.endowment.first_lease_h
    read = await BlockReader.latest(ground.devnet.client)
    [offer, *_] = await LeaseMarket(at.lease_market, at.token).discover(read)
    deposit = int(hours * offer.micro_per_hour)
    await operator.send(Call(at.token, APPROVE, (at.lease_market, deposit)))
    promised = manifest(digest_file(resolve(MODEL)), "", CONTEXT)
    salt = "0x" + hashlib.sha256(b"first lease").hexdigest()
    args = (tenant, offer.id, offer.rate, deposit, promised, operator.address, salt)
    await operator.send(Call(at.lease_market, FIRST_LEASE, args))
    return offer.rate
