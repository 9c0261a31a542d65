"""`python bench/trading.py`: what the trader's reflex earns on paper, against doing nothing.

Many weeks at one pool, in pure arithmetic: the same visitors for everybody, the constant product
formula, the pool's fee, gas, and a block between the decision and the trade. The reflex is set
against holding dollars, against holding a share of the other token all week, and against a walk:
trades as many and as large at random. Differences are paired by seed; intervals hold 95 %.
"""

from __future__ import annotations

import argparse
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import sqrt
from random import Random
from typing import Final

from chain.types import Call, Micro, Wei
from strategies.pool import Pool
from strategies.port import Action, Holdings, Snapshot
from strategies.quotes import NOW, SPAN_S
from strategies.samples import TOOLS, address, snapshot
from strategies.trader import BUY, USUAL_GAS, make
from world.pools import FairRegime, PoolTable, Visit, after, order, visits

BLOCK_S: Final = 1800
HOUR: Final = 3600
BEFORE_S: Final = 72 * HOUR
"""The diary is full when the week begins."""
WEEK_S: Final = 168 * HOUR
MONEY: Final = 1_000_000_000
HELD_PCT: Final = 30
DEPTH: Final = 50_000_000_000
OPTIONS: Final = {
    "desk": address(20),
    "pair": address(21),
    "other": address(22),
    "most_micro": 100_000_000,
    "least_micro": 5_000_000,
    "held_pct": HELD_PCT,
    "other_per_action": 10**12,
}

Choice = Callable[[Sequence[Action]], Action | None]


@dataclass(frozen=True, slots=True)
class Place:
    """A pool's visitors, and what gas costs there."""

    name: str
    table: PoolTable
    gas_micro: int
    """What a trade burns."""


@dataclass(slots=True)
class Week:
    """One trader's week as it goes."""

    pool: Pool
    micro: int = MONEY
    units: int = 0
    trades: int = 0
    offers: int = 0
    failed: int = 0
    sums: deque[float] = field(default_factory=lambda: deque(maxlen=60))
    """Hourly averages of the price."""

    @property
    def worth(self) -> int:
        """In dollars, if all were sold now."""
        return self.micro + (self.pool.sell(self.units) if self.units else 0)


