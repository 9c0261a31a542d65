"""The log that a proof is made from, read from where an auditor would read it.

Nothing else here knows how such sources are opened.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Container
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from telemetry.auditing import findings as kinds
from telemetry.auditing.findings import Findings
from telemetry.auditing.peer import Where, open_peer
from telemetry.auditing.source import Bounds, Source, open_folder
from telemetry.cid import Cid
from telemetry.errors import SourceError
from telemetry.web import KUBO

_REMOTE: Final = ("http://", "https://", KUBO)
_CONTRADICTIONS: Final = (kinds.FORK, kinds.SEQUENCE)


class Served(NamedTuple):
    """One agent's log, opened."""

    agent: int
    source: Source
    found: Findings

    async def epochs(self) -> AsyncGenerator[BinaryIO, None]:
        """Each epoch's CAR, oldest first."""
        async for piece in self.source.pieces():
            with piece.path.open("rb") as stream:
                yield stream
            self.source.release(piece)

    @property
    def contradiction(self) -> str | None:
        """What the source's own blocks say against one another, as far as it has seen."""
        return _first_fault(self.found, _CONTRADICTIONS)

    @property
    def lack(self) -> str | None:
        """The first thing that it could not give, or that is wrong with what it gave."""
        return _first_fault(self.found)


@asynccontextmanager
async def open_log(
    source: str, agent: int | None, anchored: Cid | None = None
) -> AsyncIterator[Served]:
    """Open a folder or a peer; raises `SourceError` where there is no log to read.

    `anchored` is the head to begin at for a peer that knows none.
    """
    found = Findings()
    if source.startswith(_REMOTE):
        where = Where(anchored=anchored)
        async with open_peer(source, agent, where, Bounds(), found) as peer:
            yield _served(peer, found)
    else:
        folder = await asyncio.to_thread(open_folder, Path(source), agent, Bounds(), found)
        yield _served(folder, found)


def _served(source: Source, found: Findings) -> Served:
    if source.agent is None:
        raise SourceError(why=_first_fault(found) or "no agent's log")
    return Served(source.agent, source, found)


def _first_fault(found: Findings, among: Container[str] | None = None) -> str | None:
    for each in found.all():
        if each.level == "fault" and (among is None or each.kind in among):
            return f"{each.kind}: {each.detail}"
    return None
