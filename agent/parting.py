"""What strategies hold elsewhere when a life ends, and how it goes home."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

import structlog

from agent.senses import Doings, Memory, Senses
from strategies.port import Parting

if TYPE_CHECKING:
    from agent.body import Body
    from chain.port import Reader
    from chain.types import Call

log = structlog.get_logger(__name__)

LOOKS: Final = 3
"""So often they are asked what they hold, when one did not find out."""


async def partings(
    body: Body, read: Callable[[], Awaitable[Reader]], pause: Callable[[], Awaitable[None]]
) -> list[Call]:
    """By a look of its own, newer than everything this life has done; nobody else is asked."""
    leaving = [each for each in body.proposers if isinstance(each, Parting)]
    if not leaving:
        return []
    senses, memory = Senses(body.compute, leaving), Memory(last_active_at=body.who.born_at)
    for _ in range(LOOKS):
        seen, memory = await senses.snapshot(await read(), body.who, memory, Doings())
        if all(each.name in seen.surveys for each in leaving):
            break
        await pause()
    calls: list[Call] = []
    for each in leaving:
        try:
            calls += each.parting(seen)
        except Exception as fault:  # noqa: BLE001  # no strategy keeps a life from its ending
            log.warning("parting.failed", strategy=each.name, fault=type(fault).__name__)
    return calls
