from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from chain.client import ChainClient
from chain.errors import NodeRefused, Unreachable, WrongChain
from chain.replies import Reply

HASH = "0x" + "ab" * 32


@asynccontextmanager
async def node(chain: int = 1, **answers):
    """A JSON-RPC server; an answer may be an exception (reset), an error dict, or a status."""
    seen = []

    async def handle(request):
        asked = await request.json()
        seen.append(asked["method"])
        answer = answers.get(asked["method"], hex(chain))
        if isinstance(answer, type) and issubclass(answer, Exception):
            request.transport.abort()
            return web.Response()
        if answer is asyncio.sleep:
            await asyncio.sleep(5)
        if isinstance(answer, web.HTTPError):
            return web.Response(status=answer.status)
        body = {"jsonrpc": "2.0", "id": asked["id"]}
        is_error = isinstance(answer, dict) and "code" in answer
        return web.json_response(body | {"error" if is_error else "result": answer})

    async with served(handle) as url:
        yield url, seen


@asynccontextmanager
async def served(handle):
    application = web.Application()
    application.router.add_post("/", handle)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_a_client_asks_for_the_chain_before_anything_else():
    async with node(eth_blockNumber="0x1") as (url, seen):
        async with ChainClient([url], 1) as client:
            assert await client.rpc("eth_blockNumber") == "0x1"
        assert seen[0] == "eth_chainId"


async def test_another_chain_is_refused_at_once():
    async with node(chain=5) as (url, _):
        with pytest.raises(WrongChain) as fault:
            async with ChainClient([url], 1):
                pass
    assert fault.value.facts == {"expected": 1, "served": 5, "endpoint": 0}


@pytest.mark.parametrize(
    "trouble",
    [ConnectionError, web.HTTPTooManyRequests(), web.HTTPBadGateway(), asyncio.sleep],
    ids=["reset", "429", "502", "timeout"],
)
async def test_when_one_endpoint_fails_the_next_answers(trouble):
    async with (
        node(eth_blockNumber=trouble) as (bad, _),
        node(eth_blockNumber="0x2") as (good, seen),
        ChainClient([bad, good], 1, timeout_s=0.3) as client,
    ):
        assert await client.rpc("eth_blockNumber") == "0x2"
        assert seen == ["eth_chainId", "eth_blockNumber"]
        assert await client.rpc("eth_blockNumber") == "0x2"
        assert len(seen) == 3


async def test_an_endpoint_that_is_busy_is_passed_by():
    async with (
        node(eth_blockNumber={"code": -32005, "message": "limit exceeded"}) as (bad, _),
        node(eth_blockNumber="0x2") as (good, _),
        ChainClient([bad, good], 1) as client,
    ):
        assert await client.rpc("eth_blockNumber") == "0x2"


async def test_failing_over_to_another_chain_is_refused():
    async with (
        node(eth_blockNumber=ConnectionError) as (bad, _),
        node(chain=5) as (other, _),
        ChainClient([bad, other], 1) as client,
    ):
        with pytest.raises(WrongChain):
            await client.rpc("eth_blockNumber")


async def test_with_every_endpoint_down_the_chain_is_unreachable_and_no_url_is_told():
    client = ChainClient(["http://127.0.0.1:9/secret"], 1)
    with pytest.raises(Unreachable) as fault:
        await client.rpc("eth_blockNumber")
    assert "secret" not in f"{fault.value} {fault.value.facts} {fault.value!r}"
    await client.close()


async def test_an_error_is_the_nodes_answer_and_not_a_failure():
    refusal = {"code": 3, "message": "execution reverted", "data": "0x1234"}
    async with node(eth_call=refusal) as (url, _), ChainClient([url], 1) as client:
        with pytest.raises(NodeRefused) as fault:
            await client.rpc("eth_call", {}, "latest")
    assert (fault.value.code, fault.value.data) == (3, "0x1234")


@pytest.mark.parametrize(
    "nonsense", ["text", None, {"number": 4}, {"number": "0x1", "hash": "0x12"}, []]
)
async def test_a_head_that_makes_no_sense_is_worth_as_little_as_silence(nonsense):
    async with (
        node(eth_getBlockByNumber=nonsense) as (url, _),
        ChainClient([url], 1) as client,
    ):
        with pytest.raises(Unreachable):
            await client.head()


async def test_the_chain_is_asked_for_again_after_half_a_minute():
    times = iter([0, 29, 29, 31, 31])
    async with (
        node(eth_blockNumber="0x1") as (url, seen),
        ChainClient([url], 1, clock=lambda: next(times)) as client,
    ):
        await client.rpc("eth_blockNumber")
        assert seen.count("eth_chainId") == 1
        await client.rpc("eth_blockNumber")
        await client.rpc("eth_blockNumber")
        assert seen.count("eth_chainId") == 2


@pytest.mark.parametrize(
    ("answer", "reply"),
    [
        (HASH, Reply.ACCEPTED),
        ("0x" + "cd" * 32, Reply.SILENT),
        ({"code": -32000, "message": "nonce too low"}, Reply.PASSED),
        (ConnectionError, Reply.SILENT),
    ],
)
async def test_a_broadcast_is_believed_only_for_the_right_hash(answer, reply):
    async with (
        node(eth_sendRawTransaction=answer) as (url, _),
        ChainClient([url], 1) as client,
    ):
        assert await client.broadcast("0x02", HASH) is reply


async def test_a_broadcast_goes_to_every_endpoint():
    async with (
        node(eth_sendRawTransaction="0x" + "cd" * 32) as (liar, _),
        node(eth_sendRawTransaction=HASH) as (honest, seen),
        ChainClient([liar, honest], 1) as client,
    ):
        assert await client.broadcast("0x02", HASH) is Reply.ACCEPTED
    assert "eth_sendRawTransaction" in seen


async def test_web3_itself_speaks_through_the_same_endpoints():
    async with node(eth_blockNumber="0x10") as (url, _), ChainClient([url], 1) as client:
        assert await client.web3.eth.block_number == 16


@pytest.mark.parametrize("said", [b"[" * 9_000, b'{"result":' + b"[" * 9_000, b"\xff", b"7"])
async def test_an_answer_that_is_no_json_of_ours_is_silence(said, shallow):
    async def handle(_):
        return web.Response(body=said)

    async with served(handle) as url:
        with pytest.raises(Unreachable):
            async with ChainClient([url], 1):
                pass


async def test_an_answer_without_end_is_silence(monkeypatch):
    monkeypatch.setattr("chain.endpoints.ANSWER_BYTES", 100_000)

    async def handle(request):
        reply = web.StreamResponse()
        await reply.prepare(request)
        while True:
            await reply.write(b" " * 50_000)

    async with served(handle) as url:
        with pytest.raises(Unreachable):
            async with ChainClient([url], 1):
                pass
