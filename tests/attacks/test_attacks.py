"""Hostile strategies: whatever one does, it gets nothing, reaches nobody, and holds nothing up.

A stranger can tell only by its answers, so each attack answers with what it got. The same attacks
are made with every layer, as in a container without namespaces, as on a kernel without Landlock,
and, so that the corpus has teeth, with no layer at all: there they do get it.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import desks
import pytest

from agent import apart, child, menu
from agent.apart import Apart
from agent.confinement.confine import Confinement
from agent.errors import PluginFailed
from chain import limits_file
from chain.limits import judge
from chain.types import Intent, Refused
from strategies.port import Action, Snapshot
from tests.attacks import scene
from tests.attacks.hostile import AFTER_NAMES, ATTACKS, BY_ROOT, WITHOUT_TEETH, endings, menus
from tests.attacks.scene import Scene
from tests.fakes import FakeReader
from tests.lesser import EVERYTHING
from tests.snapshots import snapshot
from tests.strangers import FACTS, installed, reachable

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
SEEN = snapshot()
HANGING_S = 0.5
PATIENT_S = 20.0
"""On a busy machine an answer may take long; only those that never come are given up early."""
SLACK_S = 15.0
AT_ONCE = 4
LONGEST_FAULT = 700
CAP_SYS_ADMIN = 21

IMPORTED = {
    "reads the key": "def make(options, tools): raise RuntimeError(open({canary!r}).read())",
    "exits": "import sys; sys.exit(0)",
    "dies": "import os; os._exit(0)",
    "computes for ever": "while True: pass",
    "forks": "import os; os.fork()",
    "starts a thread": "import threading; threading.Thread(target=print).start()",
    "opens a socket": "import socket; socket.create_connection(('127.0.0.1', {port}))",
    "writes itself down": "open({library!r} + '/stranger-at-import.pth', 'w').write('')",
    "is not Python": "this is not Python",
    "nests too deep": "x = " + "(" * 300 + ")" * 300,
    "imports what is not there": "import nothing_of_this_name",
    "eats memory": "x = 'x' * 10**10",
    "says that it is made": (
        "import gc, os\n"
        "wire = next(e for e in gc.get_objects() if type(e).__name__ == 'Wire')\n"
        "wire.say({{'ok': None}})\n"
        "os._exit(0)\n"
    ),
    "puts itself for the host": (
        "import __main__\n"
        "__main__.confine = __main__.make = __main__.Host = None\n"
        "class Made:\n"
        "    name = 'thrift'\n"
        "def make(options, tools): return Made()\n"
    ),
    "brings another network": (
        "import compute.market\n"
        "compute.market.LeaseMarket = None\n"
        "def make(options, tools): return object()\n"
    ),
}
HANGS_AT_BIRTH = ("computes for ever",)


class Told(NamedTuple):
    """How an attack went, as far as the agent can see."""

    answer: Any
    fault: str
    took_s: float
    survivors: list[int]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("installed")
    points = {f"import{n}": f"imported{n}:make" for n in range(len(IMPORTED))}
    installed(folder, "hostile", {"hostile": "hostile:make", **points})
    with pytest.MonkeyPatch.context() as patch:
        reachable(patch, folder, HERE)
        patch.setenv("FORAGER_KEYS__PASSPHRASE", "canary")
        patch.setattr(apart, "ANSWER_S", PATIENT_S)
        yield folder


def stranger(name: str = "hostile", **options: Any) -> Apart:
    """Nothing it does is forgotten by the clock: each question is asked an hour later."""
    ticks = itertools.count(step=10**6)
    return Apart(name, options, FACTS, may_lack=True, clock=lambda: float(next(ticks)))


def reader() -> FakeReader:
    return FakeReader(SEEN.block, {"f(uint256)(uint256)": list})


async def told(asking: Any, strategy: Apart) -> Told:
    """One question, and what is left of the child once it was closed."""
    began = time.monotonic()
    answer, fault = None, ""
    try:
        answer = await asking
    except PluginFailed as failed:
        fault = str(failed)
    took = time.monotonic() - began
    leader = strategy._child.pid if strategy._child else 0
    await strategy.close()
    return Told(answer, fault, took, scene.in_session(leader) if leader else [])


def showing(name: str, laid: Scene | None) -> Snapshot:
    return snapshot(surveys={"attack": {"name": name, "about": laid.about if laid else {}}})


# ------------------------------------------------------------------- asking for what is not its own


class Run(NamedTuple):
    found: Confinement
    answers: dict[str, Any]
    visitors: list[str]
    traces: list[str]
    victim: int | None


def attacked(folder: Path, names: list[str], *lacking: str) -> Run:
    """Every attack in turn, in one child, which is started again when it ended itself."""

    async def ask_all(laid: Scene) -> tuple[Confinement, dict[str, Any]]:
        strategy = stranger()
        found = await strategy.confinement()
        answers: dict[str, Any] = {}
        for name in names:
            try:
                answers[name] = await strategy.survey(reader(), showing(name, laid))
            except PluginFailed as fault:
                answers[name] = {"ended": str(fault)}
        await strategy.close()
        return found, answers

    with pytest.MonkeyPatch.context() as patch:
        if lacking:
            command = (sys.executable, "-P", "-m", "tests.lesser", *lacking)
            patch.setattr(child, "COMMAND", command)
        with scene.laid_out(folder, confined=EVERYTHING not in lacking) as laid:
            found, answers = asyncio.run(ask_all(laid))
            return Run(found, answers, laid.visitors(), laid.traces(), laid.victim.poll())


WORLDS = {
    "every layer": (),
    "no namespaces": ("namespaces",),
    "no landlock": ("landlock",),
}


@pytest.fixture(scope="module", params=WORLDS)
def run(request, place, tmp_path_factory) -> tuple[str, Run]:
    world = request.param
    folder = tmp_path_factory.mktemp("world")
    found = attacked(folder / "home", list(ATTACKS), *WORLDS[world])
    if WORLDS[world] and found.found.lacks:
        pytest.skip(f"this kernel itself has less: {found.found.told()}")
    return world, found


@pytest.fixture(scope="module")
def control(place, tmp_path_factory) -> Run:
    biting = [name for name in ATTACKS if name not in WITHOUT_TEETH]
    return attacked(tmp_path_factory.mktemp("control") / "home", biting, EVERYTHING)


REFUSALS = ("PermissionError", "FileNotFoundError", "BlockingIOError", "gaierror", "Reverted")


@pytest.mark.parametrize("name", ATTACKS)
def test_a_stranger_gets_nothing(run, name):
    world, found = run
    answer = found.answers[name]
    if name in AFTER_NAMES and world == "no namespaces":
        return  # Landlock hides what is in a file, not that it is there
    assert "got" not in answer
    if name in WITHOUT_TEETH:  # no control says that it would have got it: the kernel must
        assert "ended" in answer or "nothing" in answer or answer["refused"] in REFUSALS


def test_this_kernel_has_what_it_takes(run):
    _, found = run
    assert found.found.lacks == ()


def test_nobody_was_called_nothing_was_left_and_nobody_was_hurt(run):
    _, found = run
    assert found.visitors == []
    assert found.traces == []
    assert found.victim is None


def test_what_is_asked_of_a_container_s_files_is_names_alone(run):
    world, found = run
    got = {name for name, answer in found.answers.items() if "got" in answer}
    assert got <= (AFTER_NAMES if world == "no namespaces" else set())


def may_do_anything() -> bool:
    """Whether this user may administer this machine: in containers not even root may."""
    status = Path("/proc/self/status").read_text()
    capabilities = int(status.partition("CapEff:")[2].split()[0], 16)
    return bool(capabilities >> CAP_SYS_ADMIN & 1)


def test_unconfined_they_get_it_all(control):
    """The control: an attack that gets nothing even here would prove nothing above."""
    nothing = {name for name, answer in control.answers.items() if "got" not in answer}
    assert nothing <= (set() if may_do_anything() else BY_ROOT)
    assert {"port", "udp", "unix", "abstract"} <= set(control.visitors)
    assert len(control.traces) > 5


def test_there_are_enough_of_them():
    kinds = (IMPORTED, endings.AT_BIRTH, endings.ASKED, endings.PROPOSING, menus.MENUS, ATTACKS)
    assert len(ATTACKS.keys() - WITHOUT_TEETH - BY_ROOT) >= 100
    assert sum(map(len, kinds)) > 350


# ------------------------------------------------------------------------- ending, or hanging


async def in_turns(asking: dict[str, Any]) -> dict[str, Told]:
    """A few at once."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(ask: Any) -> Told:
        async with turn:
            return await ask()

    found = await asyncio.gather(*(one(ask) for ask in asking.values()))
    return dict(zip(asking, found, strict=True))


