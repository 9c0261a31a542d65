"""The shop's HTTP face: a price for who asks, an answer for who pays, a line for everybody else.

    POST /infer  {prompt, labels}  → 402 and the terms, or with a payment {logits, model}

Anybody may connect. So a connection carries one request, soon, of bounded size, and so many are
open at once and no more: one that comes then ends the oldest of those that are not heard yet.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final, cast

from aiohttp import web

from agent.shop import reading, wire
from agent.shop.counter import SHUT, Sold
from agent.shop.judging import Refusal
from agent.shop.question import read_question
from agent.shop.shop import Shop

READ_S: Final = 10.0
"""So long a stranger may take to say what he wants."""
STOP_S: Final = 5.0
LINGER_S: Final = 2.0
CONNECTIONS: Final = 64


class Server:
    """An HTTP server over a shop; `start` and `stop` it once."""

    def __init__(self, shop: Shop, max_body: int, uri: str, read_s: float = READ_S) -> None:
        self._shop = shop
        self._uri = uri
        self._doors = _Doors(read_s)
        self._app = web.Application(
            client_max_size=max_body, middlewares=[self._doors.admit, _one_line]
        )
        self._app.router.add_post("/infer", self._infer)
        self._stack = contextlib.AsyncExitStack()

    async def start(self, host: str, port: int) -> str:
        """Listen (port 0: any free one) and return the URL; raises OSError where it cannot."""
        async with contextlib.AsyncExitStack() as stack:
            runner = web.AppRunner(
                self._app,
                access_log=None,
                shutdown_timeout=STOP_S,
                auto_decompress=False,
                lingering_time=LINGER_S,
            )
            stack.push_async_callback(runner.cleanup)
            await runner.setup()
            factory = self._doors.of(cast("web.Server", runner.server))
            server = await asyncio.get_running_loop().create_server(factory, host, port)
            stack.callback(server.close)
            self._stack = stack.pop_all()
        bound = server.sockets[0].getsockname()[1]
        url = f"http://{f'[{host}]' if ':' in host else host}:{bound}"
        self._uri = self._uri or url
        return url

    async def stop(self) -> None:
        await self._stack.aclose()

    async def _infer(self, request: web.Request) -> web.Response:
        question = read_question(await request.read())
        self._doors.heard(request)
        if question is None:
            return _no(Refusal(400, "not_a_question"))
        header = request.headers.get(wire.SIGNATURE)
        if header is None:
            return self._quote()
        payment = reading.read_payment(header)
        if payment is None:
            return self._refuse(Refusal(402, "invalid_payload"))
        outcome = await self._shop.sell(question, payment)
        return _answer(outcome) if isinstance(outcome, Sold) else self._refuse(outcome)

    def _quote(self) -> web.Response:
        self._shop.quote()
        return self._refuse(Refusal(402, "payment_required"))

    def _refuse(self, refusal: Refusal) -> web.Response:
        """A 402 says what is asked; who cannot be told that is told that the shop is shut."""
        if refusal.status != web.HTTPPaymentRequired.status_code:
            return _no(refusal)
        terms = self._shop.terms
        if terms is None:
            return _no(SHUT)
        said = wire.required(terms, f"{self._uri}/infer", refusal.reason)
        return web.json_response(said, status=402, headers={wire.REQUIRED: wire.encode(said)})


class _Doors:
    """Lets so many in, and puts out who does not say what he wants in time."""

    def __init__(self, read_s: float) -> None:
        self._read_s = read_s
        self._silent: dict[asyncio.BaseProtocol, asyncio.TimerHandle] = {}
        """Connected, and not heard to the end; the oldest first."""

    def of(self, server: web.Server) -> Callable[[], asyncio.Protocol]:
        def connected() -> asyncio.Protocol:
            handler, loop = server(), asyncio.get_running_loop()
            full = len(server.connections) >= CONNECTIONS
            if full and self._silent:
                self._put_out(next(iter(self._silent)))
            patience_s = 0 if full and not self._silent else self._read_s
            self._silent[handler] = loop.call_later(patience_s, self._put_out, handler)
            return handler

        return connected

    def heard(self, request: web.Request) -> None:
        """It has said all: from now on the counter's own limits count."""
        if (timer := self._silent.pop(request.protocol, None)) is not None:
            timer.cancel()

    @web.middleware
    async def admit(
        self,
        request: web.Request,
        handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
    ) -> web.StreamResponse:
        """One request, and the connection is done."""
        try:
            response = await handler(request)
        finally:
            self.heard(request)
        response.force_close()
        return response

    def _put_out(self, handler: asyncio.BaseProtocol) -> None:
        if (timer := self._silent.pop(handler, None)) is not None:
            timer.cancel()
        transport = getattr(handler, "transport", None)
        if transport is not None:
            transport.abort()


def _answer(sold: Sold) -> web.Response:
    said = wire.response(sold.terms, sold.payer, sold.tx)
    headers = {wire.RESPONSE: wire.encode(said)}
    return web.Response(body=sold.answer, content_type="application/json", headers=headers)


def _no(refusal: Refusal) -> web.Response:
    headers = {"Retry-After": str(refusal.again_s)} if refusal.again_s else {}
    return web.json_response({"error": refusal.reason}, status=refusal.status, headers=headers)


@web.middleware
async def _one_line(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Every refusal is one line of JSON, the framework's own included."""
    try:
        return await handler(request)
    except web.HTTPException as fault:
        return _no(Refusal(fault.status, "_".join(fault.reason.lower().split())))
