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

from agent import apart, bounds, menu, plugins
from agent.apart import Apart
from agent.errors import PluginFailed
from chain.errors import Unreachable
from chain.types import Address, Block, Call, Simulation, Wei
from compute.market import LeaseMarket
from strategies.port import Placing, Tools
from tests.fakes import FakeReader
from tests.snapshots import GUARDIAN, NOW, PLACES, WALLET, asleep, lease, moments, offer, snapshot

EXAMPLE = Path(forager_siesta.__file__).parents[2]
FACTS = {
    "compute": "lease-market",
    "market": str(PLACES.lease_market),
    "token": str(PLACES.token),
    "guardian": GUARDIAN,
}
SEEN = snapshot()
CALL = Call(Address("0x" + "1" * 40), "f()")

STRANGER = """
import asyncio, json, os, sys, time
from chain.types import Call
from strategies.port import Action

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
                fds = [f for f in os.listdir("/proc/self/fd")]
                return {
                    "env": sorted(os.environ), "cwd": os.getcwd(), "pid": os.getpid(),
                    "files": len(fds), "session": os.getsid(0), "path0": sys.path[0],
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


def installed(folder: Path, name: str, group: dict[str, str]) -> None:
    """What an installer leaves of a distribution's entry points."""
    info = folder / f"{name.replace('-', '_')}-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
    lines = [f"{key} = {value}" for key, value in group.items()]
    (info / "entry_points.txt").write_text("\n".join(["[forager.strategies]", *lines, ""]))


@pytest.fixture
def market(tmp_path, monkeypatch):
    """The example and a stranger, installed beside Forager."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    installed(tmp_path, "forager-siesta", project["entry-points"]["forager.strategies"])
    installed(tmp_path, "strangers", {"stranger": "stranger:make", "thrift": "stranger:make"})
    (tmp_path / "stranger.py").write_text(STRANGER)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(EXAMPLE / "src")]))
    return tmp_path


@pytest.fixture
async def child(market):
    made: list[Apart] = []

    def make(does: str = "", name: str = "stranger") -> Apart:
        made.append(Apart(name, {"does": does} if does else {}, FACTS))
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
    assert set(found["env"]) <= {*apart.KEPT, "LC_CTYPE"}
    assert found["cwd"] == "/"
    assert found["session"] == found["pid"]
    assert found["files"] <= 12
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


async def test_a_survey_of_nonsense_is_refused_where_surveys_are_taken(child):
    found = await child("nonsense").survey(reader(), SEEN)
    with pytest.raises(PluginFailed):
        bounds.survey(found)


@pytest.mark.parametrize(
    "line", [b"{\n", b"[1]\n", b'"x"\n', b"7\n", b"{}\n", b'{"read": 7}\n', b"\xff\n", b""]
)
async def test_nonsense_on_the_wire_is_a_plugins_failure(line):
    class Wire:
        stdin = stdout = None

    class Pipe:
        def write(self, data):
            pass

        async def drain(self):
            pass

        async def readline(self):
            return line

    class Dead(Apart):
        async def close(self):
            pass

    strategy, wire = Dead("stranger", {}, FACTS), Wire()
    wire.stdin = wire.stdout = Pipe()
    strategy._child = wire
    with pytest.raises(PluginFailed):
        await strategy.survey(reader(), SEEN)


PARENT = """
import asyncio, json, sys
from agent.apart import Apart
from tests.snapshots import snapshot

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
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


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
        await apart._serve(FakeReader(SEEN.block, {}), {"call": ["0x", signature, []]})
