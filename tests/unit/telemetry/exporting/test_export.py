"""The worker's door: what was verified comes out whole, what was not is listed, once each."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cbrrr import decode_dag_cbor
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lives import (
    LOG_KEY,
    MARKET,
    OPERATOR,
    REGISTRY,
    SEED,
    TOKEN,
    WALLET,
    FakeWitness,
    Teller,
    deeds,
    living,
    registered,
    top_up,
    whole_life,
    word,
)

from chain.keys import Key
from telemetry.auditing import audit as audit_module
from telemetry.auditing import findings as kinds
from telemetry.auditing.audit import Asked
from telemetry.auditing.facts import LeaseFact, Movement
from telemetry.auditing.shelf import Shelf
from telemetry.car import write_car
from telemetry.draw import draw
from telemetry.errors import BadKept, BadRecord
from telemetry.exporting import export as export_module
from telemetry.exporting.export import export
from telemetry.exporting.files import Part
from telemetry.exporting.schema import LIVES_SCHEMA, TRANSITIONS_SCHEMA

ACT = (-9.0, 9.0, -9.0)


def silent(_):
    pass


async def alone(folder, out, *more):
    """Export without a chain."""
    asked = [Asked(str(each)) for each in (folder, *more)]
    return await export(asked, out, silent)


def transitions(out):
    parts = sorted((out / "transitions").glob("*.parquet"))
    return pa.concat_tables([pq.read_table(part) for part in parts]) if parts else None


def lives(out):
    return pq.read_table(out / "lives" / "lives.parquet")


async def test_a_life_becomes_its_rows(tmp_path):
    exported = await alone(whole_life().write(tmp_path / "cars"), tmp_path / "out")
    assert (exported.lives, exported.transitions, len(exported.refused)) == (1, 2, 0)
    table, [life] = transitions(tmp_path / "out"), lives(tmp_path / "out").to_pylist()
    assert table.schema == TRANSITIONS_SCHEMA
    first, last = table.to_pylist()
    assert [first[name] for name in ("t", "seq", "block", "at_ms")] == [0, 1, 11, 1001]
    assert first["action"] == draw(SEED, 1, first["logprobs"])
    assert json.loads(first["observation"]) == {"runway_h": 3.5}
    assert [action["key"] for action in first["actions"]] == [
        "hold.wait",
        "thrift.extend",
        "keeper.work",
    ]
    assert first["txs"] == [word("tx 1")]
    assert first["fee_wei"] == str(50_000 * 10**9)
    assert (first["runway_h"], first["vitals"], first["model"]) == (3.5, None, "aa")
    assert (first["cost_micro"], first["terminated"], first["truncated"]) == (None, False, False)
    assert (last["txs"], last["fee_wei"], last["truncated"]) == ([], "0", True)
    assert (life["outcome"], life["event"], life["censored"]) == ("horizon", False, "horizon")
    assert (life["verified"], life["decisions"], life["start_block"], life["end_block"]) == (
        "internal",
        2,
        10,
        20,
    )
    assert life["paid_s"] is None
    assert lives(tmp_path / "out").schema == LIVES_SCHEMA


async def test_two_lines_open_it(tmp_path, monkeypatch):
    """In a process of its own: a data library reads its settings when it is loaded."""
    import subprocess
    import sys

    await alone(whole_life().write(tmp_path / "cars"), tmp_path / "out")
    code = (
        "from datasets import load_dataset\n"
        f"rows = load_dataset({str(tmp_path / 'out')!r}, 'transitions', split='train')\n"
        f"lives = load_dataset({str(tmp_path / 'out')!r}, 'lives', split='train')\n"
        "print(rows.num_rows, rows[0]['actions'][1]['key'], lives[0]['outcome'])"
    )
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["2", "thrift.extend", "horizon"], done.stderr


async def test_what_cannot_be_verified_is_listed_and_not_there(tmp_path):
    sound = whole_life().write(tmp_path / "sound")
    bad = Teller(agent=2, twists={1: lambda fields: fields | {"prev": b"x" * 32}})
    bad.birth()
    bad.decide()
    bad.end(1)
    bad.seal()
    empty = tmp_path / "empty"
    empty.mkdir()
    exported = await alone(bad.write(tmp_path / "bad"), tmp_path / "out", sound, empty)
    assert (exported.lives, exported.transitions) == (1, 2)
    assert {row["agent"] for row in lives(tmp_path / "out").to_pylist()} == {1}
    listed = json.loads((tmp_path / "out" / "refused.json").read_text())
    assert [Path(each["source"]).name for each in listed] == ["bad", "empty"]
    assert [finding["kind"] for finding in listed[0]["findings"]] == [kinds.LINK]
    assert "Refused" in (tmp_path / "out" / "README.md").read_text()


async def test_one_life_from_two_sources_is_one_life(tmp_path):
    folders = [whole_life().write(tmp_path / name) for name in ("one", "two")]
    exported = await alone(folders[0], tmp_path / "out", folders[1])
    assert (exported.lives, exported.transitions, len(exported.refused)) == (1, 2, 0)
    assert [done.rows for done in exported.done] == [2, 0]


async def test_a_second_export_comes_to_the_same(tmp_path):
    folder = whole_life().write(tmp_path / "cars")
    await alone(folder, tmp_path / "out")
    before = transitions(tmp_path / "out"), lives(tmp_path / "out")
    await alone(folder, tmp_path / "out")
    assert (transitions(tmp_path / "out"), lives(tmp_path / "out")) == before


# With a chain


@pytest.fixture
def on_chain(monkeypatch):
    async def run(folder, out, life, seen):
        @asynccontextmanager
        async def witness(*_):
            yield FakeWitness(life, seen)

        monkeypatch.setattr(audit_module, "_witness", witness)
        asked = [Asked(str(folder), 1, None, "http://chain", REGISTRY)]
        return await export(asked, out, silent)

    return run


async def test_the_chain_tells_what_moved(tmp_path, on_chain):
    """Decisions were read at blocks 11 and 17; movements count up to the next one's."""
    teller = whole_life()
    token, market = TOKEN.lower(), MARKET.lower()
    seen = deeds(teller)
    home = Movement(token, OPERATOR.address.lower(), 1000, word("tx 4"), 24)
    earned = Movement(token, market, 7, word("tx 1"), 12)
    stranger = word("stranger")[:42]
    gifts = (
        Movement(token, stranger, 9, word("gift"), 17),
        Movement(token, stranger, 2, word("gift"), 18),
        Movement(token, market, 6, word("more than was paid"), 18),
    )
    back = Movement(token, market, 4, word("a lease that another ended"), 18)
    other = Movement(word("other")[:42], market, 99, word("tx 1"), 12)
    spent = tuple(out._replace(block=17) for out in seen.out)
    lease = LeaseFact(3, teller.wallet.lower(), "", 1, market, 5, 10, 20, 3620, 3700)
    owned = lease._replace(lease=4, provider=OPERATOR.address.lower(), activated_at=3000)
    seen = replace(
        seen, out=(*spent, home), into=(earned, *gifts, back, other), leases=(lease, owned)
    )
    exported = await on_chain(
        teller.write(tmp_path / "c"), tmp_path / "o", registered(teller), seen
    )
    assert exported.refused == []
    first, last = transitions(tmp_path / "o").to_pylist()
    money = ("cost_micro", "income_micro", "gift_micro")
    assert [first[name] for name in money] == [5, 7, 9]
    assert [last[name] for name in money] == [0, 4, 8]
    [life] = lives(tmp_path / "o").to_pylist()
    assert (life["gift_micro"], life["paid_s"], life["own_paid_s"]) == (17, 3600, 0)
    assert (life["verified"], life["start_time"]) == ("chain", 1)


