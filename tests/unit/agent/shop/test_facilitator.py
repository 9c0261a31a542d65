"""A facilitator's words: read within bounds, and none passed on that is not the protocol's."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from agent.shop.facilitator import Away, Facilitator, No, Yes
from agent.shop.wire import Payment, Terms
from chain.types import Address, Micro

TOKEN, WALLET, BUYER = (Address("0x" + digit * 40) for digit in "123")
TERMS = Terms("eip155:31337", TOKEN, Micro(5000), WALLET, 300, "Test Dollar", "1")
PAYMENT = Payment(TERMS, BUYER, WALLET, 5000, 0, 2**31, "0x" + "ab" * 32, "0x" + "cd" * 65).plain()


@pytest.fixture
async def told():
    """Says what the test puts in, and keeps what it was asked."""
    said = {"status": 200, "body": b'{"isValid": true, "success": true}', "asked": [], "hang": 0}

    async def answer(request):
        said["asked"].append((request.path, await request.json()))
        await asyncio.sleep(said["hang"])
        headers = {"Location": "http://127.0.0.1:1/"} if said["status"] == 307 else {}
        return web.Response(status=said["status"], body=said["body"], headers=headers)

    app = web.Application()
    app.router.add_post("/x402/{what}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    said["url"] = f"http://127.0.0.1:{runner.addresses[0][1]}/x402/"
    yield said
    await runner.cleanup()


@pytest.fixture
async def asked(told):
    found = Facilitator(told["url"], 0.3, 0.3)
    yield found
    await found.close()


async def test_it_is_asked_as_the_protocol_says(told, asked):
    assert await asked.verify(PAYMENT) == Yes()
    assert await asked.settle(PAYMENT) == Yes()
    said = {
        "x402Version": 2,
        "paymentPayload": PAYMENT,
        "paymentRequirements": PAYMENT["accepted"],
    }
    assert told["asked"] == [("/x402/verify", said), ("/x402/settle", said)]


@pytest.mark.parametrize("status", [200, 400, 402])
@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (b'"insufficient_funds"', "insufficient_funds"),
        (b'"<script>"', "payment_refused"),
        (b'"' + b"x" * 81 + b'"', "payment_refused"),
        (b"null", "payment_refused"),
        (b"[1]", "payment_refused"),
    ],
)
async def test_a_no_is_a_no_in_words_of_the_protocol(told, asked, status, reason, said):
    told["status"], told["body"] = status, b'{"isValid": false, "invalidReason": ' + reason + b"}"
    assert await asked.verify(PAYMENT) == No(said)


@pytest.mark.usefixtures("shallow")
@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (200, b"", "JSONDecodeError"),
        (200, b"<html>", "JSONDecodeError"),
        (200, b"[1]", "nonsense"),
        (200, b'{"isValid": "yes"}', "nonsense"),
        (200, b"[" * 60_000, "RecursionError"),
        (200, b'{"isValid": true, "x": "' + b"x" * 70_000 + b'"}', "ValueError"),
        (500, b'{"isValid": true}', "status 500"),
        (307, b'{"isValid": true}', "status 307"),
    ],
)
async def test_whatever_else_it_says_it_is_as_good_as_away(told, asked, status, body, why):
    told["status"], told["body"] = status, body
    assert await asked.verify(PAYMENT) == Away(why)


async def test_it_is_waited_for_so_long_and_no_longer(told, asked):
    told["hang"] = 1
    assert await asked.settle(PAYMENT) == Away("deadline")


async def test_one_that_is_not_there_is_away():
    asked = Facilitator("http://127.0.0.1:1")
    assert isinstance(await asked.verify(PAYMENT), Away)
    await asked.close()
