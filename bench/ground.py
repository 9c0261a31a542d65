"""A small world to measure in: Anvil, the contracts, one agent that is born and housed.

The provider is played by his key alone, so that what is measured shares the machine with as
little as possible: he posts his offer, the operator opens the first lease, he activates it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from agent import life
from agent.control import ask
from agent.home import Home
from chain import limits_file
from chain.keys import Key
from chain.permit import Domain
from chain.purse import Purse
from chain.types import Address, Call, Micro
from compute import offering
from compute.duties import Duty
from compute.onchain import Terms
from telemetry.node import Node
from telemetry.store import Archive
from world import settling
from world.actors import Actors
from world.deploy import Deployment, deploy
from world.devnet import Devnet
from world.machine import make_provider
from world.scenario import load_scenario

SEED: Final = 1
PATIENCE_S: Final = 120.0
TRANSFER: Final = "transfer(address,uint256)"
STAKE: Final = Micro(10_000_000)
LONG_S: Final = 10**9
EMPTY: Final = "0x" + "00" * 32


@dataclass(frozen=True, slots=True)
class Ground:
    """Where things are, for a measurement."""

    devnet: Devnet
    at: Deployment
    home: Home
    wallet: Address
    operator: Key
    actors: Actors


@contextlib.asynccontextmanager
async def housed(
    caps: Mapping[str, float] | None = None, *, born: bool = True
) -> AsyncIterator[Ground]:
    """An agent's home whose first lease is active; `born`, it has lived a moment and was stopped.

    Its limits also let it pay the token to the gas station, a plain call that costs little gas, and
    put no bound on the token.
    """
    with TemporaryDirectory(prefix="forager-bench-") as folder:
        root = Path(folder)
        async with contextlib.AsyncExitStack() as stack:
            devnet = await stack.enter_async_context(Devnet.running(root / "chain"))
            ground = await stack.enter_async_context(_settled(root, devnet, caps or {}))
            if born:
                async with devnet.hurrying(), running(ground.home) as process:
                    await decided(ground.home, process)
            yield ground


@contextlib.asynccontextmanager
async def running(
    home: Home, settings: Mapping[str, str] | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """`forager run` as a process of its own, stopped at the end as an operator stops it."""
    with (home.root / "bench.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "agent", "run", "--home", str(home.root), "--json"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, **(settings or {})},
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 20)
        except TimeoutError:
            process.kill()
            await process.wait()


async def status(home: Home) -> dict[str, Any] | None:
    """What the daemon says of itself, if it listens."""
    return await asyncio.to_thread(ask, home.run, {"op": "status"})


async def decided(
    home: Home,
    process: asyncio.subprocess.Process,
    ticks: int = 1,
    patience_s: float = PATIENCE_S,
) -> None:
    """Wait until so many ticks are lived through."""
    async with asyncio.timeout(patience_s):
        while (said := await status(home)) is None or said["ticks"] < ticks:
            if process.returncode is not None:
                raise RuntimeError((home.root / "bench.log").read_text("utf-8"))
            await asyncio.sleep(0.1)


@contextlib.asynccontextmanager
async def _settled(root: Path, devnet: Devnet, caps: Mapping[str, float]) -> AsyncIterator[Ground]:
    scenario, homes = load_scenario(), settling.Settlement(root)
    async with contextlib.AsyncExitStack() as stack:
        async with devnet.hurrying():
            at = await deploy(devnet, scenario, SEED)
            actors = Actors(devnet, at, scenario, SEED)
            await actors.found()
        store = Archive(root / "archive.sqlite", Domain(at.chain_id, at.registry))
        stack.callback(store.close)
        node = Node(store, Domain(at.chain_id, at.registry), writable=store)
        archive = await node.start("127.0.0.1", 0)
        stack.push_async_callback(node.stop)
        ground = settling.Ground(devnet, at, scenario, SEED)
        operator = settling.make_operator(homes)
        founded = settling.make_agent(homes, ground, operator, archive)
        home = Home(homes.agent)
        _allow_payments(home, at, operator, caps)
        provider = make_provider(homes, ground, founded.wallet)
        async with devnet.hurrying():
            purse = await settling.fund(ground, operator, provider, founded.wallet)
            await _lease(ground, purse, Purse(devnet.client, provider), founded.wallet)
        yield Ground(devnet, at, home, founded.wallet, operator, actors)


async def _lease(
    ground: settling.Ground, operator: Purse, provider: Purse, tenant: Address
) -> None:
    rent, at = ground.scenario.home, ground.deployment
    rate = settling.rent_path(settling.events(ground.scenario, ground.seed))[0][1]
    terms = Terms(
        rate, rent.min_s, LONG_S, LONG_S, rent.activation_s, rent.slots, EMPTY, "http://127.0.0.1:1"
    )
    for call in offering.post(at.lease_market, at.token, terms, STAKE):
        await provider.send(call)
    await settling.open_first_lease(ground, operator, tenant)
    await provider.send(Call(at.lease_market, Duty.ACTIVATE, (1,), gas=200_000))


def _allow_payments(home: Home, at: Deployment, operator: Key, caps: Mapping[str, float]) -> None:
    """The operator signs wider limits before the first start."""
    body = json.loads(home.limits.read_text("utf-8"))["limits"]
    spend = {"token": at.token, "arg": 1}
    body["rules"].append({"to": at.token, "function": TRANSFER, "payee": 0, "spend": spend})
    body["payees"] = sorted({*body["payees"], at.gas_station})
    body["tokens"][at.token] |= dict.fromkeys(("per_action", "per_hour", "per_day"), str(10**15))
    body["wei"] |= {name: str(int(eth * 10**18)) for name, eth in caps.items()}
    home.limits.write_text(json.dumps(limits_file.sign(body, operator)), "utf-8")


def unborn(home: Home) -> bool:
    return life.load(home.notes).phase is life.Phase.UNBORN
