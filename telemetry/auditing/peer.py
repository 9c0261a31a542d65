"""A log behind IPFS: from its head back to its birth, then forward, epoch by epoch.

The way back takes checkpoints alone, so that nothing but their names is held; each is named by
the digest in the one after it, and a block that is not what its name says is never used. Whom to
ask is a gateway, ours or anyone's, or the RPC of a Kubo node; where the head is, a gateway of ours
says, or the caller.
"""

from __future__ import annotations

import json
import re
from asyncio import timeout
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

from yarl import URL

from telemetry.auditing import findings as kinds
from telemetry.auditing.findings import Findings
from telemetry.auditing.judge_log import Since
from telemetry.auditing.source import Bounds, Piece
from telemetry.checkpoint import FIRST_PREV, MAX_BYTES, Checkpoint
from telemetry.cid import DIGEST_LENGTH, Cid, digest_of, from_digest
from telemetry.errors import SourceError, TelemetryError
from telemetry.web import KUBO, Web, session

_AGENT_PATH: Final = re.compile(r"(.*?)/agents/(\d{1,16})/?")
_HEAD_BYTES: Final = 256 * 1024
_RECORD_BYTES: Final = 1500
"""What a record usually takes; only to guess how much there is to read."""


class Where(NamedTuple):
    """What is known of where a log's head is."""

    head: Cid | None = None
    """As the caller says; then nobody is asked."""
    anchored: Cid | None = None
    """As the chain says: of use where the peer does not know."""
    since: Since | None = None
    """What has been read before."""
    knows: Callable[[int, bytes], bool] = lambda _epoch, _digest: False
    """Whether an epoch, by its checkpoint's digest, was among that."""


class Peer:
    """Epochs served by somebody else; `digests` are their checkpoints', newest first."""

    def __init__(self, web: _Web, agent: int, digests: bytearray, records: int, at: Path) -> None:
        self.agent: int | None = agent
        self.epochs = len(digests) // DIGEST_LENGTH
        self.size = records * _RECORD_BYTES
        self._web = web
        self._digests = digests
        self._folder = at

    async def pieces(self) -> AsyncIterator[Piece]:
        for place in reversed(range(self.epochs)):
            start = place * DIGEST_LENGTH
            cid = from_digest(bytes(self._digests[start : start + DIGEST_LENGTH]))
            path = self._folder / cid
            try:
                with path.open("wb") as file:
                    limit = self._web.bounds.epoch_bytes
                    await self._web.web.get(cid, "car", limit, file.write)
            except SourceError as error:
                self._web.found.fault(kinds.MISSING, f"checkpoint {cid}: {error}")
                path.unlink()
                continue
            yield Piece(cid, path)

    def release(self, piece: Piece) -> None:
        with suppress(OSError):
            piece.path.unlink()


@asynccontextmanager
async def open_peer(
    url: str, agent: int | None, where: Where, bounds: Bounds, found: Findings
) -> AsyncIterator[Peer]:
    """Find the head, and all epochs before it; one deadline for everything."""
    base, agent = _address(url.removeprefix(KUBO), agent)
    kubo = url.startswith(KUBO)
    try:
        async with timeout(bounds.total_s), session(bounds) as asking:
            web = _Web(Web(asking, base, bounds.redirects, kubo=kubo), bounds, found)
            if where.head is None and not kubo:
                agent = await _only(web) if agent is None else agent
            head = where.head or await _head(web, agent, where, kubo=kubo)
            agent, digests, records = await _back(web, agent, head, where)
            with TemporaryDirectory(prefix="forager-audit-") as folder:
                yield Peer(web, agent, digests, records, Path(folder))
    except TimeoutError as error:
        raise SourceError(url=url, why="takes too long", limit_s=bounds.total_s) from error


async def agents_at(url: str, bounds: Bounds) -> list[int]:
    """Whose logs a gateway serves."""
    base, agent = _address(url, None)
    if agent is not None:
        return [agent]
    async with session(bounds) as asking:
        web = Web(asking, base, bounds.redirects, kubo=False)
        return await _agents(_Web(web, bounds, Findings()))


