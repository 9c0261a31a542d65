"""A local HTTP server that answers everything with one handler, well or badly."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Serving:
    """Entered, it is the server's URL."""

    def __init__(self, handler: Handler) -> None:
        async def serve(request: web.Request) -> web.StreamResponse:
            return await handler(request)

        app = web.Application(client_max_size=2**30)
        app.router.add_route("*", "/{tail:.*}", serve)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)

    async def __aenter__(self) -> str:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()


class Bytes:
    """Answers every request with the same bytes of HTTP, however odd, and hangs up."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._server: asyncio.Server | None = None
        self._talks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> str:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aexit__(self, *_: object) -> None:
        if self._server:
            self._server.close()
        await asyncio.gather(*self._talks)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._talks.add(asyncio.create_task(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(self._answer)
        await writer.drain()
        writer.write_eof()
        with suppress(ConnectionError):
            await reader.read()  # what is left of the request, or the connection would be reset
            writer.close()
            await writer.wait_closed()


async def never(_: web.Request) -> web.StreamResponse:
    """A handler that does not answer."""
    await asyncio.sleep(60)
    return web.Response()
