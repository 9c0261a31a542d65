"""Says what is due, and nothing else: APScheduler rings, the daemon's one loop acts."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from apscheduler.schedulers.asyncio import AsyncIOScheduler


class Schedule:
    """Named bells; `due` waits for at least one and empties them all."""

    def __init__(self, every_s: Mapping[str, float]) -> None:
        self._due: dict[str, None] = dict.fromkeys(every_s)
        self._rung = asyncio.Event()
        self._rung.set()
        self._clock: Any = AsyncIOScheduler(timezone="UTC")
        for name, seconds in every_s.items():
            # A late bell must still ring, and many missed ones ring once.
            self._clock.add_job(
                self._toll,
                "interval",
                args=[name],
                id=name,
                seconds=seconds,
                misfire_grace_time=None,
                coalesce=True,
                max_instances=1,
            )

    def start(self) -> None:
        self._clock.start()

    def stop(self) -> None:
        if self._clock.running:
            self._clock.shutdown(wait=False)

    def ring(self, name: str) -> None:
        self._due[name] = None
        self._rung.set()

    async def _toll(self, name: str) -> None:
        """A coroutine: plain functions are run in threads, where no bell may ring."""
        self.ring(name)

    async def due(self) -> tuple[str, ...]:
        await self._rung.wait()
        self._rung.clear()
        names = tuple(self._due)
        self._due.clear()
        return names
