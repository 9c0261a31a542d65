"""A world waits for its agent and for what runs behind it, and neither runs ahead of the world."""

from __future__ import annotations

import asyncio

import pytest

from world.arena import lockstep as lockstep_module
from world.arena.lockstep import STEP_S, Lockstep
from world.errors import WorldStuck


async def settle():
    """Let everything run that can."""
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
def told():
    return []


def agent(bells, told):
    async def live():
        while True:
            told.append(sorted(await bells.due()))

    return asyncio.create_task(live())


async def stopped(*tasks):
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_all_bells_toll_at_the_start_and_then_each_by_its_own_steps(told):
    lockstep = Lockstep({"tick": 1, "anchor": 2, "heartbeat": 3})
    bells = lockstep.time().bells({"tick": 1.0, "anchor": 9.0, "heartbeat": 900.0})
    life = agent(bells, told)
    assert await lockstep.rest(life)
    for _ in range(6):
        await lockstep.step(life)
        assert await lockstep.rest(life)
    await stopped(life)
    assert told == [
        ["anchor", "heartbeat", "tick"],
        ["tick"],
        ["anchor", "tick"],
        ["heartbeat", "tick"],
        ["anchor", "tick"],
        ["tick"],
        ["anchor", "heartbeat", "tick"],
    ]


async def test_nothing_happens_between_steps_however_long_one_waits(told):
    lockstep = Lockstep({"tick": 1})
    life = agent(lockstep.time().bells({"tick": 1.0}), told)
    await lockstep.rest(life)
    await settle()
    await asyncio.sleep(0.05)
    assert told == [["tick"]]
    await stopped(life)


async def test_a_bell_may_be_rung_by_hand_and_is_heard_once(told):
    lockstep = Lockstep({"tick": 1})
    bells = lockstep.time().bells({"tick": 1.0})
    bells.ring("tick")
    bells.ring("halt")
    life = agent(bells, told)
    assert await lockstep.rest(life)
    assert told == [["halt", "tick"]]
    await stopped(life)


async def test_a_pause_lasts_until_the_next_block_whatever_it_asked_for(told):
    lockstep = Lockstep({"tick": 1})
    time_ = lockstep.time()

    async def live():
        for _ in range(3):
            await time_.pause(1e9)
            told.append(time_.clock())

    life = asyncio.create_task(live())
    for step in range(3):
        assert await lockstep.rest(life)
        assert len(told) == step
        await lockstep.step(life)
    assert not await lockstep.rest(life)
    assert told == [STEP_S, 2 * STEP_S, 3 * STEP_S]


async def test_what_runs_behind_is_done_before_the_agent_wakes(told):
    lockstep = Lockstep({"tick": 1})
    time_ = lockstep.time()
    bells = time_.bells({"tick": 1.0})

    async def behind():
        while True:
            await time_.behind(9.0)
            for _ in range(5):
                await asyncio.sleep(0)
            told.append("behind")

    async def live():
        while True:
            await bells.due()
            told.append("agent")

    life, back = asyncio.create_task(live()), asyncio.create_task(behind())
    await settle()
    for _ in range(3):
        await lockstep.step(life)
        await lockstep.rest(life)
    await stopped(life, back)
    assert told == ["agent"] + 3 * ["behind", "agent"]


async def test_when_nothing_runs_behind_any_more_nobody_waits_for_it(told):
    lockstep = Lockstep({"tick": 1})
    time_ = lockstep.time()
    life = agent(time_.bells({"tick": 1.0}), told)
    back = asyncio.create_task(time_.behind(9.0))
    await settle()
    await stopped(back)
    async with asyncio.timeout(1):
        await lockstep.step(life)
        assert await lockstep.rest(life)
    assert told == [["tick"], ["tick"]]
    await stopped(life)


async def test_the_end_of_a_life_is_not_taken_for_rest():
    lockstep = Lockstep({"tick": 1})
    life = asyncio.create_task(asyncio.sleep(0))
    assert not await lockstep.rest(life)


async def test_who_neither_rests_nor_ends_is_stuck(monkeypatch):
    monkeypatch.setattr(lockstep_module, "STUCK_S", 0.02)
    lockstep = Lockstep({"tick": 1})
    life = asyncio.create_task(asyncio.sleep(60))
    with pytest.raises(WorldStuck, match="neither rests nor ends"):
        await lockstep.rest(life)
    await stopped(life)


async def test_what_ends_behind_and_ends_the_life_does_not_keep_the_world():
    lockstep = Lockstep({"tick": 1})
    time_ = lockstep.time()

    async def behind():
        await time_.behind(9.0)
        raise OSError

    life = asyncio.create_task(behind())
    await settle()
    async with asyncio.timeout(1):
        await lockstep.step(life)
        assert not await lockstep.rest(life)
    assert isinstance(life.exception(), OSError)


async def test_what_goes_on_for_ever_behind_is_stuck(monkeypatch, told):
    monkeypatch.setattr(lockstep_module, "STUCK_S", 0.02)
    lockstep = Lockstep({"tick": 1})
    time_ = lockstep.time()
    life = agent(time_.bells({"tick": 1.0}), told)

    async def behind():
        await time_.behind(9.0)
        await asyncio.sleep(60)

    back = asyncio.create_task(behind())
    await settle()
    with pytest.raises(WorldStuck):
        await lockstep.step(life)
    await stopped(life, back)
