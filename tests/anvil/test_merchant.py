"""Selling answers for real money: paid once, served once, and nobody's word is taken."""

from __future__ import annotations

import asyncio
import base64
import json
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiohttp import web
from fakes import FakeScorer
from officialbuyer import Losing, buyer
from shopping import BOUNDS, MODEL, PRICE, QUESTION, SECRET, WEALTH, dollar, market, signed
from snapshots import asleep, snapshot

from agent.shop.counter import Counter
from agent.shop.facilitator import Facilitator as Asked
from chain.keys import Key
from chain.purse import Purse
from chain.types import Call, Micro
from compute.errors import NoModel, Unanswerable
from world.facilitator import TRANSFER

pytestmark = pytest.mark.anvil
NAME = "purchase-number-one"


@pytest.fixture
async def token(client, devnet):
    return await dollar(client, devnet.keys[0])


@pytest.fixture
async def shop(client, devnet, token, tmp_path):
    async with market(client, token, devnet.keys, tmp_path) as found:
        yield found


async def test_who_asks_is_told_the_price_and_who_pays_gets_the_answer(shop):
    asked = await shop.ask()
    assert asked.status == 402
    assert asked.terms["amount"] == str(PRICE)
    got = await shop.ask(await shop.payment())
    assert (got.status, got.body["logits"]) == (200, [0.0, -1.0])
    assert got.paid["success"]
    assert await shop.earned() == PRICE
    assert shop.scorer.prompts == [QUESTION["prompt"]]


# The official Python client


async def test_the_official_python_client_buys_an_answer(shop):
    line = Losing()
    async with buyer(SECRET, shop.token, line) as web_:
        got = await web_.post(f"{shop.url}/infer", json=QUESTION)
    assert (got.status_code, got.json()["logits"]) == (200, [0.0, -1.0])
    paid = json.loads(base64.b64decode(got.headers["PAYMENT-RESPONSE"]))
    assert (paid["success"], paid["payer"]) == (True, shop.buyer.address)
    assert await shop.earned() == PRICE


async def test_a_lost_reply_is_sent_again_for_the_same_payment(shop):
    """The official client has paid; whoever resends what it sent gets what it bought."""
    line = Losing(lose=1)
    async with buyer(SECRET, shop.token, line) as web_:
        with pytest.raises(Exception, match="lost"):
            await web_.post(f"{shop.url}/infer", json=QUESTION)
    [payment] = line.paid
    again = [await shop.ask(payment) for _ in range(2)]
    assert [(got.status, got.body["logits"]) for got in again] == [(200, [0.0, -1.0])] * 2
    assert (await shop.earned(), len(shop.scorer.prompts)) == (PRICE, 1)


async def test_an_official_client_that_signs_anew_pays_once_if_it_names_its_purchase(shop):
    line = Losing(lose=1)
    async with buyer(SECRET, shop.token, line, NAME) as web_:
        with pytest.raises(Exception, match="lost"):
            await web_.post(f"{shop.url}/infer", json=QUESTION)
        got = await web_.post(f"{shop.url}/infer", json=QUESTION)
    assert (got.status_code, got.json()["logits"]) == (200, [0.0, -1.0])
    assert len(set(line.paid)) == 2
    assert (await shop.earned(), len(shop.scorer.prompts)) == (PRICE, 1)


# Once


async def test_one_payment_sent_ten_times_at_once_is_worked_for_and_settled_once(shop):
    payment = await shop.payment()
    replies = await asyncio.gather(*(shop.ask(payment) for _ in range(10)))
    assert {reply.status for reply in replies} == {200}
    assert (await shop.earned(), len(shop.scorer.prompts)) == (PRICE, 1)


async def test_a_payment_for_one_question_answers_no_other(shop):
    payment = await shop.payment()
    assert (await shop.ask(payment)).status == 200
    other = await shop.ask(payment, {"prompt": "and tomorrow?", "labels": ["A", "B"]})
    assert (other.status, len(shop.scorer.prompts)) == (409, 1)


async def test_what_one_buyer_named_no_other_can_have_by_that_name(shop, devnet):
    mine = await shop.payment(name=NAME)
    assert (await shop.ask(mine)).status == 200
    stranger = await shop.payment(devnet.keys[3], name=NAME)
    assert (await shop.ask(stranger)).status == 402  # he has no money
    forged = replace(mine, nonce=f"0x{99:064x}")
    assert (await shop.ask(forged)).body["error"] == "invalid_exact_evm_payload_signature"