def ending(name: str) -> Any:
    """The question at which it shows, asked of a child of its own."""

    async def ask() -> Told:
        strategy = stranger(ends=name)
        if name in endings.PROPOSING:
            return await told(strategy.propose(SEEN), strategy)
        return await told(strategy.survey(reader(), SEEN), strategy)

    return ask


def imported(number: int) -> Any:
    async def ask() -> Told:
        strategy = stranger(f"import{number}")
        return await told(strategy.propose(SEEN), strategy)

    return ask


@pytest.fixture(scope="module")
def ended(place, tmp_path_factory) -> dict[str, Told]:
    quick = {name: ending(name) for name in ENDINGS if name not in endings.HANGING}
    found = asyncio.run(in_turns(quick))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(apart, "ANSWER_S", HANGING_S)
        found |= asyncio.run(in_turns({name: ending(name) for name in endings.HANGING}))
    gc.collect()
    return found


ENDINGS = (*endings.AT_BIRTH, *endings.ASKED, *endings.PROPOSING)
LIES_LATER = {"answers_twice": {"said": "twice"}, "puts_its_own_words_for_the_hosts": {}}
"""These answer; what else they say is told apart from an answer to the next question, below."""
FAULTS = {
    **dict.fromkeys(endings.HANGING, "did not answer: TimeoutError"),
    "eats_memory": "MemoryError",
    "eats_memory_in_one_bite": "MemoryError",
    "eats_memory_that_is_mapped": "MemoryError",
    "writes_a_line_without_end": "spoke nonsense: ValueError",
    "calls_the_old_kernel": "did not answer: EOFError",
    "calls_by_the_other_numbers": "did not answer: EOFError",
}


