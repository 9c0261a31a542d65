"""Strangers' strategies in children: the example as a whole, and one that does all wrong."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import forager_siesta
import pytest

from agent import apart, menu, plugins, quarantine
from agent import child as child_process
from agent.apart import Apart
from agent.child import Child
from agent.errors import PluginFailed
from agent.reads import Reads
from chain.errors import Reverted, Unreachable
from chain.types import Address, Block, Call, Simulation, Wei
from compute.market import LeaseMarket
from strategies.port import Placing, Tools
from tests.fakes import FakeReader
from tests.snapshots import NOW, PLACES, WALLET, asleep, lease, moments, offer, snapshot
from tests.strangers import FACTS, installed, reachable

EXAMPLE = Path(forager_siesta.__file__).parents[2]
SEEN = snapshot()
PIPES = 2
OF_ITS_LOOP = 3
CALL = Call(Address("0x" + "1" * 40), "f()")

STRANGER = """
import asyncio, json, os, sys, time
from chain.types import Call
from strategies.port import Action

def is_open(number):
    try:
        os.fstat(number)
    except OSError:
        return False
    return True

class Stranger:
    name = "stranger"

    def __init__(self, options):
        self.does = options.get("does", "")
        print("noise on the wire", flush=True)

    async def survey(self, read, seen):
        match self.does:
            case "read":
                call = Call(seen.wallet, "f()")
                found = await read.call(seen.wallet, "f(uint256)(uint256)", [2**80])
                trial = await read.simulate(call, seen.wallet)
                return {
                    "call": found, "balance": await read.balance(seen.wallet),
                    "base_fee": await read.base_fee(),
                    "simulate": [trial.ok, trial.gas, trial.reason],
                    "block": read.block.number,
                }
            case "read for ever":
                while True:
                    await read.base_fee()
            case "look around":
                return {
                    "env": sorted(os.environ), "cwd": os.getcwd(), "pid": os.getpid(),
                    "files": [n for n in range(1024) if is_open(n)],
                    "session": os.getsid(0), "path0": sys.path[0],
                    "stdin": sys.stdin.read(),
                }
            case "nonsense":
                return {"x": float("nan")}
        return {"pid": os.getpid()}

    def propose(self, seen):
        act = Action("stranger.go", {"n": 1}, "go", (Call(seen.wallet, "f()"),))
        match self.does:
            case "raise": raise RuntimeError("as written")
            case "exit": sys.exit(3)
            case "die": os._exit(0)
            case "hang": time.sleep(600)
            case "print": print(json.dumps({"ok": []})); sys.stderr.write("words\\n")
            case "garbage": return [1, None]
            case "unspeakable": return 7
            case "much": return [act] * 27
            case "far too much": return [Action("stranger.go", {}, "x" * 2_000_000)]
            case "read": return asyncio.run(self._late(seen))
        return [act]

def make(options, tools):
    if options.get("does") == "refuse":
        raise ValueError("no such option")
    return Stranger(options)
"""


@pytest.fixture
def market(tmp_path, monkeypatch):
    """The example and a stranger, installed beside Forager."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    installed(tmp_path, "forager-siesta", project["entry-points"]["forager.strategies"])
    installed(tmp_path, "strangers", {"stranger": "stranger:make", "thrift": "stranger:make"})
    (tmp_path / "stranger.py").write_text(STRANGER)
    reachable(monkeypatch, tmp_path, EXAMPLE / "src")
    return tmp_path


@pytest.fixture
async def child(market):
    made: list[Apart] = []

    def make(does: str = "", name: str = "stranger", clock=time.monotonic) -> Apart:
        made.append(Apart(name, {"does": does} if does else {}, FACTS, clock=clock))
        return made[-1]

    yield make
    for each in made:
        await each.close()
    await asyncio.sleep(0)  # transports say goodbye
    gc.collect()


def reader(**answers):
    block = Block(chain=31337, number=100, hash="0x" + "ab" * 32, at=NOW)
    said = {"f(uint256)(uint256)": list}
    return FakeReader(
        block,
        said | answers,
        balances={WALLET: Wei(10**30)},
        simulations=lambda call: Simulation(ok=False, gas=0, reason=call.function),
    )


async def propose(strategy: Apart):
    faults: dict[str, str] = {}
    offered = await menu.propose([strategy], SEEN, 26, faults)
    return [action.key for action in offered[1:]], faults.get("propose stranger", "")


async def test_the_example_says_in_a_child_what_it_says_here(child):
    here = forager_siesta.make({}, Tools(LeaseMarket(PLACES.lease_market, PLACES.token)))
    there = child(name="siesta")
    dear = snapshot(placing=Placing.REMOTE, lease=lease(hourly=2_000_000))
    cases = [*moments().values(), dear, asleep(20, offers=(offer(),))]
    offered = 0
    for seen in cases:
        assert await there.survey(reader(), seen) == await here.survey(reader(), seen)
        assert await there.propose(seen) == list(here.propose(seen))
        offered += len(here.propose(seen))
    assert offered >= 3


