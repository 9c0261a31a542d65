"""The embedded content-addressed node: an IPFS trustless gateway over a store.

    GET /ipfs/{cid}?format=raw|car[&dag-scope=block|all]    blocks that prove themselves
    GET /agents/{id}[?from=epoch]    the head of a life's log, and 256 of its epochs (the newest)

The agent serves its own log with it. Given an archive it also takes epochs, see `telemetry.rpc`.
"""

from __future__ import annotations

import re
from typing import Final

from aiohttp import web

from telemetry.car import car_bytes
from telemetry.checkpoint import Domain
from telemetry.negotiate import EMPTY, Declined, Wanted, matches, wanted
from telemetry.rpc import rpc_routes
from telemetry.store import Archive, Store, dag

_FOREVER: Final = "public, max-age=29030400, immutable"
_STOP_S: Final = 2.0
_EPOCHS: Final = 256
_NUMBER: Final = re.compile(r"\d{1,15}")


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
            self._app.router.add_routes(rpc_routes(writable))
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int) -> str:
        """Listen (port 0: any free one) and return the URL; raises OSError where it cannot."""
        runner = web.AppRunner(self._app, access_log=None, shutdown_timeout=_STOP_S)
        await runner.setup()
        try:
            site = web.TCPSite(runner, host, port)
            await site.start()
        except BaseException:
            await runner.cleanup()
            raise
        self._runner = runner
        bound = runner.addresses[0][1]
        return f"http://{f'[{host}]' if ':' in host else host}:{bound}"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _ipfs(self, request: web.Request) -> web.StreamResponse:
        asked = wanted(
            request.match_info["cid"],
            request.match_info["path"],
            request.query,
            ",".join(request.headers.getall("Accept", [])),
        )
        if isinstance(asked, Declined):
            return web.Response(status=asked.status, text=asked.text + "\n")
        root = b"" if asked.cid == EMPTY else self._store.block(asked.cid)
        if root is None or (asked.cid == EMPTY and asked.form == "car"):
            only_cached = "only-if-cached" in request.headers.get("Cache-Control", "")
            return web.Response(status=412 if only_cached else 404, text="this block is not here\n")
        headers = _headers(asked)
        if "format" not in request.query:
            headers["Content-Location"] = f"/ipfs/{asked.cid}?format={asked.form}"
        if matches(request.headers.get("If-None-Match", ""), asked.etag):
            return web.Response(status=304, headers=headers)
        if asked.form == "raw":
            return web.Response(body=root, headers=headers)
        if request.method == "HEAD":
            return web.Response(headers=headers)
        return await self._car(request, asked, root, headers)

    async def _car(
        self, request: web.Request, asked: Wanted, root: bytes, headers: dict[str, str]
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        blocks = [root] if asked.scope == "block" else dag(self._store, root)
        for piece in car_bytes(asked.cid, blocks):
            await response.write(piece)
        await response.write_eof()
        return response

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


def _headers(asked: Wanted) -> dict[str, str]:
    return {
        "Content-Type": asked.content_type,
        "Content-Disposition": f'attachment; filename="{asked.filename}"',
        "ETag": asked.etag,
        "Cache-Control": _FOREVER,
        "Vary": "Accept",
        "Accept-Ranges": "none",
        "X-Ipfs-Path": f"/ipfs/{asked.cid}",
        "X-Ipfs-Roots": asked.cid,
    }


async def _harmless(_: web.Request, response: web.StreamResponse) -> None:
    """Anyone may read, from any page; no browser may guess at what it got."""
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Access-Control-Allow-Origin"] = "*"
