"""What a life did beside spending: silences, halts, leases, and the blocks it says it read."""

from __future__ import annotations

from array import array
from dataclasses import replace

import pytest
from lives import MARKET, OPERATOR, WALLET, Teller, deeds, registered, whole_life, word

from telemetry.auditing import audit as audit_module
from telemetry.auditing import findings as kinds
from telemetry.auditing.audit import audit
from telemetry.auditing.facts import HaltedAt, LeaseFact
from telemetry.auditing.findings import Findings
from telemetry.auditing.judge_conduct import OBEY_S, judge_halts, judge_speed, patience
from telemetry.auditing.said import LONGEST_SILENCE_MS


def faults(verdict):
    return {finding.kind for finding in verdict.findings if finding.level == "fault"}


def notes(verdict):
    return {finding.kind for finding in verdict.findings if finding.level == "note"}


def at(time, kind=None, **body):
    def twist(fields):
        kept = fields["body"] if kind is None else {}
        named = fields["kind"] if kind is None else kind
        return fields | {"at": time, "kind": named, "body": kept | body}

    return twist


def later(seqs, by):
    """Twists that move these records and all after them to a later time."""
    return {seq: (lambda fields, by=by: fields | {"at": fields["at"] + by}) for seq in seqs}


LONG = 60_001
"""One more than the lives in these tests may be silent."""


@pytest.mark.parametrize("first", range(1, 11))
async def test_a_silence_without_a_gap_is_found_wherever_it_is(tmp_path, first):
    told = later(range(first, 11), LONG)
    verdict = await audit(str(whole_life(told).write(tmp_path)))
    assert faults(verdict) == {kinds.SILENCE}
    [fault] = [finding for finding in verdict.findings if finding.level == "fault"]
    assert fault.record == first


@pytest.mark.parametrize("seq", [7, 8, 9])
async def test_a_gap_admits_a_silence(tmp_path, seq):
    """In the middle of an epoch, and as the first thing in one (record 3 begins the second)."""
    gap = at(1000 + seq - 1 + LONG, "gap", since_ms=1000 + seq - 1, reason="killed")
    verdict = await audit(
        str(whole_life(later(range(seq + 1, 11), LONG) | {seq: gap}).write(tmp_path))
    )
    assert kinds.SILENCE not in faults(verdict)
    assert kinds.GAP in notes(verdict)


async def test_an_epoch_may_begin_with_a_gap(tmp_path):
    def life(since):
        teller = Teller()
        teller.birth()
        teller.decide()
        teller.seal()
        teller.twists = {2: at(1001 + LONG, "gap", since_ms=since, reason="stopped")}
        teller.twists |= later([3], LONG)
        teller.beat()
        teller.end(1)
        teller.seal()
        return teller

    assert faults(await audit(str(life(1001).write(tmp_path / "true")))) == set()
    assert faults(await audit(str(life(1000).write(tmp_path / "false")))) == {kinds.SILENCE}


@pytest.mark.parametrize("since", [0, 1006, 1008, 10**9])
async def test_a_gap_begins_where_the_record_before_was_written(tmp_path, since):
    gap = at(1008, "gap", since_ms=since, reason="killed")
    assert faults(await audit(str(whole_life({8: gap}).write(tmp_path)))) == {kinds.SILENCE}


async def test_a_gap_has_one_of_three_reasons(tmp_path):
    gap = at(1008, "gap", since_ms=1007, reason="on holiday")
    assert faults(await audit(str(whole_life({8: gap}).write(tmp_path)))) == {kinds.BODY}


async def test_no_log_promises_less_than_hourly(tmp_path):
    def generous(fields):
        return fields | {"body": fields["body"] | {"silence_ms": 10**12}}

    told = later(range(8, 11), LONGEST_SILENCE_MS + 1) | {0: generous}
    assert faults(await audit(str(whole_life(told).write(tmp_path)))) == {kinds.SILENCE}


# Halts


def born(speed=1.0):
    teller = whole_life()
    from telemetry.auditing.said import say
    from telemetry.record import Record

    return say(Record.decode(teller.epochs[0][1][0]), None)._replace(speed=speed)


