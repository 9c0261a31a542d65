"""A life that is over still sends what its targets did not get, whenever it is run again."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import sys

import pytest
from logs import BLOCK, DOMAIN, LOG_KEY, live, open_log, seal

from agent import life
from agent.life import Notes, Phase
from telemetry.node import Node
from telemetry.store import Archive

ADDRESS = "0x" + "ab" * 20
CONFIG = """
[chain]
rpc = ["http://127.0.0.1:9"]
chain_id = {chain}
registry = "{registry}"
token = "{address}"
lease_market = "{address}"

[keys]
operator = "{address}"

[telemetry]
gateway_port = 0

[[telemetry.targets]]
url = "http://127.0.0.1:{port}"
"""


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def home(tmp_path, port):
    """Of a life that ended while its target was away."""
    text = CONFIG.format(
        chain=DOMAIN.chain_id, registry=DOMAIN.contract, address=ADDRESS, port=port
    )
    (tmp_path / "forager.toml").write_text(text)
    log = open_log(tmp_path / "log.sqlite")
    log.append("birth", {"log_key": LOG_KEY.address, "silence_ms": 60_000}, BLOCK)
    for _ in range(3):
        live(log, 2)
        seal(log)
    log.append("end", {"reason": "died"}, BLOCK)
    seal(log)
    log.close()
    notes = Notes(Phase.ENDED, agent=1, reason="died", cause="will", waiting=4)
    life.save(tmp_path / "life.json", notes)
    return tmp_path


@pytest.fixture
async def archive(tmp_path, port):
    """The target; `start` brings it back."""
    found = Archive(tmp_path / "archive.sqlite", DOMAIN)
    node = Node(found, DOMAIN, writable=found)
    found.start = lambda: node.start("127.0.0.1", port)
    yield found
    await node.stop()
    found.close()


async def run(home):
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "agent", "run", "--home", str(home), "--json"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def told(process):
    out, err = await asyncio.wait_for(process.communicate(), 30)
    return json.loads(out), err.decode()


async def test_run_again_it_sends_what_waits_and_then_there_is_nothing_to_do(home, archive):
    await archive.start()
    found, said = await told(await run(home))
    assert (found["phase"], found["waiting_epochs"]) == ("ended", 0)
    assert "4 epochs wait for a target" in said
    assert (archive.head(1).epoch, life.load(home / "life.json").waiting) == (3, 0)
    found, said = await told(await run(home))
    assert (found["waiting_epochs"], said) == (0, "")


async def test_it_waits_for_a_target_that_is_still_away(home, archive):
    process = await run(home)
    line = await asyncio.wait_for(process.stderr.readuntil(b"does not answer"), 30)
    assert b"this life is over" in line
    await archive.start()
    found, _ = await told(process)
    assert (found["waiting_epochs"], process.returncode) == (0, 0)
    assert archive.head(1).epoch == 3


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
async def test_a_stop_is_obeyed_and_says_what_still_waits(home, how):
    process = await run(home)
    await asyncio.wait_for(process.stderr.readuntil(b"does not answer"), 30)
    process.send_signal(how)
    found, said = await told(process)
    assert (found["waiting_epochs"], process.returncode) == (4, 0)
    assert "run again to send them" in said
