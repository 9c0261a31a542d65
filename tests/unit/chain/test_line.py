"""A line to a node of our own: asked at once, asked once, and never left hanging."""

from __future__ import annotations

import asyncio
import contextlib
import json

import pytest

from chain.errors import Unreachable
from chain.line import Line

PATIENCE_S = 5


class Node:
    """Answers each question with its method and how many there were; keeps what it was sent."""

    def __init__(self, socket):
        self.socket = socket
        self.heard = []
        self.asked = 0
        self.say = self.honest
        self.waits = asyncio.Event()
        self.waits.set()
        self.writers = []

    async def __aenter__(self):
        self.server = await asyncio.start_unix_server(self.serve, str(self.socket))
        return self

    async def __aexit__(self, *_):
        self.hang_up()
        self.server.close()

    def hang_up(self):
        for writer in self.writers:
            writer.close()
        self.writers = []

    def honest(self, questions):
        def answer(question):
            self.asked += 1
            return {
                "jsonrpc": "2.0",
                "id": question["id"],
                "result": [question["method"], self.asked],
            }

        if isinstance(questions, dict):
            return json.dumps(answer(questions)).encode()
        return json.dumps([answer(each) for each in questions][::-1]).encode()

    async def serve(self, reader, writer):
        self.writers.append(writer)
        with contextlib.suppress(ConnectionError):
            while said := await reader.read(1 << 20):
                questions = json.loads(said)
                self.heard.append(questions)
                await self.waits.wait()
                writer.write(self.say(questions))
                await writer.drain()


@pytest.fixture
async def node(tmp_path):
    async with Node(tmp_path / "node.sock") as node:
        yield node


@pytest.fixture
async def line(node):
    line = Line(node.socket, timeout_s=PATIENCE_S)
    yield line
    await line.disconnect()


async def test_one_question_is_one_object_and_many_at_once_are_one_batch(node, line):
    assert (await line.make_request("evm_mine", []))["result"] == ["evm_mine", 1]
    answers = await asyncio.gather(*(line.make_request(f"m{i}", [i]) for i in range(5)))
    assert [answer["result"][0] for answer in answers] == [f"m{i}" for i in range(5)]
    first, second = node.heard
    assert first == {"jsonrpc": "2.0", "id": 0, "method": "evm_mine", "params": []}
    assert [(each["id"], each["params"]) for each in second] == [(i, [i]) for i in range(5)]


async def test_what_is_asked_while_the_node_is_busy_goes_together_next(node, line):
    node.waits.clear()
    first = asyncio.create_task(line.make_request("slow", []))
    await asyncio.sleep(0.01)
    rest = [asyncio.create_task(line.make_request(f"m{i}", [])) for i in range(3)]
    await asyncio.sleep(0.01)
    node.waits.set()
    await asyncio.gather(first, *rest)
    assert [len(each) if isinstance(each, list) else 1 for each in node.heard] == [1, 3]


async def test_what_stands_still_is_asked_once_until_the_chain_moves(node, line):
    call = ("eth_call", [{"to": "0x1", "data": "0x"}, "latest"])
    before = await line.make_request(*call)
    assert await line.make_request(*call) == before
    assert node.asked == 1
    other = await line.make_request("eth_call", [{"to": "0x2", "data": "0x"}, "latest"])
    assert other != before
    line.forget()
    assert await line.make_request(*call) != before
    assert node.asked == 3


async def test_what_may_change_by_itself_is_asked_every_time(node, line):
    for _ in range(2):
        await line.make_request("eth_getTransactionReceipt", ["0x1"])
        await line.make_request("eth_sendRawTransaction", ["0x1"])
    assert node.asked == 4


async def test_a_node_that_is_not_there_is_unreachable(tmp_path):
    line = Line(tmp_path / "nobody.sock")
    with pytest.raises(Unreachable):
        await line.make_request("eth_chainId", [])
    assert await line.ask_each("eth_chainId", []) == []
    await line.disconnect()


async def test_a_node_that_goes_while_it_is_asked_is_told_to_all_and_asked_anew(node, line):
    node.waits.clear()
    asked = [asyncio.create_task(line.make_request("eth_chainId", [i])) for i in range(3)]
    await asyncio.sleep(0.01)
    node.hang_up()
    node.waits.set()
    told = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(each, Unreachable) for each in told)
    assert (await line.make_request("eth_chainId", [0]))["result"][0] == "eth_chainId"
    assert await line.ask_each("eth_chainId", [0]) != []


async def test_a_failure_is_not_remembered_as_an_answer(node, line):
    node.say = lambda _: b"nonsense]"
    with pytest.raises(Unreachable):
        await asyncio.wait_for(Line(node.socket, 0.1).make_request("eth_call", []), PATIENCE_S)
    node.say = node.honest
    assert (await line.make_request("eth_call", []))["result"][0] == "eth_call"


@pytest.mark.parametrize(
    "said",
    [
        b"nonsense}",
        b"{",
        b'[{"id": 0, "result": 1}]',
        b'[{"id": 0}, {"id": 1}, {"id": 2}]',
        b'[{"result": 1}, {"result": 2}]',
        b"[1, 2]",
        b'[{"id": []}, {"id": 1}]',
        b'[{"id": true}, {"id": 0}]',
        b'{"id": 0, "error": {"message": "batches are not served"}}',
        b"null]",
        b"\xff}",
    ],
)
async def test_garbage_is_no_answer_and_nobody_waits_for_ever(node, said):
    line = Line(node.socket, timeout_s=0.2)
    node.say = lambda _: said
    asked = [line.make_request("eth_getBalance", [i]) for i in range(2)]
    told = await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), PATIENCE_S)
    assert all(isinstance(each, Unreachable) for each in told)
    node.say = node.honest
    assert (await line.make_request("eth_getBalance", [0]))["result"][0] == "eth_getBalance"
    await line.disconnect()


async def test_an_answer_in_pieces_is_one_answer(node, line):
    async def serve(reader, writer):
        questions = json.loads(await reader.read(1 << 20))
        said = json.dumps({"id": questions["id"], "result": "}]" * 1000}).encode()
        for start in range(0, len(said), 700):
            writer.write(said[start : start + 700])
            await writer.drain()
            await asyncio.sleep(0)
        writer.close()

    node.serve = serve
    node.server.close()
    node.socket.unlink(missing_ok=True)
    node.server = await asyncio.start_unix_server(serve, str(node.socket))
    assert (await line.make_request("eth_getLogs", []))["result"] == "}]" * 1000


async def test_hanging_up_while_something_is_asked_leaves_nobody_waiting(node, line):
    node.waits.clear()
    asked = asyncio.create_task(line.make_request("eth_chainId", []))
    await asyncio.sleep(0.01)
    await line.disconnect()
    node.waits.set()
    with pytest.raises((Unreachable, asyncio.CancelledError)):
        await asyncio.wait_for(asked, PATIENCE_S)
