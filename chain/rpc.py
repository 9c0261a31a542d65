"""A chain asked in plain JSON-RPC: for those who only read, without web3 and its second of start.

What a node says is bounded in size and time. It is the asker's to decide whom to ask.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector

from chain import abi, answers
from chain.errors import NodeRefused, Reverted, Unreachable
from chain.reverts import is_revert

ANSWER_BYTES: Final = 64 * 1024 * 1024
AT_ONCE: Final = 8
TRIES: Final = 3
_CHUNK: Final = 256 * 1024
_PAUSE_S: Final = 0.5


class Rpc:
    """One endpoint. Raises `Unreachable` or `NodeRefused`."""

    def __init__(self, url: str, session: ClientSession) -> None:
        self._url = url
        self._session = session

    async def rpc(self, method: str, *params: object) -> Any:
        """Ask; silence is asked again, a refusal is not, nor what takes too many words to say."""
        for left in reversed(range(TRIES)):
            try:
                return await self._ask(method, params)
            except Unreachable:
                if not left:
                    raise
                await asyncio.sleep(_PAUSE_S)
        raise Unreachable(method=method)

    async def many(self, method: str, asked: Iterable[Sequence[object]]) -> AsyncIterator[Any]:
        """Ask several things of a kind, a few at once; answers come in the order of asking."""
        waiting: list[asyncio.Task[Any]] = []
        try:
            for params in asked:
                waiting.append(asyncio.create_task(self.rpc(method, *params)))
                if len(waiting) >= AT_ONCE:
                    yield await waiting.pop(0)
            while waiting:
                yield await waiting.pop(0)
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    async def view(self, to: str, signature: str, *args: Any, at: str = "latest") -> list[Any]:
        """Call a view at a block; one that is not there raises `Reverted`."""
        shape = abi.function(signature)
        data = "0x" + (shape.selector + abi.encode(shape.inputs, args)).hex()
        try:
            raw = await self.rpc("eth_call", {"to": to, "data": data}, at)
        except NodeRefused as refusal:
            if not is_revert(
                refusal
            ):  # a node that is busy, or asked too often, says nothing of it
                raise
            raise Reverted("This view reverts", view=signature, words=refusal.words) from None
        try:
            return list(abi.decode(shape.outputs, bytes.fromhex(raw[2:])))
        except Exception as error:  # the decoder has many ways to say that this is another contract
            raise Reverted("No such view at this address", to=to, view=signature) from error

    async def time(self, block: int) -> int:
        """When a block was made, in seconds."""
        raw = await self.rpc("eth_getBlockByNumber", hex(block), False)
        return answers.quantity(raw.get("timestamp") if isinstance(raw, dict) else None)

    async def block_at(self, time: int, head: int) -> int:
        """The first block not before a time; that after `head` if there is none yet."""
        low, high = 0, head + 1
        while low < high:
            middle = (low + high) // 2
            if await self.time(middle) < time:
                low = middle + 1
            else:
                high = middle
        return low

    async def number(self, method: str, *params: object) -> int:
        return answers.quantity(await self.rpc(method, *params))

    async def _ask(self, method: str, params: Sequence[object]) -> Any:
        question = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        try:
            async with self._session.post(self._url, json=question) as reply:
                answer = bytearray()
                async for chunk in reply.content.iter_chunked(_CHUNK):
                    answer += chunk
                    if len(answer) > ANSWER_BYTES:
                        raise NodeRefused(method, 0, "the answer is too long")
            said = json.loads(answer)
        except (ClientError, OSError, TimeoutError, ValueError, RecursionError) as error:
            raise Unreachable(method=method, cause=type(error).__name__) from None
        if isinstance(said, dict) and "result" in said:
            return said["result"]
        refusal = said.get("error") if isinstance(said, dict) else None
        if not isinstance(refusal, dict):
            raise Unreachable(method=method, cause="neither result nor error")
        code = refusal.get("code")
        words = str(refusal.get("message", ""))[:300]
        raise NodeRefused(method, code if isinstance(code, int) else 0, words)


@asynccontextmanager
async def connect(url: str, timeout_s: float = 30.0) -> AsyncIterator[Rpc]:
    """Open an endpoint for as long as the block runs."""
    limit = ClientTimeout(total=timeout_s, sock_connect=5.0)
    connector = TCPConnector(limit_per_host=AT_ONCE, keepalive_timeout=10.0)
    async with ClientSession(timeout=limit, connector=connector) as session:
        yield Rpc(url, session)