@pytest.mark.parametrize("name", ENDINGS)
def test_a_stranger_that_ends_or_hangs_is_a_fault_in_time(ended, name):
    found = ended[name]
    assert found.answer == LIES_LATER.get(name)
    assert bool(found.fault) == (name not in LIES_LATER)
    assert FAULTS.get(name, "") in found.fault
    assert found.fault.isprintable()
    assert len(found.fault) < LONGEST_FAULT
    assert found.took_s < SLACK_S
    assert found.survivors == []


@pytest.mark.parametrize("name", LIES_LATER)
async def test_what_was_said_before_the_question_is_no_answer(place, name):
    strategy = stranger(ends=name)
    assert await strategy.survey(reader(), SEEN) == LIES_LATER[name]
    with pytest.raises(PluginFailed, match="spoke nonsense: ValueError"):
        await strategy.survey(reader(), SEEN)
    await strategy.close()


@pytest.fixture(scope="module")
def born(place, tmp_path_factory) -> tuple[dict[str, Told], Scene]:
    with scene.laid_out(tmp_path_factory.mktemp("births") / "home", confined=True) as laid:
        for number, code in enumerate(IMPORTED.values()):
            (place / f"imported{number}.py").write_text(code.format(**laid.about))
        with pytest.MonkeyPatch.context() as patch:
            asking = {
                name: imported(number)
                for number, name in enumerate(IMPORTED)
                if name not in HANGS_AT_BIRTH
            }
            found = asyncio.run(in_turns(asking))
            patch.setattr(apart, "START_S", 2.0)
            hanging = {n: imported(list(IMPORTED).index(n)) for n in HANGS_AT_BIRTH}
            found |= asyncio.run(in_turns(hanging))
        gc.collect()
        return found, laid, laid.visitors(), laid.traces()


@pytest.mark.parametrize("name", IMPORTED)
def test_its_first_line_already_runs_shut_in(born, name):
    told_of, laid, visitors, traces = born
    found = told_of[name]
    assert found.fault
    assert laid.token not in found.fault
    assert found.answer is None
    assert found.took_s < SLACK_S
    assert found.survivors == []
    assert (visitors, traces) == ([], [])


# ------------------------------------------------------------------------ saying what is not true


@pytest.fixture(scope="module")
def offered(place) -> dict[str, Any]:
    """What the agent would have put on its menu."""

    async def ask_all() -> dict[str, Any]:
        strategy = stranger()
        found: dict[str, Any] = {}
        for name in menus.MENUS:
            try:
                found[name] = await strategy.propose(showing(name, None))
            except PluginFailed as fault:
                found[name] = fault
        await strategy.close()
        return found

    found = asyncio.run(ask_all())
    gc.collect()
    return found


@pytest.mark.parametrize("name", menus.MENUS)
def test_what_is_no_action_of_its_own_is_not_offered(offered, name):
    if name in menus.LEFT_TO_THE_SIGNER:
        assert [action.key for action in offered[name]] == ["hostile.go"]
    else:
        assert isinstance(offered[name], PluginFailed)
        assert str(offered[name]).isprintable()


@pytest.mark.parametrize("name", sorted(menus.LEFT_TO_THE_SIGNER))
def test_what_the_operator_did_not_allow_is_not_signed(offered, name):
    limits = limits_file.parse(desks.body())
    for action in offered[name]:
        for call in action.calls:
            intent = Intent("1", 1, "act", call)
            verdict = judge(intent, desks.FEES, (), 10**12, limits, who=desks.WHO)
            assert isinstance(verdict, Refused)


async def test_the_life_goes_on_beside_one_that_never_answers(place, monkeypatch):
    monkeypatch.setattr(apart, "ANSWER_S", HANGING_S)
    monkeypatch.setattr(menu, "PROPOSE_S", PATIENT_S)
    hanging, faults = stranger(ends="proposes_for_ever"), {}
    offered = await menu.propose([hanging, Working()], SEEN, 26, faults)
    await hanging.close()
    assert [action.key for action in offered] == ["hold.wait", "working.on"]
    assert faults.keys() == {"propose hostile"}


class Working:
    name = "working"

    def propose(self, seen: Snapshot) -> list[Action]:
        return [Action("working.on", {}, "go on")]
