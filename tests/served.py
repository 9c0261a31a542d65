"""A gateway over a told life, with room for one lie at a time."""

from __future__ import annotations

from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.test_utils import TestServer
from lives import CHAIN, REGISTRY

from telemetry.car import car_bytes


@asynccontextmanager
async def serving(gateway):
    app = web.Application()
    app.router.add_get("/{path:.*}", gateway.answer)
    server = TestServer(app)
    await server.start_server()
    try:
        yield str(server.make_url("")).rstrip("/")
    finally:
        await server.close()


class Honest:
    """A gateway over a told life, with room for one lie at a time."""

    def __init__(self, teller, lies=None):
        self.head = {"head": teller.epochs[-1][0].cid, "chain": CHAIN, "registry": REGISTRY}
        self.lies = lies or {}
        self.asked = []
        self.blocks, self.cars = {}, {}
        for checkpoint, records in teller.epochs:
            block = checkpoint.encode()
            self.blocks[checkpoint.cid] = block
            self.cars[checkpoint.cid] = b"".join(car_bytes(checkpoint.cid, [block, *records]))

    async def answer(self, request):
        path, form = request.path, request.query.get("format")
        self.asked.append(request.path_qs)
        for part, lie in self.lies.items():
            if part in request.path_qs:
                return await lie(request)
        if path == "/agents/1":
            return web.json_response(self.head)
        held = {"raw": self.blocks, "car": self.cars}.get(form, {})
        body = held.get(path.removeprefix("/ipfs/"))
        return web.Response(status=404) if body is None else web.Response(body=body)
