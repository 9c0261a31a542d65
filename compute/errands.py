"""A provider's calls on their way to a block: one at a time for each matter, and nobody waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

import structlog

from chain.errors import ChainError
from chain.types import Address, Call, Receipt

log = structlog.get_logger(__name__)


class Purse(Protocol):
    """The provider's own key; answers once the call is in a block."""

    @property
    def address(self) -> Address: ...

    async def send(self, call: Call) -> Receipt: ...


class Errands:
    """What a block asked for is not asked again by the next while it is still on its way."""

    def __init__(self, purse: Purse) -> None:
        self._purse = purse
        self._running: dict[str, asyncio.Task[None]] = {}
        self._fault: ChainError | None = None
        self.seen = 0
        """The newest block that took a call: older ones no longer say what is to be done."""

    def begin(self, matter: str, call: Call, done: Callable[[], None]) -> bool:
        """False while an earlier call in this matter is on its way: look again when it is over."""
        if matter in self._running:
            return False
        task = asyncio.create_task(self._run(call, done), name=matter)
        self._running[matter] = task
        task.add_done_callback(lambda _: self._running.pop(matter))
        return True

    async def run(self, call: Call) -> None:
        """One call, waited for; raises what goes wrong."""
        receipt = await self._purse.send(call)
        self.seen = max(self.seen, receipt.block.number)
        log.info("errand.done", call=call.function, args=call.args, hash=receipt.hash)

    def check(self) -> None:
        """Raises the fault of an errand that no later block can mend."""
        if self._fault:
            raise self._fault

    async def close(self) -> None:
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, call: Call, done: Callable[[], None]) -> None:
        """The chain may have moved on since we looked; then the next block says what to do."""
        try:
            await self.run(call)
        except ChainError as fault:
            log.warning("errand.failed", call=call.function, args=call.args, reason=fault.reason)
            if fault.consequence in ("halt", "stop"):
                self._fault = fault
        else:
            done()
