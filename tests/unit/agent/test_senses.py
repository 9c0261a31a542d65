from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from agent import senses
from agent.asked import Asked
from agent.senses import MOST_OFFERS, TIP, Doings, Memory, Self, Senses
from chain.errors import Reverted, Unreachable, WrongChain
from chain.types import Block, Wei
from compute.port import LeaseState
from strategies.keeper import make as make_keeper
from strategies.port import Outcome, Pending, Placing, Vitals
from strategies.thrift import Options, Thrift
from tests.fakes import FakeReader
from tests.snapshots import (
    GUARDIAN,
    HOUR,
    HOURLY,
    NOW,
    PLACES,
    PROVIDER,
    RIVAL_PROVIDER,
    WALLET,
    lease,
    offer,
)

BLOCK = Block(chain=31337, number=100, hash="0x" + "ab" * 32, at=NOW)
BALANCE_OF, PRICE = "balanceOf(address)(uint256)", "price()(uint256)"
WHO = Self(
    agent=7,
    wallet=WALLET,
    guardian=GUARDIAN,
    places=PLACES,
    placing=Placing.EMBODIED,
    manifest="0x" + "11" * 32,
    born_at=NOW - 10 * HOUR,
    horizon_s=72 * HOUR,
    hibernate_max_s=24 * HOUR,
)
START = Memory(last_active_at=WHO.born_at)
IDLE = Doings()


class Network:
    """A compute network that answers from lists, or not."""

    name = "desk"

    def __init__(self, leases=(), offers=(), fault: Exception | None = None) -> None:
        self.here, self.offers, self.fault = leases, offers, fault

    async def leases(self, read, tenant):
        await read.call(PLACES.lease_market, "leasesOf(address)(uint256[])", [tenant])
        if self.fault:
            raise self.fault
        return self.here

    async def discover(self, read):
        if self.fault:
            raise self.fault
        return self.offers


class Looking:
    """A strategy that surveys as told."""

    def __init__(self, answer: Any, name: str = "s") -> None:
        self.name, self.answer = name, answer

    async def survey(self, read, seen):
        if isinstance(self.answer, Exception):
            raise self.answer
        if callable(self.answer):
            return await self.answer()
        return self.answer


class Counting(FakeReader):
    """Counts what is asked; the sources named in `away` do not answer."""

    def __init__(self, block: Block = BLOCK, away: set[str] | None = None, **answers: Any) -> None:
        said = {BALANCE_OF: [20_000_000], PRICE: [2_000_000_000], **answers}
        super().__init__(block, {"leasesOf(address)(uint256[])": [[1]], **said})
        self.away = away or set()
        self.asked: Counter[str] = Counter()

    async def call(self, to, signature, args=()):
        self.asked[f"{signature} {args!r}"] += 1
        if signature in self.away:
            raise Unreachable
        return await super().call(to, signature, args)

    async def balance(self, of):
        self.asked["balance"] += 1
        if "balance" in self.away:
            raise Unreachable
        return Wei(10**16)

    async def base_fee(self):
        if "base fee" in self.away:
            raise Unreachable
        return Wei(10**9)


def later(seconds: int) -> Block:
    return replace(BLOCK, number=101, at=NOW + seconds)


async def test_a_look_shows_what_the_sources_say():
    look = Senses(Network((lease(),), (offer(),)), [Looking({"jobs": []})])
    doings = Doings((Pending("1.0", "a.b", 5),), (Outcome("a.b", True, Wei(1), 9),), Wei(10**12))
    seen, memory = await look.snapshot(Counting(), WHO, START, doings)
    assert (seen.holdings.wei, seen.holdings.micro, seen.holdings.stale) == (
        10**16,
        20_000_000,
        False,
    )
    assert seen.lease == lease()
    assert seen.runway_h == pytest.approx(28, abs=0.01)
    assert (seen.gas_price, seen.eth_price) == (10**9 + TIP, 2_000_000_000)
    assert (seen.age_s, seen.unleased_s, seen.vitals) == (10 * HOUR, 0, Vitals.LEAN)
    assert seen.burn == pytest.approx(HOURLY + 2_000, abs=2)
    assert (seen.in_flight, seen.recent) == (doings.in_flight, doings.recent)
    assert seen.surveys == {"s": {"jobs": []}}
    assert (memory.last_active_at, memory.block_number) == (NOW, 100)
    assert look.faults == {}


