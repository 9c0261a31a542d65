"""A proxy between a client and its node that can lose, forge and reset what passes through."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import ClientSession, web

Forward = Callable[[], Awaitable[dict[str, Any]]]
Fault = Callable[[dict[str, Any], Forward], Awaitable[dict[str, Any] | None]]


class FaultProxy:
    """Faults by JSON-RPC method: a fault answers in the node's place, or None to reset."""

    def __init__(self, target: str) -> None:
        self.url = ""
        self.faults: dict[str, Fault] = {}
        self.seen: Counter[str] = Counter()
        self.raw: list[str] = []
        """Every signed transaction that came by, in order."""
        self._target = target
        self._session = ClientSession()

    async def handle(self, request: web.Request) -> web.Response:
        asked = await request.json()
        self.seen[asked["method"]] += 1
        if asked["method"] == "eth_sendRawTransaction":
            self.raw.append(asked["params"][0])

        async def forward() -> dict[str, Any]:
            async with self._session.post(self._target, json=asked) as reply:
                answer: dict[str, Any] = await reply.json()
                return answer

        fault = self.faults.get(asked["method"])
        answer = await (fault(asked, forward) if fault else forward())
        if answer is None:
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=500)
        return web.Response(
            text=json.dumps(answer | {"id": asked["id"]}), content_type="application/json"
        )

    async def close(self) -> None:
        await self._session.close()


def says(result: Any) -> Fault:
    """Never ask the node; answer this."""

    async def fault(asked: dict[str, Any], forward: Forward) -> dict[str, Any]:
        return {"jsonrpc": "2.0", "result": result}

    return fault


async def loses_the_reply(asked: dict[str, Any], forward: Forward) -> None:
    """The node gets it, the client hears nothing."""
    await forward()


async def loses_the_request(asked: dict[str, Any], forward: Forward) -> None:
    """The node never gets it."""


@asynccontextmanager
async def fault_proxy(target: str) -> AsyncIterator[FaultProxy]:
    proxy = FaultProxy(target)
    application = web.Application()
    application.router.add_post("/", proxy.handle)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    proxy.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield proxy
    finally:
        await proxy.close()
        await runner.cleanup()
