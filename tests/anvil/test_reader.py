"""Reading a real node at one block."""

from __future__ import annotations

import pytest

import contracts
from chain import contracts as known
from chain import events
from chain.errors import Reverted, Unreachable
from chain.purse import Purse
from chain.reader import BlockReader
from chain.types import Call, Wei

pytestmark = pytest.mark.anvil


@pytest.fixture
async def purse(client, devnet) -> Purse:
    return Purse(client, devnet.keys[0])


@pytest.fixture
async def token(purse):
    return await purse.deploy(contracts.artifact("TestDollar")["bytecode"])


async def test_a_reader_sees_its_own_block_for_ever(client, purse, token):
    read = await BlockReader.latest(client)
    await client.rpc("anvil_setNextBlockBaseFeePerGas", hex(5 * 10**8))
    await purse.send(Call(token, known.MINT, (purse.address, 500)))
    later = await BlockReader.latest(client)
    assert await read.call(token, known.BALANCE_OF, [purse.address]) == [0]
    assert await later.call(token, known.BALANCE_OF, [purse.address]) == [500]
    assert await later.balance(purse.address) < await read.balance(purse.address)
    assert await read.base_fee() != await later.base_fee() == 5 * 10**8


async def test_a_reader_of_a_block_that_a_reorg_removed_says_so(client, purse, token):
    read = await BlockReader.latest(client)
    await client.rpc("anvil_reorg", 1, [])
    with pytest.raises(Unreachable):
        await read.call(token, known.BALANCE_OF, [purse.address])


async def test_a_simulation_tells_the_gas_or_the_reason(client, purse, token):
    read = await BlockReader.latest(client)
    good = await read.simulate(Call(token, known.MINT, (purse.address, 5)), purse.address)
    assert good.ok
    assert 40_000 < good.gas < 100_000
    bad = await read.simulate(Call(token, known.TRANSFER, (token, 5)), purse.address)
    assert not bad.ok
    assert bad.reason.startswith("ERC20InsufficientBalance(")
    eth = await read.simulate(Call(token, "", value=Wei(1)), purse.address)
    assert not eth.ok


async def test_structs_come_back_as_lists(client, deployed):
    read = await BlockReader.latest(client)
    [job] = await read.call(deployed.job_board, known.signature("JobBoard", "jobOf"), [1])
    assert job[1:6] == [0, 0, 0, 0, "0x" + "00" * 32]
    with pytest.raises(Reverted):
        await read.call(deployed.job_board, "cancel(uint256)", [1])


async def test_a_life_that_was_never_born_is_none(client, deployed):
    read = await BlockReader.latest(client)
    assert await known.life_of(read, deployed.registry, 1) is None


async def test_events_are_found_in_order_and_by_name(client, purse, token):
    for amount in (1, 2, 3):
        await purse.send(Call(token, known.MINT, (purse.address, amount)))
    read = await BlockReader.latest(client)
    topics = [events.topic("TestDollar", "Transfer"), None, events.indexed(purse.address)]
    found = [events.decode("TestDollar", log) for log in await read.logs(token, topics, 0)]
    assert [event.args["value"] for event in found] == [1, 2, 3]
    assert {event.args["to"] for event in found} == {purse.address}
