"""The buyer that x402's own Python package makes, and a line that loses what comes back."""

from __future__ import annotations

from typing import Any

import httpx
from eth_account import Account
from x402 import x402Client
from x402.http.clients import x402_httpx_transport
from x402.mechanisms.evm.exact.register import register_exact_evm_client

NETWORK = "eip155:31337"


class Losing(httpx.AsyncBaseTransport):
    """Carries requests; the next so many answers to paid ones are lost on the way back."""

    def __init__(self, lose: int = 0) -> None:
        self._inner = httpx.AsyncHTTPTransport()
        self.lose = lose
        self.paid: list[str] = []
        """The payments that left."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        if header := request.headers.get("PAYMENT-SIGNATURE"):
            self.paid.append(header)
            if self.lose:
                self.lose -= 1
                await response.aread()
                raise httpx.ReadError("the reply was lost", request=request)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


class Named:
    """The extension by which a purchase keeps its name, however often it is signed.

    The package's own words for it would bring in four more packages.
    """

    key = "payment-identifier"
    hooks = transport_hooks = None

    def __init__(self, name: str) -> None:
        self._name = name

    async def enrich_payment_payload(self, payload: Any, required: Any) -> Any:
        declared = required.extensions[self.key]
        named = {**declared, "info": {**declared["info"], "id": self._name}}
        return payload.model_copy(update={"extensions": {self.key: named}})


def buyer(secret: str, token: str, line: Losing, name: str = "") -> httpx.AsyncClient:
    """An HTTP client that pays by itself, in this token only."""
    client = x402Client()
    client.set_spend_controls({"allowed_assets": [{"network": NETWORK, "asset": token}]})
    register_exact_evm_client(client, Account.from_key("0x" + secret))
    if name:
        client.register_extension(Named(name))
    return httpx.AsyncClient(transport=x402_httpx_transport(client, line))
