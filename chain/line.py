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
from typing import Any, Final, cast

from chain.endpoints import Response
from chain.errors import Unreachable

STILL: Final = frozenset(
    {"eth_chainId", "eth_getBlockByNumber", "eth_getBlockByHash", "eth_call", "eth_getBalance"}
)
"""What answers the same until a block is mined, or somebody forces the chain's hand."""
Asked = tuple[str, Any, asyncio.Future[Response]]
MOST_BYTES: Final = 64 * 1024 * 1024
ENDS: Final = (b"}", b"]", b"}\n", b"]\n")


class Line:
    """Behaves like `Endpoints`, over the node's own socket."""

    def __init__(self, socket: Path, timeout_s: float = 60.0) -> None:
        self._socket = socket
        self._timeout_s = timeout_s
        self._known: dict[str, Response] = {}
        self._wire: Wire | None = None
        self._waiting: list[Asked] = []
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

    def _ask(self, method: str, params: Any) -> asyncio.Future[Response]:
        answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._waiting.append((method, params, answer))
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send())
        return answer

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
        self._hang_up()

    def _hang_up(self) -> None:
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.close()

    async def _send(self) -> None:
        """Until nobody waits: whoever asks meanwhile is in the next batch."""
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                answers = await self._exchange([(method, params) for method, params, _ in batch])
            except (OSError, TimeoutError, ValueError, EOFError) as error:
                self._hang_up()
                _fail(batch, error)
                continue
            except asyncio.CancelledError as error:
                _fail([*batch, *self._waiting], error)
                raise
            for (*_, answer), response in zip(batch, answers, strict=True):
                if not answer.done():
                    answer.set_result(response)
            await asyncio.sleep(0)  # whoever was answered may ask more, in the same batch

    async def _exchange(self, asked: Sequence[tuple[str, Any]]) -> list[Response]:
        if self._wire is None:
            loop = asyncio.get_running_loop()
            _, self._wire = await loop.create_unix_connection(Wire, str(self._socket))
        questions = [
            {"jsonrpc": "2.0", "id": i, "method": method, "params": params}
            for i, (method, params) in enumerate(asked)
        ]
        text = json.dumps(questions[0] if len(questions) == 1 else questions)
        said = await self._wire.exchange(text.encode(), self._timeout_s)
        return _in_order([said] if len(questions) == 1 else said, len(questions))


class Wire(asyncio.Protocol):
    """Bytes out, one JSON value back; nothing else marks its end."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._said = bytearray()
        self._answer: asyncio.Future[Any] | None = None

    async def exchange(self, question: bytes, timeout_s: float) -> Any:
        if self._transport is None or self._transport.is_closing():
            raise EOFError
        loop = asyncio.get_running_loop()
        self._said.clear()
        self._answer = answer = loop.create_future()
        late = loop.call_later(timeout_s, self._fail, TimeoutError())
        try:
            self._transport.write(question)
            return await answer
        finally:
            late.cancel()
            self._answer = None

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._said += data
        if len(self._said) > MOST_BYTES:
            self._fail(ValueError(len(self._said)))
        elif self._answer is not None and not self._answer.done() and self._said.endswith(ENDS):
            with suppress(ValueError):
                self._answer.set_result(json.loads(self._said))

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(exc or EOFError())

    def _fail(self, error: Exception) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)


def _fail(asked: Sequence[Asked], error: BaseException) -> None:
    for *_, answer in asked:
        if not answer.done():
            answer.set_exception(Unreachable(cause=type(error).__name__))


def _in_order(said: Any, count: int) -> list[Response]:
    """One answer to each question; raises `ValueError` if they are anything else."""
    if not isinstance(said, list) or not all(isinstance(each, dict) for each in said):
        raise ValueError(type(said))
    answers = {each["id"]: each for each in said if type(each.get("id")) is int}
    if len(said) != count or answers.keys() != set(range(count)):
        raise ValueError(len(said))
    return [answers[i] for i in range(count)]