HALT = HaltedAt(100, 10_000)
DECIDED = [
    ((), None, False),
    ((90, 100, 109), None, False),  # it was not known yet
    ((90, 110), None, True),
    ((90, 500), None, True),
    ((90, 500), 400, False),  # it was lifted meanwhile
    ((90, 110, 500), 400, True),
    ((500, 110, 90), 400, True),  # whatever their order
]


@pytest.mark.parametrize(("decided", "lifted", "caught"), DECIDED)
def test_nothing_is_decided_while_a_halt_stands(decided, lifted, caught):
    found = Findings()
    judge_halts([(HALT._replace(lifted=lifted), 110)], {"deciding": array("Q", decided)}, found)
    assert bool(found.all()) is caught
    assert all(finding.kind == kinds.HALT for finding in found.all())


@pytest.mark.parametrize(
    ("chain", "speed", "kind"),
    [(31337, 1.0, None), (8453, 1.0, None), (31337, 3200.0, None), (8453, 1.5, kinds.CLOCK)],
)
def test_only_a_developers_chain_runs_fast(chain, speed, kind):
    found = Findings()
    judge_speed(born(speed)._replace(chain=chain), found)
    assert [(each.kind, each.level) for each in found.all()] == ([(kind, "fault")] if kind else [])


def test_a_halt_is_heard_in_wall_time():
    assert patience(born(2.0)) == 2 * OBEY_S
    assert patience(born(0.1)) == OBEY_S


@pytest.fixture
def confronted(monkeypatch):
    from contextlib import asynccontextmanager

    from lives import REGISTRY, FakeWitness

    async def run(folder, teller, seen, life=None):
        @asynccontextmanager
        async def witness(*_):
            yield FakeWitness(life or registered(teller), seen)

        monkeypatch.setattr(audit_module, "_witness", witness)
        return await audit(str(folder), rpc="http://chain", registry=REGISTRY)

    return run


async def test_a_halt_on_the_chain_must_be_heard(tmp_path, confronted):
    """Decisions of this life were read at blocks 11 and 17, and an act was asked for at 12."""
    teller = whole_life()
    teller.write(tmp_path)
    seen = deeds(teller)

    async def with_halt(at, lifted=None):
        account = replace(seen.account, halts=(HaltedAt(12, at, lifted),))
        return faults(await confronted(tmp_path, teller, replace(seen, account=account)))

    assert await with_halt(12 - OBEY_S, lifted=15) == {kinds.HALT}  # block 12 had to be obeyed
    assert await with_halt(13 - OBEY_S) == {kinds.HALT}
    assert await with_halt(13 - OBEY_S, lifted=15) == set()
    assert await with_halt(13) == set()


# Leases

ACTIVE = {
    "lease": 7,
    "network": "lease-market",
    "state": "active",
    "offer": 3,
    "provider": MARKET,
    "rate": "5",
    "balance": "9",
    "paid_until": 99,
    "ends_at": 99,
}
FACT = LeaseFact(
    lease=7,
    tenant=WALLET.address.lower(),
    guardian=OPERATOR.address.lower(),
    offer=3,
    provider=MARKET.lower(),
    rate=5,
    opened_at=10,
    activated_at=12,
    settled_until=30,
    closed_at=0,
)
LEASED = [
    (ACTIVE, FACT, None),
    (ACTIVE | {"state": "requested"}, FACT._replace(activated_at=0), None),
    (ACTIVE, FACT._replace(closed_at=18), None),  # it was active when the record was written
    ({"lease": 7, "network": "lease-market", "state": "gone"}, FACT._replace(closed_at=18), None),
    (ACTIVE, FACT._replace(tenant=MARKET.lower()), "no such lease"),
    (ACTIVE | {"lease": 8}, FACT, "no such lease"),
    (ACTIVE | {"offer": 4}, FACT, "offer"),
    (ACTIVE | {"provider": WALLET.address}, FACT, "provider"),
    (ACTIVE | {"rate": "6"}, FACT, "rate"),
    (ACTIVE, FACT._replace(activated_at=0), "before it was"),
    (ACTIVE, FACT._replace(activated_at=82), None),  # a reorganisation may take it that far
    (ACTIVE, FACT._replace(activated_at=83), "before it was"),
    (ACTIVE, FACT._replace(opened_at=83), "opened at 83"),
    (ACTIVE, FACT._replace(closed_at=17), "closed at 17"),
    ({"lease": 7, "network": "lease-market", "state": "gone"}, FACT, "not closed"),
    (ACTIVE | {"network": "elsewhere", "lease": 99}, FACT, None),  # another network's business
]


