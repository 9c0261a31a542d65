"""A log behind a gateway: asked for its head, walked back to birth, then read forward.

The way back takes checkpoints alone, so that nothing but their names is held; each is named by
the digest in the one after it, and a block that is not what its name says is never used.
"""

from __future__ import annotations

import json
import re
from asyncio import timeout
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from hashlib import sha256
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, Final, cast

from aiohttp import ClientError, ClientSession, ClientTimeout
from yarl import URL

from telemetry.auditing import findings as kinds
from telemetry.auditing.findings import Findings
from telemetry.auditing.source import Bounds, Piece
from telemetry.checkpoint import FIRST_PREV, MAX_BYTES, Checkpoint
from telemetry.cid import Cid, digest_of, from_digest
from telemetry.errors import SourceError, TelemetryError

_AGENT_PATH: Final = re.compile(r"(.*?)/agents/(\d{1,16})/?")
_HEAD_BYTES: Final = 256 * 1024
_IN_MEMORY: Final = 4 * 1024 * 1024
_CHUNK: Final = 64 * 1024
_OK: Final = 200


class Gateway:
    """Epochs served over HTTP; `cids` are their checkpoints, newest first."""

    def __init__(self, web: _Web, agent: int, cids: list[Cid]) -> None:
        self.agent: int | None = agent
        self.epochs = len(cids)
        self._web = web
        self._cids = cids

    async def pieces(self) -> AsyncIterator[Piece]:
        for cid in reversed(self._cids):
            with SpooledTemporaryFile(max_size=_IN_MEMORY) as file:
                try:
                    await self._web.get(
                        f"ipfs/{cid}?format=car", self._web.bounds.epoch_bytes, file.write
                    )
                except SourceError as error:
                    self._web.found.fault(kinds.MISSING, f"checkpoint {cid}: {error}")
                    continue
                file.seek(0)
                yield Piece(str(cid), cast("BinaryIO", file))


@asynccontextmanager
async def open_gateway(
    url: str, agent: int | None, bounds: Bounds, found: Findings
) -> AsyncIterator[Gateway]:
    """Ask for the head and find all epochs before it, within one deadline for everything."""
    base, agent = _address(url, agent)
    limit = ClientTimeout(
        total=bounds.request_s, sock_connect=bounds.silence_s, sock_read=bounds.silence_s
    )
    session = ClientSession(timeout=limit, auto_decompress=False, max_line_size=8190)
    try:
        async with timeout(bounds.total_s), session:
            web = _Web(session, base, bounds, found)
            agent = await _only(web) if agent is None else agent
            head = await _head(web, agent)
            yield Gateway(web, agent, await _back(web, agent, head))
    except TimeoutError as error:
        raise SourceError(url=url, why="takes too long", limit_s=bounds.total_s) from error


class _Web:
    """Bounded GETs below one address."""

    def __init__(self, session: ClientSession, base: URL, bounds: Bounds, found: Findings) -> None:
        self.session = session
        self.base = base
        self.bounds = bounds
        self.found = found

    async def get(self, path: str, limit: int, take: Callable[[bytes], object]) -> None:
        """Hand over an answer piece by piece; whatever goes wrong is a `SourceError`."""
        url = URL(f"{self.base}/{path}")
        try:
            async with self.session.get(
                url,
                headers={"Accept-Encoding": "identity"},
                max_redirects=self.bounds.redirects,
            ) as reply:
                if reply.status != _OK:
                    raise SourceError(url=url, status=reply.status)
                size = 0
                async for chunk in reply.content.iter_chunked(_CHUNK):
                    size += len(chunk)
                    if size > limit:
                        raise SourceError(url=url, why="more than an answer may have", limit=limit)
                    take(chunk)
        except (ClientError, OSError, TimeoutError, ValueError) as error:
            raise SourceError(url=url, why=str(error)[:200] or type(error).__name__) from error

    async def small(self, path: str, limit: int) -> bytes:
        answer = bytearray()
        await self.get(path, limit, answer.extend)
        return bytes(answer)


def _address(url: str, agent: int | None) -> tuple[URL, int | None]:
    try:
        base = URL(url.rstrip("/"))
    except ValueError as error:
        raise SourceError(url=url[:200], why="not an address") from error
    if match := _AGENT_PATH.fullmatch(base.path):
        base = base.with_path(match[1])
        agent = int(match[2]) if agent is None else agent
    return URL(str(base.with_query(None).with_fragment(None)).rstrip("/")), agent


async def _only(web: _Web) -> int:
    """The one agent that a gateway serves; of several the auditor must name one."""
    answer = await web.small("agents", _HEAD_BYTES)
    try:
        agents = json.loads(answer)["agents"]
        [agent] = agents
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise SourceError(why="this gateway does not serve one agent alone; name one") from error
    if type(agent) is not int:
        raise SourceError(why="this gateway does not serve one agent alone; name one")
    return agent


async def _head(web: _Web, agent: int) -> Cid:
    answer = await web.small(f"agents/{agent}", _HEAD_BYTES)
    try:
        head = Cid(json.loads(answer)["head"])
        digest_of(head)
    except (TelemetryError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise SourceError(why="the gateway names no head", agent=agent) from error
    return head


async def _back(web: _Web, agent: int, head: Cid) -> list[Cid]:
    """Every checkpoint's name, newest first, as far back as the links hold."""
    cids: list[Cid] = [head]
    after: Checkpoint | None = None
    while True:
        try:
            at = await _checkpoint(web, cids[-1])
        except TelemetryError as error:
            web.found.fault(kinds.MISSING, f"checkpoint {cids[-1]}: {error}")
            return cids[:-1]
        if at.head.agent != agent or (after and at.head.epoch != after.head.epoch - 1):
            web.found.fault(kinds.SEQUENCE, f"checkpoint {cids[-1]} does not precede its successor")
            return cids[:-1]
        if at.head.epoch >= web.bounds.epochs:
            raise SourceError(why="too many epochs", epochs=at.head.epoch + 1)
        if at.head.prev == FIRST_PREV:
            return cids
        cids.append(from_digest(at.head.prev))
        after = at


async def _checkpoint(web: _Web, cid: Cid) -> Checkpoint:
    block = await web.small(f"ipfs/{cid}?format=raw", MAX_BYTES)
    if sha256(block).digest() != digest_of(cid):
        raise SourceError(why="not the block that was asked for")
    return Checkpoint.decode(block)
