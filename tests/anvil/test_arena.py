"""Lives in an arena: whole, audited, the same again; and an arena that is killed, told to stop, or
asked for what cannot be."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hamlets import hamlet

from agent.birth import MAX_FEE
from agent.models import resolve
from telemetry.car import epoch_files, read_epoch
from telemetry.record import Record
from tests.strangers import install_quiet
from world.arena import house
from world.arena.nest import Born
from world.arena.plan import Case
from world.arena.scratch import folder_for, swept
from world.arena.work import live_case
from world.backtest.imagining import imagined
from world.backtest.record import acted_s
from world.backtest.replay import replay
from world.backtest.witness import witnessed
from world.baselines import RULES
from world.errors import WorldError
from world.events import Halt, events
from world.lived import Lived
from world.scenario import HOUR, load_scenario
from world.tables import MOST_BASE_FEE

pytestmark = pytest.mark.anvil

START_BLOCK = 3
PATIENCE_S = 180


def lived(path, out, policy="passive", seed=1):
    with swept(str(out)):
        return Lived.from_line(live_case(Case(str(path), seed, policy), str(out)))


def said(out, row) -> Iterator[Record]:
    """The records of a life's log."""
    for file in epoch_files(out / "logs" / row.scenario / f"{row.seed}-{row.policy}"):
        for block in read_epoch(file.path)[1:]:
            yield Record.decode(block.data)


def decisions(out, row):
    return [record for record in said(out, row) if record.kind == "decision"]


# Whole lives


def test_a_life_is_whole_and_sound_and_the_same_when_it_is_lived_again(tmp_path):
    path = hamlet(tmp_path)
    first, second = (lived(path, tmp_path / out, "random", 2) for out in "ab")
    assert (first.audit_ok, first.faults, first.reason) == (True, 0, "horizon")
    assert first.earned_micro > 0 < first.transactions
    assert first.ticks == len(decisions(tmp_path / "a", first)) > first.idle_n

    def choices(out, row):
        keys = ("chosen", "logprobs", "menu", "prompt")
        return [[record.seq, *map(record.body.get, keys)] for record in decisions(out, row)]

    assert choices(tmp_path / "a", first) == choices(tmp_path / "b", second)
    same = {"paid_h", "earned_micro", "rent_micro", "gas_micro", "records", "transactions"}
    assert [getattr(first, name) for name in same] == [getattr(second, name) for name in same]


def test_who_does_without_every_strategy_has_none(tmp_path):
    path, out = hamlet(tmp_path), tmp_path / "out"
    case = Case(str(path), 1, "reflex-thrift-keeper", without=("thrift", "keeper"))
    with swept(str(out)):
        row = Lived.from_line(live_case(case, str(out)))
    assert (row.reason, row.earned_micro, row.idle_n) == ("died", 0, row.ticks)
    [birth] = [record for record in said(out, row) if record.kind == "birth"]
    assert birth.body["genome"]["strategies"] == {}


def test_a_strangers_strategy_that_fails_is_told_of_beside_the_results(tmp_path, monkeypatch):
    """It costs its offers and no life; but nobody shall take it for one that did nothing."""
    install_quiet(tmp_path, monkeypatch)
    sound = (tmp_path / "quiet.py").read_text()
    path = hamlet(tmp_path, ("version = 2", 'version = 2\nuse = ["thrift", "quiet"]'))
    out = tmp_path / "out"
    assert lived(path, out, "reflex").audit_ok
    assert not (out / "faults").exists()
    (tmp_path / "quiet.py").write_text(sound.replace("return []", "return [1 // 0]"))
    row = lived(path, out, "reflex", 2)
    assert row.audit_ok
    assert row.ticks > 0
    complaint = (out / "faults" / "hamlet" / "2-reflex.log").read_text()
    assert "strategy.failed" in complaint
    assert "ZeroDivisionError" in complaint


@pytest.mark.parametrize(
    "change",
    [
        ("wei = 20_000_000_000_000_000", "wei = 1_000_000"),
        ("base_fee_wei = 500_000_000", "base_fee_wei = 50_000_000_000"),
    ],
)
def test_who_cannot_pay_for_a_birth_is_told_at_once(tmp_path, change):
    with pytest.raises(WorldError, match=r"endowment\.wei does not pay for a birth"):
        lived(hamlet(tmp_path, change), tmp_path / "out")


def test_no_base_fee_of_a_world_is_beyond_what_an_agent_pays():
    assert 2 * MOST_BASE_FEE <= MAX_FEE


def test_a_replay_on_the_imagined_past_goes_as_the_life_went(tmp_path):
    path = hamlet(tmp_path)
    row, scenario = lived(path, tmp_path / "out", "heuristic"), load_scenario(path)
    told = replay(scenario, imagined(scenario, 1), RULES["heuristic"])
    assert told.paid_h == pytest.approx(row.paid_h)
    assert (told.reason, told.cause, told.ticks) == (row.reason, row.cause, row.ticks)
    assert told.earned_micro == row.earned_micro