class _Web(NamedTuple):
    """Whom we ask, within which bounds, and where it is noted what is missing."""

    web: Web
    bounds: Bounds
    found: Findings

    async def block(self, cid: Cid) -> bytes:
        return await self.web.block(cid, MAX_BYTES)

    async def said(self, path: str) -> Any:
        """A JSON answer of a gateway of ours."""
        answer = bytearray()
        await self.web.ask("GET", path, _HEAD_BYTES, answer.extend)
        return json.loads(answer)


def _address(url: str, agent: int | None) -> tuple[URL, int | None]:
    try:
        base = URL(url.rstrip("/"))
    except ValueError as error:
        raise SourceError(url=url[:200], why="not an address") from error
    if match := _AGENT_PATH.fullmatch(base.path):
        base = base.with_path(match[1])
        agent = int(match[2]) if agent is None else agent
    return URL(str(base.with_query(None).with_fragment(None)).rstrip("/")), agent


async def _agents(web: _Web) -> list[int]:
    try:
        agents = (await web.said("agents"))["agents"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise SourceError(why="this gateway does not say whose logs it serves") from error
    if type(agents) is not list or not all(type(agent) is int for agent in agents):
        raise SourceError(why="this gateway does not say whose logs it serves")
    return agents


async def _only(web: _Web) -> int:
    """The one agent that a gateway serves; of several the auditor must name one."""
    agents = await _agents(web)
    if len(agents) != 1:
        raise SourceError(why="this gateway does not serve one agent alone; name one")
    return agents[0]


async def _head(web: _Web, agent: int | None, where: Where, *, kubo: bool) -> Cid:
    """A gateway of ours names it; any other peer serves what the chain names."""
    try:
        if kubo:
            raise SourceError(why="a Kubo node knows no heads: name one, or the chain that does")
        head = Cid((await web.said(f"agents/{agent}"))["head"])
        digest_of(head)
    except (TelemetryError, ValueError, KeyError, TypeError, RecursionError) as error:
        if where.anchored is not None:
            return where.anchored
        if isinstance(error, SourceError):
            raise
        raise SourceError(why="the gateway names no head", agent=agent) from error
    return head


async def _back(
    web: _Web, agent: int | None, head: Cid, where: Where
) -> tuple[int, bytearray, int]:
    """Whose log, the digests of its new checkpoints, newest first, and its size at the newest."""
    digests, cid, after, size = bytearray(), head, None, 0
    since = where.since
    while True:
        if since is not None and agent is not None and digest_of(cid) == since.digest:
            return agent, digests, size
        at = await _checkpoint(web, cid, needed=agent is None)
        if at is None:
            return agent or 0, digests, size
        agent = at.head.agent if agent is None else agent
        if at.head.agent != agent or (after and at.head.epoch != after.head.epoch - 1):
            web.found.fault(kinds.SEQUENCE, f"checkpoint {cid} does not precede its successor")
            return agent, digests, size
        if since is not None and at.head.epoch < since.epoch:
            behind = after is None and where.knows(at.head.epoch, digest_of(cid))
            if not behind:
                said = f"epoch {at.head.epoch} is another than was read before"
                web.found.fault(kinds.FORK, said)
            return agent, digests, size
        if at.head.epoch >= web.bounds.epochs:
            raise SourceError(why="too many epochs", epochs=at.head.epoch + 1)
        digests += digest_of(cid)
        size = size or at.head.size
        if at.head.prev == FIRST_PREV:
            return agent, digests, size
        cid, after = from_digest(at.head.prev), at


async def _checkpoint(web: _Web, cid: Cid, *, needed: bool) -> Checkpoint | None:
    """None, and a finding, if it is not to be had; without the `needed` one there is no log."""
    try:
        block = await web.block(cid)
        if sha256(block).digest() != digest_of(cid):
            raise SourceError(why="not the block that was asked for")
        return Checkpoint.decode(block)
    except TelemetryError as error:
        if needed:
            raise
        web.found.fault(kinds.MISSING, f"checkpoint {cid}: {error}")
        return None
