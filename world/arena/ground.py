"""A world founded in a few blocks: contracts, actors, an operator, and one agent's home, unborn."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from agent.founding import Founding, found
from agent.home import Home
from agent.permitting import Permission, grant
from chain.contracts import APPROVE, MINT, TRANSFER
from chain.desk import Keys
from chain.keys import Key
from chain.types import RATE_SCALE, Address, Call, Micro, Wei
from compute.manifest import digest_file, manifest
from world.actors import Actors
from world.deploy import RICH, Deployment, deploy_at_once, role
from world.events import birth_seed, events, rent_path
from world.gazette import Gazette
from world.landlords import Landlords
from world.pocket import Pocket
from world.scenario import HOUR, Scenario
from world.settling import CAPS, CONTEXT, FIRST_LEASE, PERMIT_S, TOKEN
from world.townsfolk import Townsman, equipment, leave, tables, townsfolk

if TYPE_CHECKING:
    from world.devnet import Devnet

PLENTY: Final = Micro(10**13)
LEASE_GAS: Final = 500_000
TOKEN_GAS: Final = 100_000
TICK_S: Final = 1.0
WILL_BLOCKS: Final = 2
HEARTBEAT_S: Final = 900.0
"""Only a promise: bells toll by blocks here."""
EPOCH_RECORDS: Final = 256
FOR_EVER_S: Final = 1e9
ROOMY: Final = replace(
    CAPS,
    usd_per_hour=1e6,
    usd_per_day=1e6,
    eth_per_hour=50.0,
    eth_per_day=50.0,
)
"""A whole life passes in seconds, and limits count the wall's hours."""
ANCHOR_EVERY: Final = 1


@dataclass(frozen=True, slots=True)
class Born:
    """What somebody is to be born as; the same life whoever lives it, but for its choices."""

    policy: str
    """What it is called in results."""
    model: Path
    use: tuple[str, ...] | None = None
    """Strategies; the scenario's by default."""
    strategies: Mapping[str, Mapping[str, Any]] | None = None
    generation: int = 0
    epsilon: float = 0.0
    temperature: float = 1.0


@dataclass(frozen=True)
class Ground:
    """A founded world with an agent's home in it."""

    devnet: Devnet
    at: Deployment
    scenario: Scenario
    seed: int
    actors: Actors
    operator: Pocket
    home: Home
    keys: Keys
    folk: tuple[Townsman, ...] = ()

    async def close(self) -> None:
        """When nothing more happens in it."""
        await leave(self.folk)


async def settle(devnet: Devnet, scenario: Scenario, seed: int, born: Born, folder: Path) -> Ground:
    """Three blocks for everybody, a fourth in which the first lease is activated."""
    at = await deploy_at_once(devnet, scenario, seed)
    happening = events(scenario, seed)
    promised = manifest(digest_file(born.model), "", CONTEXT)
    gazette = Gazette(devnet, at)
    landlords = Landlords(devnet, at, scenario, happening, gazette, promised)
    folk = townsfolk(devnet, at, scenario, seed)
    actors = Actors(devnet, at, scenario, seed, (landlords, *folk), gazette)
    operator_key, keys = role("operator"), _keys(scenario, seed, born)
    operator = Pocket(devnet, operator_key)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(leave, folk)
        await devnet.mine()
        await actors.found()
        await devnet.give_wei(operator.address, RICH)
        await operator.send(Call(at.token, MINT, (operator.address, PLENTY), gas=TOKEN_GAS))
        await devnet.mine()
        rate = rent_path(happening)[0][1]
        for call in _endowing(at, scenario, keys.wallet.address, operator.address, rate, promised):
            await operator.send(call)
        start = await devnet.mine()
        home = _home(devnet, at, scenario, born, folder, operator_key, keys, folk)
        seed_ = birth_seed(scenario, seed)
        terms = Permission(start.at + PERMIT_S, *TOKEN, seed=seed_, caps=ROOMY)
        grant(home.root, operator_key, terms)
        stack.pop_all()
    return Ground(devnet, at, scenario, seed, actors, operator, home, keys, folk)


def _endowing(
    at: Deployment, scenario: Scenario, wallet: Address, operator: Address, rate: int, promised: str
) -> tuple[Call, ...]:
    """What the operator gives an agent: ether, money and a first lease."""
    given = scenario.endowment
    deposit = int(given.first_lease_h * HOUR * rate // RATE_SCALE)
    salt = "0x" + hashlib.sha256(b"first lease").hexdigest()
    lease = (wallet, 1, rate, deposit, promised, operator, salt)
    return (
        Call(wallet, "", value=Wei(given.wei)),
        Call(at.token, TRANSFER, (wallet, given.micro), gas=TOKEN_GAS),
        Call(at.token, APPROVE, (at.lease_market, deposit), gas=TOKEN_GAS),
        Call(at.lease_market, FIRST_LEASE, lease, gas=LEASE_GAS),
    )


def _keys(scenario: Scenario, seed: int, born: Born) -> Keys:
    """Another wallet for each life, and the same one when it is lived again."""
    who = f"{scenario.name}/{seed}/{born.policy}"
    return Keys(role(f"wallet {who}"), role(f"log {who}"))


def _home(
    devnet: Devnet,
    at: Deployment,
    scenario: Scenario,
    born: Born,
    folder: Path,
    operator: Key,
    keys: Keys,
    folk: Sequence[Townsman],
) -> Home:
    folder.mkdir(parents=True, exist_ok=True)
    passphrase = folder / "passphrase"
    passphrase.write_text("these keys guard nothing\n", "utf-8")
    made = {"wallet.json": keys.wallet, "log.json": keys.log}

    def make_key(path: Path, _passphrase: bytes) -> Key:
        key = made[path.name]
        path.write_text(json.dumps({"address": key.address}) + "\n", "utf-8")
        return key

    use, equipped = scenario.use if born.use is None else born.use, equipment(folk)
    options = {
        name: {**equipped.get(name, {}), **scenario.strategies.get(name, {})} for name in use
    }
    for name, more in (born.strategies or {}).items():
        options.setdefault(name, {}).update(more)
    found(
        folder / "agent",
        Founding(
            operator=operator.address,
            passphrase_file=passphrase,
            chain={
                "rpc": [devnet.url],
                "chain_id": at.chain_id,
                "registry": at.registry,
                "token": at.token,
                "lease_market": at.lease_market,
                "job_board": at.job_board,
                "gas_station": at.gas_station,
                "chain_seconds_per_wall_second": float(scenario.time.block_s),
            },
            tables={
                "life": {
                    "tick_s": TICK_S,
                    "heartbeat_s": HEARTBEAT_S,
                    "horizon_h": scenario.time.horizon_h,
                    "will_s": float(WILL_BLOCKS),
                    "hibernate_max_h": scenario.endowment.hibernate_max_h,
                },
                "placing": {"mode": str(scenario.endowment.placing)},
                "mind": {
                    "model": str(born.model),
                    "context": CONTEXT,
                    "epsilon": born.epsilon,
                    "temperature": born.temperature,
                },
                "telemetry": {
                    "epoch_records": EPOCH_RECORDS,
                    "epoch_s": FOR_EVER_S,
                    "anchor_every": ANCHOR_EVERY,
                    "gateway_port": 0,
                },
                **tables(folk),
            },
            use=use,
            strategies={name: table for name, table in options.items() if table},
            generation=born.generation,
        ),
        make_key,
    )
    home = Home(folder / "agent")
    home.make_folders()
    return home
