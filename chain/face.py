"""The endpoints as a provider of web3: for people's tools and plug-ins that speak it."""

from __future__ import annotations

from typing import Any, cast

from web3 import AsyncWeb3
from web3.providers.async_base import AsyncJSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse

from chain.endpoints import Endpoints
from chain.line import Line


class Face(AsyncJSONBaseProvider):
    """Hands every request on; what the endpoints believe and refuse holds here as well."""

    def __init__(self, endpoints: Endpoints | Line) -> None:
        super().__init__()
        self._endpoints = endpoints

    async def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        return cast("RPCResponse", await self._endpoints.make_request(method, params))


def face(endpoints: Endpoints | Line) -> AsyncWeb3[Face]:
    return AsyncWeb3(Face(endpoints))