async def test_a_childs_reads_are_served_by_us(child):
    found = await child("read").survey(reader(), SEEN)
    assert found == {
        "call": [2**80],
        "balance": 10**30,
        "base_fee": 10**9,
        "simulate": [False, 0, "f()"],
        "block": 100,
    }


async def test_a_read_that_fails_is_the_childs_to_hear_of(child):
    def away(args):
        raise Unreachable

    strategy = child("read")
    with pytest.raises(PluginFailed, match="Reverted"):
        await strategy.survey(reader(**{"f(uint256)(uint256)": away}), SEEN)
    assert (await strategy.survey(reader(), SEEN))["block"] == 100


async def test_a_child_knows_nothing_of_ours(child, monkeypatch, tmp_path):
    monkeypatch.setenv("FORAGER_SECRET", "x")
    monkeypatch.setenv("HOME", str(tmp_path))
    secret = os.open(tmp_path / "stranger.py", os.O_RDONLY)
    os.set_inheritable(secret, True)
    try:
        found = await child("look around").survey(reader(), SEEN)
    finally:
        os.close(secret)
    assert set(found["env"]) <= {*child_process.KEPT, *child_process.GIVEN, "LC_CTYPE"}
    assert found["cwd"] == "/"
    assert found["session"] == found["pid"]
    assert len(found["files"]) == 3 + PIPES + OF_ITS_LOOP
    assert found["path0"] not in ("", "/")
    assert found["stdin"] == ""


@pytest.mark.parametrize(
    ("does", "says"),
    [
        ("raise", "RuntimeError: as written"),
        ("exit", "did not answer"),
        ("die", "did not answer"),
        ("garbage", "stranger"),
        ("unspeakable", "TypeError"),
        ("much", "no short list"),
        ("far too much", "spoke nonsense"),
        ("refuse", "ValueError: no such option"),
    ],
)
async def test_a_child_that_fails_is_skipped_and_asked_again(child, does, says):
    strategy = child(does)
    keys, fault = await propose(strategy)
    assert keys == []
    assert says in fault
    strategy._born["options"] = {}
    await strategy.close()
    assert await propose(strategy) == (["stranger.go"], "")


async def test_a_child_that_died_is_started_again_by_the_next_question(child):
    strategy = child()
    first = (await strategy.survey(reader(), SEEN))["pid"]
    os.kill(first, signal.SIGKILL)
    with pytest.raises(PluginFailed):
        await strategy.propose(SEEN)
    assert (await strategy.survey(reader(), SEEN))["pid"] != first


async def test_what_a_child_prints_is_not_its_answer(child):
    assert await propose(child("print")) == (["stranger.go"], "")


async def test_a_child_that_hangs_is_killed_and_started_again(child, monkeypatch):
    strategy = child("hang")
    pid = (await strategy.survey(reader(), SEEN))["pid"]
    monkeypatch.setattr(menu, "PROPOSE_S", 0.05)
    keys, fault = await propose(strategy)
    assert (keys, fault) == ([], "TimeoutError")
    assert not alive(pid)
    monkeypatch.setattr(apart, "ANSWER_S", 0.05)
    with pytest.raises(PluginFailed, match="did not answer: TimeoutError"):
        await strategy.propose(SEEN)


async def test_a_child_that_reads_without_end_is_stopped(child):
    with pytest.raises(PluginFailed, match="nonsense"):
        await child("read for ever").survey(reader(), SEEN)


async def test_a_survey_of_nonsense_is_refused(child):
    with pytest.raises(PluginFailed, match="no plain data"):
        await child("nonsense").survey(reader(), SEEN)


@pytest.mark.parametrize(
    "line",
    [
        b"{\n",
        b"[1]\n",
        b"7\n",
        b"{}\n",
        b'{"ok": {}}\n',
        b'{"mark": "0", "ok": {}}\n',
        b'{"mark": "%s", "read": 7}\n',
        b'{"mark": "%s"}\n',
        b"\xff\n",
        b"[" * 9000 + b"\n",
        b"",
    ],
)
async def test_nonsense_on_the_wire_is_a_plugins_failure(line):
    class Pipe:
        def write(self, data):
            self.mark = json.loads(data)["mark"].encode()

        async def drain(self):
            pass

        def close(self):
            pass

        async def readline(self):
            return line.replace(b"%s", self.mark)

    class Process:
        pid = 2**22 + 1
        stdin = stdout = Pipe()

        async def wait(self):
            pass

    strategy = Apart("stranger", {}, FACTS)
    strategy._child = Child("stranger", Process())
    with pytest.raises(PluginFailed, match=r"spoke nonsense|did not answer: EOFError"):
        await strategy.survey(reader(), SEEN)
    assert strategy._child is None


