"""Where lives are lived: in processes of this machine, or as tasks of a Ray cluster."""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, Final, Protocol

from world.arena.plan import Case
from world.arena.work import live_case
from world.errors import WorldError
from world.family import end_with_asker

TRIES: Final = 3
LIVES_A_PROCESS: Final = 100
"""Then a new one takes its place: native code may lose a little memory with each."""
ENDING_S: Final = 5.0


Lives = Generator[tuple[Case, str | BaseException], None, None]
"""Each with its row of results, or with the fault that kept it from being lived."""


class Engine(Protocol):
    """Lives cases, in whatever order; a case that cannot be lived comes with its fault."""

    def live(self, cases: Sequence[Case], out: str, *, tables: bool) -> Lives: ...


class Local:
    """A pool of processes; one that dies takes nothing with it but the lives it had begun."""

    def __init__(self, workers: int) -> None:
        self._workers = workers

    def live(self, cases: Sequence[Case], out: str, *, tables: bool) -> Lives:
        waiting = deque((case, 1) for case in cases)
        while waiting:
            with self._pool() as pool:
                yield from self._some(pool, waiting, out, tables=tables)

    def _some(
        self,
        pool: ProcessPoolExecutor,
        waiting: deque[tuple[Case, int]],
        out: str,
        *,
        tables: bool,
    ) -> Iterator[tuple[Case, str | BaseException]]:
        """Until all are lived, or the pool is broken: then what was under way waits again."""
        running: dict[Future[str], tuple[Case, int]] = {}
        broken = False
        while running or (waiting and not broken):
            while waiting and len(running) < 2 * self._workers and not broken:
                case, attempt = waiting.popleft()
                try:
                    future = pool.submit(live_case, case, out, tables=tables)
                except BrokenProcessPool:
                    waiting.appendleft((case, attempt))
                    broken = True
                else:
                    running[future] = case, attempt
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                case, attempt = running.pop(future)
                fault = future.exception()
                broken = broken or isinstance(fault, BrokenProcessPool)
                if fault is None:
                    yield case, future.result()
                elif attempt < TRIES:
                    waiting.append((case, attempt + 1))
                else:
                    yield case, fault

    @contextmanager
    def _pool(self) -> Iterator[ProcessPoolExecutor]:
        """Ended at once when this process is told to stop: what is under way is lived again."""
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["world.arena.work"])
        pool = ProcessPoolExecutor(
            self._workers, context, initializer=_quiet, max_tasks_per_child=LIVES_A_PROCESS
        )
        try:
            yield pool
        except BaseException:
            children = list((pool._processes or {}).values())  # noqa: SLF001  # no public way
            pool.shutdown(wait=False, cancel_futures=True)
            for child in children:
                child.terminate()
            for child in children:
                child.join(ENDING_S)
            raise
        pool.shutdown()


class Ray:
    """The same lives as Ray tasks; the cluster is found as `ray.init()` finds it."""

    def __init__(self, workers: int) -> None:
        try:
            import ray  # type: ignore[import-not-found,unused-ignore]
        except ImportError:
            raise WorldError("Ray is not installed; pip install 'forager[ray]'") from None
        self._ray: Any = ray
        self._workers = workers

    def live(self, cases: Sequence[Case], out: str, *, tables: bool) -> Lives:
        ray = self._ray
        if not ray.is_initialized():
            ray.init(include_dashboard=False, log_to_driver=False)
        lived = ray.remote(num_cpus=1, max_retries=TRIES - 1)(live_case)
        waiting = deque(cases)
        running: dict[Any, Case] = {}
        while waiting or running:
            while waiting and len(running) < 2 * self._workers:
                case = waiting.popleft()
                running[lived.remote(case, out, tables=tables)] = case
            [done], _ = ray.wait(list(running), num_returns=1)
            case = running.pop(done)
            try:
                yield case, ray.get(done)
            except Exception as fault:  # noqa: BLE001  # whatever a task died of is told
                yield case, fault


def engine(name: str, workers: int) -> Engine:
    return Ray(workers) if name == "ray" else Local(workers)


def _quiet() -> None:
    """Ctrl-C is for the process that asked: it ends the others, and so does its own end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_asker()