def test_what_a_chain_shows_is_what_was_imagined(tmp_path, monkeypatch):
    """Of a world with a crowd too; nobody disturbs it, for the agent only waits."""
    crowded = ('name = "host"', 'name = "host"\nslots = 2\ncrowd = { mean_h = 2, most_n = 1 }')
    scenario = load_scenario(hamlet(tmp_path, crowded, ("first_lease_h = 4", "first_lease_h = 9")))
    found = []
    account = house.account

    async def watching(ground, *rest):
        start = await ground.devnet.client.header(START_BLOCK)
        own = (ground.keys.wallet.address,)
        client, world = ground.devnet.client, (ground.scenario, ground.seed)
        found.append(await witnessed(client, ground.at, *world, start.block, own))
        return await account(ground, *rest)

    monkeypatch.setattr(house, "account", watching)
    born = Born("passive", resolve("builtin:g0"))
    wanted = house.Wanted(scenario, 4, born, None, RULES["passive"])
    row = asyncio.run(house.live_once(wanted, tmp_path / "life"))
    [shown], ours = found, imagined(scenario, 4)
    last = int(row.paid_h * HOUR)

    def until(course):
        return tuple(each for each in course if each[0] <= last)

    def open_(jobs):
        return [job for job in jobs if job.posted_s <= last and job.taken_s <= last]

    assert len(open_(ours.jobs)) > 5
    assert open_(shown.jobs) == open_(ours.jobs)
    assert until(shown.gas) == until(ours.gas) != ours.gas
    [rent], [imagined_rent] = shown.rents, ours.rents
    assert until(rent.path) == until(imagined_rent.path)
    assert until(rent.crowd) == until(imagined_rent.crowd) != ((0, 0),)


def test_an_operator_who_halts_is_obeyed_within_a_tick_and_the_life_is_censored(tmp_path):
    path = hamlet(tmp_path, ("[gas]", "[halts]\nmean_h = 4\n\n[gas]"))
    scenario = load_scenario(path)
    at_s = {
        seed: e.at_s for seed in range(1, 9) for e in events(scenario, seed) if isinstance(e, Halt)
    }
    seed = next(seed for seed, at in at_s.items() if 2 * HOUR < at < 6 * HOUR)
    row = lived(path, tmp_path, "reflex", seed)
    assert (row.reason, row.censored, row.event) == ("halted", "halted", False)
    assert row.audit_ok
    records = list(said(tmp_path, row))
    [halt] = [record for record in records if record.kind == "halt"]
    block_s = scenario.time.block_s
    mined = 2 * START_BLOCK + acted_s(at_s[seed], block_s) // block_s + 1
    last = max(record.block.number for record in records if record.kind == "decision")
    assert mined - 1 <= last <= mined
    assert mined <= halt.block.number <= mined + 1


# The command


def arena(path, out, *more):
    words = ("-m", "agent", "arena", str(path), "--workers", "2", "--out", str(out), *more)
    return subprocess.Popen(
        [sys.executable, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=heed,  # noqa: PLW1509  # no thread runs here
    )


def heed():
    """Whoever runs the tests in the background may have told them not to hear Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def family(pid) -> set[int]:
    """A process and all that it started, as the kernel knows them."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text("utf-8", "replace").rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(stat.parent.name)] = int(fields[1])
    found, more = set(), {pid}
    while more:
        found |= more
        more = {child for child, parent in parents.items() if parent in more} - found
    return found


def lines(out):
    rows = out / "results.jsonl"
    return rows.read_text("utf-8").splitlines() if rows.exists() else []


def until(true):
    last = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < last
        time.sleep(0.02)


def gone(pids):
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))


def test_killed_in_the_middle_it_goes_on_and_lives_each_case_once(tmp_path):
    path, out = hamlet(tmp_path), tmp_path / "out"
    asked = (path, out, "--policies", "passive", "--seeds", "1-3")
    process = arena(*asked)
    until(lambda: len(lines(out)) >= 1)
    pids = family(process.pid)
    assert len(pids) > 3
    process.kill()
    process.communicate()
    gone(pids)
    before = lines(out)
    assert 1 <= len(before) <= 3

    again = arena(*asked, "--json")
    told, complaints = again.communicate(timeout=PATIENCE_S)
    assert again.returncode == 0, complaints
    rows = [Lived.from_line(line) for line in lines(out)]
    assert sorted(row.seed for row in rows) == [1, 2, 3]
    assert [row.to_line().strip() for row in rows][: len(before)] == before
    said_ = json.loads(told)  # one object and nothing else
    assert (said_["lives"], said_["new"], said_["failed"]) == (3, 3 - len(before), 0)
    assert Path(said_["report"]).exists()
    assert not folder_for(str(out)).exists()


@pytest.mark.parametrize(("told", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_told_to_stop_it_leaves_nothing_of_ours_behind(tmp_path, told, code):
    out = tmp_path / "out"
    process = arena(hamlet(tmp_path), out, "--policies", "reflex", "--seeds", "1-8")
    until(lambda: any(folder_for(str(out)).glob("*/chain/anvil.log")))
    pids = family(process.pid)
    os.kill(process.pid, told)
    _, complaints = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == code
    assert "Traceback" not in complaints
    gone(pids)
    assert not folder_for(str(out)).exists()


def test_what_cannot_be_lived_is_told_and_the_others_are_lived(tmp_path):
    """Its model is no model; what it complained of is kept."""
    (tmp_path / "junk.gguf").write_bytes(b"junk")
    out = tmp_path / "out"
    policies = f"passive,mine={tmp_path / 'junk.gguf'}"
    process = arena(hamlet(tmp_path), out, "--policies", policies, "--seeds", "1", "--json")
    told, complaints = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1
    said_ = json.loads(told)
    assert (said_["lives"], said_["failed"]) == (1, 1)
    assert "mine in hamlet 1 could not be lived" in complaints
    assert [Lived.from_line(line).policy for line in lines(out)] == ["passive"]


@pytest.mark.parametrize("model", ["nowhere.gguf", "builtin:nothing", "."])
def test_a_model_that_is_not_there_is_told_of_in_one_line(tmp_path, model):
    process = arena(hamlet(tmp_path), tmp_path / "out", "--policies", f"mine={model}")
    _, complaints = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 2
    assert re.fullmatch(r"forager: the model .* is missing .*\n", complaints)
