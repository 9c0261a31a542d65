"""A provider's home and process, and what is waited for: his offer, who is born on his machine."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from typing import Any, Final

from agent import life
from agent.home import Home
from agent.models import resolve
from chain import keystore
from chain.keys import Key
from chain.reader import BlockReader
from chain.types import Address
from compute.market import LeaseMarket
from world.errors import WorldError
from world.events import events, rent_path
from world.scenario import HOUR
from world.settling import CONTEXT, MODEL, WILL_WALL_S, Ground, Settlement

PROVIDER_S: Final = 60.0
BIRTH_S: Final = 90.0
"""A loaded machine takes its time; a broken one takes for ever."""
STOP_S: Final = 15.0
LOOK_S: Final = 0.1


def make_provider(homes: Settlement, ground: Ground, tenant: Address | None) -> Key:
    """A provider's home: an agent's place on his machine, or a model that he serves to anyone."""
    homes.provider.mkdir(parents=True)
    key = keystore.make(homes.provider / "key.json", keystore.read_passphrase(homes.passphrase))
    happening = events(ground.scenario, ground.seed)
    path = rent_path(happening)
    (homes.provider / "prices.json").write_text(json.dumps(path), "utf-8")
    rent, at = ground.scenario.home, ground.deployment
    tables: dict[str, dict[str, Any]] = {
        "chain": {
            "rpc": [ground.devnet.url],
            "chain_id": at.chain_id,
            "registry": at.registry,
            "market": at.lease_market,
            "token": at.token,
        },
        "key": {"file": "key.json", "passphrase_file": str(homes.passphrase)},
        "offer": {
            "rate": path[0][1],
            "min_s": rent.min_s,
            "max_s": int(rent.max_h * HOUR),
            "grace_s": rent.grace_s,
            "activation_s": rent.activation_s,
            "slots": rent.slots,
            "stake_micro": rent.stake_micro,
            "price_path": "prices.json",
        },
        "model": {"path": str(resolve(MODEL)), "context": CONTEXT, "serve": tenant is None},
        "habits": {"poll_s": 0.25, "will_s": WILL_WALL_S * 3, "collect_micro": 5_000_000},
    }
    lines = []
    for name, table in tables.items():
        lines += [
            f"[{name}]",
            *(f"{key} = {json.dumps(value)}" for key, value in table.items()),
            "",
        ]
    if tenant is not None:
        command = [sys.executable, "-m", "agent", "run", "--home", str(homes.agent), "--json"]
        lines += [
            "[[placing]]",
            f'tenant = "{tenant}"',
            f"home = {json.dumps(str(homes.agent))}",
            f"command = {json.dumps(command)}",
        ]
    homes.provider_config.write_text("\n".join(lines) + "\n", "utf-8")
    return key


@contextlib.asynccontextmanager
async def provider_process(homes: Settlement) -> AsyncIterator[asyncio.subprocess.Process]:
    """The provider, a process of its own; it ends the agents it started."""
    with (homes.provider / "provider.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "agent", "provider"),
            *("--config", str(homes.provider_config)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), STOP_S)
            except TimeoutError:
                process.kill()
                await process.wait()


async def offered(homes: Settlement, ground: Ground, machine: asyncio.subprocess.Process) -> None:
    """Wait for the provider's offer."""
    market = LeaseMarket(ground.deployment.lease_market, ground.deployment.token)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PROVIDER_S):
            while machine.returncode is None:
                if await market.discover(await BlockReader.latest(ground.devnet.client)):
                    return
                await asyncio.sleep(LOOK_S)
    raise WorldError("the provider posted no offer", log=homes.provider / "provider.log")


async def born(homes: Settlement, machine: asyncio.subprocess.Process) -> None:
    """Time waits for the birth, so that a slow machine is no shorter life."""
    notes = Home(homes.agent).notes
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(BIRTH_S):
            while machine.returncode is None:
                if life.load(notes).phase is not life.Phase.UNBORN:
                    return
                await asyncio.sleep(LOOK_S)
    raise WorldError("the agent was not born", log=homes.provider / "placed")
