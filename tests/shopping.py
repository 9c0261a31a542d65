"""A shop on Anvil with a facilitator and buyers who have money; and buyers who cheat."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
from fakes import FakeScorer
from logs import open_log
from snapshots import snapshot

import contracts
from agent.shop.book import Book
from agent.shop.counter import Counter, Head
from agent.shop.facilitator import Facilitator as Asked
from agent.shop.prices import Bounds
from agent.shop.proof import Proof
from agent.shop.server import Server
from agent.shop.shop import Rules, Shop
from agent.shop.turns import OwnFirst
from agent.shop.wire import Payment, Terms, encode
from chain import permit
from chain.client import ChainClient
from chain.keys import Key
from chain.purse import Purse
from chain.reader import BlockReader
from chain.types import Address, Block, Call, Micro
from compute.port import ModelId
from telemetry.log import Log
from world.facilitator import Facilitator
from world.pocket import Pocket

MODEL = ModelId("0x" + "aa" * 32, "", "0x" + "bb" * 32)
PRICE = 5_000
WEALTH = 10_000_000
SECRET = "33" * 32
"""The buyer's key, which guards test dollars alone."""
QUESTION = {"prompt": "is it going to rain?", "labels": ["A", "B"]}
BOUNDS = Bounds(Micro(1_000), Micro(1_000_000))


@dataclass(frozen=True)
class Reply:
    """What came back over HTTP."""

    status: int
    body: Any
    headers: Any

    @property
    def terms(self) -> dict[str, Any]:
        """What a 402 asks, out of its header."""
        said = json.loads(base64.b64decode(self.headers["PAYMENT-REQUIRED"]))
        [only] = said["accepts"]
        return only

    @property
    def paid(self) -> dict[str, Any]:
        return json.loads(base64.b64decode(self.headers["PAYMENT-RESPONSE"]))


@dataclass
class Market:
    """Everybody there is, and what they hold."""

    client: ChainClient
    token: Address
    wallet: Address
    shop: Shop
    url: str
    book: Book
    log: Log
    scorer: FakeScorer
    facilitator: Facilitator
    terms: Terms
    buyer: Key
    _salts: count[int] = field(default_factory=lambda: count(1))

    async def held(self, of: Address) -> int:
        read = await BlockReader.latest(self.client)
        [held] = await read.call(self.token, "balanceOf(address)(uint256)", [of])
        return int(str(held))

    async def earned(self) -> int:
        return await self.held(self.wallet)

    async def now(self) -> int:
        return (await self.client.head()).block.at

    async def price(self, price: int, at: int | None = None) -> int:
        """A decision that names a price, and what the daemon then does."""
        return decide(self.log, self.shop, price, at if at is not None else await self.now())

    async def payment(self, by: Key | None = None, **changes: Any) -> Payment:
        """An honest payment of the price of now, or what is to be wrong with it."""
        key, now = by or self.buyer, await self.now()
        accepted = replace(self.terms, amount=changes.pop("amount", Micro(PRICE)))
        plain = Payment(
            accepted=changes.pop("accepted", accepted),
            payer=key.address,
            to=self.wallet,
            value=accepted.amount,
            valid_after=0,
            valid_before=now + 250,
            nonce=f"0x{next(self._salts):064x}",
            signature="",
        )
        return signed(key, replace(plain, **changes))

    async def ask(self, paid: Payment | str | None = None, question: Any = None) -> Reply:
        """One request, as it is."""
        headers = {}
        if paid is not None:
            said = paid if isinstance(paid, str) else encode(_told(paid))
            headers["PAYMENT-SIGNATURE"] = said
        async with (
            aiohttp.ClientSession() as web,
            web.post(f"{self.url}/infer", json=question or QUESTION, headers=headers) as reply,
        ):
            return Reply(reply.status, await reply.json(), reply.headers)


def _told(payment: Payment) -> dict[str, Any]:
    if not payment.name:
        return payment.plain()
    info = {"info": {"required": False, "id": payment.name}}
    return {**payment.plain(), "extensions": {"payment-identifier": info}}