@pytest.mark.parametrize(
    ("away", "stale"),
    [("balance", True), (BALANCE_OF, True), ("base fee", False), (PRICE, False)],
)
async def test_a_source_that_fails_leaves_its_last_value(away, stale):
    look, reader = Senses(Network((lease(),), (offer(),)), []), Counting()
    before, memory = await look.snapshot(reader, WHO, START, IDLE)
    reader.away = {away}
    seen, memory = await look.snapshot(reader, WHO, memory, IDLE)
    assert seen == replace(before, holdings=replace(before.holdings, stale=stale))
    assert len(look.faults) == 1
    reader.away = set()
    seen, _ = await look.snapshot(reader, WHO, memory, IDLE)
    assert seen == before
    assert look.faults == {}


async def test_a_market_that_fails_leaves_lease_and_offers_and_marks_them_stale():
    network = Network((lease(),), (offer(),))
    look = Senses(network, [])
    before, memory = await look.snapshot(Counting(), WHO, START, IDLE)
    network.fault = Unreachable()
    seen, memory = await look.snapshot(Counting(), WHO, memory, IDLE)
    assert (seen.lease, seen.offers) == (before.lease, before.offers)
    assert seen.holdings.stale
    assert seen.vitals == before.vitals


@pytest.mark.parametrize("away", ["balance", BALANCE_OF, "base fee"])
async def test_what_was_never_read_is_not_nothing_but_a_fault(away):
    with pytest.raises(Unreachable):
        await Senses(Network(), []).snapshot(Counting(away={away}), WHO, START, IDLE)


async def test_leases_never_read_are_a_fault_and_not_an_eviction():
    with pytest.raises(Unreachable):
        await Senses(Network(fault=Unreachable()), []).snapshot(Counting(), WHO, START, IDLE)


async def test_a_remembered_lease_does_not_outlive_what_was_paid_for_it():
    network = Network((lease(paid_h=1),))
    look = Senses(network, [])
    _, memory = await look.snapshot(Counting(), WHO, START, IDLE)
    network.fault = Unreachable()
    seen, _ = await look.snapshot(Counting(later(5 * HOUR)), WHO, memory, IDLE)
    assert seen.unleased_s == 4 * HOUR


async def test_sleep_is_counted_from_the_last_active_lease():
    network = Network((lease(),))
    look = Senses(network, [])
    _, memory = await look.snapshot(Counting(), WHO, START, IDLE)
    network.here = (lease(state=LeaseState.LOST),)
    seen, memory = await look.snapshot(Counting(later(HOUR)), WHO, memory, IDLE)
    assert seen.unleased_s == HOUR
    network.here = (lease(state=LeaseState.REQUESTED),)
    seen, _ = await look.snapshot(Counting(later(2 * HOUR)), WHO, memory, IDLE)
    assert seen.unleased_s == 2 * HOUR


async def test_an_empty_market_does_not_make_a_sleeping_life_free():
    network = Network((lease(),), ())
    look = Senses(network, [])
    _, memory = await look.snapshot(Counting(), WHO, START, IDLE)
    network.here = ()
    seen, memory = await look.snapshot(Counting(later(HOUR)), WHO, memory, IDLE)
    assert seen.runway_h == pytest.approx(20, abs=0.01)
    network.offers = (offer(hourly=2 * HOURLY),)
    seen, _ = await look.snapshot(Counting(later(HOUR)), WHO, memory, IDLE)
    assert seen.runway_h == pytest.approx(10, abs=0.01)


async def test_escrow_of_the_next_lease_is_not_lost_money():
    coming = lease(id=2, paid_h=10, state=LeaseState.REQUESTED)
    look = Senses(Network((coming, lease(paid_h=1)), ()), [])
    seen, _ = await look.snapshot(Counting(), WHO, START, IDLE)
    assert seen.lease == lease(paid_h=1)
    assert seen.runway_h == pytest.approx(31, abs=0.01)


