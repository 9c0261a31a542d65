"""The provider's HTTP face: scores for tenants, a word on its health for everyone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

import structlog
from aiohttp import web

from compute import wire
from compute.errors import BadRequest, ComputeError
from compute.gate import Denied, Gate, Standing
from compute.port import Scorer

log = structlog.get_logger(__name__)

READ_S: Final = 10


@dataclass(frozen=True, slots=True)
class Serving:
    """One model behind one gate; a lease has one request answered at a time."""

    gate: Gate
    scorer: Scorer | None
    manifest: str
    _busy: set[int] = field(default_factory=set)

    def app(self) -> web.Application:
        app = web.Application(client_max_size=wire.MAX_REQUEST, middlewares=[_one_line])
        app.router.add_get("/health", self.health)
        app.router.add_get("/models/{digest}", self.model)
        app.router.add_post("/score", self.score)
        return app

    async def score(self, request: web.Request) -> web.Response:
        async with asyncio.timeout(READ_S):
            body = await request.read()
        verdict = self.gate.judge(request.headers.get(wire.ACCESS), body)
        if isinstance(verdict, Denied):
            log.info("serving.denied", status=verdict.status, reason=verdict.reason)
            return _no(verdict.status, verdict.reason)
        return await self._answer(verdict.standing, body)

    async def health(self, _: web.Request) -> web.Response:
        return web.json_response({"ok": True, "block": self.gate.block})

    async def model(self, request: web.Request) -> web.Response:
        digest = request.match_info["digest"].lower()
        if digest != self.manifest.lower():
            return _no(404, "no such model here")
        return web.json_response({"digest": self.manifest, "state": "ready"})

    async def _answer(self, standing: Standing, body: bytes) -> web.Response:
        try:
            asked = wire.parse_request(body)
        except BadRequest as fault:
            return _no(400, fault.reason)
        if self.scorer is None or asked.model.lower() != self.manifest.lower():
            return _no(404, "no such model here")
        if standing.lease in self._busy:
            return _no(429, "one request at a time")
        self._busy.add(standing.lease)
        try:
            return await _score(self.scorer, asked)
        finally:
            self._busy.discard(standing.lease)


async def _score(scorer: Scorer, asked: wire.ScoreRequest) -> web.Response:
    try:
        scores = await scorer.score(asked.prompt, asked.labels)
    except ComputeError as fault:
        log.warning("serving.no_model", fault=type(fault).__name__)
        return _no(503, "the model did not answer")
    return web.Response(body=wire.reply_body(scores), content_type="application/json")


def _no(status: int, reason: str) -> web.Response:
    return web.json_response({"refused": reason}, status=status)


@web.middleware
async def _one_line(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Every refusal is one line of JSON, the framework's own included."""
    try:
        return await handler(request)
    except web.HTTPException as fault:
        return _no(fault.status, fault.reason.lower())
    except TimeoutError:
        return _no(408, "the request took too long")