async def test_a_shop_that_was_killed_after_the_work_owes_the_answer_still(
    client, token, devnet, tmp_path
):
    """Paid while nobody was there: the same payment finds its answer, and is not paid twice."""
    async with market(client, token, devnet.keys, tmp_path, most=2) as first:
        payment = await first.payment()
        hung = Counter(
            first.book,
            Asked("http://127.0.0.1:9"),
            first.shop._proof,
            first.shop._counter._ask,
            first.shop._counter._head,
            1,
            0.1,
        )
        real = first.shop._counter._facilitator
        hung._facilitator = SettlesOnly(real)
        with pytest.raises(Killed):
            await hung.sell(_question(), payment, first.terms, first.shop._prices)
        assert first.book.sale(payment.payer.lower(), payment.nonce).tx is None
        assert await first.earned() == PRICE
        got = await first.ask(payment)
    assert (got.status, got.body["logits"], len(first.scorer.prompts)) == (200, [0.0, -1.0], 1)
    assert await held(client, first) == PRICE


# Prices


async def test_a_price_that_has_just_moved_is_still_honoured_and_an_old_one_is_not(shop):
    now = await shop.now()
    await shop.price(7_000, at=now)
    old = await shop.payment()
    assert (await shop.ask()).terms["amount"] == "7000"
    assert (await shop.ask(old)).status == 200
    await shop.client.rpc("evm_increaseTime", 301)
    await shop.client.rpc("evm_mine")
    late = await shop.ask(await shop.payment())
    assert (late.status, late.body["error"]) == (402, "invalid_amount")
    assert (await shop.ask(await shop.payment(amount=Micro(7_000)))).status == 200


@pytest.mark.parametrize("price", [BOUNDS.least - 1, BOUNDS.most + 1])
async def test_a_price_out_of_the_operators_bounds_shuts_the_shop(shop, price):
    await shop.price(price)
    assert [(await shop.ask(paid)).status for paid in (None, await shop.payment())] == [503, 503]
    assert shop.scorer.prompts == []


async def test_a_life_that_is_unhoused_or_halted_sells_nothing_and_hands_out_what_was_bought(shop):
    bought = await shop.payment()
    assert (await shop.ask(bought)).status == 200
    for shut in (lambda: shop.shop.see(asleep()), shop.shop.rest):
        shop.shop.see(snapshot())
        shut()
        refused = [await shop.ask(paid) for paid in (None, await shop.payment())]
        assert [(reply.status, reply.body["error"]) for reply in refused] == [(503, "shut")] * 2
        assert refused[0].headers["Retry-After"]
        assert (await shop.ask(bought)).status == 200
    assert (await shop.earned(), len(shop.scorer.prompts)) == (PRICE, 1)


# Buyers who cheat


def other(terms, **changes):
    return {"accepted": replace(terms, amount=Micro(PRICE), **changes)}


CHEATS = {
    "another asset": lambda m: m.payment(**other(m.terms, asset=m.wallet)),
    "another payee": lambda m: m.payment(to=m.buyer.address),
    "another payee, as if we had asked so": lambda m: m.payment(
        to=m.buyer.address, **other(m.terms, pay_to=m.buyer.address)
    ),
    "another network": lambda m: m.payment(**other(m.terms, network="eip155:1")),
    "no network": lambda m: m.payment(**other(m.terms, network="eip155:x")),
    "another token's name": lambda m: m.payment(**other(m.terms, name="USD Coin")),
    "a longer time": lambda m: m.payment(**other(m.terms, timeout_s=10**6)),
    "too little": lambda m: m.payment(amount=Micro(PRICE - 1)),
    "less than he accepts": lambda m: m.payment(value=1),
    "nothing": lambda m: m.payment(amount=Micro(0)),
    "too much": lambda m: m.payment(amount=Micro(PRICE + 1)),
    "out of time": lambda m: m.payment(valid_before=1),
    "not yet": lambda m: m.payment(valid_after=2**40),
    "for ever": lambda m: m.payment(valid_before=2**40),
}


@pytest.mark.parametrize("cheat", CHEATS.values(), ids=CHEATS)
async def test_what_is_not_exactly_what_was_asked_is_not_served(shop, cheat):
    reply = await shop.ask(await cheat(shop))
    assert (reply.status, shop.scorer.prompts, await shop.earned()) == (402, [], 0)
    assert (await shop.ask(await shop.payment())).status == 200