async def test_an_amount_that_no_column_holds_refuses_the_life(tmp_path, on_chain):
    teller = whole_life()
    seen = deeds(teller)
    seen = replace(seen, into=(Movement(TOKEN.lower(), MARKET.lower(), 2**70, word("g"), 12),))
    exported = await on_chain(
        teller.write(tmp_path / "c"), tmp_path / "o", registered(teller), seen
    )
    assert exported.lives == 0
    assert "no column holds" in exported.refused[0].refused
    assert transitions(tmp_path / "o") is None


def going_on(
    decisions: int,
    *,
    over: bool = False,
    late: int = 0,
    never: int = 0,
    wallet: str = WALLET.address,
    key: Key = LOG_KEY,
) -> Teller:
    """A life that decides twice an epoch and acts at every second decision.

    Transactions settle when `late` more have been sent; a life that is over leaves none open. Of
    nonce `never` it is not told.
    """
    teller = Teller(wallet=wallet, key=key)
    teller.birth()
    open_: list[str] = []
    nonce = settled = 1

    def settle(most: int) -> None:
        nonlocal settled
        while len(open_) > most:
            intent = open_.pop(0)
            if settled != never:
                teller.settle(intent, settled)
            settled += 1

    for n in range(decisions):
        decided = teller.decide(ACT if n % 2 else (9.0, -9.0, -9.0))
        if n % 2:
            teller.send(f"{decided}.0", decided, "act", nonce=nonce, call=top_up())
            open_.append(f"{decided}.0")
            nonce += 1
            settle(late)
            teller.seal()
    if over:
        settle(0)
        teller.end(nonce, "died")
    if teller.open:
        teller.seal()
    return teller


