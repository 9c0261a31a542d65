"""An agent's time in a world that waits for it: no block is mined before everybody has yielded.

The agent lends itself these bells instead of the wall clock's. A step wakes what runs in the
background first, and the agent once that rests again, so that the same world always goes the same
way, however fast the machine is.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Final

from agent.host import Time
from world.errors import WorldStuck

STUCK_S: Final = 120.0
"""Far longer than any step takes on the slowest machine."""
STEP_S: Final = 0.2
"""What a step counts for where an agent's patience is measured in the wall's seconds."""


class Lockstep:
    """One agent's bells and pauses; the world calls `rest` and `step`."""

    def __init__(self, every: Mapping[str, int]) -> None:
        """`every` says by how many steps each bell tolls."""
        self._every = dict(every)
        self._steps = 0
        self._due: dict[str, None] = {}
        self._rung = asyncio.Event()
        self._turn = asyncio.Event()
        """Wakes the agent in a pause of its own."""
        self._resting = asyncio.Event()
        self._behind = asyncio.Event()
        """Wakes what runs in the background."""
        self._behind_rests = asyncio.Event()
        self._behind_is = False

    def time(self) -> Time:
        return Time(
            wall_ms=_wall_ms,
            clock=self._clock,
            pause=self.pause,
            bells=self._with,
            signals=False,
            behind=self.pause_behind,
        )

    def _clock(self) -> float:
        return self._steps * STEP_S

    # The agent's side

    def _with(self, every_s: Mapping[str, float]) -> Lockstep:
        """All bells toll at the start, as they do by the wall."""
        self._due = dict.fromkeys(every_s)
        self._rung.set()
        return self

    def start(self) -> None:
        """Nothing runs by itself here."""

    def stop(self) -> None:
        """Nor does anything have to be stopped."""

    def ring(self, name: str) -> None:
        self._due[name] = None
        self._rung.set()

    async def due(self) -> tuple[str, ...]:
        if not self._rung.is_set():
            self._resting.set()
        await self._rung.wait()
        self._rung.clear()
        names = tuple(self._due)
        self._due.clear()
        return names

    async def pause(self, _seconds: float) -> None:
        self._turn.clear()
        self._resting.set()
        await self._turn.wait()

    async def pause_behind(self, _seconds: float) -> None:
        self._behind_is = True
        self._behind.clear()
        self._behind_rests.set()
        try:
            await self._behind.wait()
        except asyncio.CancelledError:
            self._behind_is = False
            raise

    # The world's side

    async def rest(self, life: asyncio.Task[object]) -> bool:
        """Wait until the agent has yielded; False when its life has ended instead."""
        return await self._until(self._resting, life)

    async def step(self, life: asyncio.Task[object]) -> None:
        """A block has come: wake the background, then the agent."""
        self._steps += 1
        if self._behind_is:
            self._behind_rests.clear()
            self._behind.set()
            await self._until(self._behind_rests, life)
        self._resting.clear()
        self._turn.set()
        tolling = [name for name, every in self._every.items() if self._steps % every == 0]
        for name in tolling:
            self.ring(name)

    async def _until(self, rested: asyncio.Event, life: asyncio.Task[object]) -> bool:
        if rested.is_set() and not life.done():
            return True
        resting = asyncio.create_task(rested.wait())
        try:
            done, _ = await asyncio.wait(
                (resting, life), timeout=STUCK_S, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            resting.cancel()
        if not done:
            raise WorldStuck("the agent neither rests nor ends", step=self._steps)
        return life not in done


def _wall_ms() -> int:
    return int(time.time() * 1000)
