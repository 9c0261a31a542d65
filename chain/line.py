"""One kept-open line to a node on this machine: what is asked while it is busy goes as one batch.

For worlds that ask very much of a chain of their own: a Unix socket takes half the time of HTTP. It
tries nothing twice and knows one node; agents on networks use `chain.endpoints`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from chain.endpoints import Response
from chain.errors import Unreachable

STILL: Final = frozenset(
    {"eth_chainId", "eth_getBlockByNumber", "eth_getBlockByHash", "eth_call", "eth_getBalance"}
)
"""What answers the same until a block is mined, or somebody forces the chain's hand."""
CHUNK: Final = 1024 * 1024
MOST_BYTES: Final = 64 * 1024 * 1024


class Line:
    """Behaves like `Endpoints`, over the node's own socket."""

    def __init__(self, socket: Path, timeout_s: float = 60.0) -> None:
        self._socket = socket
        self._timeout_s = timeout_s
        self._known: dict[str, Response] = {}
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._waiting: list[tuple[str, Any, asyncio.Future[Response]]] = []
        self._sending: asyncio.Task[None] | None = None

    def forget(self) -> None:
        """The chain has moved on: what was said of its newest block holds no longer."""
        self._known.clear()

    async def make_request(self, method: str, params: Any) -> Response:
        """What was asked since the chain last moved is not asked again."""
        if method not in STILL:
            return await self._ask(method, params)
        asked = f"{method}{params}"
        if asked not in self._known:
            self._known[asked] = await self._ask(method, params)
        return self._known[asked]

    async def _ask(self, method: str, params: Any) -> Response:
        answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._waiting.append((method, params, answer))
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send())
        return await answer

    async def ask_each(self, method: str, params: Any) -> list[Response]:
        try:
            return [await self.make_request(method, params)]
        except Unreachable:
            return []

    async def disconnect(self) -> None:
        if self._sending is not None:
            self._sending.cancel()
            with suppress(asyncio.CancelledError):
                await self._sending
        streams, self._streams = self._streams, None
        if streams is not None:
            streams[1].close()

    async def _send(self) -> None:
        """Until nobody waits: whoever asks meanwhile is in the next batch."""
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                async with asyncio.timeout(self._timeout_s):
                    answers = await self._exchange(
                        [(method, params) for method, params, _ in batch]
                    )
            except (OSError, TimeoutError, ValueError, EOFError) as error:
                self._streams = None
                for *_, answer in batch:
                    if not answer.done():
                        answer.set_exception(Unreachable(cause=type(error).__name__))
                continue
            for (*_, answer), response in zip(batch, answers, strict=True):
                if not answer.done():
                    answer.set_result(response)

    async def _exchange(self, asked: Sequence[tuple[str, Any]]) -> list[Response]:
        if self._streams is None:
            self._streams = await asyncio.open_unix_connection(str(self._socket))
        reader, writer = self._streams
        questions = [
            {"jsonrpc": "2.0", "id": i, "method": method, "params": params}
            for i, (method, params) in enumerate(asked)
        ]
        writer.write(json.dumps(questions[0] if len(questions) == 1 else questions).encode())
        said = await _answer(reader)
        answers = [said] if len(questions) == 1 else sorted(said, key=lambda each: each["id"])
        if len(answers) != len(questions):
            raise ValueError(len(answers))
        return answers


async def _answer(reader: asyncio.StreamReader) -> Any:
    """One JSON value; nothing else marks its end."""
    said = bytearray()
    while len(said) < MOST_BYTES:
        if not (chunk := await reader.read(CHUNK)):
            raise EOFError
        said += chunk
        if said.rstrip()[-1:] in b"}]":
            with suppress(ValueError):
                return json.loads(said)
    raise ValueError(len(said))
