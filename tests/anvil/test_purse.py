"""People's own keys: every send ends in a receipt or a reason."""

from __future__ import annotations

import asyncio

import pytest
from faultproxy import fault_proxy, loses_the_reply, says

import contracts
from chain import contracts as known
from chain.client import ChainClient
from chain.errors import NotMined, Reverted
from chain.purse import Purse
from chain.types import Address, Call, Wei

pytestmark = pytest.mark.anvil

PAYEE = Address("0x00000000000000000000000000000000000000Cc")


@pytest.fixture
async def purse(client, devnet) -> Purse:
    return Purse(client, devnet.keys[3])


async def test_ether_arrives_and_its_cost_is_known(client, purse):
    before = await client.balance(purse.address)
    receipt = await purse.send(Call(PAYEE, "", value=Wei(9)))
    assert receipt.ok
    assert await client.balance(PAYEE) == 9
    assert before - await client.balance(purse.address) == 9 + receipt.fee


async def test_many_sends_at_once_take_one_nonce_each(client, purse):
    first = await client.nonce(purse.address)
    receipts = await asyncio.gather(*(purse.send(Call(PAYEE, "", value=Wei(1))) for _ in range(20)))
    assert len({receipt.hash for receipt in receipts}) == 20
    assert await client.nonce(purse.address) == first + 20
    assert await client.balance(PAYEE) == 20


async def test_a_refusal_is_known_by_name_before_anything_is_sent(client, purse):
    token = await purse.deploy(contracts.artifact("TestDollar")["bytecode"])
    sent = await client.nonce(purse.address)
    with pytest.raises(Reverted, match="ERC20InsufficientBalance"):
        await purse.send(Call(token, known.TRANSFER, (PAYEE, 1)))
    assert await client.nonce(purse.address) == sent


async def test_a_call_that_its_block_refuses_is_explained(manual, devnet):
    """Two transfers of the same money: both are fine when asked, one is not when mined."""
    one, two = Purse(manual, devnet.keys[3]), Purse(manual, devnet.keys[3])

    async def mine():
        while True:
            await asyncio.sleep(0.2)
            await manual.rpc("anvil_mine", "0x1")

    mining = asyncio.create_task(mine())
    try:
        token = await one.deploy(contracts.artifact("TestDollar")["bytecode"])
        await one.send(Call(token, known.MINT, (one.address, 10)))
        ends = await asyncio.gather(
            one.send(Call(token, known.TRANSFER, (PAYEE, 10))),
            one.send(Call(token, known.TRANSFER, (PAYEE, 10))),
            return_exceptions=True,
        )
    finally:
        mining.cancel()
    assert sorted(type(end).__name__ for end in ends) == ["Receipt", "Reverted"]
    assert two.address == one.address


async def test_two_programs_with_one_key_do_not_lose_a_nonce(client, devnet):
    one, two = Purse(client, devnet.keys[3]), Purse(client, devnet.keys[3])
    await one.send(Call(PAYEE, "", value=Wei(1)))
    await two.send(Call(PAYEE, "", value=Wei(1)))
    await one.send(Call(PAYEE, "", value=Wei(1)))
    assert await client.balance(PAYEE) == 3


async def test_a_lost_reply_does_not_pay_twice(client, devnet):
    async with (
        fault_proxy(devnet.url) as proxy,
        ChainClient([proxy.url], devnet.chain_id) as lossy,
    ):
        lost = iter([loses_the_reply] * 2)

        async def sometimes(asked, forward):
            fault = next(lost, None)
            return await (fault(asked, forward) if fault else forward())

        proxy.faults["eth_sendRawTransaction"] = sometimes
        receipt = await Purse(lossy, devnet.keys[3]).send(Call(PAYEE, "", value=Wei(4)))
    assert receipt.ok
    assert await client.balance(PAYEE) == 4
    assert len(set(proxy.raw)) == 1


async def test_what_no_block_takes_is_given_up_with_its_hash(manual, devnet):
    purse = Purse(manual, devnet.keys[3], patience_s=0.3)
    with pytest.raises(NotMined) as fault:
        await purse.send(Call(PAYEE, "", value=Wei(1)))
    assert str(fault.value.facts["hash"]).startswith("0x")


async def test_a_count_that_lags_does_not_reuse_a_nonce(client, devnet):
    async with (
        fault_proxy(devnet.url) as proxy,
        ChainClient([proxy.url], devnet.chain_id) as lagging,
    ):
        purse = Purse(lagging, devnet.keys[3])
        await purse.send(Call(PAYEE, "", value=Wei(1)))
        proxy.faults["eth_getTransactionCount"] = says("0x0")
        await purse.send(Call(PAYEE, "", value=Wei(1)))
    assert await client.balance(PAYEE) == 2
