"""Money that comes in, as nodes tell of it: some lie, and none may end a life by it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from agent.inflows import Purse, arrivals
from agent.trade import Earned
from chain.answers import Log
from chain.errors import Unreachable
from chain.types import Address

WALLET, TOKEN = Address("0x" + "aA" * 20), Address("0x" + "bb" * 20)
OPERATOR = Address("0x" + "eE" * 20)
TOPICS = ("0x" + "11" * 32, "0x" + "00" * 12 + "cc" * 20, "0x" + "00" * 12 + "aa" * 20)
OF_THE_OPERATOR = (TOPICS[0], "0x" + "00" * 12 + "ee" * 20, TOPICS[2])
SOLD = Earned("0x" + "99" * 32, 3, told=False)
STRANGER = {"from": "0x" + "dd" * 20}
HEAD = 9


def event(topics=TOPICS, data="0x07", block=5, tx="0x" + "02" * 32) -> Log:
    return Log(TOKEN, topics, data, block, "0x" + "01" * 32, tx, 0)


class Trade:
    """Has sold for whatever comes in these transactions."""

    def __init__(self, sold):
        self.sold = dict(sold)

    async def earned(self, payer, amount, tx):
        return self.sold.get(tx)


async def come(*found: Log, sent: object = STRANGER, sold=(), finality=2):
    async def logs(*_):
        return list(found)

    async def rpc(*_):
        return sent

    read = SimpleNamespace(block=SimpleNamespace(number=HEAD), logs=logs)
    purse = Purse(TOKEN, WALLET, OPERATOR)
    return await arrivals(SimpleNamespace(rpc=rpc), read, purse, 4, Trade(sold), finality)


async def test_a_transfer_that_another_sent_is_a_gift():
    [gift], until = await come(event())
    assert gift.body == {
        "asset": TOKEN,
        "amount": "7",
        "from": "0x" + "cc" * 20,
        "tx": "0x" + "02" * 32,
        "why": "unasked",
    }
    assert (gift.nonce, until) == (None, HEAD)


async def test_what_this_wallet_asked_for_is_none():
    assert (await come(event(), sent={"from": WALLET.lower()})).told == []


@pytest.mark.parametrize("sent", ["x", 7, [], {"to": 1}, {"from": None}, True])
async def test_a_transaction_that_makes_no_sense_is_silence(sent):
    with pytest.raises(Unreachable):
        await come(event(), sent=sent)


@pytest.mark.parametrize("found", [event(data="0x"), event(data="x"), event(topics=TOPICS[:1])])
async def test_an_event_that_is_no_transfer_is_silence(found):
    with pytest.raises(Unreachable):
        await come(found)


# What was sold


async def test_what_was_sold_is_told_with_its_payment_and_its_price():
    found = event()
    [sale], _ = await come(found, sold=[(found.transaction, SOLD)])
    told = {"why": "sold", "because": 3, "nonce": SOLD.nonce, "amount": "7"}
    assert {name: sale.body[name] for name in told} == told
    assert sale.nonce == SOLD.nonce


async def test_what_the_operator_pays_is_a_gift_whatever_he_got_for_it():
    found = event(OF_THE_OPERATOR)
    [gift], _ = await come(found, sold=[(found.transaction, SOLD)])
    assert (gift.body["why"], "because" in gift.body) == ("unasked", False)
    assert gift.nonce == SOLD.nonce  # so that the shop need not remember it


async def test_what_was_told_is_not_told_again():
    found = event()
    arrived = await come(found, sold=[(found.transaction, SOLD._replace(told=True))])
    assert (arrived.told, arrived.until) == ([], HEAD)


@pytest.mark.parametrize(("block", "told"), [(7, ["a", "b", "c"]), (8, ["a"]), (9, ["a"])])
async def test_a_sale_waits_for_its_block_to_be_final_and_what_came_later_waits_with_it(
    block, told
):
    events = [event(block=5, tx="a"), event(block=block, tx="b"), event(block=9, tx="c")]
    arrived = await come(*events, sold=[("b", SOLD)])
    assert [arrival.body["tx"] for arrival in arrived.told] == told
    assert arrived.until == (HEAD if block == 7 else block - 1)
