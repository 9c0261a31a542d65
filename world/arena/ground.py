"""A world founded in a few blocks: contracts, actors, an operator, and one agent's home, unborn."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agent.home import Home
from agent.permitting import Permission, grant
from chain.contracts import APPROVE, MINT, TRANSFER
from chain.desk import Keys
from chain.types import RATE_SCALE, Address, Call, Micro, Wei
from compute.manifest import digest_file, manifest
from world.actors import Actors
from world.arena.nest import Born, founded_home, keys_of
from world.deploy import RICH, Deployment, deploy_at_once, role
from world.events import birth_seed, events, rent_path
from world.gazette import Gazette
from world.landlords import Landlords
from world.pocket import Pocket
from world.scenario import HOUR, Scenario
from world.settling import CAPS, CONTEXT, FIRST_LEASE, PERMIT_S, TOKEN
from world.townsfolk import Townsman, leave, townsfolk

if TYPE_CHECKING:
    from world.devnet import Devnet

PLENTY: Final = Micro(10**13)
LEASE_GAS: Final = 500_000
TOKEN_GAS: Final = 100_000
ROOMY: Final = replace(
    CAPS,
    usd_per_hour=1e6,
    usd_per_day=1e6,
    eth_per_hour=50.0,
    eth_per_day=50.0,
)
"""A whole life passes in seconds, and limits count the wall's hours."""


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
    operator_key, keys = role("operator"), keys_of(scenario, seed, born)
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
        home = founded_home(devnet, at, scenario, born, folder, operator_key, keys, folk)
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
