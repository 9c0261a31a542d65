"""One gateway, or the RPC of one Kubo node, asked for blocks within bounds of size and time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, Protocol

from aiohttp import ClientError, ClientSession, ClientTimeout
from yarl import URL

from telemetry.errors import SourceError

KUBO: Final = "kubo+"
"""What the URL of a Kubo node's RPC begins with, to tell it from a gateway's."""
_CHUNK: Final = 64 * 1024
_OK: Final = 200

Form = Literal["raw", "car"]


class Patience(Protocol):
    """How long an answer may take, and over how many others it may come."""

    @property
    def redirects(self) -> int: ...

    @property
    def request_s(self) -> float: ...

    @property
    def silence_s(self) -> float: ...


def session(patience: Patience) -> ClientSession:
    limit = ClientTimeout(
        total=patience.request_s, sock_connect=patience.silence_s, sock_read=patience.silence_s
    )
    return ClientSession(timeout=limit, auto_decompress=False, max_line_size=8190)


class Web:
    """Bounded questions to one address; whatever goes wrong is a `SourceError`."""

    def __init__(self, asking: ClientSession, base: URL, redirects: int, *, kubo: bool) -> None:
        self._session = asking
        self._base = base
        self._redirects = redirects
        self._kubo = kubo

    async def get(self, cid: str, form: Form, limit: int, take: Callable[[bytes], object]) -> None:
        """Hand over a block, or a CAR of it and all it links to, piece by piece."""
        if self._kubo:
            command = "block/get" if form == "raw" else "dag/export"
            query = "" if form == "raw" else "&progress=false"
            await self.ask("POST", f"api/v0/{command}?arg={cid}{query}", limit, take)
        else:
            await self.ask("GET", f"ipfs/{cid}?format={form}", limit, take)

    async def block(self, cid: str, limit: int) -> bytes:
        answer = bytearray()
        await self.get(cid, "raw", limit, answer.extend)
        return bytes(answer)

    async def ask(
        self, method: str, path: str, limit: int, take: Callable[[bytes], object]
    ) -> None:
        url = URL(f"{self._base}/{path}")
        try:
            async with self._session.request(
                method,
                url,
                headers={"Accept-Encoding": "identity"},
                allow_redirects=self._redirects > 0,
                max_redirects=self._redirects,
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
