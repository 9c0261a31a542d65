"""Ends a piece of work at the first signal to leave, and lets nothing hurry its tidying up."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

T = TypeVar("T")
SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


async def until_told(work: Coroutine[Any, Any, T]) -> T:
    """Run it; the first signal cancels it, and the process ends when it has cleaned up.

    A second Ctrl-C, or the terminal's end, would otherwise leave behind what the work had started.
    """
    task, loop = asyncio.ensure_future(work), asyncio.get_running_loop()
    heard: list[int] = []

    def leave(number: int) -> None:
        if not heard:
            task.cancel()
        heard.append(number)

    heeded = [each for each in SIGNALS if signal.getsignal(each) is not signal.SIG_IGN]
    for number in heeded:  # nohup means it
        loop.add_signal_handler(number, leave, number)
    try:
        return await task
    except asyncio.CancelledError:
        if heard:
            raise SystemExit(128 + heard[0]) from None
        raise
    finally:
        for number in heeded:
            loop.remove_signal_handler(number)