async def test_a_payment_that_another_signed_is_not_served(shop):
    payment = await shop.payment()
    forged = signed(Key(b"\x55" * 32), payment)
    assert (await shop.ask(forged)).status == 402
    assert shop.scorer.prompts == []


async def test_who_has_no_money_is_not_served(shop, devnet):
    reply = await shop.ask(await shop.payment(devnet.keys[4]))
    assert (reply.status, reply.body["error"]) == (402, "insufficient_funds")
    assert shop.scorer.prompts == []


async def test_an_authorization_that_was_used_elsewhere_is_not_served(shop, devnet):
    payment = await shop.payment()
    await bring(shop, devnet, payment)
    reply = await shop.ask(payment)
    assert (reply.status, shop.scorer.prompts, await shop.earned()) == (402, [], PRICE)


async def test_money_that_is_gone_by_the_time_it_is_asked_for_buys_no_answer(
    client, token, devnet, tmp_path
):
    class Thief(FakeScorer):
        """While the model thinks, the buyer takes his money away."""

        async def score(self, prompt, labels):
            await bring_plain(client, devnet, away.plain())
            return await super().score(prompt, labels)

    async with market(client, token, devnet.keys, tmp_path, scorer=Thief(MODEL)) as shop:
        away = await shop.payment(to=devnet.keys[3].address, value=WEALTH)
        reply = await shop.ask(await shop.payment())
        assert (reply.status, reply.body["error"]) == (402, "insufficient_funds")
        assert await shop.earned() == 0


async def test_one_transfer_does_not_pay_for_two_answers(shop, devnet):
    """A nonce signed twice, once to himself: what it moved is not what the other sale moved."""
    honest = await shop.payment()
    twice = await shop.payment()
    elsewhere = signed(shop.buyer, replace(twice, to=devnet.keys[3].address))
    sale = _sale(shop, twice)
    shop.book.keep(sale)
    await shop.client.rpc("evm_setAutomine", False)
    sent = [asyncio.create_task(bring(shop, devnet, each)) for each in (elsewhere, honest)]
    await asyncio.sleep(0.3)
    await shop.client.rpc("evm_mine")
    await shop.client.rpc("evm_setAutomine", True)
    await asyncio.gather(*sent)
    assert await shop.earned() == PRICE
    assert await shop.shop._proof.paid(sale) is None
    assert await shop.shop._proof.paid(_sale(shop, honest)) is not None
    assert (await shop.ask(twice)).status == 402


# Facilitators that lie


class Says:
    """A facilitator that answers as told, whatever is asked."""

    def __init__(self, verify, settle=None):
        self._said = {"verify": verify, "settle": settle}

    @asynccontextmanager
    async def listening(self):
        app = web.Application()
        app.router.add_post("/{what}", self._say)
        runner = web.AppRunner(app, shutdown_timeout=0)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()

    async def _say(self, request):
        said = self._said[request.match_info["what"]]
        if callable(said):
            return await said(request)
        return web.Response(body=said, content_type="application/json")


async def hang(_):
    await asyncio.sleep(1.5)  # five times as long as anybody waits
    return web.json_response({"isValid": True, "success": True})


async def leave(request):
    request.transport.abort()
    return web.Response()


