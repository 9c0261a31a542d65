"""The embedded content-addressed node: an IPFS trustless gateway over a store.

    GET /ipfs/{cid}?format=raw               a block, whole or a range of it
    GET /ipfs/{cid}[/{path}]?format=car      blocks that prove themselves; how many says dag-scope
    GET /agents/{id}[?from=epoch]            the head of a life's log, and 256 of its epochs

The agent serves its own log with it. Given an archive it also takes epochs, see `telemetry.rpc`.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Final, cast

from aiohttp import hdrs, web

from telemetry.car import car_bytes
from telemetry.checkpoint import Domain
from telemetry.cid import cid_of
from telemetry.negotiate import EMPTY, matches, wanted
from telemetry.paths import trail
from telemetry.ranges import OutOfReach, span
from telemetry.rpc import rpc_routes
from telemetry.store import Archive, Store, dag
from telemetry.wanted import Declined, Wanted

_FOREVER: Final = "public, max-age=29030400, immutable"
_STOP_S: Final = 2.0
CONNECTIONS: Final = 64
_EPOCHS: Final = 256
_NUMBER: Final = re.compile(r"\d{1,15}")
_EMPTY_CAR: Final = bytes.fromhex(
    "19a265726f6f747381d82a4500015500006776657273696f6e01"  # {roots: [bafkqaaa], version: 1}
)


class Node:
    """An HTTP server over a store; `start` and `stop` it once."""

    def __init__(self, store: Store, domain: Domain, writable: Archive | None = None) -> None:
        self._store, self._domain = store, domain
        self._app = web.Application()
        self._app.on_response_prepare.append(_harmless)
        self._app.router.add_get("/ipfs/{cid}{path:(/.*)?}", self._ipfs)
        self._app.router.add_get("/agents", self._agents)
        self._app.router.add_get(r"/agents/{agent:\d{1,16}}", self._agent)
        if writable is not None:
            self._app.router.add_routes(rpc_routes(writable, domain))
        self._stack = contextlib.AsyncExitStack()

    async def start(self, host: str, port: int) -> str:
        """Listen (port 0: any free one) and return the URL; raises OSError where it cannot."""
        async with contextlib.AsyncExitStack() as stack:
            runner = web.AppRunner(self._app, access_log=None, shutdown_timeout=_STOP_S)
            stack.push_async_callback(runner.cleanup)
            await runner.setup()
            doors = _few(cast("web.Server", runner.server))
            server = await asyncio.get_running_loop().create_server(doors, host, port, backlog=128)
            stack.callback(server.close)
            self._stack = stack.pop_all()
        bound = server.sockets[0].getsockname()[1]
        return f"http://{f'[{host}]' if ':' in host else host}:{bound}"

    async def stop(self) -> None:
        await self._stack.aclose()

    async def _ipfs(self, request: web.Request) -> web.StreamResponse:
        asked = wanted(
            request.match_info["cid"],
            request.match_info["path"],
            request.query,
            ",".join(request.headers.getall("Accept", [])),
        )
        if isinstance(asked, Declined):
            return web.Response(status=asked.status, text=asked.text + "\n")
        found = self._trail(asked)
        if found is None:
            only_cached = "only-if-cached" in request.headers.get("Cache-Control", "")
            return web.Response(status=412 if only_cached else 404, text="this is not here\n")
        headers = _headers(asked, found)
        if matches(request.headers.get("If-None-Match", ""), asked.etag):
            return web.Response(status=304, headers=headers)
        if asked.form == "raw":
            return _block(request, asked, found[0], headers)
        if request.method == hdrs.METH_HEAD:
            return web.Response(headers=headers)
        return await self._car(request, asked, found, headers)

    def _trail(self, asked: Wanted) -> Sequence[bytes] | None:
        """The blocks from the CID's own to the one its path ends in; None if one is not here."""
        if asked.cid == EMPTY:
            return None if asked.path else [b""]
        root = self._store.block(asked.cid)
        return None if root is None else trail(self._store.block, root, asked.path)

    async def _car(
        self, request: web.Request, asked: Wanted, found: Sequence[bytes], headers: dict[str, str]
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        for piece in self._pieces(asked, found):
            await response.write(piece)
        await response.write_eof()
        return response

    def _pieces(self, asked: Wanted, found: Sequence[bytes]) -> Iterable[bytes]:
        if asked.cid == EMPTY:
            return [_EMPTY_CAR]
        *crossed, end = found
        rest = dag(self._store, end) if asked.scope == "all" else [end]
        return car_bytes(asked.cid, chain(crossed, rest))

    async def _agents(self, _: web.Request) -> web.Response:
        return web.json_response({"agents": list(self._store.agents())})

    async def _agent(self, request: web.Request) -> web.Response:
        agent = int(request.match_info["agent"])
        head = self._store.head(agent)
        if head is None:
            return web.Response(status=404, text="no log of this agent is here\n")
        start = request.query.get("from", "")
        first = int(start) if _NUMBER.fullmatch(start) else max(0, head.epoch + 1 - _EPOCHS)
        headers = {"ETag": f'"{head.cid}.{first}"', "Cache-Control": "no-cache"}
        if matches(request.headers.get("If-None-Match", ""), headers["ETag"]):
            return web.Response(status=304, headers=headers)
        found = {
            "agent": agent,
            "head": head.cid,
            "chain": self._domain.chain_id,
            "registry": self._domain.contract,
            "epochs": [e._asdict() for e in self._store.epochs(agent, first, _EPOCHS)],
        }
        return web.json_response(found, headers=headers)


def _few(server: web.Server) -> Callable[[], asyncio.Protocol]:
    """So many connections at once and no more: one that comes ends the oldest.

    Anybody may connect, also one who then says nothing; the daemon's own files need descriptors.
    """

    def connected() -> asyncio.Protocol:
        too_many = max(0, len(server.connections) + 1 - CONNECTIONS)
        for oldest in server.connections[:too_many]:
            if isinstance(oldest.transport, asyncio.Transport):
                oldest.transport.abort()
        return server()

    return connected


def _block(
    request: web.Request, asked: Wanted, data: bytes, headers: dict[str, str]
) -> web.Response:
    """All of a block, or the range of it that was asked for."""
    ask = request.headers.get("Range", "") if request.method == hdrs.METH_GET else ""
    part = span(ask, request.headers.get("If-Range", ""), asked.etag, len(data))
    if part is None:
        return web.Response(body=data, headers=headers)
    where = {"Content-Range": str(part)}
    if isinstance(part, OutOfReach):
        return web.Response(status=416, headers=where, text="no such bytes\n")
    return web.Response(status=206, body=data[part.first : part.last + 1], headers=headers | where)


def _headers(asked: Wanted, found: Sequence[bytes]) -> dict[str, str]:
    roots = [asked.cid, *map(cid_of, found[1:])]
    location = asked.content_location
    return {
        "Content-Type": asked.content_type,
        "Content-Disposition": asked.content_disposition,
        "ETag": asked.etag,
        "Cache-Control": _FOREVER,
        "Vary": "Accept",
        "Accept-Ranges": "bytes" if asked.form == "raw" else "none",
        "X-Ipfs-Path": asked.content_path,
        "X-Ipfs-Roots": ",".join(roots),
        **({"Content-Location": location} if location else {}),
    }


async def _harmless(_: web.Request, response: web.StreamResponse) -> None:
    """Anyone may read, from any page; no browser may guess at what it got."""
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Access-Control-Allow-Origin"] = "*"
