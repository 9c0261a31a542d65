"""One or more RPC URLs behaving as a single node that knows which chain it wants.

An endpoint is believed only after it has named the right chain, and asked again after every
failure and every half minute. URLs may hold credentials: faults name endpoints by their place.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from aiohttp import (
    ClientError,
    ClientOSError,
    ClientSession,
    ClientTimeout,
    ServerDisconnectedError,
    TCPConnector,
)

from chain.errors import Unreachable, WrongChain

Response = dict[str, Any]
"""A JSON-RPC response: `result` or `error`."""

CHAIN_ID: Final = "eth_chainId"
RECHECK_S: Final = 30.0
ANSWER_BYTES: Final = 64 * 1024 * 1024
_CHUNK: Final = 256 * 1024
BUSY: Final = frozenset({-32005, -32016, 429})
"""JSON-RPC codes by which endpoints say that they are asked too much."""


class Endpoints:
    """Tries the endpoint that answered last, then the others in turn."""

    def __init__(
        self,
        urls: Sequence[str],
        chain_id: int,
        timeout_s: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not urls:
            raise Unreachable("No endpoint is configured")
        self._urls = tuple(urls)
        self._chain_id = chain_id
        self._timeout = ClientTimeout(total=timeout_s, connect=min(timeout_s, 5.0))
        self._clock = clock
        self._checked: dict[int, float] = {}
        self._first = 0
        self._session: ClientSession | None = None
        self._ids = itertools.count(1)

    async def make_request(self, method: str, params: Any) -> Response:
        """Ask one endpoint after the other until one answers."""
        failures = []
        for step in range(len(self._urls)):
            place = (self._first + step) % len(self._urls)
            try:
                response = await self._ask(place, method, params)
            except Unreachable as failure:
                failures.append(failure.facts["cause"])
            else:
                self._first = place
                return response
        raise Unreachable(method=method, causes=failures)

    async def ask_each(self, method: str, params: Any) -> list[Response]:
        """Ask every endpoint at once; those that fail are left out."""
        asked = (self._ask(place, method, params) for place in range(len(self._urls)))
        answered = await asyncio.gather(*asked, return_exceptions=True)
        for answer in answered:
            if isinstance(answer, BaseException) and not isinstance(answer, Unreachable):
                raise answer
        return [answer for answer in answered if not isinstance(answer, BaseException)]

    async def disconnect(self) -> None:
        """Close the connections; the next request would open new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _ask(self, place: int, method: str, params: Any) -> Response:
        try:
            if method != CHAIN_ID and self._doubtful(place):
                self._compare(place, await self._post(place, CHAIN_ID, []))
            response = await self._post(place, method, params)
        except Unreachable:
            self._checked.pop(place, None)
            raise
        if method == CHAIN_ID:
            self._compare(place, response)
        return response

    def _doubtful(self, place: int) -> bool:
        checked = self._checked.get(place)
        return checked is None or self._clock() - checked >= RECHECK_S

    def _compare(self, place: int, response: Response) -> None:
        try:
            served = int(str(response["result"]), 16)
        except (KeyError, ValueError):
            raise Unreachable(cause="no chain id", endpoint=place) from None
        if served != self._chain_id:
            self._checked.pop(place, None)
            raise WrongChain(expected=self._chain_id, served=served, endpoint=place)
        self._checked[place] = self._clock()

    async def _post(self, place: int, method: str, params: Any) -> Response:
        """Post once, or twice if a connection turned out to be closed: all we ask is repeatable."""
        asked = {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params}
        payload = json.dumps(asked).encode()
        tries = 2 if method.startswith("eth_") else 1
        while True:
            tries -= 1
            try:
                return await self._post_once(place, payload)
            except (ClientError, TimeoutError, ValueError, RecursionError) as error:
                stale = isinstance(error, ClientOSError | ServerDisconnectedError)
                if not stale or not tries:
                    raise Unreachable(cause=type(error).__name__, endpoint=place) from None

    async def _post_once(self, place: int, payload: bytes) -> Response:
        if self._session is None:
            self._session = ClientSession(
                connector=TCPConnector(limit_per_host=16, keepalive_timeout=10.0),
                timeout=self._timeout,
                headers={"Content-Type": "application/json"},
            )
        async with self._session.post(self._urls[place], data=payload) as reply:
            reply.raise_for_status()
            answer = bytearray()
            async for chunk in reply.content.iter_chunked(_CHUNK):
                answer += chunk
                if len(answer) > ANSWER_BYTES:
                    raise ValueError("an answer without end")
        response: Response = json.loads(answer)
        if not isinstance(response, dict):
            raise ValueError(response)  # noqa: TRY004 - one more way to answer nonsense
        if isinstance(error := response.get("error"), dict) and error.get("code") in BUSY:
            raise Unreachable(cause="busy", endpoint=place)
        return response