OK = b'{"isValid": true}'
TX = "0x" + "12" * 32
LIES = {
    "settles nothing and says it did": (
        OK,
        json.dumps({"success": True, "transaction": TX, "network": "eip155:31337"}).encode(),
    ),
    "hangs when it should verify": (hang, None),
    "hangs when it should settle": (OK, hang),
    "leaves when it should verify": (leave, None),
    "leaves when it should settle": (OK, leave),
    "says nothing sensible": (b"<html>", None),
    "says something else": (b"[1, 2]", None),
    "is true in another way": (b'{"isValid": 1}', None),
    "has too much to say": (b'{"isValid": true, "x": "' + b"x" * 100_000 + b'"}', None),
    "settles with nonsense": (OK, b'{"success": "yes"}'),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
async def test_whatever_a_facilitator_does_no_answer_is_free(client, token, devnet, tmp_path, lie):
    async with Says(*lie).listening() as url:
        changes = {"facilitator": url, "settle_s": 0.3, "seen_s": 0.1}
        async with market(client, token, devnet.keys, tmp_path, **changes) as shop:
            payment = await shop.payment()
            for _ in range(2):
                reply = await shop.ask(payment)
                assert (reply.status, reply.body) == (503, {"error": "facilitator_unavailable"})
                assert reply.headers["Retry-After"]
            assert shop.shop.troubles["shop"].startswith("facilitator: ")
            assert len(shop.scorer.prompts) <= 1
            assert (await shop.ask()).status == 402


async def test_a_facilitator_that_says_no_after_it_has_settled_is_not_believed(
    client, token, devnet, tmp_path
):
    no = b'{"success": false, "errorReason": "unexpected_settle_error"}'

    async def settle(request):
        said = await request.json()
        await bring_plain(client, devnet, said["paymentPayload"])
        return web.Response(body=no, content_type="application/json")

    async with (
        Says(OK, settle).listening() as url,
        market(client, token, devnet.keys, tmp_path, facilitator=url) as shop,
    ):
        assert (await shop.ask(await shop.payment())).status == 200
        assert await shop.earned() == PRICE


async def test_who_comes_back_once_the_facilitator_is_well_pays_once_and_has_his_answer(
    client, token, devnet, tmp_path
):
    ill = [True]

    async def settle(request):
        if ill:
            request.transport.abort()
            return web.Response()
        said = await request.json()
        await bring_plain(client, devnet, said["paymentPayload"])
        return web.json_response({"success": True})

    async with (
        Says(OK, settle).listening() as url,
        market(client, token, devnet.keys, tmp_path, facilitator=url) as shop,
    ):
        payment = await shop.payment()
        assert (await shop.ask(payment)).status == 503
        ill.clear()
        assert (await shop.ask(payment)).status == 200
        assert (await shop.earned(), len(shop.scorer.prompts)) == (PRICE, 1)
        assert shop.shop.troubles == {}


# The model


@pytest.mark.parametrize(
    ("fault", "status"), [(NoModel("away"), 503), (Unanswerable("too long"), 422)]
)
async def test_without_an_answer_nothing_is_settled(client, token, devnet, tmp_path, fault, status):
    scorer = FakeScorer(MODEL, fault)
    async with market(client, token, devnet.keys, tmp_path, scorer=scorer) as shop:
        payment = await shop.payment()
        assert (await shop.ask(payment)).status == status
        assert await shop.earned() == 0
        scorer.fault = None
        assert (await shop.ask(payment)).status == 200  # it is as good as it was


async def test_more_buyers_than_there_is_room_for_are_asked_to_come_again(
    client, token, devnet, tmp_path
):
    go = asyncio.Event()

    class Slow(FakeScorer):
        async def score(self, prompt, labels):
            await go.wait()
            return await super().score(prompt, labels)

    async with market(client, token, devnet.keys, tmp_path, scorer=Slow(MODEL), most=2) as shop:
        first = [asyncio.create_task(shop.ask(await shop.payment())) for _ in range(2)]
        while shop.shop._counter.queue < 2:
            await asyncio.sleep(0.01)
        turned_away = await shop.ask(await shop.payment())
        assert (turned_away.status, turned_away.body) == (503, {"error": "busy"})
        assert turned_away.headers["Retry-After"]
        go.set()
        assert [reply.status for reply in await asyncio.gather(*first)] == [200, 200]


# Helpers


class Killed(BaseException):
    """The process ends here."""


class SettlesOnly:
    """Settles, and then the process is gone."""

    def __init__(self, real):
        self._real = real
        self.verify = real.verify

    async def settle(self, payment):
        await self._real.settle(payment)
        raise Killed


def _question():
    from agent.shop.question import Question

    return Question(QUESTION["prompt"], tuple(QUESTION["labels"]))


def _sale(shop, payment):
    from agent.shop.book import Sale

    return Sale(
        payer=payment.payer.lower(),
        nonce=payment.nonce,
        name="",
        question=_question().digest,
        amount=Micro(PRICE),
        because=0,
        payment=payment.plain(),
        answer=b"{}",
        since=0,
        valid_before=payment.valid_before,
    )


async def held(client, shop):
    return await shop.held(shop.wallet)


async def bring(shop, devnet, payment):
    await bring_plain(
        shop.client, devnet, payment.plain(), devnet.keys[3 + (payment.to == shop.wallet)]
    )


async def bring_plain(client, devnet, plain, key=None):
    """Anybody may take an authorization to the chain."""
    signed_, accepted = plain["payload"], plain["accepted"]
    said = signed_["authorization"]
    args = (
        *(said["from"], said["to"], int(said["value"])),
        *(int(said["validAfter"]), int(said["validBefore"]), said["nonce"], signed_["signature"]),
    )
    await Purse(client, key or devnet.keys[3]).send(Call(accepted["asset"], TRANSFER, args))
