"""Where lives are lived: in processes of this machine, or as tasks of a Ray cluster."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any, Final, Protocol

from world.arena.plan import Case
from world.arena.work import live_case
from world.arena.workers import Worker, crew
from world.errors import WorldError

TRIES: Final = 3

Lives = Generator[tuple[Case, str | BaseException], None, None]
"""Each with its row of results, or with the fault that kept it from being lived."""


class Engine(Protocol):
    """Lives cases, in whatever order; a case that cannot be lived comes with its fault."""

    def live(self, cases: Sequence[Case], out: str, *, tables: bool) -> Lives: ...


class Local:
    """Processes of this machine; one that dies takes nothing with it but the life it had begun."""

    def __init__(self, workers: int) -> None:
        self._workers = workers

    def live(self, cases: Sequence[Case], out: str, *, tables: bool) -> Lives:
        waiting = deque((case, 1) for case in cases)
        running: dict[Future[str], tuple[Worker, Case, int]] = {}
        with crew(min(self._workers, len(cases))) as idle:
            while waiting or running:
                while waiting and idle:
                    (case, attempt), worker = waiting.popleft(), idle.pop()
                    future = worker.live(case, out, tables=tables)
                    running[future] = worker, case, attempt
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    worker, case, attempt = running.pop(future)
                    idle.append(worker)
                    fault = future.exception()
                    if fault is None:
                        yield case, future.result()
                    elif attempt < TRIES:
                        waiting.append((case, attempt + 1))
                    else:
                        yield case, fault


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
        asked = {"num_cpus": 1, "max_retries": TRIES - 1, "retry_exceptions": True}
        lived = ray.remote(**asked)(live_case)
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
