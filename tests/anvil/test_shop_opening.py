"""A shop opens with its daemon, if it is asked for and can be paid; else it says so at once."""

from __future__ import annotations

import socket
from pathlib import Path
from types import SimpleNamespace

import aiohttp
import pytest
from fakes import FakeScorer
from logs import open_log
from shopping import MODEL, QUESTION, decide, dollar
from snapshots import snapshot

from agent.config import Config, Life, Shop, parse
from agent.errors import BadConfig, PortTaken
from agent.home import Home
from agent.shop.opening import opened
from agent.shop.turns import OwnFirst
from agent.trade import NoTrade
from chain.keys import Key
from chain.reader import BlockReader

pytestmark = pytest.mark.anvil

WALLET = Key(b"\x77" * 32).address
ADDRESS = "0x" + "11" * 20
TOML = f"""
use = ["thrift", "merchant"]
[chain]
rpc = ["http://127.0.0.1:8545"]
chain_id = 31337
registry = "{ADDRESS}"
token = "{ADDRESS}"
lease_market = "{ADDRESS}"
[keys]
operator = "{ADDRESS}"
"""


@pytest.fixture
async def opening(client, devnet, tmp_path):
    """Opens the shop that a config asks for."""
    token = await dollar(client, devnet.keys[0])
    log = open_log(tmp_path / "log.sqlite")

    def open_(use=("merchant",), **shop):
        plain = {"port": 0, "facilitator": "http://127.0.0.1:9", "token_name": "Test Dollar"}
        chain = {"chain_id": 31337, "token": token, "chain_seconds_per_wall_second": 1.0}
        config = SimpleNamespace(
            use=use,
            shop=Shop(**(plain | {"token_version": "1"} | shop)),
            chain=SimpleNamespace(**chain),
            life=Life(),
            strategies={"merchant": {"least_micro": 10, "most_micro": 1000}},
        )
        time = SimpleNamespace(wall_ms=lambda: 1_700_000_000_000, clock=lambda: 5.0)
        tools = SimpleNamespace(home=Home(tmp_path), client=client, time=time)
        who = SimpleNamespace(wallet=WALLET, places=SimpleNamespace(token=token))
        open_.log = log
        return opened(config, tools, log, who, FakeScorer(MODEL))

    yield open_
    log.close()


async def quoted(url):
    async with aiohttp.ClientSession() as web, web.post(f"{url}/infer", json=QUESTION) as reply:
        return reply.status, await reply.json()


async def test_a_life_that_uses_merchant_sells_at_what_it_decides(opening, client, capsys):
    port = free()
    async with opening(port=port) as stall:
        assert isinstance(stall.scorer, OwnFirst)
        url = f"http://127.0.0.1:{port}"
        assert (await quoted(url))[0] == 503
        stall.trade.see(snapshot())
        decide(opening.log, stall.trade, 500, (await BlockReader.latest(client)).block.at)
        status, said = await quoted(url)
        assert (status, said["accepts"][0]["amount"]) == (402, "500")
        decide(opening.log, stall.trade, 1001, 0)  # out of the operator's bounds
        assert (await quoted(url))[0] == 503
    with pytest.raises(aiohttp.ClientConnectionError):
        await quoted(url)


async def test_a_life_that_does_not_has_no_shop_and_its_scorer_as_it_was(opening):
    async with opening(use=("thrift",)) as stall:
        assert isinstance(stall.trade, NoTrade)
        assert isinstance(stall.scorer, FakeScorer)


@pytest.mark.parametrize("wrong", [{"token_name": "USD Coin"}, {"token_version": "2"}])
async def test_a_token_of_another_name_is_refused_at_once(opening, wrong):
    with pytest.raises(BadConfig, match=r"set shop\.token_name and shop\.token_version"):
        async with opening(**wrong):
            pass


async def test_a_port_that_is_taken_is_named(opening):
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        with pytest.raises(PortTaken, match=r"name another shop\.port"):
            async with opening(port=held.getsockname()[1]):
                pass


async def test_a_damaged_book_shuts_the_shop_and_lets_the_life_go_on(opening, tmp_path):
    (tmp_path / "shop.sqlite").write_bytes(b"not a database, and long enough to be told from one")
    async with opening() as stall:
        assert "shop.sqlite" in stall.trade.troubles["shop"]
        assert (await stall.scorer.score("x", "A")).logits == (0.0,)


def test_a_merchant_without_a_facilitator_is_no_config(monkeypatch):
    with pytest.raises(BadConfig, match=r"merchant needs shop\.facilitator"):
        parse(TOML, Path("forager.toml"))
    shop = '[shop]\nfacilitator = "http://127.0.0.1:9"\n'
    config: Config = parse(TOML + shop, Path("forager.toml"))
    assert config.shop.port == 8402


def free():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
