"""The page of an audit: all of it is there, nothing on it is believed, and it stays small."""

from __future__ import annotations

import pickle
import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lives import Teller, registered, whole_life, word

from agent.metabolism import LADDER, RISES_AT_H
from telemetry.auditing.audit import Asked, examine
from telemetry.auditing.drawing.means import REACHED_AT_H
from telemetry.auditing.drawing.view import Checked
from telemetry.auditing.epoch import Epoch, Event, Read
from telemetry.auditing.facts import Anchored, LeaseFact
from telemetry.auditing.findings import Finding
from telemetry.auditing.glimpse import glimpser
from telemetry.auditing.page import page
from telemetry.auditing.said import Leased, Mark, Sent, Settled
from telemetry.auditing.timeline import Timeline
from telemetry.auditing.verdict import Replayed, Verdict
from telemetry.checkpoint import Checkpoint, Head
from telemetry.errors import BadRecord
from telemetry.record import KINDS, BlockRef, Record

PANELS = ("runway", "money", "gas", "lease", "decisions", "transactions", "epochs")
HOSTILE = "</script><script>alert(1)</script>\"'<b onload=x>&amp;\x00\x1b[2J\u202e\u2066\ud7ff"
FINE = Verdict(
    ok=True,
    verified="internal",
    findings=(),
    agent=1,
    records=1,
    epochs=1,
    head=None,
    outcome="horizon",
    cause=None,
)


async def drawn(folder, **changes):
    """The page of an audited folder, and what it was made of."""
    life = Timeline()
    audited = await examine(Asked(str(folder)), harvest=glimpser, gather=life.gather)
    checked = Checked.by(audited, replace(audited.verdict, **changes))
    return page(checked, life), checked, life


def parsed(text):
    """As XHTML, which forgives nothing."""
    return ET.fromstring(text.removeprefix("<!DOCTYPE html>\n"))  # noqa: S314 - ours


def names(tree):
    return [each.tag.rpartition("}")[2] for each in tree.iter()]


def words(tree):
    return "".join(tree.itertext())


