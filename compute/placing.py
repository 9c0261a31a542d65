"""Embodied agents on this machine: started while their lease lasts, evicted when it does not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import structlog

from chain.types import Address
from compute.child import Child, Command, adopt, start

log = structlog.get_logger(__name__)


class Step(StrEnum):
    """Where one tenant's agent is on this machine; ENDED is for ever."""

    IDLE = "idle"
    RUNNING = "running"
    LEAVING = "leaving"
    ENDED = "ended"


class Event(StrEnum):
    """What can happen to it."""

    STARTED = "started"
    EVICTED = "evicted"
    DONE = "done"
    FAILED = "failed"


NEXT: Final = {
    (Step.IDLE, Event.STARTED): Step.RUNNING,
    (Step.RUNNING, Event.DONE): Step.ENDED,  # it ended itself
    (Step.RUNNING, Event.FAILED): Step.IDLE,  # it is started again, later each time
    (Step.RUNNING, Event.EVICTED): Step.LEAVING,
    (Step.LEAVING, Event.DONE): Step.IDLE,
    (Step.LEAVING, Event.FAILED): Step.IDLE,
}
PATIENCE_S: Final = 60.0
"""The longest wait before a failing agent is started again, and the run that clears its record."""


@dataclass(slots=True)
class Place:
    """One tenant's place; only `Placements` changes it."""

    command: Command
    step: Step = Step.IDLE
    child: Child | None = None
    since: float = 0.0
    """When it was started, or when it may be started again, or when it was told to leave."""
    fails: int = 0


class Placements:
    """Brings what runs in line with who has a lease; call `tend` often, it never waits."""

    def __init__(
        self,
        commands: Mapping[Address, Command],
        will_s: float,
        clock: Callable[[], float],
        ended: Iterable[Address] = (),
    ) -> None:
        gone = frozenset(ended)
        self._places = {
            tenant: Place(command, Step.ENDED if tenant in gone else Step.IDLE)
            for tenant, command in commands.items()
        }
        self._will_s = will_s
        self._clock = clock
        self._wanted: frozenset[Address] = frozenset()
        for tenant, place in self._places.items():
            self._find(tenant, place)

    def want(self, tenants: Iterable[Address]) -> None:
        """Whose leases are active now."""
        self._wanted = frozenset(tenants)

    def tend(self) -> None:
        for tenant, place in self._places.items():
            self._reap(tenant, place)
            self._evict(tenant, place)
            self._start(tenant, place)

    def step(self, tenant: Address) -> Step:
        return self._places[tenant].step

    @property
    def ended(self) -> frozenset[Address]:
        return frozenset(who for who, place in self._places.items() if place.step is Step.ENDED)

    @property
    def idle(self) -> bool:
        return all(place.child is None for place in self._places.values())

    def _find(self, tenant: Address, place: Place) -> None:
        if child := adopt(place.command.lock):
            place.child = child
            self._move(tenant, place, Event.STARTED)

    def _start(self, tenant: Address, place: Place) -> None:
        due = place.step is Step.IDLE and tenant in self._wanted and self._clock() >= place.since
        if due and (child := start(place.command)):
            place.child = child
            self._move(tenant, place, Event.STARTED)

    def _evict(self, tenant: Address, place: Place) -> None:
        if place.child is None:
            return
        if place.step is Step.RUNNING and tenant not in self._wanted:
            place.child.terminate()
            self._move(tenant, place, Event.EVICTED)
        elif place.step is Step.LEAVING and self._clock() >= place.since + self._will_s:
            place.child.kill()

    def _reap(self, tenant: Address, place: Place) -> None:
        if place.child is None or (code := place.child.exit_code()) is None:
            return
        crashed = place.step is Step.RUNNING and code != 0
        lasted = self._clock() - place.since
        place.child = None
        place.fails = 0 if not crashed or lasted >= PATIENCE_S else place.fails + 1
        self._move(tenant, place, Event.DONE if code == 0 else Event.FAILED, code=code)
        place.since += min(PATIENCE_S, 2.0**place.fails - 1)

    def _move(self, tenant: Address, place: Place, event: Event, **facts: object) -> None:
        place.step = NEXT[place.step, event]
        place.since = self._clock()
        log.info("placing.moved", by=event, tenant=tenant, step=place.step, **facts)
