"""An x402 facilitator for local chains: it tries payments out, and brings them to the chain.

    POST /verify, /settle  {x402Version, paymentPayload, paymentRequirements}
    GET  /supported

It judges by the chain's own time and word alone, so it serves a world whose clock runs fast as well
as one whose buyers stamp wall time. Its key pays the gas and can move nobody's money.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import structlog
from aiohttp import web

from agent.shop.reading import read_plain, read_terms
from agent.shop.wire import SCHEME, VERSION, Payment
from chain.errors import ChainError
from chain.reader import BlockReader
from chain.types import Address, Call

if TYPE_CHECKING:
    from chain.client import ChainClient

log = structlog.get_logger(__name__)

TRANSFER: Final = "transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,bytes)"
GAS: Final = 150_000
POLL_S: Final = 0.05
PATIENCE_S: Final = 60.0
MOST_BODY: Final = 64 * 1024

Send = Callable[[Call], Awaitable[str]]
"""Puts a call into the pool and gives its hash: a `Pocket`'s, for one."""


@dataclass(slots=True)
class Facilitator:
    """Settles an authorization once, however often it is asked to."""

    client: ChainClient
    address: Address
    send: Send
    patience_s: float = PATIENCE_S
    poll_s: float = POLL_S
    _sent: dict[str, str] = field(default_factory=dict)
    """What was brought to the chain, by the authorization's nonce."""
    _turns: dict[str, asyncio.Lock] = field(default_factory=dict)
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    def app(self) -> web.Application:
        app = web.Application(client_max_size=MOST_BODY)
        app.router.add_post("/verify", self.verify)
        app.router.add_post("/settle", self.settle)
        app.router.add_get("/supported", self.supported)
        return app

    @contextlib.asynccontextmanager
    async def listening(self, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
        """Serves for as long as the block; gives the address."""
        runner = web.AppRunner(self.app(), access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        try:
            site = web.TCPSite(runner, host, port)
            await site.start()
            bound = runner.addresses[0][1]
            yield f"http://{host}:{bound}"
        finally:
            await runner.cleanup()

    async def sent(self, nonce: str) -> str:
        """Wait until an authorization's transaction is in the pool; its hash."""
        async with self._news:
            await self._news.wait_for(lambda: nonce in self._sent)
        return self._sent[nonce]

    async def verify(self, request: web.Request) -> web.Response:
        payment = _payment(await _json(request), self.client.chain_id)
        if isinstance(payment, str):
            return web.json_response({"isValid": False, "invalidReason": payment})
        why = await self._objection(payment)
        said: dict[str, Any] = {"isValid": why is None, "payer": payment.payer}
        return web.json_response(said if why is None else {**said, "invalidReason": why})

    async def settle(self, request: web.Request) -> web.Response:
        payment = _payment(await _json(request), self.client.chain_id)
        if isinstance(payment, str):
            return web.json_response(_failed(payment, "", "", ""))
        async with self._turns.setdefault(payment.nonce, asyncio.Lock()):
            return web.json_response(await self._settle(payment))

    async def supported(self, _: web.Request) -> web.Response:
        network = f"eip155:{self.client.chain_id}"
        kind = {"x402Version": VERSION, "scheme": SCHEME, "network": network}
        said = {"kinds": [kind], "extensions": [], "signers": {"eip155:*": [self.address]}}
        return web.json_response(said)

    async def _settle(self, payment: Payment) -> Mapping[str, Any]:
        network, payer = payment.accepted.network, payment.payer
        tx = self._sent.get(payment.nonce)
        try:
            if tx is None:
                if why := await self._objection(payment):
                    return _failed(why, network, payer, "")
                tx = await self.send(_call(payment))
                async with self._news:
                    self._sent[payment.nonce] = tx
                    self._news.notify_all()
            ok = await self._mined(tx)
        except ChainError as fault:
            log.warning("facilitator.failed", fault=type(fault).__name__)
            return _failed("unexpected_settle_error", network, payer, tx or "")
        if not ok:
            return _failed("invalid_transaction_state", network, payer, tx)
        return {"success": True, "transaction": tx, "network": network, "payer": payer}

    async def _objection(self, payment: Payment) -> str | None:
        """What the token says to it at the newest block."""
        try:
            read = await BlockReader.latest(self.client)
            trial = await read.simulate(_call(payment), self.address)
        except ChainError:
            return "unexpected_verify_error"
        return None if trial.ok else _word(trial.reason)

    async def _mined(self, tx: str) -> bool:
        until = asyncio.get_running_loop().time() + self.patience_s
        while (receipt := await self.client.receipt(tx)) is None:
            if asyncio.get_running_loop().time() > until:
                return False
            await asyncio.sleep(self.poll_s)
        return receipt.ok


def _payment(said: Any, chain_id: int) -> Payment | str:
    """What is asked of us, or why we do not do that."""
    if not isinstance(said, dict):
        return "invalid_payload"
    payment = read_plain(said.get("paymentPayload"))
    if payment is None:
        return "invalid_payload"
    if payment.accepted.network != f"eip155:{chain_id}":
        return "invalid_network"
    if read_terms(said.get("paymentRequirements")) != payment.accepted:
        return "invalid_payment_requirements"
    if (payment.to, payment.value) != (payment.accepted.pay_to, payment.accepted.amount):
        return "invalid_payload"
    return payment


def _call(payment: Payment) -> Call:
    return Call(
        payment.accepted.asset,
        TRANSFER,
        (
            *(payment.payer, payment.to, payment.value),
            *(payment.valid_after, payment.valid_before, payment.nonce, payment.signature),
        ),
        gas=GAS,
    )


async def _json(request: web.Request) -> Any:
    try:
        return await request.json()
    except (ValueError, RecursionError):
        return None


def _failed(why: str, network: str, payer: str, tx: str) -> dict[str, Any]:
    said = {"success": False, "errorReason": why, "transaction": tx, "network": network}
    return {**said, "payer": payer} if payer else said


WORDS: Final = {
    "ERC3009InvalidSignature": "invalid_exact_evm_payload_signature",
    "ERC3009InvalidAuthorizationTime": "invalid_exact_evm_payload_authorization_valid_before",
    "ERC3009UsedAuthorization": "invalid_exact_evm_nonce_already_used",
    "ERC20InsufficientBalance": "insufficient_funds",
}


def _word(reason: str) -> str:
    """The protocol's word for a contract's."""
    return next((word for error, word in WORDS.items() if error in reason), "invalid_payload")
