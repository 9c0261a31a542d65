from __future__ import annotations

import asyncio
import threading
import time

import pytest

from agent.schedule import Schedule


@pytest.fixture
async def bells():
    made: list[Schedule] = []

    def make(**every_s: float) -> Schedule:
        made.append(Schedule(every_s))
        return made[-1]

    yield make
    for each in made:
        each.stop()


async def test_everything_is_due_at_first(bells):
    schedule = bells(tick=60, heartbeat=60)
    assert await schedule.due() == ("tick", "heartbeat")


async def test_nothing_is_due_again_before_its_time(bells):
    schedule = bells(tick=60)
    schedule.start()
    await schedule.due()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(schedule.due(), 0.05)


async def test_a_bell_rings_again_and_again(bells):
    schedule = bells(tick=0.02, rarely=60)
    schedule.start()
    await schedule.due()
    for _ in range(3):
        assert await asyncio.wait_for(schedule.due(), 5) == ("tick",)


async def test_a_late_bell_still_rings_and_many_missed_ring_once(bells):
    schedule = bells(tick=0.05)
    schedule.start()
    await schedule.due()
    time.sleep(1.3)  # the loop was busy for longer than the scheduler's own patience of a second
    assert await asyncio.wait_for(schedule.due(), 5) == ("tick",)
    began, rings = time.monotonic(), 0
    while time.monotonic() - began < 0.12:
        if await asyncio.wait_for(schedule.due(), 5):
            rings += 1
    assert rings <= 5


async def test_what_rings_during_work_is_due_after_it(bells):
    schedule = bells(tick=60)
    await schedule.due()
    schedule.ring("stop")
    schedule.ring("tick")
    schedule.ring("stop")
    assert await schedule.due() == ("stop", "tick")


async def test_bells_ring_on_the_loop_and_not_in_threads(bells):
    rung: list[threading.Thread] = []

    class Listening(Schedule):
        def ring(self, name: str) -> None:
            rung.append(threading.current_thread())
            super().ring(name)

    schedule = Listening({"tick": 0.02})
    schedule.start()
    await schedule.due()
    await asyncio.wait_for(schedule.due(), 5)
    schedule.stop()
    assert set(rung) == {threading.main_thread()}


async def test_a_fault_in_the_work_is_the_workers(bells):
    schedule = bells(tick=0.02)
    schedule.start()

    async def work():
        while True:
            await schedule.due()
            raise RuntimeError("seen")

    with pytest.raises(RuntimeError, match="seen"):
        await work()


async def test_stopping_twice_or_before_the_start_is_no_fault(bells):
    schedule = bells(tick=60)
    schedule.stop()
    schedule.start()
    schedule.stop()
    schedule.stop()
