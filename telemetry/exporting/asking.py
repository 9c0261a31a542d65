"""Which lives are meant: those named, or all that a source or a registry knows of."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from chain.rpc import connect
from telemetry.auditing.audit import Asked
from telemetry.auditing.peer import agents_at
from telemetry.auditing.source import Bounds, agents_in
from telemetry.errors import SourceError, TelemetryError

COUNT: Final = "count()(uint256)"
MOST_LIVES: Final = 1_000_000
"""More than this no registry is believed to hold: each would be asked about."""


async def lives_asked(
    sources: Sequence[str], agents: Sequence[int], rpc: str | None, registry: str | None
) -> Sequence[Asked]:
    """One question for each life, in the order of sources and ids."""
    if sources:
        return [
            Asked(source, agent, None, rpc, registry)
            for source in sources
            for agent in agents or await _held_by(source)
        ]
    if not rpc or not registry:
        raise SourceError(why="name a source, or a chain and its registry")
    return [
        Asked(None, agent, None, rpc, registry) for agent in agents or await _born(rpc, registry)
    ]


async def _held_by(source: str) -> Sequence[int | None]:
    """A source that does not answer is asked without a number, and refused with its own words."""
    try:
        return await _found_at(source)
    except TelemetryError:
        return (None,)


async def _found_at(source: str) -> Sequence[int]:
    if source.startswith(("http://", "https://")):
        return await agents_at(source, Bounds())
    return await asyncio.to_thread(agents_in, Path(source))


async def _born(rpc: str, registry: str) -> Sequence[int]:
    async with connect(rpc) as chain:
        [count] = await chain.view(registry, COUNT)
    born = int(count)
    if born > MOST_LIVES:
        raise SourceError(why="the registry says that more lives were born than can be", born=born)
    return range(1, born + 1)