async def test_a_child_is_at_rest_while_it_is_not_asked(child):
    strategy = child()
    pid = (await strategy.survey(reader(), SEEN))["pid"]
    assert await comes_to(pid, "T")
    assert (await strategy.survey(reader(), SEEN))["pid"] == pid


async def test_a_stranger_that_goes_on_failing_is_left_alone_for_longer_each_time(child):
    now = [0.0]
    strategy = child("raise", clock=lambda: now[0])
    for waits in (0, 2 * quarantine.BASE_S, 4 * quarantine.BASE_S):
        with pytest.raises(PluginFailed, match="RuntimeError: as written") as fault:
            await strategy.propose(SEEN)
        assert ("left alone" in str(fault.value)) == (waits > 0)
        if waits:
            now[0] += waits - 1
            with pytest.raises(PluginFailed, match="left alone for 1 s more: it failed"):
                await strategy.propose(SEEN)
            now[0] += 1
    assert (await strategy.survey(reader(), SEEN))["pid"]  # only what failed is not asked for
    strategy._born["options"] = {}
    await strategy.close()
    assert await propose(strategy) == (["stranger.go"], "")
    strategy._born["options"] = {"does": "raise"}
    await strategy.close()
    assert "left alone" not in (await propose(strategy))[1]


async def test_what_the_chain_did_not_answer_is_not_held_against_the_stranger(child):
    def away(args):
        raise Unreachable

    def reverts(args):
        raise Reverted

    strategy = child("read", clock=lambda: 0.0)
    for _ in range(3):
        with pytest.raises(PluginFailed, match="Reverted"):
            await strategy.survey(reader(**{"f(uint256)(uint256)": away}), SEEN)
    assert (await strategy.survey(reader(), SEEN))["block"] == 100
    for _ in range(2):
        with pytest.raises(PluginFailed, match="Reverted"):
            await strategy.survey(reader(**{"f(uint256)(uint256)": reverts}), SEEN)
    with pytest.raises(PluginFailed, match="left alone"):
        await strategy.survey(reader(), SEEN)


async def test_whoever_does_not_wait_for_a_child_to_wake_finds_it_awake_later(child, monkeypatch):
    strategy = child()
    monkeypatch.setattr(menu, "PROPOSE_S", 0.01)
    assert await propose(strategy) == ([], "TimeoutError")
    monkeypatch.setattr(menu, "PROPOSE_S", 20)
    waking = strategy._waking
    assert await propose(strategy) == (["stranger.go"], "")
    assert strategy._child is waking.result()


async def test_a_child_that_still_wakes_is_ended_with_the_life(child):
    strategy = child()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(strategy.propose(SEEN), 0.05)
    await strategy.close()
    assert strategy._waking is None
    assert strategy._child is None


PARENT = """
import asyncio, json, sys
from agent.apart import Apart
from tests.snapshots import NOW, PLACES, WALLET, asleep, lease, moments, offer, snapshot
from tests.strangers import FACTS, installed, reachable

async def main():
    strategy = Apart("stranger", {"does": "hang"}, json.loads(sys.argv[1]))
    print((await strategy.survey(None, snapshot()))["pid"], flush=True)
    await strategy.propose(snapshot())

asyncio.run(main())
"""


def test_a_busy_child_dies_with_its_parent(market):
    """Killed outright, the agent leaves nothing of its strategies behind."""
    path = os.pathsep.join([os.environ["PYTHONPATH"], str(Path(__file__).parents[3])])
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, json.dumps(FACTS)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
    ) as parent:
        pid = int(parent.stdout.readline())
        assert alive(pid)
        parent.kill()
    began = time.monotonic()
    while alive(pid):
        assert time.monotonic() - began < 10
        time.sleep(0.01)


def alive(pid: int) -> bool:
    return state(pid) not in ("", "Z")


async def comes_to(pid, wanted):
    """A signal takes a moment on a busy machine."""
    for _ in range(200):
        if state(pid) == wanted:
            return True
        await asyncio.sleep(0.01)
    return False


def state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return ""


def test_ours_keep_their_names_whoever_takes_them(market):
    made = plugins.strategy("thrift", {}, Tools(LeaseMarket(WALLET, WALLET)), never)
    assert type(made).__module__ == "strategies.thrift"


def test_a_strangers_strategy_is_never_loaded_here(market):
    sys.modules.pop("stranger", None)
    made = plugins.strategy("stranger", {"a": 1}, Tools(LeaseMarket(WALLET, WALLET)), lambda *a: a)
    assert made == ("stranger", {"a": 1})
    assert "stranger" not in sys.modules


def never(name, options):
    raise AssertionError(name)


@pytest.mark.parametrize("signature", ["a" * 2000 + "()()", 7, None])
async def test_a_read_is_of_a_view_that_could_be(signature):
    """Whatever is remembered of it stays with the agent."""
    with pytest.raises(ValueError, match="an unknown read"):
        await Reads(FakeReader(SEEN.block, {})).serve({"call": ["0x", signature, []]})