def acts_of(teller):
    """What is on the chain when a log says which is the last that settled, by nonce."""
    bodies = (decode_dag_cbor(data)["body"] for _, records in teller.epochs for data in records)
    told = [body for body in bodies if body.get("stage")]
    last = max((body["nonce"] for body in told if body["stage"] == "settled"), default=0)
    sent = [body for body in told if body["stage"] == "sent" and body["nonce"] <= last]
    return {body["nonce"]: (body["intent"], 20 + body["nonce"]) for body in sent}


def chain_of(teller, *, over=False):
    """The life and its deeds, as its chain has them."""
    life, seen = living(teller, acts_of(teller))
    gains = tuple(
        Movement(TOKEN.lower(), MARKET.lower(), 2**n, word("gift"), 11 + n) for n in range(40)
    )
    seen = replace(seen, into=gains)
    if not over:
        return life, seen
    ended = deeds(whole_life()).account.ended._replace(
        cause=1, mark=teller.mark, by=teller.wallet.lower()
    )
    account = replace(seen.account, ended=ended)
    return replace(life, ended=True, cause=1, last=teller.mark), replace(seen, account=account)


STEPS = [
    [(2, False), (6, False), (6, False), (12, False), (12, True)],
    [(4, False), (12, True), (12, True)],
    [(12, False), (12, True)],
    [(8, False), (10, False), (12, True)],
]


