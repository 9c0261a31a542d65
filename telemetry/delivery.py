"""One target's pace: epochs go to it in order, and what it has is remembered on disk."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

from telemetry.cadence import Cadence, Pause
from telemetry.cid import Cid
from telemetry.errors import LogDamaged
from telemetry.log import Log


class Target(Protocol):
    """A place that keeps epochs; `name` is what its progress is remembered by."""

    @property
    def name(self) -> str: ...

    async def keep(self, cid: Cid, car: Path) -> None:
        """Return once the epoch is kept; keeping it again is fine. Whatever it raises, it waits."""
        ...


class Delivery:
    """Sends one target what it lacks, for as long as it takes."""

    def __init__(
        self,
        log: Log,
        target: Target,
        file_of: Callable[[int], Awaitable[tuple[Cid, Path]]],
        cadence: Cadence,
    ) -> None:
        self._log, self._target, self._file_of = log, target, file_of
        self._pause = Pause(cadence)
        self._turn = asyncio.Lock()
        self._news = asyncio.Event()
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

    async def run(self) -> None:
        """Deliver until cancelled."""
        while True:
            self._news.clear()
            await self.drain()
            await self._news.wait()

    async def drain(self) -> None:
        """Return once the target keeps every sealed epoch."""
        while self.sent < self._log.sealed_epochs:
            if await self._send_next():
                self._pause.reset()
            else:
                await asyncio.sleep(self._pause.longer())

    async def _send_next(self) -> bool:
        async with self._turn:
            epoch = self.sent
            if epoch >= self._log.sealed_epochs:  # another's turn has sent it meanwhile
                return True
            try:
                cid, path = await self._file_of(epoch)
                await self._target.keep(cid, path)
                self._log.mark_sent(self.name, epoch + 1)
            except LogDamaged:
                raise
            except Exception as error:  # noqa: BLE001  # a target speaks for others, who may be odd
                self.trouble = str(error) or type(error).__name__
                return False
            self.trouble = ""
            return True