def live(place: Place, seed: int, choose: Choice, start_pct: int = 0) -> Week:
    """A week with somebody's choices; `start_pct` of the money is laid out at its beginning."""
    strategy, week = make(OPTIONS, TOOLS), Week(_founded(place.table))
    coming = visits(place.table, Random(f"{place.name}/{seed}"))
    ahead, chosen = next(coming), None
    hour: list[float] = []
    for at in range(0, BEFORE_S + WEEK_S + 1, BLOCK_S):
        while ahead.at_s <= at:
            _visit(week, place.table, ahead)
            ahead = next(coming)
        if chosen is not None:
            _fill(week, chosen, place)
        hour.append(week.pool.micro / week.pool.other)
        if at % SPAN_S == 0:
            week.sums.append(sum(hour) / len(hour))
            hour = []
        if at == BEFORE_S and start_pct:
            _buy(week, MONEY * start_pct // 100)
        if at >= BEFORE_S and choose is not nothing:
            offered = strategy.propose(_seen(week, place, at - BEFORE_S))
            week.offers += bool(offered)
            chosen = choose(offered)
    return week


def _visit(week: Week, table: PoolTable, visit: Visit) -> None:
    asked = order(visit, week.pool, table.informed_pct)
    if asked is not None:
        week.pool = after(week.pool, asked)


def _fill(week: Week, action: Action, place: Place) -> None:
    """A block later, as the desk would: the bound holds or the gas is lost."""
    [call] = action.calls
    paid, least = _amounts(call)
    week.micro -= place.gas_micro
    buys = action.key == BUY
    got = week.pool.buy(paid) if buys else week.pool.sell(paid)
    if got < least:
        week.failed += 1
        return
    week.trades += 1
    if buys:
        week.pool = Pool(week.pool.micro + paid, week.pool.other - got)
        week.micro, week.units = week.micro - paid, week.units + got
    else:
        week.pool = Pool(week.pool.micro - got, week.pool.other + paid)
        week.micro, week.units = week.micro + got, week.units - paid


def _buy(week: Week, micro: int) -> None:
    got = week.pool.buy(micro)
    week.pool = Pool(week.pool.micro + micro, week.pool.other - got)
    week.micro, week.units = week.micro - micro, week.units + got


def _amounts(call: Call) -> tuple[int, int]:
    paid, least = call.args[4:6]
    assert isinstance(paid, int)
    assert isinstance(least, int)
    return paid, least


def _seen(week: Week, place: Place, age_s: int) -> Snapshot:
    now = week.pool.micro / week.pool.other
    gas_price = 10**9
    return replace(
        PLAIN,
        holdings=Holdings(Wei(10**20), Micro(week.micro)),
        gas_price=Wei(gas_price),
        eth_price=Micro(place.gas_micro * 10**18 // (USUAL_GAS * gas_price)),
        age_s=age_s,
        horizon_s=WEEK_S,
        surveys={
            "trader": {
                "micro": str(week.pool.micro),
                "other": str(week.pool.other),
                "held": str(week.units),
                "prices": [max(1, round(NOW * price / now)) for price in week.sums],
            }
        },
    )


PLAIN: Final = snapshot()


def _founded(table: PoolTable) -> Pool:
    return Pool(table.depth_micro, table.depth_micro * 10**6 // table.price_micro)


def reflex(offered: Sequence[Action]) -> Action | None:
    """What the reflex does: the best score above waiting's."""
    best = max(offered, key=lambda action: action.score, default=None)
    return best if best is not None and best.score > 0 else None


def nothing(offered: Sequence[Action]) -> Action | None:  # noqa: ARG001
    return None


def walk(seed: int, chance: float) -> Choice:
    """Any of what is offered, as often as the reflex trades."""
    dice = Random(f"walk/{seed}")

    def choose(offered: Sequence[Action]) -> Action | None:
        if not offered or dice.random() >= chance:
            return None
        return offered[int(dice.random() * len(offered))]

    return choose


def pool(swing_pct: float, informed_per_h: float, noise_per_h: float) -> PoolTable:
    return PoolTable(
        name="pool",
        depth_micro=DEPTH,
        regimes=(
            FairRegime(name="calm", mean_h=12, swing_pct=swing_pct),
            FairRegime(name="wild", mean_h=6, swing_pct=3 * swing_pct),
        ),
        informed_per_h=informed_per_h,
        noise_per_h=noise_per_h,
        noise_micro=400_000_000,
    )


PLACES: Final = (
    Place("noise, slow news", pool(0.2, 0.3, 4), 20_000),
    Place("noise and news", pool(0.5, 1, 4), 20_000),
    Place("noise, swift news", pool(0.5, 12, 4), 20_000),
    Place("news alone", pool(0.5, 4, 0), 20_000),
    Place("noise, slow news, dear gas", pool(0.2, 0.3, 4), 1_000_000),
)


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The mean, and half the width of its 95 % interval."""
    mean = sum(values) / len(values)
    spread = sqrt(sum((x - mean) ** 2 for x in values) / (len(values) - 1))
    return mean, 1.96 * spread / sqrt(len(values))


def measure(place: Place, seeds: range) -> Iterator[tuple[str, tuple[float, float]]]:
    """Dollars a week for each thousand; and trades a week."""
    ours = [live(place, seed, reflex) for seed in seeds]
    chance = min(1.0, sum(w.trades for w in ours) / max(1, sum(w.offers for w in ours)))
    walks = [live(place, seed, walk(seed, chance)) for seed in seeds]
    holds = [live(place, seed, nothing, HELD_PCT) for seed in seeds]
    yield "reflex − dollars", interval([(w.worth - MONEY) / 1e6 for w in ours])
    for name, others in (("other token", holds), ("walk", walks)):
        pairs = zip(ours, others, strict=True)
        yield f"reflex − {name}", interval([(a.worth - b.worth) / 1e6 for a, b in pairs])
    yield "trades", interval([float(w.trades) for w in ours])
    yield "missed", interval([float(w.failed) for w in ours])
    yield "walk − dollars", interval([(w.worth - MONEY) / 1e6 for w in walks])
    yield "trades of the walk", interval([float(w.trades) for w in walks])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weeks", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    said = parser.parse_args()
    for place in PLACES:
        print(f"— {place.name}", flush=True)
        for name, (mean, half) in measure(place, range(said.first, said.first + said.weeks)):
            print(f"  {name:22} {mean:8.2f} ± {half:.2f}", flush=True)


if __name__ == "__main__":
    main()
