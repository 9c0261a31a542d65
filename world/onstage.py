"""A demo's world and the one life in it, at a pace that eyes can follow."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path
from typing import Any, Final

import structlog

from chain.permit import Domain
from strategies.port import Placing
from telemetry.auditing.audit import Asked, examine
from telemetry.auditing.drawing.view import Checked
from telemetry.auditing.glimpse import glimpser
from telemetry.auditing.page import write_page
from telemetry.auditing.timeline import Timeline
from telemetry.auditing.verdict import Verdict
from telemetry.errors import SourceError
from telemetry.node import Node
from telemetry.store import Archive
from world import settling
from world.actors import Actors
from world.deploy import deploy
from world.devnet import Devnet
from world.machine import born, make_provider, offered, provider_process
from world.report import again, nothing
from world.scenario import Scenario
from world.settling import Ground, Settlement
from world.show import Show
from world.townsfolk import leave, townsfolk

GRACE_WALL_S: Final = 60.0
AFTERWARDS: Final = 4
"""Blocks after the end, so that everything in it is final."""


class Demo:
    """One world, one life."""

    def __init__(self, root: Path, scenario: Scenario, seed: int, *, quiet: bool) -> None:
        self._root = root
        self._scenario = scenario
        self._seed = seed
        self._quiet = quiet
        self._homes = Settlement(root)

    async def run(self) -> dict[str, Any]:
        _log_to(self._root / "world.log")
        async with contextlib.AsyncExitStack() as stack:
            if missing := left_out(self._scenario):
                self._tell(f"a demo does without {missing}; an arena has them")
            self._tell("starting Anvil and deploying the contracts")
            devnet = await stack.enter_async_context(Devnet.running(self._root / "chain"))
            async with devnet.hurrying():
                deployment = await deploy(devnet, self._scenario, self._seed)
                deployment.save(self._root / "deployment.json")
                folk = townsfolk(devnet, deployment, self._scenario, self._seed)
                stack.push_async_callback(leave, folk)
                actors = Actors(devnet, deployment, self._scenario, self._seed, folk)
                await actors.found()
            domain = Domain(deployment.chain_id, deployment.registry)
            store = Archive(self._root / "archive.sqlite", domain)
            stack.callback(store.close)
            node = Node(store, domain, writable=store)
            archive = await node.start("127.0.0.1", 0)
            stack.push_async_callback(node.stop)
            ground = Ground(devnet, deployment, self._scenario, self._seed, folk)
            return await self._live(ground, actors, archive)

    async def _live(self, ground: Ground, actors: Actors, archive: str) -> dict[str, Any]:
        homes = self._homes
        self._tell("settling an operator, a provider and one agent, yet unborn")
        operator = settling.make_operator(homes)
        founded = settling.make_agent(homes, ground, operator, archive)
        provider = make_provider(homes, ground, founded.wallet)
        async with ground.devnet.hurrying():
            purse = await settling.fund(ground, operator, provider, founded.wallet)
        async with provider_process(homes) as machine:
            async with ground.devnet.hurrying():
                await offered(self._homes, ground, machine)
                await settling.open_first_lease(ground, purse, founded.wallet)
                self._tell("the first lease is open; the provider starts the agent on it")
                await born(self._homes, machine)
            status = await self._watch(ground, actors)
        return await self._account(ground, archive, status)

    async def _watch(self, ground: Ground, actors: Actors) -> dict[str, Any]:
        """Let time run until the life has ended, showing what happens."""
        time_ = self._scenario.time
        most_s = time_.horizon_h * 3600 / time_.chain_seconds_per_wall_second + GRACE_WALL_S
        show = Show(self._homes.agent, ground, actors, quiet=self._quiet)
        running = [
            asyncio.create_task(ground.devnet.pace(time_), name="pace"),
            asyncio.create_task(actors.run(), name="actors"),
        ]
        ended = asyncio.create_task(show.until_ended(most_s), name="show")
        try:
            done, _ = await asyncio.wait([*running, ended], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if task is not ended:
                    await task  # raises what ended the world too early
            status: dict[str, Any] = await ended
        finally:
            for task in (*running, ended):
                task.cancel()
            await asyncio.gather(*running, ended, return_exceptions=True)
        return status

    async def _account(
        self, ground: Ground, archive: str, status: dict[str, Any]
    ) -> dict[str, Any]:
        """Save the chain, audit the life, say where everything lies."""
        devnet, at = ground.devnet, ground.deployment
        for _ in range(AFTERWARDS):
            await devnet.mine()
        state = self._root / "chain" / "state.json"
        self._tell("saving the chain's state and auditing the life")
        await devnet.save(state)
        page = self._root / "life.html"
        verdict = await self._audit(ground, archive, status.get("agent"), page)
        cars = self._homes.agent / "cars"
        wallet = status.get("wallet")
        nonce = await devnet.client.nonce(wallet) if wallet else 0
        return {
            "agent": verdict.agent,
            "outcome": verdict.outcome or "lost",
            "cause": verdict.cause,
            "seed": self._seed,
            "ticks": status.get("ticks", 0),
            "records": verdict.records,
            "epochs": verdict.epochs,
            "transactions": nonce,
            "head": verdict.head,
            "chain_id": at.chain_id,
            "registry": at.registry,
            "gateway": archive,
            "home": str(self._root),
            "cars": str(cars),
            "page": str(page),
            "chain_state": str(state),
            "again": again(state, cars, at.chain_id, at.registry),
            "audit": {
                "ok": verdict.ok,
                "verified": verdict.verified,
                "findings": list(verdict.plain()["findings"]),
            },
        }

    async def _audit(self, ground: Ground, archive: str, agent: int | None, page: Path) -> Verdict:
        """Audit the life against its chain, and draw it."""
        rpc, registry, life = ground.devnet.url, ground.deployment.registry, Timeline()
        asked = Asked(archive, agent, rpc=rpc, registry=registry)
        try:
            audited = await examine(asked, harvest=glimpser, gather=life.gather)
            checked = Checked.by(audited, audited.verdict)
        except SourceError as fault:  # it lived too badly to publish anything
            checked = Checked(nothing(str(fault), agent))
        write_page(page, checked, life)
        return checked.verdict

    def _tell(self, line: str) -> None:
        if not self._quiet:
            sys.stderr.write(f"— {line}\n")


def left_out(scenario: Scenario) -> str:
    """What of it a demo does not have: there is one machine, and the life is born on it."""
    home = scenario.home
    missing = {
        "other providers": len(scenario.providers) > 1,
        "outages": home.outages is not None,
        "a crowd": home.crowd is not None,
        "an operator who halts": scenario.halts is not None,
        "lives that move": scenario.endowment.placing is Placing.REMOTE,
    }
    return ", ".join(name for name, there in missing.items() if there)


def _log_to(path: Path) -> None:
    """What the world's actors have to say would spoil the view."""
    structlog.configure(
        logger_factory=structlog.WriteLoggerFactory(path.open("a", buffering=1, encoding="utf-8"))
    )
