"""A remote life: the daemon beside its operator, its model on a machine that it rents."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter

import pytest
from lifetime import records

from chain.permit import Domain
from strategies.port import Placing
from telemetry.auditing.audit import audit
from telemetry.node import Node
from telemetry.store import Archive
from world import settling
from world.actors import Actors
from world.deploy import deploy
from world.devnet import Devnet
from world.machine import born, make_provider, offered, provider_process
from world.scenario import load_scenario

pytestmark = [pytest.mark.anvil, pytest.mark.model, pytest.mark.slow]

WALL_S = 25.0


async def test_a_remote_life_rents_an_endpoint_thinks_there_and_ends_in_order(tmp_path):
    scenario = load_scenario().lasting(WALL_S)
    async with Devnet.running(tmp_path / "chain") as devnet:
        async with devnet.hurrying():
            at = await deploy(devnet, scenario, 1)
            actors = Actors(devnet, at, scenario, 1)
            await actors.found()
        ground = settling.Ground(devnet, at, scenario, 1)
        store = Archive(tmp_path / "archive.sqlite", Domain(at.chain_id, at.registry))
        node = Node(store, Domain(at.chain_id, at.registry), writable=store)
        try:
            gateway = await node.start("127.0.0.1", 0)
            code = await _live(ground, actors, settling.Settlement(tmp_path), gateway)
            for _ in range(4):
                await devnet.mine()
            verdict = await audit(gateway, agent=1, rpc=devnet.url, registry=at.registry)
        finally:
            await node.stop()
            store.close()

    assert code == 0
    assert [f for f in verdict.findings if f.level == "fault"] == []
    assert verdict.outcome in {"died", "horizon"}
    told = records(tmp_path / "agent" / "cars")
    decisions = [record.body for record in told if record.kind == "decision"]
    thought = Counter(body["model"] == "reflex" for body in decisions)
    assert thought[False] > 0, "no decision was made by the rented model"
    sent = [r.body["call"]["function"] for r in told if r.body.get("stage") == "sent"]
    assert any(function.startswith("openLeaseWithAuthorization") for function in sent)
    assert any(record.body.get("state") == "active" for record in told if record.kind == "lease")


async def _live(ground, actors, homes, gateway) -> int:
    """Everybody settles, and the agent lives until it ends of itself."""
    operator = settling.make_operator(homes)
    founded = settling.make_agent(homes, ground, operator, gateway, Placing.REMOTE)
    provider = make_provider(homes, ground, None)
    async with ground.devnet.hurrying():
        await settling.fund(ground, operator, provider, founded.wallet)
    async with provider_process(homes) as machine:
        async with ground.devnet.hurrying():
            await offered(homes, ground, machine)
            agent = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "agent", "run", "--home", str(homes.agent)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
            )
            await born(homes, machine)
        world = [
            asyncio.create_task(ground.devnet.pace(ground.scenario.time)),
            asyncio.create_task(actors.run()),
        ]
        try:
            return await asyncio.wait_for(agent.wait(), WALL_S + 90)
        finally:
            if agent.returncode is None:
                agent.kill()
                await agent.wait()
            for task in world:
                task.cancel()
            await asyncio.gather(*world, return_exceptions=True)