async def test_many_strange_offers_hide_neither_the_cheapest_nor_the_hosts():
    host = offer(999, hourly=9 * HOURLY, provider=PROVIDER)
    strange = [offer(i, hourly=HOURLY + i, provider=RIVAL_PROVIDER) for i in range(100)]
    look = Senses(Network((lease(),), (*strange, host)), [])
    seen, _ = await look.snapshot(Counting(), WHO, START, IDLE)
    assert [o.id for o in seen.offers] == [*range(MOST_OFFERS), 999]


@pytest.mark.parametrize("where", ["leases", "survey", "token"])
async def test_the_wrong_chain_is_no_mishap(where):
    network = Network((lease(),), fault=WrongChain() if where == "leases" else None)
    looking = Looking(WrongChain() if where == "survey" else {})
    reader = Counting()
    if where == "token":
        reader = Counting(**{BALANCE_OF: lambda args: (_ for _ in ()).throw(WrongChain())})
    with pytest.raises(WrongChain):
        await Senses(network, [looking]).snapshot(reader, WHO, START, IDLE)


@pytest.mark.parametrize(
    "answer",
    [
        RuntimeError("ill"),
        Unreachable(),
        None,
        [1],
        {"x": "y" * 5000},
        {"x": float("nan")},
        {"x": "\ud800"},
        {"x": object()},
        {1: 2},
        {"x": {"$int": "7"}},
        {"x": [[[[[[[[[1]]]]]]]]]},
    ],
    ids=lambda answer: repr(answer)[:30],
)
async def test_a_survey_that_fails_or_says_nonsense_is_left_out_and_noted(answer):
    ill, well = Looking(answer), Looking({"n": 2**70}, "t")
    look = Senses(Network((lease(),)), [ill, well])
    seen, memory = await look.snapshot(Counting(), WHO, START, IDLE)
    assert seen.surveys == {"t": {"n": 2**70}}
    assert list(look.faults) == ["survey s"]
    ill.answer = {}
    seen, _ = await look.snapshot(Counting(), WHO, memory, IDLE)
    assert seen.surveys["s"] == {}
    assert look.faults == {}


async def test_a_survey_that_hangs_holds_nobody_up(monkeypatch):
    monkeypatch.setattr(senses, "SURVEY_S", 0.02)
    never = asyncio.Event()
    look = Senses(Network((lease(),)), [Looking(never.wait), Looking({}, "t")])
    seen, _ = await asyncio.wait_for(look.snapshot(Counting(), WHO, START, IDLE), 5)
    assert seen.surveys == {"t": {}}
    assert look.faults == {"survey s": "TimeoutError"}


async def test_a_survey_cannot_be_changed_afterwards():
    said = {"jobs": [1]}
    look = Senses(Network((lease(),)), [Looking(said)])
    seen, _ = await look.snapshot(Counting(), WHO, START, IDLE)
    said["jobs"].append(2)
    assert seen.surveys == {"s": {"jobs": [1]}}


async def test_savings_that_can_be_had_at_once_are_runway():
    look = Senses(Network((lease(paid_h=0),), ()), [Looking({"liquid_micro": "30000000"}, "saver")])
    seen, memory = await look.snapshot(Counting(), WHO, START, IDLE)
    assert seen.runway_h == pytest.approx(20 + 30, abs=0.01)
    assert seen.vitals == Vitals.STEADY
    assert seen.surveys == {"saver": {"liquid_micro": "30000000"}}
    assert memory.vitals == Vitals.STEADY


async def test_a_strangers_savings_are_no_runway_and_not_even_shown():
    rich = {"liquid_micro": "30000000", "n": 1}
    look = Senses(Network((lease(paid_h=0),), ()), [Looking(rich, "theirs")], ["theirs"])
    seen, _ = await look.snapshot(Counting(), WHO, START, IDLE)
    assert seen.runway_h == pytest.approx(20, abs=0.01)
    assert seen.surveys == {"theirs": {"n": 1}}


