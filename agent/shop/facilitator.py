"""The x402 facilitator that the operator named: asked within bounds, and never taken at its word.

What it says decides whether work is begun, never whether an answer is given: the chain does.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import aiohttp

from agent.shop.wire import VERSION
from chain.types import Json

VERIFY_S: Final = 10.0
SETTLE_S: Final = 60.0
_CONNECT_S: Final = 5.0
_MOST: Final = 64 * 1024
_WORD: Final = re.compile(r"[a-z0-9_]{1,80}")
_SAYS: Final = frozenset((200, 400, 402, 412, 422))
"""Statuses that come with a verdict; others are a facilitator's own trouble."""


@dataclass(frozen=True, slots=True)
class Yes:
    """It would, or did, settle this payment."""


@dataclass(frozen=True, slots=True)
class No:
    """It would not, and why, in its protocol's words."""

    reason: str


@dataclass(frozen=True, slots=True)
class Away:
    """It did not answer, not in time, or nonsense: what it did is unknown."""

    why: str


Verdict = Yes | No | Away


class Facilitator:
    """One address, asked over one session."""

    def __init__(self, url: str, verify_s: float = VERIFY_S, settle_s: float = SETTLE_S) -> None:
        self._url = url.rstrip("/")
        self._verify_s, self._settle_s = verify_s, settle_s
        self._session: aiohttp.ClientSession | None = None

    async def verify(self, payment: Mapping[str, Json]) -> Verdict:
        return await self._ask("verify", "isValid", "invalidReason", payment, self._verify_s)

    async def settle(self, payment: Mapping[str, Json]) -> Verdict:
        return await self._ask("settle", "success", "errorReason", payment, self._settle_s)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _ask(
        self, path: str, verdict: str, reason: str, payment: Mapping[str, Json], deadline_s: float
    ) -> Verdict:
        body = {
            "x402Version": VERSION,
            "paymentPayload": payment,
            "paymentRequirements": payment["accepted"],
        }
        try:
            async with (
                asyncio.timeout(deadline_s),
                self._web().post(f"{self._url}/{path}", json=body, allow_redirects=False) as reply,
            ):
                said = json.loads(await _bounded(reply)) if reply.status in _SAYS else None
        except TimeoutError:
            return Away("deadline")
        except (aiohttp.ClientError, OSError, ValueError, RecursionError) as fault:
            return Away(type(fault).__name__)
        if not isinstance(said, dict) or type(said.get(verdict)) is not bool:
            return Away(f"status {reply.status}" if said is None else "nonsense")
        return Yes() if said[verdict] else No(_word(said.get(reason)))

    def _web(self) -> aiohttp.ClientSession:
        if self._session is None:
            limits = aiohttp.ClientTimeout(total=None, connect=_CONNECT_S)
            self._session = aiohttp.ClientSession(timeout=limits, auto_decompress=False)
        return self._session


async def _bounded(reply: aiohttp.ClientResponse) -> bytes:
    read = bytearray()
    async for chunk in reply.content.iter_chunked(4096):
        read += chunk
        if len(read) > _MOST:
            raise ValueError("too long")
    return bytes(read)


def _word(said: Any) -> str:
    """A word of the protocol, or one of ours: no stranger's text is passed on."""
    return said if isinstance(said, str) and _WORD.fullmatch(said) else "payment_refused"