def signed(key: Key, payment: Payment) -> Payment:
    """The same, with this key's signature over what it says."""
    terms = payment.accepted
    domain = permit.Domain(31337, terms.asset, terms.name, terms.version)
    message = permit.Transfer(
        payment.payer,
        payment.to,
        payment.value,
        payment.valid_after,
        payment.valid_before,
        bytes.fromhex(payment.nonce[2:]),
    )
    return replace(payment, signature="0x" + permit.sign(key, domain, message).hex())


def decide(log: Log, shop: Shop | None, price: int | None, at: int) -> int:
    """A decision for a price, or to wait; gives its place in the log."""
    block = {"chain": 31337, "number": 7, "hash": "0x" + "ab" * 32, "at": at}
    menu = [{"key": "hold.wait", "params": {}, "summary": "wait and watch"}]
    if price is not None:
        params = {"price_micro": price}
        menu.append({"key": "merchant.price", "params": params, "summary": "a price"})
    body = {"observation": {"block": block}, "menu": menu, "chosen": len(menu) - 1}
    seq = log.append("decision", body, Block(**block)).seq
    if shop is not None:
        shop.obey(seq, body)
    return seq


def terms_of(token: Address, wallet: Address) -> Terms:
    return Terms("eip155:31337", token, Micro(0), wallet, 300, "Test Dollar", "1")


@contextlib.asynccontextmanager
async def facilitating(
    client: ChainClient, key: Key, **changes: Any
) -> AsyncIterator[tuple[Facilitator, str]]:
    """A facilitator with a pocket of its own, and its address."""
    pocket = Pocket(SimpleNamespace(client=client, base_fee=10**9), key)
    facilitator = Facilitator(client, pocket.address, pocket.send, **changes)
    async with facilitator.listening() as url:
        yield facilitator, url


@contextlib.asynccontextmanager
async def selling(
    client: ChainClient,
    token: Address,
    wallet: Address,
    folder: Path,
    facilitator: str,
    *,
    most: int = 4,
    seen_s: float = 0.2,
    settle_s: float = 10,
    scorer: FakeScorer | None = None,
    read_s: float = 10,
    port: int = 0,
    timeout_s: int = 300,
) -> AsyncIterator[SimpleNamespace]:
    """The shop as the daemon opens it, on a log of a test's own; open, and without a price."""
    log = open_log(folder / "log.sqlite")
    book = Book(folder / "shop.sqlite")
    asked = Asked(facilitator, verify_s=settle_s, settle_s=settle_s)
    thinks = scorer or FakeScorer(MODEL)
    proof = Proof(client, token, wallet)

    async def head() -> Head:
        block = (await client.head()).block
        return Head(block.number, block.at, block.at)

    counter = Counter(book, asked, proof, OwnFirst(thinks).ask, head, most, seen_s)
    terms = replace(terms_of(token, wallet), timeout_s=timeout_s)
    loop = asyncio.get_running_loop()
    shop = Shop(Rules(terms, BOUNDS, 60.0), log, book, counter, proof, loop.time)
    server = Server(shop, 4096, "", read_s)
    url = await server.start("127.0.0.1", port)
    shop.see(snapshot())
    try:
        yield SimpleNamespace(**locals())
    finally:
        await server.stop()
        await counter.close(1)
        await asked.close()
        shop.close()
        book.close()
        log.close()


async def dollar(client: ChainClient, founder: Key) -> Address:
    """The token alone: a shop needs no other contract."""
    return await Purse(client, founder).deploy(contracts.artifact("TestDollar")["bytecode"])


@contextlib.asynccontextmanager
async def market(
    client: ChainClient, token: Address, keys: tuple[Key, ...], folder: Path, **changes: Any
) -> AsyncIterator[Market]:
    """A shop that asks `PRICE`, and a buyer; keys are the founder's and the facilitator's."""
    founder, helper, buyer = *keys[:2], Key(bytes.fromhex(SECRET))
    mint = (buyer.address, WEALTH)
    await Purse(client, founder).send(Call(token, "mint(address,uint256)", mint))
    wallet = Key(b"\x77" * 32).address
    async with facilitating(client, helper) as (facilitator, address):
        named = changes.pop("facilitator", address)
        async with selling(client, token, wallet, folder, named, **changes) as made:
            found = Market(
                client,
                token,
                wallet,
                made.shop,
                made.url,
                made.book,
                made.log,
                made.thinks,
                facilitator,
                made.terms,
                buyer,
            )
            decide(made.log, made.shop, PRICE, await found.now())
            yield found
