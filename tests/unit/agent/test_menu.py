from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from agent import bodies, menu
from agent.mind import Choice
from agent.prompt import render
from agent.senses import MOST_OFFERS
from chain.types import Address, Call
from compute.port import REFLEX
from strategies.hold import WAIT, make
from strategies.keeper import make as make_keeper
from strategies.port import Action, Pending
from strategies.thrift import make as make_thrift
from telemetry.record import MAX_BYTES, BlockRef, Record
from tests.snapshots import TOOLS, moments, offer, snapshot

SEEN = snapshot()
CALL = Call(Address("0x" + "1" * 40), "f()")


class Offering:
    """A strategy that answers what it is told to."""

    def __init__(self, answer: Any, name: str = "s") -> None:
        self.name = name
        self._answer = answer

    def propose(self, seen):
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


class Slow(Offering):
    """One in a process of its own, that takes its time."""

    async def propose(self, seen):
        await asyncio.sleep(self._answer)


def act(verb: str = "go", score: float = 1.0, **changes: Any) -> Action:
    return replace(Action(f"s.{verb}", {"n": 1}, "go", (CALL,), score), **changes)


async def propose(*strategies: Any, most: int = 26, seen=SEEN):
    faults: dict[str, str] = {}
    return await menu.propose(strategies, seen, most, faults), faults


async def test_hold_comes_first_then_the_best():
    offered, faults = await propose(Offering([act("a", 1), act("b", 3), act("c", -2)]))
    assert [action.key for action in offered] == ["hold.wait", "s.b", "s.a", "s.c"]
    assert faults == {}


async def test_with_no_strategy_there_is_still_a_choice():
    assert (await propose())[0] == (WAIT,)


@pytest.mark.parametrize("most", [1, 2, 5, 26])
async def test_a_menu_is_no_longer_than_asked(most):
    verbs = "abcdefghijklmnopqrstuvwxy"
    strategies = [
        Offering([act(v, i, key=f"{n}.{v}") for i, v in enumerate(verbs)], n) for n in "xy"
    ]
    offered, _ = await propose(*strategies, most=most)
    assert len(offered) == most
    assert offered[0] == WAIT
    scores = [action.score for action in offered[1:]]
    assert scores == sorted(scores, reverse=True)


async def test_hold_is_offered_once_though_it_is_listed():
    offered, _ = await propose(make({}, TOOLS), Offering([act()]))
    assert [action.key for action in offered] == ["hold.wait", "s.go"]


async def test_the_same_action_twice_is_one():
    offered, _ = await propose(Offering([act(), act()]), most=5)
    assert len(offered) == 2


async def test_the_menu_does_not_depend_on_the_order_of_strategies():
    strategies = [Offering([act(v, 1, key=f"{n}.{v}") for v in "ab"], n) for n in "xyz"]
    forward, _ = await propose(*strategies, most=4)
    backward, _ = await propose(*reversed(strategies), most=4)
    assert forward == backward


@pytest.mark.parametrize(
    "answer",
    [
        RuntimeError("no"),
        RuntimeError(),
        None,
        7,
        "ab",
        [None],
        [{"key": "s.go"}],
        [act()] * 27,
        [act(params={f"p{i}": i for i in range(13)})],
        [act(params={"n": 1.5})],
        [act(params={"n": "1"})],
        [act(params={"n": 10**31})],
        [act(params={"a\nb": 1})],
        [act(key="thrift.extend")],
        [act(key="hold.wait")],
        [act(key="s.\x1b[2J")],
        [act(key="s." + "x" * 80)],
        [act(summary="a\nb")],
        [act(summary="\x1b[2J")],
        [act(summary="x" * 161)],
        [act(score=float("nan"))],
        [act(score=float("inf"))],
        [act(score=1e300)],
        [act(score="1")],
        [act(calls=(CALL,) * 9)],
        [act(calls=(replace(CALL, args=("x" * 9000,)),))],
        [act(calls=(replace(CALL, args=("\ud800",)),))],
        [act(calls=(replace(CALL, args=(float("nan"),)),))],
        [act(calls=("call",))],
        [act(calls=(replace(CALL, function="f(uint256[2])", args=([1, 2],)),))],
        [act(calls=(replace(CALL, function="f(bytes)", args=("0x12 34",)),))],
        [act(calls=(replace(CALL, args=(1,)),))],
        [act(calls=(CALL, replace(CALL, to=Address("0x12"))))],
        [act(), act(score=float("nan"))],
    ],
    ids=lambda answer: repr(answer)[:40].encode("ascii", "replace").decode(),
)
async def test_a_strategy_that_fails_or_speaks_nonsense_is_skipped_and_noted(answer):
    sound = Offering([act(key="t.go")], "t")
    offered, faults = await propose(Offering(answer), sound)
    assert [action.key for action in offered] == ["hold.wait", "t.go"]
    assert list(faults) == ["propose s"]
    assert faults["propose s"]


