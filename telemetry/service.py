"""One HTTP service, asked within bounds: so long, so much, and nobody else by a redirect."""

from __future__ import annotations

from asyncio import timeout
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout

from telemetry.errors import TargetRefused, TargetUnreachable

_MAX_ANSWER: Final = 1024 * 1024
_CHUNK: Final = 16 * 1024
_CONNECT_S: Final = 5.0
_SLOWEST_BYTES_PER_S: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; a redirect is an answer like any other."""

    status: int
    text: str


class Service:
    """Whatever goes wrong on the way is a `TargetUnreachable`."""

    def __init__(self, url: str, deadline_s: float) -> None:
        self.url = url.rstrip("/")
        self._deadline_s = deadline_s
        self._session: ClientSession | None = None

    @asynccontextmanager
    async def in_time(self, sent_bytes: int = 0, **facts: object) -> AsyncIterator[None]:
        """All that is asked within must be answered within the deadline; large things take time."""
        try:
            async with timeout(self._deadline_s + sent_bytes / _SLOWEST_BYTES_PER_S):
                yield
        except TimeoutError as error:
            raise TargetUnreachable(target=self.url, why="deadline", **facts) from error
        except (ClientError, OSError) as error:
            why = type(error).__name__
            raise TargetUnreachable(target=self.url, why=why, **facts) from error

    async def ask(self, method: str, path: str, **what: Any) -> Answer:
        """`what` is aiohttp's: `params`, `data`, `json`, `headers`."""
        address = f"{self.url}/{path}"
        async with self._web().request(method, address, allow_redirects=False, **what) as answer:
            return Answer(answer.status, await self._text(answer))

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _text(self, answer: ClientResponse) -> str:
        found = bytearray()
        async for piece in answer.content.iter_chunked(_CHUNK):
            found += piece
            if len(found) > _MAX_ANSWER:
                raise TargetRefused(target=self.url, why="an answer too long", limit=_MAX_ANSWER)
        return found.decode(errors="replace")

    def _web(self) -> ClientSession:
        if self._session is None:
            self._session = ClientSession(timeout=ClientTimeout(total=None, connect=_CONNECT_S))
        return self._session
