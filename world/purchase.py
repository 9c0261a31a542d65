"""How an answer is bought from a shop on this machine: a price asked, signed for, paid by x402."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import aiohttp

from agent.shop import reading, wire
from agent.shop.wire import Payment, Terms
from chain import permit
from chain.keys import Key
from chain.types import Address, Block

ASK_WALL_S: Final = 5.0
OK: Final = 200
PAYMENT_REQUIRED: Final = 402


@dataclass(frozen=True, slots=True)
class Door:
    """Of a shop, as a buyer finds it."""

    web: aiohttp.ClientSession
    url: str

    async def ask(self, question: Mapping[str, Any]) -> Terms | None:
        """What an answer costs; None where nobody sells."""
        try:
            async with (
                asyncio.timeout(ASK_WALL_S),
                self.web.post(self.url, json=question) as reply,
            ):
                said = await reply.json()
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
            return None
        if reply.status != PAYMENT_REQUIRED:
            return None
        return reading.read_terms(next(iter(said["accepts"]), None))

    async def buy(self, question: Mapping[str, Any], payment: Payment) -> int:
        """The status of the reply, 0 for none."""
        headers = {wire.SIGNATURE: wire.encode(payment.plain())}
        try:
            async with self.web.post(self.url, json=question, headers=headers) as reply:
                await reply.read()
        except (aiohttp.ClientError, OSError, TimeoutError):
            return 0
        return reply.status


def signed(key: Key, terms: Terms, nonce: bytes, block: Block, chain: int) -> Payment:
    """An authorization in chain time; nobody's clock but the chain's has a say."""
    until = block.at + terms.timeout_s
    payer, payee = key.address, terms.pay_to
    transfer = permit.Transfer(payer, payee, terms.amount, 0, until, nonce)
    domain = permit.Domain(chain, Address(terms.asset), terms.name, terms.version)
    payment = Payment(terms, payer, payee, terms.amount, 0, until, "0x" + nonce.hex(), "")
    return replace(payment, signature="0x" + permit.sign(key, domain, transfer).hex())
