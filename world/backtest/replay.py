"""Replays a policy on a record: the real strategies, the real menu, a world that does not react.

Everything a snapshot holds is made from the record and a few figures of account; what an action
does is booked at the next block, as a chain would, with gas as it was seen to cost. It is an
estimate and no more: rivals do as they did, whatever the policy takes from them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final, cast

from agent import metabolism, mortality
from agent.metabolism import Burn
from agent.mind import Rule
from chain.types import RATE_SCALE, Block, Call, Json, Micro, Wei
from compute.market import CLOSE, EXTEND, OPEN
from compute.port import Lease, LeaseState, Offer
from strategies import keeper, refuel
from strategies.hold import WAIT
from strategies.port import (
    Action,
    Holdings,
    Outcome,
    Snapshot,
    Strategy,
    Tools,
    Vitals,
)
from strategies.samples import GUARDIAN, PLACES, PROVIDER, WALLET, address
from strategies.thrift import make as make_thrift
from telemetry.draw import draw, log_probabilities
from world.backtest.record import TIP, WEI_PER_ETH, Job, Record, value_at
from world.scenario import HOUR, Scenario

WORK_GAS: Final = 85_000
GAS_PER_STEP: Final = 118
LOST_GAS: Final = 45_000
GAS: Final = {OPEN: 330_000, EXTEND: 120_000, CLOSE: 95_000}
REFUEL_GAS: Final = 130_000
BIRTH_GAS: Final = 520_000
"""Birth, saying where the log is, and what else comes first."""
START: Final = 1_767_225_700
CHECKED_N: Final = 6
REMEMBERED: Final = 12
LEAST_H: Final = 4.0
MENU: Final = 12


@dataclass(slots=True)
class Account:
    """Where the replayed life stands."""

    micro: int
    wei: int
    rate: int
    balance: int
    opened_s: int
    ends_s: int
    house: int
    leased: bool = True
    coming: bool = False
    last_active_s: int = 0
    paid_s: float = 0
    vitals: Vitals | None = None
    done: set[int] = field(default_factory=set)
    recent: list[tuple[str, bool, int, int]] = field(default_factory=list)
    """Key, success, fee and time of what was done of late."""
    fees: list[tuple[int, int]] = field(default_factory=list)
    pending: list[tuple[Action, Job | None]] = field(default_factory=list)
    seq: int = 1


@dataclass(frozen=True, slots=True)
class Replayed:
    """How the backtest says that it went."""

    paid_h: float
    cause: str
    ticks: int
    earned_micro: int


def replay(scenario: Scenario, record: Record, rule: Rule, *, epsilon: float = 0.0) -> Replayed:
    """One life by this policy on this record."""
    return Replay(scenario, record, rule, epsilon).run()


class Replay:
    """One replayed life; a subclass of nothing, a copy of nobody."""

    def __init__(
        self, scenario: Scenario, record: Record, rule: Rule, epsilon: float = 0.0
    ) -> None:
        self._scenario, self._record = scenario, record
        self._rule, self._epsilon = rule, epsilon
        self._block_s = scenario.time.block_s
        tools = Tools(_Market())
        options = scenario.strategies
        self._strategies: Sequence[Strategy] = (
            make_thrift(options.get("thrift", {}), tools),
            keeper.make(options.get("keeper", {}), tools),
        )
        self._seed = hashlib.sha256(f"{scenario.name}/{record.seed}/birth".encode()).digest()
        grant, rate = scenario.endowment, record.rents[0].path[0][1]
        self.at = Account(
            micro=grant.micro,
            wei=grant.wei - BIRTH_GAS * (record.gas[0][1] + TIP),
            rate=rate,
            balance=int(grant.first_lease_h * HOUR * rate // RATE_SCALE),
            opened_s=0,
            ends_s=int(scenario.home.max_h * HOUR),
            house=0,
        )
        self.earned = 0
        self.ticks = 0

    def run(self) -> Replayed:
        now, ended = 0, None
        while ended is None:
            now += self._block_s
            self._pass(now)
            self._book(now)
            seen = self.look(now)
            ended = self._judge(seen)
            if ended is None:
                self.tick(now, seen)
        return Replayed(self.at.paid_s / HOUR, ended.cause, self.ticks, self.earned)

    def tick(self, now: int, seen: Snapshot) -> None:
        menu = self.menu(seen)
        logprobs = log_probabilities(self._rule(seen, menu).logits, 1.0, self._epsilon)
        chosen = menu[draw(self._seed, self.at.seq, logprobs)]
        self.at.seq += 2 if chosen.calls else 1
        self.ticks += 1
        self.act(chosen, now)

    def menu(self, seen: Snapshot) -> tuple[Action, ...]:
        offered = {
            f"{a.key} {sorted(a.params.items())}": a
            for strategy in self._strategies
            for a in strategy.propose(seen)
        }
        best = sorted(offered.items(), key=lambda item: (-item[1].score, item[0]))[: MENU - 1]
        return (WAIT, *(action for _, action in best))

    def act(self, action: Action, now: int) -> None:
        """It happens at the next block."""
        del now
        job = None
        if action.key == keeper.WORK:
            job = next(j for j in self._record.jobs if j.id == action.params["job_n"])
        if action.calls:
            self.at.pending.append((action, job))

    def look(self, now: int) -> Snapshot:
        """What the senses would see."""
        at, price = self.at, value_at(self._record.gas, now) + TIP
        lease, offers = self._lease(now), self._offers(now)
        held = Holdings(Wei(max(0, at.wei)), Micro(at.micro))
        day = [fee for when, fee in at.fees if when > now - 24 * HOUR]
        hours = max(LEAST_H, min(now, 24 * HOUR) / HOUR)
        cost = Burn(metabolism.rent(lease, offers), Wei(int(sum(day) / hours)))
        eth = self._scenario.gas.station_micro
        runway = metabolism.runway_h(held, Micro(at.balance if at.leased else 0), cost)
        at.vitals = metabolism.vitals(runway, at.vitals)
        seen = Snapshot(
            agent=1,
            wallet=WALLET,
            guardian=GUARDIAN,
            block=Block(31337, now // self._block_s + 10, "0x" + "00" * 32, START + now),
            age_s=now,
            horizon_s=self._scenario.horizon_s,
            placing=self._scenario.endowment.placing,
            places=PLACES,
            holdings=held,
            gas_price=Wei(price),
            eth_price=Micro(eth),
            lease=lease,
            offers=offers,
            manifest="0x" + "11" * 32,
            unleased_s=max(0, now - at.last_active_s),
            hibernate_max_s=int(self._scenario.endowment.hibernate_max_h * HOUR),
            burn=Micro(cost.micro + cost.wei * eth // WEI_PER_ETH),
            runway_h=runway,
            vitals=at.vitals,
            recent=tuple(
                Outcome(key, ok, Wei(fee), now - when)
                for key, ok, fee, when in reversed(at.recent[-REMEMBERED:])
            ),
        )
        return replace(seen, surveys=self._surveys(now))

    def _surveys(self, now: int) -> Mapping[str, Mapping[str, Json]]:
        open_ = [
            job
            for job in self._record.jobs
            if job.posted_s < now
            and job.due_s <= now <= job.deadline_s
            and job.taken_s > now - self._block_s
            and job.id not in self.at.done
        ]
        open_.sort(key=lambda job: (-job.reward, job.id))
        jobs = [
            asdict(
                keeper.Job(
                    job.id, str(job.reward), START + job.deadline_s, 102_000 + 120 * job.work
                )
            )
            for job in open_[:CHECKED_N]
        ]
        return {"keeper": {"jobs": cast("Any", jobs)}, "thrift": {"other_n": 0}}

    def _offers(self, now: int) -> tuple[Offer, ...]:
        found = []
        for i, (rent, provider) in enumerate(
            zip(self._record.rents, self._scenario.providers, strict=True), 1
        ):
            found.append(
                Offer(
                    network="lease-market",
                    id=i,
                    provider=_house(i - 1),
                    rate=value_at(rent.path, now),
                    min_s=provider.min_s,
                    max_s=int(provider.max_h * HOUR),
                    grace_s=provider.grace_s,
                    free=provider.slots - int(self.at.leased and self.at.house == i - 1),
                    uri="http://provider.example",
                )
            )
        return tuple(sorted(found, key=lambda offer: (offer.rate, offer.id)))

    def _lease(self, now: int) -> Lease | None:
        at = self.at
        if not at.leased:
            return None
        paid = now + at.balance * RATE_SCALE // at.rate
        return Lease(
            network="lease-market",
            id=1,
            offer=at.house + 1,
            provider=_house(at.house),
            guardian=GUARDIAN,
            uri="http://provider.example",
            state=LeaseState.REQUESTED if at.coming else LeaseState.ACTIVE,
            rate=at.rate,
            balance=Micro(at.balance),
            opened_at=START + at.opened_s,
            paid_until=START + min(paid, at.ends_s),
            ends_at=START + at.ends_s,
            manifest="0x" + "11" * 32,
        )

    def _judge(self, seen: Snapshot) -> mortality.Ending | None:
        return mortality.judge(seen, 2 * self._block_s, 2 * self._block_s)

    def _pass(self, now: int) -> None:
        """A block's worth of rent."""
        at = self.at
        if not at.leased:
            return
        if at.coming:
            at.coming = False
            return
        silent = any(a <= now < b for a, b in self._record.rents[at.house].silent)
        affordable = at.balance * RATE_SCALE // at.rate
        lived = (
            0 if silent else min(self._block_s, affordable, max(0, at.ends_s - now + self._block_s))
        )
        at.balance -= -(-at.rate * lived // RATE_SCALE)
        at.paid_s += lived
        at.last_active_s = now - self._block_s + lived if lived else at.last_active_s
        if lived < self._block_s:
            at.micro += max(0, at.balance)
            at.balance, at.leased = 0, False

    def _book(self, now: int) -> None:
        at, price = self.at, value_at(self._record.gas, now) + TIP
        for action, job in at.pending:
            ok, gas = self._done(action, job, now)
            at.wei -= gas * price
            at.fees.append((now, gas * price))
            at.recent.append((action.key, ok, gas * price, now))
        at.pending.clear()

    def _done(self, action: Action, job: Job | None, now: int) -> tuple[bool, int]:
        """Whether it worked, and the gas it took."""
        at, [call, *_] = self.at, action.calls
        if job is not None:
            if job.taken_s <= now - self._block_s or job.id in at.done or job.deadline_s < now:
                return False, LOST_GAS
            at.done.add(job.id)
            at.micro += job.reward
            self.earned += job.reward
            return True, WORK_GAS + GAS_PER_STEP * job.work
        if call.function == refuel.BUY:
            paid = cast("Any", call.pull).value
            at.micro -= paid
            at.wei += paid * WEI_PER_ETH // self._scenario.gas.station_micro
            return True, REFUEL_GAS
        return self._lease_call(call, now), GAS[call.function]

    def _lease_call(self, call: Call, now: int) -> bool:
        at = self.at
        if call.function == EXTEND and at.leased:
            at.micro -= cast("Any", call.pull).value
            at.balance += cast("Any", call.pull).value
            return True
        if call.function == CLOSE and at.leased:
            at.micro += at.balance
            at.balance, at.leased = 0, False
            return True
        if call.function == OPEN and not at.leased:
            house = int(cast("Any", call.args[1])) - 1
            at.rate, at.house = value_at(self._record.rents[house].path, now), house
            at.micro -= cast("Any", call.pull).value
            at.balance, at.leased, at.coming = cast("Any", call.pull).value, True, True
            at.opened_s = now
            at.ends_s = now + int(self._scenario.providers[house].max_h * HOUR)
            return True
        return False


def _house(i: int) -> Any:
    return PROVIDER if i == 0 else address(400 + i)


class _Market:
    """Describes calls as the market does; reads nothing."""

    name = "lease-market"

    def __init__(self) -> None:
        from compute.market import LeaseMarket

        made = LeaseMarket(PLACES.lease_market, PLACES.token, GUARDIAN)
        self.open, self.extend, self.close = made.open, made.extend, made.close

    async def discover(self, read: Any) -> Sequence[Offer]:
        raise NotImplementedError

    async def leases(self, read: Any, tenant: Any) -> Sequence[Lease]:
        raise NotImplementedError
