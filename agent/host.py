"""What a process lends to the life in it: time, a signer that answers, and something to think with.

`forager run` lends the wall's time and child processes; a world that evaluates many lives lends its
own. The life is the same code in both.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final, Protocol

from agent.genome import Genome
from agent.mind import Rule, reflex
from agent.schedule import Schedule
from agent.thinking import Thinking
from chain.client import ChainClient
from chain.port import Signer


class Bells(Protocol):
    """Says what is due; each bell was named with the seconds between two tolls."""

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def ring(self, name: str) -> None: ...

    async def due(self) -> tuple[str, ...]:
        """Wait for at least one bell, and empty them all."""
        ...


@dataclass(frozen=True, slots=True)
class Time:
    """Clocks, waiting and bells; `signals` if SIGTERM and SIGUSR1 are this life's to hear."""

    wall_ms: Callable[[], int]
    clock: Callable[[], float]
    pause: Callable[[float], Awaitable[None]]
    bells: Callable[[Mapping[str, float]], Bells]
    signals: bool = True
    behind: Callable[[float], Awaitable[None]] = asyncio.sleep
    """How what runs behind the life waits."""


@dataclass(frozen=True, slots=True)
class Host:
    """Everything that is there before the life wakes, or on its way."""

    born_as: Genome
    signer: Callable[[], AbstractAsyncContextManager[Signer]]
    """Entered once it is needed: it may still be starting."""
    thinking: Callable[[Signer], Thinking]
    loaded: Callable[[], Awaitable[object]]
    """Waits for the model; raises what is wrong with it."""
    time: Time
    client: ChainClient | None = None
    """The chain, for whoever has it open already; else it is opened by the config."""
    keeping: asyncio.Task[None] | None = None
    """What keeps the signer running; when it ends, so does the life."""
    rule: Rule = reflex
    """Chooses when no model does."""


def _wall_ms() -> int:
    return int(time.time() * 1000)


WALL: Final = Time(_wall_ms, time.monotonic, asyncio.sleep, Schedule)