async def test_a_strategy_that_hangs_is_skipped_and_noted(monkeypatch):
    monkeypatch.setattr(menu, "PROPOSE_S", 0.01)
    offered, faults = await propose(Slow(60), Offering([act(key="t.go")], "t"))
    assert [action.key for action in offered] == ["hold.wait", "t.go"]
    assert faults == {"propose s": "TimeoutError"}


async def test_a_note_goes_when_the_strategy_is_well_again():
    faults = {"propose s": "was ill", "survey s": "stays"}
    await menu.propose([Offering([act()])], SEEN, 5, faults)
    assert faults == {"survey s": "stays"}


async def test_a_failure_is_said_aloud_once_in_a_row():
    ill, faults = Offering([act(score=float("nan"))]), {}
    with capture_logs() as told:
        for strategy in (ill, ill, Offering([act()]), ill):
            await menu.propose([strategy], SEEN, 5, faults)
    assert [(each["event"], each["strategy"]) for each in told] == [("strategy.failed", "s")] * 2
    assert all(each["says"] == faults["propose s"] for each in told)


async def test_every_sample_moment_has_a_lawful_menu():
    strategies = [make_thrift({}, TOOLS), make_keeper({}, TOOLS)]
    for name, seen in moments().items():
        offered, faults = await propose(*strategies, most=12, seen=seen)
        assert offered[0] == WAIT, name
        assert not faults, name
        assert offered == (await propose(*strategies, most=12, seen=seen))[0]


async def test_nothing_that_is_seen_offered_or_asked_speaks_of_halting():
    strategies = [make_thrift({}, TOOLS), make_keeper({}, TOOLS)]
    for seen in moments().values():
        offered, _ = await propose(*strategies, seen=seen)
        told = bodies.decision(seen, offered, choice(offered, render(seen, offered)))
        assert "halt" not in repr(told).lower()
        assert "resume" not in repr(told).lower()


async def test_the_fullest_menu_of_the_wordiest_strategies_fits_in_a_record():
    survey = {"x": "y" * 3000}
    wordy = [
        act(
            key=f"s.{i:02}" + "k" * 60,
            params={f"{j:02}" + "p" * 30: -(10**30) for j in range(12)},
            summary="w" * 160,
            calls=(CALL,),
        )
        for i in range(26)
    ]
    offered, faults = await propose(Offering(wordy))
    assert len(offered) == 26
    assert not faults
    seen = snapshot(
        surveys=dict.fromkeys(("thrift", "keeper", "a", "b", "c", "d"), survey),
        offers=tuple(offer(i, uri="http://" + "x" * 193) for i in range(2 * MOST_OFFERS)),
        in_flight=tuple(Pending(f"{i}.0", "k" * 64, 60) for i in range(12)),
    )
    told = bodies.decision(seen, offered, choice(offered, render(seen, offered)))
    block = BlockRef(1, 1, "0x" + "ab" * 32)
    record = Record(1, 1, 1, block, b"\x01" * 32, "decision", told)
    assert len(record.encode()) < MAX_BYTES


def choice(offered, prompt):
    return Choice(1, 0, (0.0,) * len(offered), prompt, REFLEX, 0.05, 1.0, None, 1.0)
