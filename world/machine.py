"""A provider's process, and what is waited for: his offer, and the birth of who lives there."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from typing import Final

from agent import life
from agent.home import Home
from chain.reader import BlockReader
from compute.market import LeaseMarket
from world.errors import WorldError
from world.settling import Ground, Settlement

PROVIDER_S: Final = 60.0
BIRTH_S: Final = 90.0
"""A loaded machine takes its time; a broken one takes for ever."""
STOP_S: Final = 15.0
LOOK_S: Final = 0.1


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
