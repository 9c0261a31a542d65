"""A node that answers nonsense, or without end, costs little."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from chain import rpc as module
from chain.errors import NodeRefused, Reverted, Unreachable
from chain.logs import logs
from chain.rpc import connect

TO = "0x5FbDB2315678afecb367f032d93F642f64180aa3"


@asynccontextmanager
async def node(answer):
    app = web.Application()
    app.router.add_post("/", answer)
    server = TestServer(app)
    await server.start_server()
    try:
        async with connect(str(server.make_url("/")), timeout_s=0.5) as found:
            yield found
    finally:
        await server.close()


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    monkeypatch.setattr(module, "_PAUSE_S", 0.0)
    monkeypatch.setattr(module, "ANSWER_BYTES", 10_000)


async def endless(request):
    reply = web.StreamResponse()
    await reply.prepare(request)
    while True:
        await reply.write(b" " * 5_000)


async def hang(_):
    await asyncio.sleep(30)


def saying(body):
    async def answer(_):
        return web.Response(body=body)

    return answer


@pytest.mark.parametrize(
    "answer",
    [hang, saying(b""), saying(b"[]"), saying(b"{}"), saying(b"[" * 9_000)],
)
async def test_nonsense_is_worth_as_little_as_silence(answer):
    async with node(answer) as rpc:
        with pytest.raises(Unreachable):
            await rpc.rpc("eth_chainId")


async def test_an_answer_without_end_is_not_asked_for_again():
    async with node(endless) as rpc:
        with pytest.raises(NodeRefused) as caught:
            await rpc.rpc("eth_chainId")
    assert caught.value.words == "the answer is too long"


async def test_no_flood_of_events_hides_the_others():
    """Whoever pays for events can make too many of them for one answer; fewer blocks hold fewer."""

    async def flooded(request):
        [asked] = (await request.json())["params"]
        first, last = int(asked["fromBlock"], 16), int(asked["toBlock"], 16)
        return web.json_response({"result": [event(n) for n in range(first, last + 1)]})

    async with node(flooded) as rpc:
        found = await logs(rpc, None, [], 0, 99)
    assert [log.block for log in found] == list(range(100))


def event(block):
    word = "0x" + 64 * "0"
    places = {"blockNumber": hex(block), "blockHash": word, "logIndex": "0x0"}
    said = {"address": TO, "topics": [word], "data": "0x" + 600 * "0", "transactionHash": word}
    return said | places


async def test_a_refusal_keeps_the_nodes_words():
    refusal = saying(b'{"error": {"code": -32000, "message": "too many blocks"}}')
    async with node(refusal) as rpc:
        with pytest.raises(NodeRefused) as caught:
            await rpc.rpc("eth_getLogs")
    assert (caught.value.code, caught.value.words) == (-32000, "too many blocks")


async def test_many_answers_come_in_the_order_of_asking():
    async def echo(request):
        asked = (await request.json())["params"][0]
        await asyncio.sleep(0.01 * (asked % 3))
        return web.json_response({"result": asked})

    async with node(echo) as rpc:
        answers = [each async for each in rpc.many("echo", ([n] for n in range(30)))]
        some = rpc.many("echo", ([n] for n in range(30)))
        assert await anext(some) == 0
        await some.aclose()
    assert answers == list(range(30))


@pytest.mark.parametrize("said", ["0x", "0x01", "nothing", None])
async def test_a_contract_that_is_not_there_has_no_views(said):
    async def answer(_):
        return web.json_response({"result": said})

    async with node(answer) as rpc:
        with pytest.raises(Reverted):
            await rpc.view(TO, "agentOf(address)(uint256)", TO)
