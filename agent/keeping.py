"""Keeps the signer running: one that ends by itself is started again, unless that cannot help."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, NoReturn

import structlog

from chain.errors import ChainError
from chain.signer_client import SignerProcess

log = structlog.get_logger(__name__)

FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 30.0
LASTING_S: Final = 60.0
"""One that served so long did not fail at its start."""

Start = Callable[[], Awaitable[SignerProcess]]


async def keep(first: Awaitable[SignerProcess], start: Start) -> NoReturn:
    """Until cancelled, which ends the signer too; raises what no other start would mend."""
    child, pause = await first, FIRST_PAUSE_S
    began = time.monotonic()
    try:
        while True:
            code = await child.process.wait()
            log.warning("signer.ended", code=code)
            if time.monotonic() - began >= LASTING_S:
                pause = FIRST_PAUSE_S
            child, pause = await _again(start, pause)
            began = time.monotonic()
    finally:
        await child.stop()


async def _again(start: Start, pause: float) -> tuple[SignerProcess, float]:
    """The next one, and how long to wait before the one after it."""
    while True:
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_S)
        try:
            return await start(), pause
        except ChainError as fault:
            log.warning("signer.failed", fault=type(fault).__name__, says=str(fault))
            if fault.consequence in ("halt", "stop"):
                raise