@pytest.mark.parametrize(
    ("fault", "runway"), [(Unreachable(), 50), (RuntimeError("ill"), 50), (Reverted("no"), 20)]
)
async def test_savings_not_heard_of_are_as_they_were_unless_the_vault_itself_refuses(fault, runway):
    saver = Looking({"liquid_micro": "30000000"}, "saver")
    look = Senses(Network((lease(paid_h=0),), ()), [saver])
    _, memory = await look.snapshot(Counting(), WHO, START, IDLE)
    saver.answer = fault
    for _ in range(2):
        seen, memory = await look.snapshot(Counting(), WHO, memory, IDLE)
        assert seen.runway_h == pytest.approx(runway, abs=0.01)
        assert list(look.faults) == ["survey saver"]
    saver.answer = {"liquid_micro": "0"}
    seen, memory = await look.snapshot(Counting(), WHO, memory, IDLE)
    assert seen.runway_h == pytest.approx(20, abs=0.01)
    saver.answer = Unreachable()
    seen, _ = await look.snapshot(Counting(), WHO, memory, IDLE)
    assert seen.runway_h == pytest.approx(20, abs=0.01)


async def test_a_strategy_that_surveys_knows_of_savings_what_was_known_a_look_before():
    told = []

    class Curious(Looking):
        async def survey(self, read, seen):
            told.append((seen.runway_h, seen.vitals, seen.surveys))
            return {"liquid_micro": "30000000"}

    look = Senses(Network((lease(paid_h=0),), ()), [Curious({}, "saver")])
    _, memory = await look.snapshot(Counting(), WHO, START, IDLE)
    await look.snapshot(Counting(), WHO, memory, IDLE)
    assert [(round(runway), str(vitals), surveys) for runway, vitals, surveys in told] == [
        (20, "steady", {}),
        (50, "steady", {}),
    ]


async def test_one_look_asks_nothing_twice():
    network = Network((lease(),), (offer(),))
    reader = Counting()
    strategies = [Thrift(Options(), network), make_keeper({}, None)]
    reader._answers = {
        **reader._answers,
        "jobCount()(uint256)": [0],
        next(iter(_open_jobs())): [[], [], 0],
    }
    seen, _ = await Senses(network, strategies).snapshot(reader, WHO, START, IDLE)
    assert seen.surveys["thrift"] == {"other_n": 0}
    assert reader.asked["balance"] == 1
    assert max(reader.asked.values()) == 1


def _open_jobs():
    from strategies.keeper import OPEN_JOBS

    return {OPEN_JOBS}


async def test_a_fault_is_asked_for_once_too_and_everyone_hears_of_it():
    reader = Counting(away={BALANCE_OF})
    look = Asked(reader)
    found = await asyncio.gather(
        *(look.call(PLACES.token, BALANCE_OF, [WALLET]) for _ in range(3)), return_exceptions=True
    )
    assert [type(each) for each in found] == [Unreachable] * 3
    assert sum(reader.asked.values()) == 1


async def test_who_gives_up_waiting_takes_the_answer_from_nobody():
    gate = asyncio.Event()

    class Slow(Counting):
        async def balance(self, of):
            await gate.wait()
            return await super().balance(of)

    look = Asked(Slow())
    hasty = asyncio.create_task(look.balance(WALLET))
    patient = asyncio.create_task(look.balance(WALLET))
    await asyncio.sleep(0)
    hasty.cancel()
    gate.set()
    assert await patient == 10**16
    with pytest.raises(asyncio.CancelledError):
        await hasty


async def test_asked_answers_as_the_reader_does():
    reader = FakeReader(BLOCK, {"f(uint256)(uint256)": lambda args: args}, base_fee=5)
    look = Asked(reader)
    assert look.block == BLOCK
    assert [await look.call(PLACES.token, "f(uint256)(uint256)", [n]) for n in (1, 2, 1)] == [
        [1],
        [2],
        [1],
    ]
    assert await look.base_fee() == 5
    assert await look.balance(WALLET) == 0
