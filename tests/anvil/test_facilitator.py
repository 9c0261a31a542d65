"""The world's facilitator, asked by x402's own package: what the token takes it settles, once."""

from __future__ import annotations

from dataclasses import replace

import aiohttp
import pytest
from shopping import PRICE, SECRET, WEALTH, dollar, facilitating, signed, terms_of
from x402.http import FacilitatorConfig, HTTPFacilitatorClient
from x402.schemas import PaymentPayload, PaymentRequirements

from agent.shop.wire import Payment
from chain.keys import Key
from chain.purse import Purse
from chain.reader import BlockReader
from chain.types import Call, Micro

pytestmark = pytest.mark.anvil

BUYER = Key(bytes.fromhex(SECRET))
WALLET = Key(b"\x77" * 32).address


@pytest.fixture
async def stage(client, devnet):
    token = await dollar(client, devnet.keys[0])
    call = Call(token, "mint(address,uint256)", (BUYER.address, WEALTH))
    await Purse(client, devnet.keys[0]).send(call)
    async with facilitating(client, devnet.keys[1]) as (facilitator, url):
        yield client, token, facilitator, url


async def payment(client, token, by=BUYER, **changes):
    terms = replace(terms_of(token, WALLET), amount=Micro(PRICE))
    until = (await client.head()).block.at + 250
    plain = Payment(terms, by.address, WALLET, PRICE, 0, until, "0x" + "ab" * 32, "")
    return signed(by, replace(plain, **changes))


async def asked(url, what, payment):
    """What the official client makes of the answer."""
    official = HTTPFacilitatorClient(FacilitatorConfig(url=url))
    payload = PaymentPayload.model_validate(payment.plain())
    terms = PaymentRequirements.model_validate(payment.accepted.plain())
    async with official:
        return await getattr(official, what)(payload, terms)


async def held(client, token, of=WALLET):
    [held] = await (await BlockReader.latest(client)).call(
        token, "balanceOf(address)(uint256)", [of]
    )
    return held


async def test_it_verifies_and_settles_what_the_token_would_take(stage):
    client, token, _, url = stage
    paid = await payment(client, token)
    verified = await asked(url, "verify", paid)
    assert (verified.is_valid, verified.payer) == (True, BUYER.address)
    assert await held(client, token) == 0
    settled = await asked(url, "settle", paid)
    assert (settled.success, settled.network, settled.payer) == (
        True,
        "eip155:31337",
        BUYER.address,
    )
    assert (await client.receipt(settled.transaction)).ok
    assert await held(client, token) == PRICE


async def test_asked_again_it_names_the_same_transaction(stage):
    client, token, _, url = stage
    paid = await payment(client, token)
    first, again = [await asked(url, "settle", paid) for _ in range(2)]
    assert first == again
    assert await held(client, token) == PRICE


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"valid_before": 1}, "invalid_exact_evm_payload_authorization_valid_before"),
        ({"value": 1}, "invalid_payload"),
        ({"to": BUYER.address}, "invalid_payload"),
        ({"by": Key(b"\x44" * 32)}, "insufficient_funds"),
    ],
)
async def test_what_the_token_would_refuse_is_refused(stage, changes, why):
    client, token, _, url = stage
    paid = await payment(client, token, **changes)
    verified = await asked(url, "verify", paid)
    assert (verified.is_valid, verified.invalid_reason) == (False, why)
    settled = await asked(url, "settle", paid)
    assert (settled.success, settled.error_reason) == (False, why)
    assert await held(client, token) == 0


async def test_a_signature_of_another_is_refused(stage):
    client, token, _, url = stage
    paid = signed(Key(b"\x55" * 32), await payment(client, token))
    verified = await asked(url, "verify", paid)
    assert verified.invalid_reason == "invalid_exact_evm_payload_signature"


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"paymentPayload": 7}', b"\xff"])
async def test_nonsense_is_a_no(stage, body):
    *_, url = stage
    async with aiohttp.ClientSession() as web:
        async with web.post(f"{url}/verify", data=body) as reply:
            assert not (await reply.json())["isValid"]
        async with web.post(f"{url}/settle", data=body) as reply:
            assert not (await reply.json())["success"]


async def test_it_says_what_it_can_do(stage):
    _, _, facilitator, url = stage
    async with aiohttp.ClientSession() as web, web.get(f"{url}/supported") as reply:
        said = await reply.json()
    assert said["kinds"] == [{"x402Version": 2, "scheme": "exact", "network": "eip155:31337"}]
    assert said["signers"] == {"eip155:*": [facilitator.address]}
