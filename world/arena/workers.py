"""Processes of this machine, one life at a time each, so that it is known which life ended which.

One pool for all would say only that some process has died: every life under way would then pass
for one that kills its process, and a crew that cannot even start for very many of them.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Final

from world.arena.plan import Case
from world.arena.work import live_case
from world.errors import CannotWork
from world.family import end_with_asker

LIVES_A_PROCESS: Final = 100
"""Then a new one takes its place: native code may lose a little memory with each."""
ENDING_S: Final = 5.0


class Worker:
    """One process, replaced when it has died."""

    def __init__(self) -> None:
        self._start()

    def live(self, case: Case, out: str, *, tables: bool) -> Future[str]:
        """Begin it; the row of results is to come."""
        self._check()
        try:
            return self._pool.submit(live_case, case, out, tables=tables)
        except BrokenProcessPool:  # it died of the life before
            self._pool.shutdown()
            self._start()
            self._check()
            return self._pool.submit(live_case, case, out, tables=tables)

    def leave(self) -> None:
        """When it has nothing more to do."""
        self._pool.shutdown()

    def end(self) -> None:
        """At once, whatever it is doing."""
        children = list((self._pool._processes or {}).values())  # noqa: SLF001  # no public way
        self._pool.shutdown(wait=False, cancel_futures=True)
        for child in children:
            child.terminate()
        for child in children:
            child.join(ENDING_S)

    def _start(self) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["world.arena.work"])
        self._pool = ProcessPoolExecutor(
            1, context, initializer=_quiet, max_tasks_per_child=LIVES_A_PROCESS
        )
        self._ready = self._pool.submit(_ready)

    def _check(self) -> None:
        """What keeps a process from its first word is no life's fault, and keeps all of them."""
        try:
            self._ready.result()
        except BrokenProcessPool:
            raise CannotWork from None


@contextmanager
def crew(number: int) -> Iterator[list[Worker]]:
    """All of them idle; ended at once when the block is left by a fault or by Ctrl-C."""
    workers = [Worker() for _ in range(number)]
    try:
        yield list(workers)
    except BaseException:
        for worker in workers:
            worker.end()
        raise
    for worker in workers:
        worker.leave()


def _ready() -> None:
    """Its first word."""


def _quiet() -> None:
    """Ctrl-C is for the process that asked: it ends the others, and so does its own end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_asker()
