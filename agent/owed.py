"""What a life that is over still owes: its last epochs, to targets that were away when it ended."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator

from agent.config import Config
from agent.home import Home
from agent.host import WALL
from agent.publishing import publishing
from chain.types import Refused
from telemetry.log import Log
from telemetry.publisher import Publisher

LOOK_S = 1.0


class _NoSigner:
    """What was not signed in life is not signed any more."""

    async def checkpoint(self, epoch: int, size: int, root: bytes, prev: bytes) -> bytes | Refused:
        del epoch, size, root, prev
        return Refused("ended", {})


async def settle(home: Home, config: Config, agent: int, told: Callable[[str], None]) -> int:
    """Serve and send until all is kept or we are stopped; gives how many epochs still wait."""
    if not config.telemetry.targets or not home.log.exists():
        return 0
    with contextlib.closing(Log(home.log, agent, WALL.wall_ms)) as log:
        if all(log.sent(target.name) >= log.sealed_epochs for target in config.telemetry.targets):
            return 0
        log_key = str(log.record(0).body["log_key"])
        async with publishing(home, config, log, _NoSigner(), log_key, WALL) as outlet:
            waiting = outlet.publisher.status().waiting
            told(f"this life is over; {waiting} epochs wait for a target (stop with Ctrl-C)")
            await _send(outlet.publisher, told)
            return outlet.publisher.status().waiting


async def _send(publisher: Publisher, told: Callable[[str], None]) -> None:
    """Says what is in the way, once each time that it changes."""
    sending, said = asyncio.ensure_future(publisher.deliver()), ""
    with _on_a_stop(sending.cancel):
        while not sending.done():
            await asyncio.wait([sending], timeout=LOOK_S)
            troubles = publisher.status().troubles
            trouble = "; ".join(f"{name}: {why}" for name, why in troubles.items())
            if trouble and trouble != said:
                told(trouble)
            said = trouble
    with contextlib.suppress(asyncio.CancelledError):
        await sending


@contextlib.contextmanager
def _on_a_stop(do: Callable[[], object]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, do)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
