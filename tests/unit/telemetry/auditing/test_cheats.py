"""Lives that would look better than they were: each way that was ever thought of is found out."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import count

import pytest
from lives import (
    MARKET,
    OPERATOR,
    REGISTRY,
    TOKEN,
    WALLET,
    FakeWitness,
    Teller,
    deeds,
    living,
    mined,
    registered,
    sign,
    top_up,
    whole_life,
    word,
)

from chain.calldata import Filling, calldata
from chain.types import Address, Call, Wei
from telemetry.anchor import end_call
from telemetry.auditing import audit as audit_module
from telemetry.auditing import findings as kinds
from telemetry.auditing.audit import audit
from telemetry.auditing.facts import Anchored, Ended, HaltedAt, LeaseFact, Movement
from telemetry.auditing.said import CAUSES

ACT = (-9.0, 9.0, -9.0)
"""Logits by which something is done."""
FAR = 900
"""A block long after the others."""
HALT = HaltedAt(50, 50)
THIEF = word("thief")[:42]


def found(verdict, level):
    return {finding.kind for finding in verdict.findings if finding.level == level}


@pytest.fixture
def judged(tmp_path, monkeypatch):
    """The faults of a life against a made-up chain; notes lie beside them."""
    numbers = count()

    async def run(teller, life, seen):
        @asynccontextmanager
        async def witness(*_):
            yield FakeWitness(life, seen)

        monkeypatch.setattr(audit_module, "_witness", witness)
        folder = teller.write(tmp_path / f"{next(numbers)}")
        verdict = await audit(str(folder), rpc="http://chain", registry=REGISTRY)
        run.notes = found(verdict, "note")
        run.outcome = verdict.outcome
        return found(verdict, "fault")

    return run


def said(**changes):
    return lambda fields: fields | {"body": fields["body"] | changes}


# Halts


async def test_acts_are_no_less_forbidden_than_decisions(judged):
    """One decision from before the halt, and acts because of it for ever after."""
    teller = Teller()
    teller.birth()
    decided = teller.decide(ACT)
    teller.at_block = FAR
    for place in range(3):
        teller.send(f"{decided}.{place}", decided, "act", nonce=1 + place, call=top_up())
    teller.seal()
    acts = {1 + place: (f"{decided}.{place}", FAR + 1) for place in range(3)}
    assert await judged(teller, *living(teller, acts, halts=(HALT,))) == {kinds.HALT}
    assert await judged(teller, *living(teller, acts)) == set()


async def test_blocks_do_not_run_backwards(judged):
    """Decisions that claim to be from before the halt, between records that are from after it."""
    teller = Teller()
    teller.birth()
    teller.at_block = FAR
    teller.beat()
    teller.at_block = 11
    teller.decide(ACT)
    teller.seal()
    assert await judged(teller, *living(teller, halts=(HALT,))) == {kinds.CLOCK}
    teller.at_block = FAR
    teller.beat()
    teller.seal()
    teller.at_block = 11
    teller.decide(ACT)  # nor from one epoch to the next
    teller.seal()
    assert await judged(teller, *living(teller, halts=(HALT,))) == {kinds.CLOCK}


async def test_a_node_may_be_a_little_behind(judged):
    teller = Teller()
    teller.birth()
    for block in (200, 136, 200, 137):
        teller.at_block = block
        teller.beat()
        teller.seal()
    assert await judged(teller, *living(teller)) == set()


async def test_time_is_time_on_every_chain_that_others_use(judged):
    teller = Teller({0: said(speed=100_000)})
    teller.birth()
    teller.at_block = FAR
    teller.decide(ACT)
    teller.seal()
    life, seen = living(teller, halts=(HALT,))
    assert await judged(teller, life, seen) == set()  # a developer's chain
    elsewhere = Teller({0: said(speed=100_000)}, chain=8453)
    elsewhere.birth()
    elsewhere.seal()
    assert kinds.CLOCK in await judged(elsewhere, *living(elsewhere))


async def test_who_is_halted_and_silent_is_not_excused_for_ever(judged):
    teller = Teller()
    teller.birth()
    teller.seal()
    life, seen = living(teller, halts=(HALT,), silent_s=10**8, nonce=2)
    seen = replace(
        seen,
        mined=seen.mined | {1: mined(1, MARKET, b"untold")._replace(block=FAR)},
        out=(Movement(TOKEN.lower(), THIEF, 7, word("theft"), FAR),),
    )
    life = replace(life, halted=True)
    assert await judged(teller, life, seen) == {kinds.UNNAMED, kinds.TRANSFER, kinds.HALT}
    fresh = replace(seen, account=replace(seen.account, silent_s=0))
    assert await judged(teller, life, fresh) == {kinds.HALT}


# Money


async def test_an_ending_closes_its_leases_and_does_nothing_else(judged):
    def leaving(call):
        teller = Teller()
        teller.birth()
        began = teller.say("heartbeat", {"ending": "horizon", "cause": "its time was up"})
        teller.send("close.7", began, "act", nonce=1, call=call)
        teller.seal()
        life, seen = living(teller, nonce=2)
        data = calldata(call, Filling(WALLET.address, "close.7"), None, WALLET.sign)
        return (
            teller,
            life,
            replace(seen, mined=seen.mined | {1: mined(1, call.to, data, int(call.value))}),
        )

    assert await judged(*leaving(Call(MARKET, "close(uint256)", (7,)))) == set()
    for call in (
        Call(TOKEN, "transfer(address,uint256)", (MARKET, 5)),
        Call(MARKET, "close(uint256)", (8,)),
        Call(TOKEN, "close(uint256)", (7,)),
        Call(MARKET, "close(uint256)", (7,), value=Wei(1)),
    ):
        assert await judged(*leaving(call)) == {kinds.INTENT}


async def test_nothing_is_decided_once_the_ending_has_begun(judged):
    teller = Teller()
    teller.birth()
    teller.say("heartbeat", {"ending": "horizon", "cause": "its time was up"})
    teller.decide()
    teller.seal()
    assert await judged(teller, *living(teller)) == {kinds.ORDER}


async def test_an_ending_that_a_halt_undid_is_followed_by_a_life(judged):
    teller = Teller()
    teller.birth()
    teller.say("heartbeat", {"ending": "died", "cause": "starved"})
    teller.say("halt", {"halt_id": 1, "reason": "wait"})
    teller.say("resume", {"halt_id": 1})
    teller.decide()
    teller.seal()
    assert await judged(teller, *living(teller)) == set()


@pytest.mark.parametrize("purpose", ["end", "drain"])
async def test_what_an_ending_pays_is_paid_in_an_ending(judged, purpose):
    def paying(because):
        teller = Teller()
        teller.birth()
        began = teller.say("heartbeat", {"ending": "horizon", "cause": "its time was up"})
        call = Call(OPERATOR.address, "", (), value=Wei(10**18))
        teller.send("sweep", began if because is None else because, purpose, nonce=1, call=call)
        teller.seal()
        life, seen = living(teller, nonce=2)
        paid = mined(1, OPERATOR.address, b"", 10**18)
        return teller, life, replace(seen, mined=seen.mined | {1: paid})

    assert await judged(*paying(None)) == set()
    assert await judged(*paying(0)) == {kinds.INTENT}


async def test_whoever_is_called_cannot_frame_the_caller(judged):
    """Any contract may emit that tokens of its own left the wallet."""
    board = Address("0x" + "ab" * 20)
    call = Call(board, "performUpkeep(bytes)", ("0x",))
    teller = Teller()
    teller.birth()
    decided = teller.decide(ACT)
    teller.send(f"{decided}.0", decided, "act", nonce=1, call=call)
    teller.seal()
    life, seen = living(teller, nonce=2)
    data = calldata(call, Filling(WALLET.address, f"{decided}.0"), None, WALLET.sign)
    framed = (Movement(board.lower(), THIEF, 1, word("frame"), 11),)
    seen = replace(seen, mined=seen.mined | {1: mined(1, board, data)}, out=framed)
    assert await judged(teller, life, seen) == set()
    assert kinds.SPAM in judged.notes


# Time


async def test_no_record_is_older_than_the_block_that_it_saw(judged):
    """Neighbours a millisecond apart, and eleven days between their blocks."""
    teller = Teller()
    teller.birth()
    teller.at_block = 20
    teller.beat()
    teller.at_block = FAR
    teller.beat()
    teller.seal()
    life, seen = living(teller)
    assert await judged(teller, life, seen) == set()
    assert await judged(teller, life, replace(seen, times={FAR: 10**6})) == {kinds.CLOCK}


async def test_nothing_is_written_down_after_the_fact(judged):
    teller = Teller()
    teller.birth()
    teller.at_block = FAR
    decided = teller.decide(ACT)
    teller.send(f"{decided}.0", decided, "act", nonce=1, call=top_up())
    teller.seal()
    assert await judged(teller, *living(teller, {1: (f"{decided}.0", FAR + 1)})) == set()
    assert await judged(teller, *living(teller, {1: (f"{decided}.0", 21)})) == {kinds.CLOCK}


async def test_an_anchor_covers_nothing_that_came_later(judged):
    teller = Teller()
    teller.birth()
    teller.at_block = FAR
    teller.beat()
    teller.seal()
    life, seen = living(teller, anchors=(Anchored(teller.mark, FAR + 1),))
    assert await judged(teller, life, seen) == set()
    early = replace(seen.account, anchors=(Anchored(teller.mark, 30),))
    assert await judged(teller, life, replace(seen, account=early)) == {kinds.CLOCK}


# Endings


def ended(reason, *, told=None, pre=lambda teller: None, born_at=1, block=23, **account):
    """A life that ends for this reason, as the chain has it too."""
    teller = Teller(horizon_s=15)
    teller.birth()
    teller.decide()
    pre(teller)
    teller.end(1, told or reason)
    teller.seal()
    life, seen = living(teller, **account)
    call = end_call(REGISTRY, reason, teller.epochs[-1][0].head, teller.prev)
    end = mined(1, REGISTRY, calldata(call, Filling(WALLET.address, ""), None, WALLET.sign))
    seen = replace(
        seen,
        mined=seen.mined | {1: end, 2: mined(2, OPERATOR.address, b"", 5)},
        account=replace(
            seen.account,
            nonce=3,
            anchors=(Anchored(teller.mark, block),),
            ended=Ended(CAUSES[reason], WALLET.address.lower(), teller.mark, word("tx 1"), block),
        ),
    )
    last = teller.mark
    life = replace(life, ended=True, cause=CAUSES[reason], last=last, born_at=born_at)
    return teller, life, seen


@pytest.mark.parametrize("reason", ["died", "horizon"])
async def test_an_ending_is_what_it_is(judged, reason):
    assert await judged(*ended(reason)) == set()


async def test_who_can_say_that_it_is_lost_is_not(judged):
    assert await judged(*ended("lost")) == {kinds.ENDING}


async def test_a_halt_that_was_lifted_halted_nobody(judged):
    def pre(teller):
        teller.say("halt", {"halt_id": 1, "reason": "wait"})
        teller.say("resume", {"halt_id": 1})
        teller.decide()

    assert await judged(*ended("halted", pre=pre)) == {kinds.ENDING}


async def test_a_halt_that_only_the_log_knows_of_is_its_own_word(judged):
    def pre(teller):
        teller.say("halt", {"halt_id": 1, "reason": "wait"})

    assert await judged(*ended("halted", pre=pre)) == set()
    assert kinds.TRUST in judged.notes
    assert await judged(*ended("halted", pre=pre, halts=(HaltedAt(12, 12),))) == set()
    assert kinds.TRUST not in judged.notes


async def test_a_horizon_is_reached_when_the_chain_says_so(judged):
    """By a record that claims a later block nobody grows older."""

    def pre(teller):
        teller.at_block = 60

    teller, life, seen = ended("horizon", pre=pre)
    assert await judged(teller, life, seen) == set()
    life = replace(life, born_at=15)  # it ended in block 23, at 8 of 15 seconds
    assert await judged(teller, life, seen) == {kinds.ENDING}


async def test_nobody_is_its_own_operator(judged):
    """It could end itself as an operator may: at any time, for any reason."""
    teller = Teller(operator=WALLET.address)
    teller.birth()
    teller.seal()
    assert await judged(teller, *living(teller)) == {kinds.IDENTITY}


async def test_an_ending_may_be_on_its_way_to_the_chain(judged):
    teller, life, seen = ended("died")
    on_its_way = replace(life, ended=False, cause=0, last=None)
    first = {nonce: each for nonce, each in seen.mined.items() if nonce == 0}
    account = replace(seen.account, nonce=1, anchors=(), ended=None)
    fresh = replace(seen, account=account, mined=first)
    assert await judged(teller, on_its_way, fresh) == set()
    assert kinds.AHEAD in judged.notes
    silent = replace(fresh, account=replace(account, silent_s=3601))
    assert await judged(teller, on_its_way, silent) == {kinds.ENDING}


async def test_a_life_may_end_while_its_log_is_read(judged):
    teller = whole_life()
    life, seen = registered(teller), deeds(teller)
    teller.epochs.pop()
    late = replace(
        seen.account,
        seen_from=22,
        anchors=(seen.account.anchors[0], seen.account.anchors[1]._replace(block=23)),
    )
    assert await judged(teller, life, replace(seen, account=late)) == set()
    assert kinds.AHEAD in judged.notes
    early = replace(late, seen_from=30)
    assert kinds.ENDING in await judged(teller, life, replace(seen, account=early))


async def test_a_lease_may_be_mined_again_a_little_later(judged):
    teller = Teller(at_block=30)
    teller.birth()
    lease = {"lease": 3, "network": "lease-market", "state": "active", "offer": 1}
    terms = {"provider": MARKET, "rate": "5", "balance": "9", "paid_until": 100, "ends_at": 200}
    teller.say("lease", lease | terms)
    teller.seal()
    fact = LeaseFact(3, WALLET.address.lower(), "", 1, MARKET.lower(), 5, 31, 31, 40, 0)
    life, seen = living(teller)
    assert await judged(teller, life, replace(seen, leases=(fact,))) == set()
    late = fact._replace(activated_at=200)
    assert await judged(teller, life, replace(seen, leases=(late,))) == {kinds.LEASE}


# Sizes that are lies, signed


def resized(teller, place, **changes):
    checkpoint, records = teller.epochs[place]
    head = replace(checkpoint.head, **changes)
    teller.epochs[place] = (sign(head, checkpoint.records, teller), records)
    return teller


def born_only():
    teller = Teller()
    teller.birth()
    teller.seal()
    return teller


def with_a_debt():
    teller = Teller()
    teller.birth()
    teller.send("900000.0", 900_000, "act", nonce=1, call=top_up())
    teller.seal()
    return teller


def after(kind):
    teller = Teller()
    teller.birth()
    if kind == "halt":
        teller.say("halt", {"halt_id": 1, "reason": "wait"})
    else:
        teller.end(1)
    teller.seal()
    teller.beat()
    teller.seal()
    return teller


SIZES = {
    "a hole and 2**40": lambda: resized(born_only(), 0, epoch=5, size=2**40, prev=b"\1" * 32),
    "a hole and 2**52": lambda: resized(born_only(), 0, epoch=2**50, size=2**52, prev=b"\1" * 32),
    "2**40 at once": lambda: resized(born_only(), 0, size=2**40),
    "because of what is not there": lambda: resized(with_a_debt(), 0, size=10**6),
    "while halted": lambda: resized(after("halt"), 1, size=10**6),
    "after the ending": lambda: resized(after("end"), 1, size=2**50),
}


@pytest.mark.parametrize("name", SIZES)
async def test_a_size_that_lies_costs_nothing(tmp_path, name):
    async with asyncio.timeout(5):
        verdict = await audit(str(SIZES[name]().write(tmp_path)))
    assert found(verdict, "fault") & {kinds.TREE, kinds.MISSING, kinds.SEQUENCE}


async def test_a_signed_fork_is_a_finding(tmp_path):
    """Of two epochs that both follow the first, the longer is missing: places do not fit."""
    told, other = Teller(), Teller()
    for teller in (told, other):
        teller.birth()
        teller.seal()
    other.beat()
    other.seal()
    for _ in range(20):
        told.beat()
    told.seal()
    decided = told.decide(ACT)
    told.send(f"{decided}.0", decided, "act", nonce=1, call=top_up())
    told.end(2)
    told.seal()
    told.epochs.pop(1)
    other.epochs.pop(0)
    told.write(tmp_path)
    verdict = await audit(str(other.write(tmp_path)))
    assert {kinds.LINK, kinds.TREE} <= found(verdict, "fault")


async def test_a_head_that_was_asked_for_is_in_the_log(tmp_path):
    teller = whole_life()
    folder = str(teller.write(tmp_path))
    for checkpoint, _ in teller.epochs:
        assert (await audit(folder, head=checkpoint.cid)).ok
    stranger = Teller(agent=2)
    stranger.birth()
    verdict = await audit(folder, head=stranger.seal().cid)
    assert found(verdict, "fault") == {kinds.MISSING}
