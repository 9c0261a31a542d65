"""Opens the shop of a life that uses `merchant`, for as long as the daemon runs."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import structlog

from agent.config import Config
from agent.errors import BadConfig, PortTaken, ShopFailed
from agent.senses import Self
from agent.shop.book import Book
from agent.shop.counter import Ask, Counter, Head
from agent.shop.facilitator import Facilitator
from agent.shop.prices import Bounds
from agent.shop.proof import Proof
from agent.shop.server import Server
from agent.shop.shop import Rules, Shop
from agent.shop.turns import OwnFirst
from agent.shop.wire import Terms
from agent.trade import NoTrade, Trade
from chain import permit
from chain.client import ChainClient
from chain.errors import Reverted
from chain.reader import BlockReader
from chain.types import Address, Micro
from compute.errors import NoModel
from compute.port import Scorer, Scores
from strategies import merchant
from strategies.options import read_options

if TYPE_CHECKING:
    from agent.body import Tools
    from telemetry.log import Log

log = structlog.get_logger(__name__)

LEAST_FRESH_S: Final = 60.0
MISSED_TICKS: Final = 4
LAST_S: Final = 5.0
"""So long a sale that has begun may take when the daemon stops."""
SEPARATOR: Final = "DOMAIN_SEPARATOR()(bytes32)"


class Stall(NamedTuple):
    """Who trades for this life, and the scorer that its mind has to use from now on."""

    trade: Trade
    scorer: Scorer | None


@contextlib.asynccontextmanager
async def opened(
    config: Config, tools: Tools, log_: Log, who: Self, scorer: Scorer | None
) -> AsyncIterator[Stall]:
    """Listens for as long as the block; sells only when the daemon says so."""
    if merchant.NAME not in config.use:
        yield Stall(NoTrade(), scorer)
        return
    await _check_token(config, tools.client)
    async with contextlib.AsyncExitStack() as stack:
        try:
            book = Book(tools.home.shop)
        except ShopFailed as fault:
            log.warning("shop.failed", whose="book", why=str(fault))
            yield Stall(NoTrade({"shop": str(fault)}), scorer)
            return
        stack.callback(book.close)
        facilitator = Facilitator(config.shop.facilitator)
        stack.push_async_callback(facilitator.close)
        shared = OwnFirst(scorer) if scorer is not None else None
        proof = Proof(tools.client, who.places.token, who.wallet)
        counter = Counter(
            book,
            facilitator,
            proof,
            _ask(shared),
            _head(config, tools.client, tools.time.wall_ms),
            config.shop.queue_n,
        )
        stack.push_async_callback(counter.close, LAST_S)
        shop = Shop(_rules(config, who), log_, book, counter, proof, tools.time.clock)
        stack.callback(shop.close)
        server = Server(shop, config.shop.body_bytes, config.shop.uri)
        url = await _listen(server, config)
        stack.push_async_callback(server.stop)
        log.info("shop.listening", url=url)
        yield Stall(shop, shared)


def _rules(config: Config, who: Self) -> Rules:
    options = read_options(merchant.Options, config.strategies.get(merchant.NAME, {}))
    terms = Terms(
        network=f"eip155:{config.chain.chain_id}",
        asset=who.places.token,
        amount=Micro(0),
        pay_to=who.wallet,
        timeout_s=config.shop.max_timeout_s,
        name=config.shop.token_name,
        version=config.shop.token_version,
    )
    return Rules(
        terms=terms,
        bounds=Bounds(Micro(options.least_micro), Micro(options.most_micro)),
        fresh_s=max(LEAST_FRESH_S, MISSED_TICKS * config.life.tick_s),
    )


def _ask(shared: OwnFirst | None) -> Ask:
    async def ask(prompt: str, labels: Sequence[str]) -> Scores:
        if shared is None:
            raise NoModel("this life has no model")
        return await shared.ask(prompt, labels)

    return ask


def _head(
    config: Config, client: ChainClient, wall_ms: Callable[[], int]
) -> Callable[[], Awaitable[Head]]:
    """What time it is for payments: the chain's, or the wall's where a quiet chain lags behind."""
    by_wall = config.chain.chain_seconds_per_wall_second == 1

    async def head() -> Head:
        block = (await client.head()).block
        now = max(block.at, wall_ms() // 1000) if by_wall else block.at
        return Head(block.number, block.at, now)

    return head


async def _listen(server: Server, config: Config) -> str:
    host, port = config.shop.host, config.shop.port
    try:
        return await server.start(host, port)
    except OSError as fault:
        raise PortTaken(
            f"the shop cannot listen on {host}:{port} ({fault.strerror})",
            "name another shop.port, or 0 for any free one",
        ) from None


async def _check_token(config: Config, client: ChainClient) -> None:
    """Nobody could pay for a token of another name: what is signed holds it."""
    shop, token = config.shop, Address(config.chain.token)
    ours = permit.Domain(config.chain.chain_id, token, shop.token_name, shop.token_version)
    try:
        [theirs] = await (await BlockReader.latest(client)).call(token, SEPARATOR)
    except Reverted:
        return  # a token need not say
    if theirs != "0x" + permit.separator(ours).hex():
        raise BadConfig(
            f"the token at {token} is not {shop.token_name} {shop.token_version} in its signatures",
            "set shop.token_name and shop.token_version to its EIP-712 domain",
        )
