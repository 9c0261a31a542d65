"""A halt by signal: obeyed at once, and kept in a file until the signer has written it down."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import structlog

from chain.errors import ChainError
from chain.port import Signer

log = structlog.get_logger(__name__)

SIGNAL: Final = signal.SIGUSR1
REASON: Final = "SIGUSR1"
PAUSE_S: Final = 0.05


def remember(asked: Path) -> None:
    """From now on the signal is kept, though nobody may be there yet to pass it on."""
    signal.signal(SIGNAL, lambda *_: _keep(asked))


@contextlib.asynccontextmanager
async def listening(asked: Path, signer: Signer) -> AsyncIterator[None]:
    """Pass it on as soon as it comes; one that came before is passed on first of all."""
    if _waits(asked):
        await _pass_on(asked, signer)
    loop, heard, before = asyncio.get_running_loop(), asyncio.Event(), signal.getsignal(SIGNAL)

    def hear() -> None:
        _keep(asked)
        heard.set()

    loop.add_signal_handler(SIGNAL, hear)
    if _waits(asked):
        heard.set()
    task = asyncio.create_task(_surely(asked, signer, heard), name="halting")
    try:
        yield
    finally:
        loop.remove_signal_handler(SIGNAL)
        signal.signal(SIGNAL, before or signal.SIG_DFL)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _surely(asked: Path, signer: Signer, heard: asyncio.Event) -> None:
    """The signer may be starting again, or have no room to write: then it is told again."""
    while True:
        await heard.wait()
        heard.clear()
        try:
            await _pass_on(asked, signer)
        except ChainError as fault:
            log.warning("halt.waits", fault=type(fault).__name__, says=str(fault))
            heard.set()
            await asyncio.sleep(PAUSE_S)


async def _pass_on(asked: Path, signer: Signer) -> None:
    await signer.halt(REASON)
    _forget(asked)


def _waits(asked: Path) -> bool:
    return asked.exists()


def _forget(asked: Path) -> None:
    asked.unlink(missing_ok=True)


def _keep(asked: Path) -> None:
    with contextlib.suppress(OSError):  # a full disk: it is still obeyed while this process lives
        asked.touch()
