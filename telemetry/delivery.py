"""One target's pace: epochs go to it in order, and what it has is remembered on disk.

What was sent may be lost there: a pin removed, a disk changed. So the last few epochs are asked
after at the start, and whenever a target that was away is back; what is missing is sent again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from telemetry.cadence import Cadence, Pause
from telemetry.errors import LogBehind, LogDamaged, TargetUnreachable
from telemetry.log import Log
from telemetry.target import Parcel, Target

LOOK_BACK: Final = 8
"""How many of the epochs sent last are asked after."""


class Delivery:
    """Sends one target what it lacks, for as long as it takes."""

    def __init__(
        self,
        log: Log,
        target: Target,
        parcel_of: Callable[[int], Awaitable[Parcel]],
        cadence: Cadence,
        place: str,
    ) -> None:
        """`place` is how targets name our registry on its chain."""
        self._log, self._target, self._parcel_of = log, target, parcel_of
        self._place = place
        self._compared = False
        self._pause = Pause(cadence)
        self._turn = asyncio.Lock()
        self._news = asyncio.Event()
        self._doubtful: deque[int] = deque()
        self._doubt()
        self.trouble = ""

    @property
    def name(self) -> str:
        return self._target.name

    @property
    def sent(self) -> int:
        """How many epochs, from the first on, the target keeps."""
        return self._log.sent(self.name)

    def poke(self) -> None:
        """There is a new epoch."""
        self._news.set()

    async def compare(self) -> None:
        """Raise `LogBehind` if more was published there than is here; its silence is trouble."""
        async with self._turn:
            try:
                await self._compare()
            except LogDamaged:
                raise
            except Exception as error:  # noqa: BLE001  # as below
                self.trouble = str(error) or type(error).__name__

    async def _compare(self) -> None:
        """Once: afterwards nobody but us adds to it."""
        if self._compared:
            return
        newest = await self._target.newest(self._place, self._log.agent)
        if newest is not None and newest >= self._log.sealed_epochs:
            raise LogBehind(target=self.name, published=newest + 1, here=self._log.sealed_epochs)
        self._compared = True

    async def run(self) -> None:
        """Deliver until cancelled."""
        while True:
            self._news.clear()
            await self.drain()
            await self._news.wait()

    async def drain(self) -> None:
        """Return once the target keeps every sealed epoch."""
        while self._doubtful or self.sent < self._log.sealed_epochs:
            if await self._step():
                self._pause.reset()
            else:
                await asyncio.sleep(self._pause.longer())

    async def _step(self) -> bool:
        """Do the next thing; False if it did not go well and must be done again."""
        async with self._turn:
            try:
                await self._compare()
                await (self._look_again() if self._doubtful else self._send_next())
            except LogDamaged:
                raise
            except Exception as error:  # noqa: BLE001  # a target speaks for others, who may be odd
                self.trouble = str(error) or type(error).__name__
                if isinstance(error, TargetUnreachable):
                    self._doubt()
                return False
            self.trouble = ""
            return True

    async def _send_next(self) -> None:
        epoch = self.sent
        if epoch < self._log.sealed_epochs:  # or another's turn has sent it meanwhile
            await self._target.keep(await self._parcel_of(epoch))
            self._log.mark_sent(self.name, epoch + 1)

    async def _look_again(self) -> None:
        parcel = await self._parcel_of(self._doubtful[0])
        if not await self._target.holds(parcel):
            await self._target.keep(parcel)
        self._doubtful.popleft()

    def _doubt(self) -> None:
        """Ask after the last few epochs, unless that is being done."""
        if not self._doubtful:
            self._doubtful.extend(range(max(0, self.sent - LOOK_BACK), self.sent))
