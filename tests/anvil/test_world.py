"""A local world: a chain whose time we make, the contracts on it, and the others who live there."""

from __future__ import annotations

import asyncio

import pytest

from chain.purse import Purse
from chain.reader import BlockReader
from world.actors import Actors
from world.anvil import find_anvil
from world.deploy import RICH, Deployment, deploy, mint, role
from world.devnet import GENESIS_AT, Devnet
from world.errors import NoAnvil
from world.events import Posting, events
from world.scenario import load_scenario

pytestmark = pytest.mark.anvil

SCENARIO = load_scenario()
JOB = "(address,uint256,uint64,uint64,uint32,bytes32,address,bool)"


async def jobs_on(devnet, at):
    read = await BlockReader.latest(devnet.client)
    [count] = await read.call(at.job_board, "jobCount()(uint256)")
    rows = [
        (await read.call(at.job_board, f"jobOf(uint256)({JOB})", [job]))[0]
        for job in range(1, count + 1)
    ]
    return [(row[1], row[2], row[3], row[4]) for row in rows]


async def test_a_world_runs_jobs_appear_and_a_rival_does_some(tmp_path):
    async with Devnet.running(tmp_path) as devnet:
        async with devnet.hurrying():
            at = await deploy(devnet, SCENARIO, seed=1)
            actors = Actors(devnet, at, SCENARIO, seed=1)
            await actors.found()
        start = devnet.head
        async with asyncio.TaskGroup() as world:
            living = [
                world.create_task(devnet.pace(SCENARIO.time)),
                world.create_task(actors.run()),
            ]
            await asyncio.sleep(8)
            for task in living:
                task.cancel()
        lived_s = devnet.head.at - start.at
        assert lived_s == (devnet.head.number - start.number) * 800
        assert lived_s > 12_000

        found = await jobs_on(devnet, at)
        expected = [
            (e.reward, start.at + e.not_before_s, start.at + e.deadline_s, e.work)
            for e in events(SCENARIO, 1)
            if isinstance(e, Posting) and e.at_s <= lived_s
        ]
        assert set(found) <= set(expected)
        assert len(expected) - 3 <= len(found)  # the last may still be on their way
        assert actors.counts["taken"] >= 1
        assert actors.counts["lost"] == 0


async def test_addresses_are_the_same_in_every_world_and_survive_a_file(tmp_path):
    found = []
    for seed in (1, 2):
        async with Devnet.running(tmp_path) as devnet, devnet.hurrying():
            found.append(await deploy(devnet, SCENARIO, seed))
    assert found[0] == found[1]
    found[0].save(tmp_path / "deployment.json")
    assert Deployment.load(tmp_path / "deployment.json") == found[0]


async def test_a_saved_chain_goes_on_where_it_was(tmp_path):
    async with Devnet.running(tmp_path) as devnet:
        assert devnet.head.at == GENESIS_AT
        async with devnet.hurrying():
            at = await deploy(devnet, SCENARIO, seed=1)
            someone = Purse(devnet.client, role("someone"))
            await devnet.give_wei(someone.address, RICH)
            await mint(someone, at.token, someone.address, 5)
        await devnet.save(tmp_path / "chain.json")
        before = devnet.head
    async with Devnet.running(tmp_path, state=tmp_path / "chain.json") as devnet:
        assert devnet.head == before
        read = await BlockReader.latest(devnet.client)
        balance = "balanceOf(address)(uint256)"
        assert await read.call(at.token, balance, [someone.address]) == [5]
        assert (await devnet.mine(800)).at == before.at + 800


async def test_a_fault_while_founding_is_told_as_it_is(tmp_path):
    async with Devnet.running(tmp_path) as devnet:
        with pytest.raises(ZeroDivisionError):  # noqa: PT012  # the fault is inside
            async with devnet.hurrying():
                await asyncio.sleep(0.1)
                raise ZeroDivisionError


def test_anvil_is_looked_for_where_it_was_named_then_here_then_on_the_path(tmp_path):
    with pytest.raises(NoAnvil, match="names no program"):
        find_anvil({"FORAGER_ANVIL": "/no/such/program"})
    with pytest.raises(NoAnvil, match="not installed"):
        find_anvil({"PATH": str(tmp_path)}, tmp_path)
    (tmp_path / "anvil").write_text("#!/bin/sh\n")
    (tmp_path / "anvil").chmod(0o755)
    assert find_anvil({"PATH": str(tmp_path)}, tmp_path) == str(tmp_path / "anvil")
