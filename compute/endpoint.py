"""A model on a leased machine: asked over HTTP with the wallet's proof, believed with care."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from typing import Final, NoReturn

import aiohttp
import structlog

from chain.errors import SignerGone
from chain.port import Signer
from chain.types import Refused
from compute import wire
from compute.errors import BadReply, NoModel, ProviderRefused
from compute.port import Lease, ModelId, Scores

log = structlog.get_logger(__name__)

_OK: Final = 200


class RemoteScorer:
    """Scores on the lease it was last moved to; every failure is `NoModel`, for the reflex."""

    def __init__(
        self,
        signer: Signer,
        model: ModelId,
        deadline_s: float,
        clock: Callable[[], float],
        session: aiohttp.ClientSession | None = None,
    ) -> None:
        self._signer = signer
        self._model = model
        self._deadline_s = deadline_s
        self._clock = clock
        self._session = session
        self._lease: Lease | None = None

    def move(self, lease: Lease | None) -> None:
        """Ask there from now on; None is no lease to ask on."""
        self._lease = lease

    async def score(self, prompt: str, labels: Sequence[str]) -> Scores:
        if (lease := self._lease) is None:
            raise NoModel("no lease to score on")
        request = wire.ScoreRequest(prompt, tuple(labels), lease.manifest, secrets.token_hex(8))
        try:
            async with asyncio.timeout(self._deadline_s):
                body = await self._ask(lease, request.body())
            return wire.parse_reply(body, labels, self._model)
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as fault:
            _give_up(lease, "the provider did not answer", fault)
        except (ProviderRefused, BadReply, SignerGone) as fault:
            _give_up(lease, fault.reason, fault)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _ask(self, lease: Lease, body: bytes) -> bytes:
        proof = await self._prove(lease, body)
        headers = {wire.ACCESS: proof.header(), "Content-Type": "application/json"}
        url = lease.uri.rstrip("/") + "/score"
        async with self._http().post(
            url, data=body, headers=headers, allow_redirects=False
        ) as reply:
            answer = await _bounded(reply)
        if reply.status != _OK:
            raise ProviderRefused("the provider refused", status=reply.status, says=_line(answer))
        return answer

    async def _prove(self, lease: Lease, body: bytes) -> wire.Access:
        at = int(self._clock())
        signed = await self._signer.access(lease.id, lease.provider, at, wire.digest(body))
        if isinstance(signed, Refused):
            raise NoModel("the signer gave no access", refused=signed.reason)
        return wire.Access(lease.id, at, signed)

    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(auto_decompress=False)
        return self._session


async def _bounded(reply: aiohttp.ClientResponse) -> bytes:
    """The whole body, or a refusal to read more than a reply can need."""
    read = bytearray()
    async for chunk in reply.content.iter_chunked(4096):
        read += chunk
        if len(read) > wire.MAX_REPLY:
            raise BadReply("the reply is too long")
    return bytes(read)


def _line(answer: bytes) -> str:
    return answer[:200].decode(errors="replace")


def _give_up(lease: Lease, reason: str, fault: Exception) -> NoReturn:
    facts = getattr(fault, "facts", {})
    log.warning(
        "endpoint.failed", lease=lease.id, reason=reason, fault=type(fault).__name__, **facts
    )
    raise NoModel(reason, lease=lease.id) from fault
