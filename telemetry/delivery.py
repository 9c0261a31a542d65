"""One target's pace: epochs go to it in order, and what it has is remembered on disk.

What was sent may be lost there: a pin removed, a disk changed. So the last few epochs are asked
after at the start, and whenever a target that was away is back; what is missing is sent again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from telemetry.cadence import Cadence, Pause
from telemetry.checkpoint import Domain, Head
from telemetry.errors import LogBehind, LogDamaged, TargetUnreachable
from telemetry.log import Log
from telemetry.target import Parcel, Target, place_of

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
        domain: Domain,
        log_key: str,
    ) -> None:
        """What `log_key` signed under `domain` is ours, whoever shows it."""
        self._log, self._target, self._parcel_of = log, target, parcel_of
        self._domain, self._log_key = domain, log_key
        self.compared = False
        """It has shown what it knows of this log, and that is here."""
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
    def heard(self) -> bool:
        """Whether all that it may know of this log is known to be here."""
        return self.compared or not self.sent

    @property
    def sent(self) -> int:
        """How many epochs, from the first on, the target keeps."""
        return self._log.sent(self.name)

    def poke(self) -> None:
        """There is a new epoch."""
        self._news.set()

    async def compare(self) -> None:
        """Raise `LogBehind` if it knows of epochs that are not here; its silence is trouble."""
        async with self._turn:
            await self._borne(self._compare())

    async def _compare(self) -> None:
        """Once: afterwards nobody but us adds to it."""
        if self.compared:
            return
        for claim in await self._target.claims(place_of(self._domain), self._log.agent):
            if claim.signed_by(self._log_key, self._domain) and not self._is_here(claim.head):
                raise LogBehind(
                    why="an epoch was published that is not in it",
                    epoch=claim.head.epoch,
                    target=self.name,
                )
        self.compared = True

    def _is_here(self, head: Head) -> bool:
        sealed = head.epoch < self._log.sealed_epochs
        return sealed and self._log.checkpoint(head.epoch).head == head

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
            return await self._borne(self._do_next())

    async def _borne(self, doing: Coroutine[Any, Any, None]) -> bool:
        """Only a damaged log is our fault; a target speaks for others, who may be odd."""
        try:
            await doing
        except LogDamaged:
            raise
        except Exception as error:  # noqa: BLE001  # see above
            self.trouble = str(error) or type(error).__name__
            if isinstance(error, TargetUnreachable):
                self._doubt()
            return False
        self.trouble = ""
        return True

    async def _do_next(self) -> None:
        await self._compare()
        await (self._look_again() if self._doubtful else self._send_next())

    async def _send_next(self) -> None:
        epoch = self.sent
        if epoch < self._log.sealed_epochs:  # or another's turn has sent it meanwhile
            parcel = await self._parcel_of(epoch)
            await self._target.keep(parcel)
            await self._target.mark(parcel)
            self._log.mark_sent(self.name, epoch + 1)

    async def _look_again(self) -> None:
        parcel = await self._parcel_of(self._doubtful[0])
        if not await self._target.holds(parcel):
            await self._target.keep(parcel)
            if parcel.epoch + 1 == self.sent:
                await self._target.mark(parcel)
        self._doubtful.popleft()

    def _doubt(self) -> None:
        """Ask after the last few epochs, unless that is being done."""
        if not self._doubtful:
            self._doubtful.extend(range(max(0, self.sent - LOOK_BACK), self.sent))
