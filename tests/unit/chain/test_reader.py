from __future__ import annotations

import pytest

from chain import abi
from chain.answers import Header
from chain.errors import NodeRefused, Reverted, Unreachable
from chain.logs import logs
from chain.reader import BlockReader
from chain.types import SALT, WALLET, Address, Block, Call, Micro, Pull, Wei

BLOCK = Block(31337, 9, "0x" + "09" * 32, 1_700_000_000)
BOARD = Address("0x" + "bb" * 20)
WALLET_ADDRESS = Address("0x" + "aa" * 20)
NOT_OPEN = "0x" + abi.function("NotOpen()").selector.hex()


class Client:
    """`ChainClient.rpc` over answers by method; an exception is raised."""

    chain_id = 31337

    def __init__(self, **answers):
        self.answers = answers
        self.asked = []

    async def rpc(self, method, *params):
        self.asked.append((method, params))
        answer = self.answers[method]
        if callable(answer):
            answer = answer(*params)
        if isinstance(answer, Exception):
            raise answer
        return answer


def reader(**answers) -> BlockReader:
    return BlockReader(Client(**answers), Header(BLOCK, "0x" + "08" * 32, Wei(7)))


async def test_every_question_names_the_same_block():
    read = reader(eth_call="0x" + abi.encode(["uint256"], [3]).hex(), eth_getBalance="0x10")
    assert await read.call(BOARD, "jobCount()(uint256)") == [3]
    assert await read.balance(BOARD) == 16
    assert [params[1] for _, params in read.client.asked] == [{"blockHash": BLOCK.hash}] * 2
    assert await read.base_fee() == 7
    assert read.block == BLOCK


async def test_a_contracts_refusal_comes_with_its_reason():
    read = reader(eth_call=NodeRefused("eth_call", 3, "execution reverted", NOT_OPEN))
    with pytest.raises(Reverted, match=r"NotOpen\(\)"):
        await read.call(BOARD, "jobOf(uint256)(uint256)", [1])


async def test_an_address_without_such_a_view_is_a_refusal():
    with pytest.raises(Reverted, match="No such view"):
        await reader(eth_call="0x").call(BOARD, "jobCount()(uint256)")


@pytest.mark.parametrize("words", ["header not found", "Unknown block", "Resource not found"])
async def test_a_block_that_a_reorg_took_away_is_not_read_from_another(words):
    read = reader(eth_call=NodeRefused("eth_call", -32000, words))
    with pytest.raises(Unreachable):
        await read.call(BOARD, "jobCount()(uint256)")


async def test_a_simulation_fills_in_what_the_signer_would():
    read = reader(eth_estimateGas="0x5300")
    call = Call(BOARD, "f(address,bytes32)", (WALLET, SALT))
    simulation = await read.simulate(call, WALLET_ADDRESS)
    assert (simulation.ok, simulation.gas) == (True, 0x5300)
    [(_, (request, _))] = read.client.asked
    assert "aa" * 20 in request["data"]


async def test_a_simulated_revert_is_a_value():
    read = reader(eth_estimateGas=NodeRefused("eth_estimateGas", 3, "reverted", NOT_OPEN))
    simulation = await read.simulate(Call(BOARD, "cancel(uint256)", (1,)), WALLET_ADDRESS)
    assert (simulation.ok, simulation.reason) == (False, "NotOpen()")


async def test_a_pull_is_not_simulated():
    call = Call(BOARD, "f(uint256)", (1,), pull=Pull(BOARD, Micro(1), 9))
    assert not (await reader().simulate(call, WALLET_ADDRESS)).ok


def entry(number: int) -> dict[str, object]:
    return {
        "address": BOARD,
        "topics": [],
        "data": "0x",
        "blockNumber": hex(number),
        "blockHash": "0x" + "01" * 32,
        "transactionHash": "0x" + "02" * 32,
        "logIndex": "0x0",
    }


async def test_a_range_that_a_node_refuses_is_halved_until_it_fits():
    def get(wanted):
        first, last = int(wanted["fromBlock"], 16), int(wanted["toBlock"], 16)
        if last - first >= 10:
            return NodeRefused("eth_getLogs", -32005, "query returned more than 10000 results")
        return [entry(number) for number in range(first, last + 1)]

    client = Client(eth_getLogs=get)
    found = await logs(client, BOARD, [], 0, 99)
    assert [each.block for each in found] == list(range(100))


async def test_a_refusal_of_a_single_block_is_final():
    client = Client(eth_getLogs=NodeRefused("eth_getLogs", -32000, "no"))
    with pytest.raises(NodeRefused):
        await logs(client, BOARD, [], 0, 9)


async def test_no_event_after_the_readers_block_is_seen():
    read = reader(eth_getLogs=[])
    await read.logs(BOARD, [], 0, 50)
    [(_, (wanted,))] = read.client.asked
    assert wanted["toBlock"] == hex(9)


@pytest.mark.parametrize("said", [["x"], [None], [[]], [{}], {}, "x"])
async def test_events_that_make_no_sense_are_silence(said):
    with pytest.raises(Unreachable):
        await logs(Client(eth_getLogs=said), BOARD, [], 0, 9)
