"""One whole life in a world of its own: founded, born, lived in lockstep, ended, audited."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agent import birth, genome, life, wiring
from agent.config import load
from agent.control import ask
from agent.host import Host
from agent.life import Notes, Phase
from agent.mind import Rule, reflex
from agent.thinking import Thinking
from chain import fees
from chain.contracts import HALT
from chain.port import Signer
from chain.types import Call, Wei
from world.arena.account import account
from world.arena.ground import Ground, settle
from world.arena.inside import InsideSigner
from world.arena.lockstep import Lockstep
from world.arena.nest import Born
from world.devnet import Devnet
from world.errors import WorldError, WorldStuck
from world.events import Calendar, Halt, events
from world.lived import Lived
from world.scenario import Scenario

if TYPE_CHECKING:
    from compute.port import Scorer

BELLS: Final = {"tick": 1, "heartbeat": 16, "anchor": 8}
"""By how many blocks each tolls."""
AFTERWARDS: Final = 4
"""Blocks after the end, so that everything in it is final."""
OVERTIME: Final = 400
"""No life lasts so many blocks beyond its horizon."""
HALT_GAS: Final = 120_000
PATIENCE: Final = 24
"""Blocks for an ending; then it has no gas left for it, and its operator buries it."""
BURIAL: Final = Wei(10**17)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A life to be lived."""

    scenario: Scenario
    seed: int
    born: Born
    scorer: Scorer | None
    rule: Rule = reflex
    reads: Scorer | None = None
    """What its strategies think with, where that is not what it chooses by."""
    sells: Scorer | None = None
    """What its shop sells, likewise."""


async def live_once(wanted: Wanted, folder: Path, tables: Path | None = None) -> Lived:
    """Live it in `folder`; its transitions are added to `tables`, if anywhere."""
    began = time.monotonic()
    async with Devnet.running(folder / "chain", close=True) as devnet:
        ground = await settle(devnet, wanted.scenario, wanted.seed, wanted.born, folder)
        try:
            notes = await _live(ground, wanted)
        finally:
            await ground.close()
        for _ in range(AFTERWARDS):
            await devnet.mine()
        return await account(ground, wanted.born, notes, tables, began)


async def _live(ground: Ground, wanted: Wanted) -> Notes:
    lockstep, awake = Lockstep(BELLS), asyncio.Event()
    config = load(ground.home.root)
    host = _host(ground, wanted, lockstep)
    living = asyncio.create_task(wiring.live(ground.home, config, host, awake.set))
    try:
        await _be_born(ground, lockstep, living, awake)
        await _last(ground, lockstep, living)
    finally:
        living.cancel()
        await asyncio.gather(living, return_exceptions=True)
    return life.load(ground.home.notes)


async def _be_born(
    ground: Ground, lockstep: Lockstep, living: asyncio.Task[Notes], awake: asyncio.Event
) -> None:
    """The world stands still until it lives, but for the lease that it is born on."""
    await ground.actors.act(ground.devnet.head)
    _judge(ground)
    while await lockstep.rest(living) and not awake.is_set():
        await ground.devnet.mine()
        await lockstep.step(living)
    if living.done():
        await living  # raises what kept it from being born
        raise WorldStuck("it ended before it lived")


def _judge(ground: Ground) -> None:
    """A node takes no birth that cannot be paid for: it would be waited for in vain."""
    held = ground.scenario.endowment.wei
    needed = birth.GAS * fees.offer(ground.devnet.base_fee, birth.MAX_FEE).max_fee
    if held < needed:
        raise WorldError("endowment.wei does not pay for a birth", wei=held, needed=needed)


async def _last(ground: Ground, lockstep: Lockstep, living: asyncio.Task[Notes]) -> None:
    """Block after block until its life has ended."""
    time_ = ground.scenario.time
    most = int(time_.horizon_h * 3600 / time_.block_s) + OVERTIME
    halts = Calendar(events(ground.scenario, ground.seed), Halt)
    ending = 0
    for _ in range(most):
        if not await lockstep.rest(living):
            await living
            return
        block = await ground.devnet.mine(time_.block_s)
        await ground.actors.act(block)
        if halts.due(block)[1]:
            await _halt(ground)
        phase = life.load(ground.home.notes).phase
        if phase is Phase.HALTED:
            await asyncio.to_thread(ask, ground.home.run, {"op": "drain"})
        ending = ending + 1 if phase is Phase.ENDING else 0
        if ending == PATIENCE:
            await ground.operator.send(Call(ground.keys.wallet.address, "", value=BURIAL))
        await lockstep.step(living)
    raise WorldStuck("the life does not end", blocks=most)


async def _halt(ground: Ground) -> None:
    """The operator's word on chain; what is left is drained once the agent has obeyed."""
    agent = life.load(ground.home.notes).agent
    await ground.operator.send(Call(ground.at.registry, HALT, (agent,), gas=HALT_GAS))


def _host(ground: Ground, wanted: Wanted, lockstep: Lockstep) -> Host:
    @contextlib.asynccontextmanager
    async def signer() -> AsyncIterator[Signer]:
        home = ground.home
        inside = InsideSigner(
            ground.devnet, home.signer / "ledger.sqlite", home.limits, ground.keys
        )
        try:
            yield inside
        finally:
            await inside.close()

    async def loaded() -> None:
        """It was, before this life began."""

    return Host(
        born_as=genome.load(ground.home.genome),
        signer=signer,
        thinking=lambda _: Thinking(wanted.scorer, _stay, wanted.reads, wanted.sells),
        loaded=loaded,
        time=lockstep.time(),
        client=ground.devnet.client,
        rule=wanted.rule,
    )


def _stay(lease: object) -> None:
    """The same model thinks wherever the agent rents."""
    del lease