def seen(age, runway=20.0, **changes):
    """An observation as an agent of ours writes it."""
    return {
        "age_s": age,
        "block": {"chain": 31337, "number": 100 + age // 12, "hash": word("b"), "at": 10**9 + age},
        "holdings": {"wei": str(10**16), "micro": "12000000", "stale": False},
        "lease": {"id": 1, "state": "active", "balance": "8000000"},
        "runway_h": runway,
        "vitals": "lean",
    } | changes


def decision(age, **changes):
    return {
        "observation": seen(age),
        "menu": [{"key": key} for key in ("hold.wait", "keeper.work")],
        "logprobs": [-0.5, -1.0],
        "chosen": age // 60 % 2,
        "model": "reflex" if age % 420 == 0 else {"gguf": "aa", "adapter": "", "engine": "bb"},
    } | changes


def told(*records, first=0, events=(), life=None):
    """A timeline that has heard these (kind, body, age) as one more epoch."""
    life = life or Timeline()
    reads = []
    for seq, (kind, body, age) in enumerate(records, first):
        block = BlockRef(1, 100 + age // 12, "")
        reads.append(Read(seq, b"", b"", Record(1, seq, age * 1000, block, b"", kind, body)))
    head = Head(1, first, first + len(reads), bytes(32), bytes(32))
    checkpoint = Checkpoint(head, (bytes(32),) * len(reads), bytes(65))
    last = reads[-1].record
    epoch = Epoch(
        ((), {}),
        head=head,
        digest=first.to_bytes(32, "big"),
        leaves=(b"",) * len(reads),
        last_block=last.block.number,
        ended=last.at,
        events=tuple(events),
    )
    taker = glimpser(checkpoint)
    taker.take(reads)
    life.gather(epoch, pickle.loads(pickle.dumps(taker.done())))  # noqa: S301 - our own
    return life


async def test_an_honest_life_is_drawn_whole(tmp_path):
    text, checked, _ = await drawn(whole_life().write(tmp_path))
    tree = parsed(text)
    figures = [each.get("id") for each in tree.iter() if each.tag.endswith("figure")]
    assert tuple(figures) == PANELS
    shown = words(tree)
    assert "This log holds in itself" in shown
    assert "neither faults nor notes" in shown
    assert "its time was up" in shown
    for svg in (each for each in tree.iter() if each.tag.endswith("}svg")):
        assert svg.get("role") == "img"
        assert len(svg.get("aria-label")) > 20
    titles = {each.get("title") for each in tree.iter()}
    assert {checked.verdict.head, checked.birth.wallet, checked.birth.genome} <= titles


async def test_the_page_needs_nothing_but_itself(tmp_path):
    text, *_ = await drawn(whole_life().write(tmp_path))
    without_names = text.replace("http://www.w3.org/1999/xhtml", "")
    assert not re.search(r"https?:|//[a-z]|url\(|@import|src=|href=", without_names)
    assert "default-src 'none'" in text.replace("&#x27;", "'")


async def test_every_finding_is_named_faults_first(tmp_path):
    early, astray = {"at": 3}, {"prev": b"x" * 32}
    teller = whole_life({8: lambda fields: fields | early, 2: lambda fields: fields | astray})
    note = Finding("spam", "note", None, "a note <that> came first")
    text, checked, _ = await drawn(teller.write(tmp_path))
    found = (note, *checked.verdict.findings)
    text, checked, _ = await drawn(tmp_path, findings=found)
    shown = words(parsed(text))
    assert "This log does not hold" in shown
    for finding in found:
        assert finding.kind in shown
        assert finding.detail in shown
    assert shown.index("a note <that> came first") > shown.index(found[-1].detail)


async def test_a_long_list_of_findings_is_folded_and_whole(tmp_path):
    found = tuple(Finding("record", "fault", seq, f"wrong in way {seq}") for seq in range(200))
    text, *_ = await drawn(whole_life().write(tmp_path), findings=found, ok=False)
    assert "details" in names(parsed(text))
    assert all(f"wrong in way {seq}<" in text for seq in range(200))


async def test_what_a_log_says_stays_text():
    life = told(
        ("birth", {"horizon_s": 10**9, "wallet": HOSTILE}, 0),
        ("lease", {"lease": 1, "network": HOSTILE, "state": HOSTILE}, 10),
        ("decision", decision(60, chosen=0, menu=[{"key": HOSTILE}], thought=HOSTILE), 60),
        ("decision", decision(120, observation=seen(120, vitals=HOSTILE)), 120),
        ("gap", {"since_ms": 1, "reason": HOSTILE}, 900),
        ("halt", {"halt_id": 1, "reason": HOSTILE}, 1000),
        events=[
            Event(1, 10_000, 101, "lease", leased(HOSTILE)),
            Event(2, 60_000, 105, "effect", sent(HOSTILE, 1, HOSTILE)),
        ],
    )
    found = Finding("record", "fault", 3, HOSTILE)
    text = page(Checked(replace(FINE, cause=HOSTILE, findings=(found,), ok=False)), life)
    tree = parsed(text)
    assert names(tree).count("script") == 1
    assert not set("\x00\x1b\u202e\u2066") & set(text)
    known = {"onload", "onclick", "onerror"}
    assert not known & {name for each in tree.iter() for name in each.keys()}  # noqa: SIM118
    assert "alert(1)" in words(tree)


def leased(state):
    return Leased(1, state, state, 0, "", 0)


def sent(intent, because, purpose):
    return Sent(intent, because, purpose, 1, None, "", (), misused=False)


def settled(intent, *, ok=True, block=100, fee=10**14):
    return Settled(intent, 1, word("tx"), block, word("block"), ok, 21_000, fee)


@pytest.mark.parametrize("records", [1, 2, 3])
async def test_a_life_of_few_records_is_drawn(tmp_path, records):
    teller = Teller()
    teller.birth()
    for _ in range(records - 1):
        teller.beat()
    teller.seal()
    text, *_ = await drawn(teller.write(tmp_path))
    assert "No record of a choice." in words(parsed(text))
    assert "lost" in text


async def test_a_life_without_its_beginning_or_its_ending_shows_the_hole(tmp_path):
    for lost in (0, 1, 2):
        teller = whole_life()
        del teller.epochs[lost]
        folder = teller.write(tmp_path / str(lost))
        text, _, life = await drawn(folder)
        holes = [pause for pause in life.stops() if pause.kind == "hole"]
        assert len(holes) == (lost < 2)
        assert ("records missing, or not sound" in words(parsed(text))) == (lost < 2)


async def test_nothing_at_all_is_drawn_too(tmp_path):
    (tmp_path / "000000-x.car").write_bytes(b"nothing")
    text, *_ = await drawn(tmp_path)
    assert "Nothing of its life could be read." in words(parsed(text))
    parsed(page(Checked(replace(FINE, agent=None)), Timeline()))


def test_what_the_chain_holds_is_shown_beside_what_the_log_says():
    records = [("decision", decision(age), age) for age in range(0, 6000, 60)]
    life = told(("birth", {}, 0), *records)
    mark = Mark(0, 101, bytes(32), bytes(32))
    other = mark._replace(digest=b"\1" * 32)
    born, wallet = 10**9, registered(whole_life()).wallet
    lease = LeaseFact(1, wallet, "", 1, "", 1, 0, born, born + 3600, born + 4000)
    others = lease._replace(tenant=word("another"), settled_until=born + 9000)
    chain = replace(FINE, verified="chain", replay=Replayed(3, 4, 0.001))
    for anchor, said in ((mark, "block 200"), (other, "another checkpoint")):
        held = (Anchored(anchor, 200),)
        text = page(Checked(chain, None, registered(whole_life()), held, (lease, others)), life)
        shown = words(parsed(text))
        assert "This log holds against the chain" in shown
        assert "The market holds 1 lease, paid for 60 minutes." in shown
        assert "3 of 4 sampled decisions run again" in shown
        assert said in shown


def test_transactions_are_counted_by_what_was_chosen():
    birth = ("birth", {}, 0)
    acts = [("decision", decision(age, chosen=1), age) for age in (60, 120, 180)]
    events = [
        Event(5, 1, 100, "effect", sent("1.0", 1, "act")),
        Event(6, 1, 100, "effect", sent("2.0", 2, "act")),
        Event(7, 1, 100, "effect", sent("close.1", 9, "act")),
        Event(8, 1, 100, "effect", settled("1.0")),
        Event(9, 1, 100, "effect", settled("2.0", ok=False)),
        Event(9, 1, 100, "effect", settled("never.sent")),
    ]
    life = told(birth, *acts, events=events)
    work = life.spent.tallies["keeper.work"]
    assert (work.sent, work.done, work.failed, work.fees) == (2, 1, 1, 2 * 10**14)
    assert (life.spent.tallies["close"].sent, life.spent.tallies["unknown"].done) == (1, 1)
    assert (life.spent.fees, life.spent.failed.count) == (3 * 10**14, 1)
    shown = words(parsed(page(Checked(FINE), life)))
    assert "3 transactions settled, 1 of them failed; their fees were 0.0003 ETH" in shown


def test_pauses_are_told_apart():
    life = told(
        ("birth", {}, 0),
        ("gap", {"reason": "killed"}, 100),
        ("halt", {"halt_id": 1, "reason": "a look"}, 200),
        ("heartbeat", {"runway_h": 1.0}, 300),
        ("resume", {"halt_id": 1}, 400),
        ("halt", {"halt_id": 2}, 500),
    )
    life = told(("gap", {"reason": "stalled"}, 900), first=6, life=life)
    life = told(("heartbeat", {"runway_h": 2.0}, 1000), first=9, life=life)
    stops = [(each.kind, each.since.seq, each.until and each.until.seq) for each in life.stops()]
    assert stops == [
        *(("gap", 0, 1), ("halt", 2, 4), ("gap", 5, 6)),
        *(("hole", 6, 9), ("halt", 5, None)),
    ]


def long_life(epochs, each=1000):
    life, seq = Timeline(), 0
    for _ in range(epochs):
        records = []
        for place in range(seq, seq + each):
            age = 60 * place
            body = decision(age, observation=seen(age, runway=1.0 if place == 31_234 else 20.0))
            if place % 1000 == 7:
                body["chosen"], body["menu"] = 1, [{"key": "hold.wait"}, {"key": "siesta.nap"}]
            records.append(("decision", body, age))
        events = [
            Event(place, 60_000 * place, 100 + 5 * place, "effect", settled(f"{place}.0"))
            for place in range(seq, seq + each, 3)
        ]
        told(*records, first=seq, events=events, life=life)
        seq += each
    return life


def test_a_life_of_a_hundred_thousand_records_stays_small():
    life = long_life(100)
    assert len(pickle.dumps(life)) < 500_000
    assert (life.decisions, life.spent.paid.count) == (100_000, 33_400)
    assert life.lanes["siesta.nap"].choices.count == 100
    text = page(Checked(FINE), life)
    assert len(text.encode()) < 1_000_000
    shown = words(parsed(text))
    assert "the least was 1.0 h" in shown
    assert "siesta.nap 100" in shown
    assert sum(part.whole for part in life.mix()) == 100_000


def test_the_bands_are_those_by_which_agents_judge_themselves():
    assert dict(zip(map(str, LADDER), RISES_AT_H, strict=True)) == REACHED_AT_H


SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text() | st.binary()
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    SCALARS | NUMBERS | st.from_regex(r"\A[0-9]{1,78}\Z"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
FIELDS = (
    *("observation", "menu", "logprobs", "chosen", "model", "runway_h", "micro", "wei", "vitals"),
    *("stage", "block", "pull", "reason", "horizon_s", "since_ms"),
)
INNER = ("block", "holdings", "lease", "runway_h", "vitals", "age_s")


@st.composite
def bodies(draw):
    body = decision(draw(st.integers(0, 10**6)))
    for name in draw(st.lists(st.sampled_from(FIELDS), max_size=3)):
        body[name] = draw(VALUES)
    if isinstance(body["observation"], dict):
        for name in draw(st.lists(st.sampled_from(INNER), max_size=2)):
            body["observation"][name] = draw(VALUES)
    return body


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    records=st.lists(
        st.tuples(st.sampled_from(sorted(KINDS)), bodies(), st.integers(0, 2**43)),
        min_size=1,
        max_size=6,
    ),
    first=st.integers(0, 2**40),
)
def test_nothing_that_a_body_can_hold_breaks_the_page(records, first):
    life = told(*records, first=first)
    life = told(*records[::-1], first=first // 2, life=life)
    parsed(page(Checked(FINE), life))


@settings(max_examples=60, deadline=None)
@given(data=st.data(), seq=st.integers(0, 10))
async def test_no_signed_body_can_break_the_page(tmp_path_factory, data, seq):
    def twist(fields):
        name = data.draw(st.sampled_from(sorted(fields["body"])))
        return fields | {"body": fields["body"] | {name: data.draw(VALUES)}}

    try:
        teller = whole_life({seq: twist})
    except (BadRecord, UnicodeEncodeError):
        return  # no record can say so
    text, *_ = await drawn(teller.write(tmp_path_factory.mktemp("any")))
    parsed(text)
