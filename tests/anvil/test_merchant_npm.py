"""The buyers of x402's npm packages buy from our shop, and pay once."""

from __future__ import annotations

import asyncio
import json

import pytest
from ipfsd import HERE, node
from shopping import PRICE, QUESTION, SECRET, dollar, market

pytestmark = pytest.mark.anvil


@pytest.fixture
async def shop(client, devnet, tmp_path):
    token = await dollar(client, devnet.keys[0])
    async with market(client, token, devnet.keys, tmp_path) as found:
        yield found


async def buy(shop, how, **order):
    """What the buyer says of each of its tries."""
    plain = {"url": f"{shop.url}/infer", "token": shop.token, "key": SECRET, "question": QUESTION}
    process = await asyncio.create_subprocess_exec(
        *(node(), str(HERE / "buyer.mjs"), how, json.dumps(plain | order)),
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(30):
        output, _ = await process.communicate()
    assert process.returncode == 0
    return [json.loads(line) for line in output.splitlines()]


@pytest.mark.parametrize("how", ["fetch", "axios"])
async def test_an_official_npm_client_buys_an_answer(shop, how):
    [got] = await buy(shop, how)
    assert (got["status"], got["body"]["logits"]) == (200, [0.0, -1.0]), got
    assert (got["paid"]["success"], got["paid"]["payer"]) == (True, shop.buyer.address)
    assert await shop.earned() == PRICE


async def test_one_that_signs_anew_pays_once_if_it_names_its_purchase(shop):
    lost, got = await buy(shop, "fetch", lose=1, name="purchase-number-one")
    assert "lost" in lost["error"]
    assert (got["status"], got["body"]["logits"]) == (200, [0.0, -1.0]), got
    assert (await shop.earned(), len(shop.scorer.prompts)) == (PRICE, 1)


@pytest.mark.parametrize("how", ["fetch", "axios"])
async def test_one_without_money_is_told_so_and_gets_nothing(shop, how):
    [got] = await buy(shop, how, key="44" * 32)
    assert "402" in str(got) or got.get("status") == 402, got
    assert (await shop.earned(), shop.scorer.prompts) == (0, [])
