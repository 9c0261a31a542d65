"""Gifts, as nodes tell of them: some lie, and none may end a life by it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from agent.inflows import unasked
from chain.answers import Log
from chain.errors import Unreachable
from chain.types import Address

WALLET, TOKEN = Address("0x" + "aA" * 20), Address("0x" + "bb" * 20)
TOPICS = ("0x" + "11" * 32, "0x" + "00" * 12 + "cc" * 20, "0x" + "00" * 12 + "aa" * 20)


def event(topics=TOPICS, data="0x07") -> Log:
    return Log(TOKEN, topics, data, 5, "0x" + "01" * 32, "0x" + "02" * 32, 0)


async def gifts(found: Log, sent: object):
    async def logs(*_):
        return [found]

    async def rpc(*_):
        return sent

    read = SimpleNamespace(block=SimpleNamespace(number=9), logs=logs)
    return await unasked(SimpleNamespace(rpc=rpc), read, TOKEN, WALLET, 4)


async def test_a_transfer_that_another_sent_is_a_gift():
    [gift] = await gifts(event(), {"from": "0x" + "dd" * 20})
    assert (gift["amount"], gift["from"]) == ("7", "0x" + "cc" * 20)


async def test_what_this_wallet_asked_for_is_none():
    assert await gifts(event(), {"from": WALLET.lower()}) == []


@pytest.mark.parametrize("sent", ["x", 7, [], {}, {"from": None}, True])
async def test_a_transaction_that_makes_no_sense_is_silence(sent):
    with pytest.raises(Unreachable):
        await gifts(event(), sent or {"to": 1})


@pytest.mark.parametrize("found", [event(data="0x"), event(data="x"), event(topics=TOPICS[:1])])
async def test_an_event_that_is_no_transfer_is_silence(found):
    with pytest.raises(Unreachable):
        await gifts(found, {"from": "0x" + "dd" * 20})