@pytest.mark.parametrize(("told", "fact", "why"), LEASED)
async def test_leases_are_what_the_market_holds(tmp_path, confronted, told, fact, why):
    """The record is number 8, read in block 18, which this chain made at 18."""
    teller = whole_life({8: lambda fields: fields | {"kind": "lease", "body": told}})
    teller.write(tmp_path)
    seen = replace(deeds(teller), leases=(fact,))
    verdict = await confronted(tmp_path, teller, seen)
    found = [each for each in verdict.findings if each.level == "fault"]
    if why is None:
        assert found == []
    else:
        assert [(each.kind, each.record) for each in found] == [(kinds.LEASE, 8)]
        assert why in found[0].detail


async def test_a_lease_that_no_record_tells_of_is_noted(tmp_path, confronted):
    teller = whole_life()
    teller.write(tmp_path)
    verdict = await confronted(tmp_path, teller, replace(deeds(teller), leases=(FACT,)))
    assert verdict.ok
    assert kinds.LEASE in notes(verdict)


# Blocks


async def test_records_are_read_at_blocks_that_there_are(tmp_path, confronted):
    teller = whole_life()
    teller.write(tmp_path)

    async def with_other(numbers):
        hashes = {number: word("another") for number in numbers}
        return await confronted(tmp_path, teller, replace(deeds(teller), hashes=hashes))

    reorganised = await with_other([12])
    assert reorganised.ok
    assert kinds.BLOCK in notes(reorganised)
    assert kinds.BLOCK in faults(await with_other(range(10, 17)))


# Endings


async def test_nobody_reaches_a_horizon_before_its_time(tmp_path, confronted):
    """The end was mined in block 23, which this chain made at 23; the birth was at 1."""
    for horizon_s, caught in ((22, set()), (23, {kinds.ENDING})):
        asked = Teller(horizon_s=horizon_s)
        teller = whole_life(teller=asked)
        folder = teller.write(tmp_path / str(horizon_s))
        assert faults(await confronted(folder, teller, deeds(teller))) == caught


@pytest.mark.parametrize("halted", [False, True])
async def test_nobody_was_halted_whom_nobody_halted(tmp_path, confronted, halted):
    twists = {10: lambda fields: fields | {"body": fields["body"] | {"reason": "halted"}}}
    if halted:
        halt = {"kind": "halt", "body": {"halt_id": 1, "reason": "wait"}}
        twists[9] = lambda fields: fields | halt
    teller = whole_life(twists)
    seen = deeds(teller)
    ended = seen.account.ended._replace(cause=3)
    last = seen.mined[3]
    data = last.data[:36] + (3).to_bytes(32, "big") + last.data[68:]
    mined = seen.mined | {3: last._replace(data=data)}
    seen = replace(seen, account=replace(seen.account, ended=ended), mined=mined)
    found = faults(await confronted(teller.write(tmp_path), teller, seen))
    assert found == (set() if halted else {kinds.ENDING})


async def test_an_operator_may_end_a_life_at_any_time(tmp_path, confronted):
    """Then the chain's end anchors nothing, and the log's own says that it was halted."""
    teller = whole_life(
        {10: lambda fields: fields | {"body": fields["body"] | {"reason": "halted"}}}
    )
    seen = deeds(teller)
    first = seen.account.anchors[:1]
    ended = seen.account.ended._replace(cause=4, by=OPERATOR.address.lower(), mark=None)
    account = replace(seen.account, ended=ended, anchors=first, nonce=3)
    folder = teller.write(tmp_path)
    life = replace(registered(teller), cause=4, last=first[0].mark)
    verdict = await confronted(folder, teller, replace(seen, account=account), life)
    assert faults(verdict) == set()
    assert {kinds.ENDING, kinds.UNMINED} <= notes(verdict)