@pytest.mark.parametrize("late", [0, 1, 3])
@pytest.mark.parametrize("steps", STEPS)
async def test_a_life_that_grows_is_exported_as_if_at_once(tmp_path, on_chain, steps, late):
    """The last decision is held back, and what comes after one that has not settled."""
    for place, (decisions, over) in enumerate(steps):
        teller = going_on(decisions, over=over, late=late)
        folder = teller.write(tmp_path / f"{place}")
        exported = await on_chain(folder, tmp_path / "out", *chain_of(teller, over=over))
        assert exported.refused == []
        sure = decisions - max(1, 2 * min(late, decisions // 2) - 1)
        assert exported.transitions == (decisions if over else sure)
    once = await on_chain(folder, tmp_path / "once", *chain_of(teller, over=over))
    assert once.transitions == 12
    assert transitions(tmp_path / "out") == transitions(tmp_path / "once")
    assert lives(tmp_path / "out") == lives(tmp_path / "once")
    rows = transitions(tmp_path / "once").to_pylist()
    assert [row["t"] for row in rows] == list(range(12))
    assert [row["terminated"] for row in rows] == [False] * 11 + [True]
    assert not any(row["truncated"] for row in rows)
    assert [len(row["txs"]) for row in rows] == [0, 1] * 6
    assert sum(row["gift_micro"] for row in rows) == 2**40 - 2  # all but the first came later


async def test_nothing_waits_for_ever(tmp_path, on_chain, monkeypatch):
    """What is never told to have settled is given up in the end, and nothing else with it."""
    monkeypatch.setattr(export_module, "PATIENCE", 12)
    for decisions in (2, 4, 8, 12, 16, 20):
        teller = going_on(decisions, late=1, never=1)
        folder = teller.write(tmp_path / str(decisions))
        exported = await on_chain(folder, tmp_path / "out", *chain_of(teller))
        assert exported.refused == []
        assert exported.transitions == (1 if decisions < 8 else decisions - 1)
    await on_chain(folder, tmp_path / "once", *chain_of(teller))
    assert transitions(tmp_path / "out") == transitions(tmp_path / "once")
    rows = transitions(tmp_path / "out").to_pylist()
    assert [len(row["txs"]) for row in rows] == [0, 0, *[0, 1] * 8, 0]


async def test_a_life_that_ends_meanwhile_is_not_over_yet(tmp_path, on_chain):
    """The chain has its end before the log tells of it: more is to come."""
    short, whole = going_on(8), going_on(12, over=True)
    life, seen = chain_of(whole, over=True)
    early = replace(seen.account, seen_from=20, nonce=5, anchors=())
    mined = {nonce: each for nonce, each in seen.mined.items() if nonce < 5}
    exported = await on_chain(
        short.write(tmp_path / "short"),
        tmp_path / "out",
        replace(life, last=None),
        replace(seen, account=early, mined=mined),
    )
    assert (exported.refused, exported.transitions) == ([], 7)
    [row] = lives(tmp_path / "out").to_pylist()
    assert (row["event"], row["censored"]) == (False, "alive")
    folder = whole.write(tmp_path / "whole")
    await on_chain(folder, tmp_path / "out", life, seen)
    await on_chain(folder, tmp_path / "once", life, seen)
    assert transitions(tmp_path / "out") == transitions(tmp_path / "once")


# More than one reading


async def test_a_second_source_that_knows_more_goes_on(tmp_path, on_chain):
    short, whole = going_on(4), going_on(8)
    out = tmp_path / "out"
    for teller in (short, whole, short):
        exported = await on_chain(
            teller.write(tmp_path / str(teller.tree.size)), out, *chain_of(whole)
        )
        assert exported.refused == []
    assert exported.transitions == 7
    assert [row["t"] for row in transitions(out).to_pylist()] == list(range(7))


async def test_a_chain_takes_the_place_of_a_log_alone(tmp_path, on_chain):
    """And a log alone never takes the place of what a chain vouches for."""
    teller, out = going_on(6, over=True), tmp_path / "out"
    folder = teller.write(tmp_path / "cars")
    await alone(folder, out)
    assert [row["verified"] for row in lives(out).to_pylist()] == ["internal"]
    chain = chain_of(teller, over=True)
    for again in (False, True):
        if again:
            await alone(folder, out)
        else:
            await on_chain(folder, out, *chain)
        [life] = lives(out).to_pylist()
        assert (life["verified"], life["decisions"]) == ("chain", 6)
        rows = transitions(out).to_pylist()
        assert [row["t"] for row in rows] == list(range(6))
        assert None not in [row["gift_micro"] for row in rows]


async def test_worlds_on_one_machine_are_not_mixed_up(tmp_path, on_chain):
    """Fresh chains have the same id, registry and agent numbers; wallets tell them apart."""
    out = tmp_path / "out"
    for place, wallet in enumerate((WALLET.address, Key(b"\x09" * 32).address)):
        teller = going_on(1, over=True, wallet=wallet)
        life, seen = chain_of(teller, over=True)
        life = replace(life, wallet=wallet.lower())
        exported = await on_chain(teller.write(tmp_path / str(place)), out, life, seen)
        assert exported.refused == []
    assert exported.lives == exported.transitions == transitions(out).num_rows == 2
    assert len({row["life"] for row in transitions(out).to_pylist()}) == 2


async def test_what_turns_out_to_be_unsound_leaves_the_tables(tmp_path, on_chain):
    short, whole = going_on(4), going_on(8)
    out = tmp_path / "out"
    await on_chain(short.write(tmp_path / "short"), out, *chain_of(short))
    life, seen = chain_of(whole)
    stolen = Movement(TOKEN.lower(), OPERATOR.address.lower(), 9, word("theft"), 15)
    folder = whole.write(tmp_path / "whole")
    exported = await on_chain(folder, out, life, replace(seen, out=(stolen,)))
    assert [done.refused for done in exported.done] == ["the log is not sound"]
    assert (exported.lives, exported.transitions) == (0, 0)
    assert transitions(out) is None


async def test_whoever_serves_a_log_cannot_take_a_life_away(tmp_path, on_chain):
    teller, out = going_on(4), tmp_path / "out"
    folder = teller.write(tmp_path / "cars")
    await on_chain(folder, out, *chain_of(teller))
    grown = going_on(8)
    bad = grown.write(tmp_path / "bad")
    last = max(bad.iterdir())
    last.write_bytes(last.read_bytes()[:-7])
    exported = await on_chain(bad, out, *chain_of(grown))
    assert (len(exported.refused), exported.lives, exported.transitions) == (1, 1, 3)


async def test_a_checkpoint_that_nobody_signed_takes_no_life_away(tmp_path, on_chain):
    teller, out = going_on(4), tmp_path / "out"
    folder = teller.write(tmp_path / "cars")
    await on_chain(folder, out, *chain_of(teller))
    grown = going_on(8)
    folder = grown.write(tmp_path / "grown")
    sealed, records = grown.epochs[2]
    forged = replace(sealed, sig=bytes(65))
    write_car(folder / "forged.car", forged.cid, [forged.encode(), *records])
    exported = await on_chain(folder, out, *chain_of(grown))
    assert (len(exported.refused), exported.lives, exported.transitions) == (1, 1, 3)


STRANGER = Key(b"\x0c" * 32)


@pytest.mark.parametrize("sound", [False, True])
async def test_a_stranger_takes_nobodys_place(tmp_path, sound):
    """Without a chain anyone can write a log that says it is somebody's."""
    out = tmp_path / "out"
    await alone(going_on(4, over=True).write(tmp_path / "cars"), out)
    before = transitions(out)
    other = {0: lambda fields: fields | {"body": fields["body"] | {"log_key": STRANGER.address}}}
    teller = Teller(other, key=STRANGER)
    teller.birth()
    for _ in range(40):
        teller.decide()
    if not sound:
        teller.say("decision", {})
    teller.end(1)
    teller.seal()
    exported = await alone(teller.write(tmp_path / "strange"), out)
    assert len(exported.refused) == 1
    assert transitions(out) == before
    longer = await alone(going_on(8, over=True).write(tmp_path / "longer"), out)
    assert (longer.refused, longer.transitions) == ([], 8)


async def test_what_a_chain_refutes_does_not_stay_because_it_came_alone(tmp_path, on_chain):
    teller, out = going_on(6, over=True), tmp_path / "out"
    folder = teller.write(tmp_path / "cars")
    await alone(folder, out)
    life, seen = chain_of(teller, over=True)
    stolen = Movement(TOKEN.lower(), OPERATOR.address.lower(), 9, word("theft"), 15)
    exported = await on_chain(folder, out, life, replace(seen, out=(stolen,)))
    assert (len(exported.refused), exported.lives) == (1, 0)
    assert transitions(out) is None


@pytest.mark.parametrize("gone", [".chain", None])
async def test_parts_that_no_state_knows_are_swept_away(tmp_path, on_chain, gone):
    """As a run leaves them that was killed, whichever life the next one is asked for."""
    teller, out = going_on(4), tmp_path / "out"
    await on_chain(teller.write(tmp_path / "cars"), out, *chain_of(teller))
    [part] = (out / "transitions").iterdir()
    if gone:
        next((out / ".state").glob(f"*{gone}")).unlink()
    else:
        part.with_name(part.name.replace("-000000000000.", "-000000000003.")).write_bytes(b"")
    (out / "transitions" / "theirs.parquet").write_bytes(b"")
    exported = await alone(tmp_path / "nothing", out)
    assert exported.lives == (0 if gone else 1)
    left = {path.name for path in (out / "transitions").iterdir()}
    assert left == {"theirs.parquet"} | (set() if gone else {part.name})


async def test_a_figure_too_large_refuses_one_life_and_no_other(tmp_path):
    """Also one that would only be written in the end."""
    huge = {0: lambda fields: fields | {"body": fields["body"] | {"parents": [2**63]}}}
    bad = whole_life(huge, teller=None).write(tmp_path / "bad")
    exported = await alone(bad, tmp_path / "out", whole_life().write(tmp_path / "good"))
    assert [bool(done.refused) for done in exported.done] == [True, False]
    assert exported.lives == 1
    again = await alone(tmp_path / "good", tmp_path / "out")
    assert again.lives == 1


async def test_halts_are_counted_and_not_held(tmp_path):
    teller = Teller()
    teller.birth()
    for n in range(20):
        teller.say("halt", {"halt_id": n, "reason": "wait"})
        teller.say("resume", {"halt_id": n})
        teller.decide()
        teller.seal()
    teller.end(1)
    teller.seal()
    exported = await alone(teller.write(tmp_path / "cars"), tmp_path / "out")
    assert exported.refused == []
    [row] = lives(tmp_path / "out").to_pylist()
    assert row["halts"] == 20


async def test_a_folder_may_have_any_name(tmp_path, on_chain):
    teller, out = going_on(4), tmp_path / "a #1? 100%"
    folder = teller.write(tmp_path / "cars")
    for _ in range(2):
        exported = await on_chain(folder, out, *chain_of(teller))
    assert (exported.lives, exported.transitions) == (1, 3)


@pytest.mark.parametrize("killed", ["before", "after"])
async def test_killed_on_the_way_it_is_written_again(tmp_path, on_chain, monkeypatch, killed):
    """Between a table that is in place and the state that says so, or before both."""
    short, whole = going_on(4), going_on(8)
    out = tmp_path / "out"
    await on_chain(short.write(tmp_path / "short"), out, *chain_of(short))
    folder = whole.write(tmp_path / "whole")

    def dies(self, *_):
        raise KeyboardInterrupt

    owner, name = (Part, "add") if killed == "before" else (Shelf, "save")
    kept = getattr(owner, name)
    monkeypatch.setattr(owner, name, dies)
    with pytest.raises(KeyboardInterrupt):
        await on_chain(folder, out, *chain_of(whole))
    monkeypatch.setattr(owner, name, kept)
    await on_chain(tmp_path / "short", out, *chain_of(short))
    assert [row["t"] for row in transitions(out).to_pylist()] == list(range(3))
    exported = await on_chain(folder, out, *chain_of(whole))
    assert exported.transitions == 7
    assert [row["t"] for row in transitions(out).to_pylist()] == list(range(7))
    assert not list(out.rglob("*.new"))


async def test_state_that_is_damaged_is_said(tmp_path, on_chain):
    teller = going_on(4)
    folder = teller.write(tmp_path / "cars")
    await on_chain(folder, tmp_path / "out", *chain_of(teller))
    [kept] = (tmp_path / "out" / ".state").iterdir()
    kept.write_bytes(b"nonsense")
    with pytest.raises(BadKept):
        await on_chain(folder, tmp_path / "out", *chain_of(teller))


# Strangers' values

SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text() | st.binary()
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    SCALARS | NUMBERS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seen=st.dictionaries(st.text() | st.sampled_from(["block", "vitals", "runway_h"]), VALUES))
async def test_no_observation_can_crash_the_export(tmp_path_factory, seen):
    folder = tmp_path_factory.mktemp("any")

    def twist(fields):
        return fields | {"body": fields["body"] | {"observation": seen, "latency_ms": 1e300}}

    try:
        teller = whole_life({1: twist})
    except (BadRecord, UnicodeEncodeError):
        return
    exported = await alone(teller.write(folder / "cars"), folder / "out")
    assert exported.refused == []
    assert (
        json.loads(transitions(folder / "out").to_pylist()[0]["observation"]).keys() == seen.keys()
    )
