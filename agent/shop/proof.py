"""Whether a sale was paid, as our own node shows it: nobody else is believed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final

from agent.shop.book import Sale
from chain.authorized import USED, authorized
from chain.contracts import TRANSFERRED
from chain.errors import ChainError
from chain.events import indexed
from chain.logs import Asked, logs
from chain.types import Address

POLL_S: Final = 0.5


class Proof:
    """Looks for the transfer that a payment authorized."""

    def __init__(
        self,
        client: Asked,
        token: Address,
        wallet: Address,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._client = client
        self._token = token
        self._wallet = wallet.lower()
        self._pause = pause

    async def paid(self, sale: Sale) -> str | None:
        """The transaction that paid for it; None while there is none. Raises `ChainError`."""
        topics = [[USED, TRANSFERRED], indexed(sale.payer)]
        found = await logs(self._client, self._token, topics, sale.since, await self._head())
        for each in authorized(found):
            due = (sale.nonce, self._wallet, sale.amount)
            if (each.nonce, each.payee, each.value) == due:
                return each.tx
        return None

    async def seen(self, sale: Sale, patience_s: float) -> str | None:
        """The same, waited for: our node may be a little behind the facilitator's."""
        for wait in range(1 + int(patience_s / POLL_S)):
            if wait:
                await self._pause(POLL_S)
            with contextlib.suppress(ChainError):
                if tx := await self.paid(sale):
                    return tx
        return None

    async def _head(self) -> int:
        return int(await self._client.rpc("eth_blockNumber"), 16)
