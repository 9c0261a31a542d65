from __future__ import annotations

import asyncio
import json
import socket
import stat

import pytest

from agent.control import MOST_BYTES, NAME, Control, ask
from agent.errors import UsedWrongly
from chain.errors import SignerGone
from chain.sockets import socket_path


async def handle(request):
    match request["op"]:
        case "echo":
            return dict(request)
        case "slow":
            await asyncio.sleep(60)
        case "gone":
            raise SignerGone
        case "bug":
            raise KeyError("x")
    return {"error": "not a request this daemon knows"}


@pytest.fixture
async def run(tmp_path):
    control = Control(tmp_path, handle)
    await control.start()
    yield tmp_path
    await control.stop()


async def said(run, line: bytes) -> dict:
    reader, writer = await asyncio.open_unix_connection(str(socket_path(run, NAME)))
    writer.write(line + b"\n")
    reply = await asyncio.wait_for(reader.readline(), 5)
    writer.close()
    await writer.wait_closed()
    return json.loads(reply)


def asking(run, **request):
    return asyncio.to_thread(ask, run, request, 2.0)


async def test_a_question_has_an_answer(run):
    assert await asking(run, op="echo", n=1) == {"op": "echo", "n": 1}


async def test_two_ask_at_once_and_one_more_than_once(run):
    answers = await asyncio.gather(*(asking(run, op="echo", n=n) for n in range(4)))
    assert [answer["n"] for answer in answers] == [0, 1, 2, 3]
    reader, writer = await asyncio.open_unix_connection(str(socket_path(run, NAME)))
    for n in range(3):
        writer.write(json.dumps({"op": "echo", "n": n}).encode() + b"\n")
        assert json.loads(await reader.readline())["n"] == n
    writer.close()
    await writer.wait_closed()


async def test_one_who_waits_holds_up_nobody(run):
    _, writer = await asyncio.open_unix_connection(str(socket_path(run, NAME)))
    writer.write(b'{"op": "slow"}\n')
    assert await asking(run, op="echo") == {"op": "echo"}
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize(
    "line",
    [b"", b"{", b"7", b'"op"', b"[1]", b"null", b"{}", b'{"op": "zzz"}', b"\xff\xfe", b"[" * 9000],
)
async def test_garbage_is_answered_as_such(run, line):
    assert await said(run, line) == {"error": "not a request this daemon knows"}
    assert await asking(run, op="echo") == {"op": "echo"}


@pytest.mark.parametrize(("op", "says"), [("gone", "signer"), ("bug", "x"), ("zzz", "not a req")])
async def test_a_question_that_fails_is_one_line_and_no_silence(run, op, says):
    with pytest.raises(UsedWrongly, match=says):
        await asking(run, op=op)
    assert await asking(run, op="echo") == {"op": "echo"}


async def test_a_line_without_end_is_cut_off(run):
    reader, writer = await asyncio.open_unix_connection(str(socket_path(run, NAME)))
    writer.write(b"x" * (2 * MOST_BYTES + 16))
    try:
        await asyncio.wait_for(writer.drain(), 5)
        assert await asyncio.wait_for(reader.read(), 5) == b""
    except ConnectionError:
        pass
    writer.close()
    assert await asking(run, op="echo") == {"op": "echo"}


async def test_only_the_agents_own_user_may_open_it(run):
    mode = socket_path(run, NAME).stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600


async def test_when_it_stops_nobody_answers_and_nothing_is_left(tmp_path):
    control = Control(tmp_path, handle)
    await control.start()
    await control.stop()
    assert not list(tmp_path.iterdir())
    assert ask(tmp_path, {"op": "echo"}) is None


async def test_stopping_what_never_started_takes_no_ones_socket(run):
    await Control(run, handle).stop()
    assert await asking(run, op="echo") == {"op": "echo"}


async def test_the_socket_of_one_that_was_killed_is_taken_over(tmp_path):
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(socket_path(tmp_path, NAME)))
    assert ask(tmp_path, {"op": "echo"}) is None
    control = Control(tmp_path, handle)
    await control.start()
    assert await asking(tmp_path, op="echo") == {"op": "echo"}
    await control.stop()


async def test_a_daemon_that_does_not_answer_is_told_apart_from_none(run):
    with pytest.raises(UsedWrongly, match="does not answer; look at logs"):
        await asyncio.to_thread(ask, run, {"op": "slow"}, 0.05)


async def test_a_daemon_that_ends_while_it_is_asked_is_none(tmp_path):
    async def hang_up(reader, writer):
        await reader.readline()
        writer.write(b'{"half')
        writer.close()

    server = await asyncio.start_unix_server(hang_up, path=str(socket_path(tmp_path, NAME)))
    assert await asking(tmp_path, op="echo") is None
    server.close()


async def test_a_home_with_a_very_long_name_works_too(tmp_path):
    deep = tmp_path / ("x" * 120)
    deep.mkdir()
    control = Control(deep, handle)
    await control.start()
    assert await asking(deep, op="echo") == {"op": "echo"}
    await control.stop()
