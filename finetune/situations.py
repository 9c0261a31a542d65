"""Moments that a life might meet, drawn at random, with what the reflex thinks of each choice.

Sizes are drawn evenly on a logarithmic scale, far beyond any one world, so that the model learns
what the words mean and not where it grew up. The same seed gives the same moments.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from random import Random
from string import ascii_lowercase
from typing import Any, Final, NamedTuple

from agent.metabolism import vitals
from agent.prompt import LABELS, UNITS, render
from chain.types import RATE_SCALE, Block, Micro, Wei
from compute.port import Lease, LeaseState, Offer
from finetune.vocab import KEYS, VERBS, Tokenizer
from strategies import hold, keeper, samples, thrift
from strategies.port import Action, Holdings, Outcome, Pending, Placing, Snapshot

HOUR: Final = 3600
GRID: Final = 10**18
STRATEGIES: Final = tuple(part.make({}, samples.TOOLS) for part in (hold, thrift, keeper))
ACTED: Final = ("thrift.extend", "thrift.open", "thrift.close", "thrift.refuel", "keeper.work")
OTHERS: Final = tuple(key for key in KEYS if key not in ACTED and key != hold.WAIT.key)
STATES: Final = (LeaseState.ACTIVE,) * 12 + (
    *(LeaseState.GRACE, LeaseState.GRACE, LeaseState.REQUESTED),
    *(LeaseState.CLOSING, LeaseState.LOST, LeaseState.FAILED),
)


class Example(NamedTuple):
    """A prompt in tokens and the reflex's score of every line of its menu."""

    tokens: list[int]
    scores: list[float]


def examples(seed: int, *, foreign: float = 0.1, shuffled: float = 0.5) -> Iterator[Example]:
    """Without end; `foreign` and `shuffled` are the shares of menus changed in these ways."""
    dice = Random(seed)
    encode = Tokenizer().encode
    while True:
        seen = moment(dice)
        menu = list(chain.from_iterable(part.propose(seen) for part in STRATEGIES))
        menu = _vary(dice, menu, foreign, shuffled)
        if len(menu) > 1:
            yield Example(encode(render(seen, menu)), [action.score for action in menu])


def moment(dice: Random) -> Snapshot:
    """One snapshot: a market, a wallet, perhaps a lease, and jobs, all of plausible sizes."""
    hourly = _size(dice, 1e4, 2e7)
    gas_price = Wei(int(_size(dice, 1e8, 2e11)))
    offers = tuple(_offers(dice, hourly))
    horizon_s = int(_size(dice, 6 * HOUR, 2000 * HOUR))
    age_s = int(horizon_s * dice.random())
    lease = _lease(dice, hourly, offers) if dice.random() < 0.8 else None
    money = Micro(0 if dice.random() < 0.03 else int(hourly * _size(dice, 0.05, 300)))
    wei = Wei(int(gas_price * _size(dice, 1e5, 3e8)))
    burn = Micro(int((lease.micro_per_hour if lease else hourly) * dice.uniform(0.9, 1.4)))
    runway_h = min((money + (lease.balance if lease else 0)) / max(burn, 1), 10_000.0)
    remote = Placing.REMOTE if dice.random() < 0.5 else Placing.EMBODIED
    asleep_s = 0 if lease and lease.state in _HOUSED else int(24 * HOUR * dice.random())
    seen = samples.snapshot(
        block=Block(31337, dice.randrange(1, 10**6), samples.snapshot().block.hash, samples.NOW),
        age_s=age_s,
        horizon_s=horizon_s,
        placing=remote,
        holdings=Holdings(wei, money, stale=dice.random() < 0.03),
        gas_price=gas_price,
        eth_price=Micro(int(_size(dice, 1e8, 2e10)) if dice.random() < 0.95 else 0),
        lease=lease,
        offers=offers,
        unleased_s=asleep_s,
        burn=burn,
        runway_h=runway_h,
        vitals=vitals(runway_h, None if dice.random() < 0.5 else vitals(2 * runway_h, None)),
        in_flight=tuple(Pending("0.0", dice.choice(ACTED), 60) for _ in range(_few(dice))),
        recent=tuple(_outcome(dice) for _ in range(3 * _few(dice))),
    )
    return replace(seen, surveys={"thrift": {"other_n": 0}, "keeper": {"jobs": _jobs(dice, seen)}})


_HOUSED: Final = (LeaseState.ACTIVE, LeaseState.GRACE)


def _offers(dice: Random, hourly: float) -> Iterator[Offer]:
    for number in range(1, dice.choice((0, 1, 2, 2, 3, 3, 4)) + 1):
        yield samples.offer(
            number,
            hourly=int(hourly * (1 if dice.random() < 0.3 else _size(dice, 0.5, 2))),
            provider=dice.choice((samples.PROVIDER, samples.RIVAL_PROVIDER)),
            min_s=int(_size(dice, HOUR / 4, 2 * HOUR)),
            max_s=int(_size(dice, 8 * HOUR, 500 * HOUR)),
            free=dice.choice((0, 1, 2, 3)),
        )


def _lease(dice: Random, hourly: float, offers: Sequence[Offer]) -> Lease:
    rate = dice.choice(offers).rate if offers and dice.random() < 0.6 else samples.rate(int(hourly))
    state = dice.choice(STATES)
    paid_s = int(_size(dice, 60, 30 * HOUR))
    ends_s = paid_s + int(_size(dice, 60, 300 * HOUR)) * (dice.random() < 0.9)
    if state is LeaseState.REQUESTED:
        paid_s = ends_s = 0
    return samples.lease(
        state=state,
        rate=rate,
        balance=Micro(rate * paid_s // RATE_SCALE),
        paid_until=samples.NOW + paid_s * (state in _HOUSED),
        ends_at=samples.NOW + ends_s,
    )


def _jobs(dice: Random, seen: Snapshot) -> list[dict[str, Any]]:
    """Jobs worth from a hundredth of their gas to some days of living."""
    jobs = []
    for number in range(1, dice.choice((0, 0, 1, 1, 2, 3, 4)) + 1):
        gas = int(_size(dice, 6e4, 3e6))
        cost = gas * seen.gas_price * seen.eth_price // GRID
        reward = cost * _size(dice, 0.5, 8) if dice.random() < 0.3 else 0.0
        reward += seen.burn * _size(dice, 0.01, 30)
        left_s = int(_size(dice, 60, 48 * HOUR))
        jobs.append(samples.job(number, reward=int(reward), deadline=samples.NOW + left_s, gas=gas))
    return [dict(job) for job in jobs]


def _vary(dice: Random, menu: list[Action], foreign: float, shuffled: float) -> list[Action]:
    """Hold stays first; the rest may lose members, gain strangers, and stand in any order."""
    first, *rest = menu
    if dice.random() < shuffled:
        dice.shuffle(rest)
        rest = [action for action in rest if dice.random() < 0.9]
    if dice.random() < foreign:
        for _ in range(dice.choice((1, 1, 2, 3, 12))):
            rest.insert(dice.randrange(len(rest) + 1), _stranger(dice))
    return [first, *rest][: len(LABELS)]


def _stranger(dice: Random) -> Action:
    """An action of a strategy that is not in use here, or of nobody's: its words say nothing of its
    score, which varies mildly.
    """
    name = "".join(dice.choice(ascii_lowercase) for _ in range(dice.randrange(3, 9)))
    key = dice.choice(OTHERS) if dice.random() < 0.5 else f"{name}.{dice.choice(VERBS)}"
    params = {
        f"x{n}_{dice.choice(tuple(UNITS))}": int(_size(dice, 1, 1e12)) for n in range(_few(dice))
    }
    return Action(key, params, "", score=dice.gauss(0, 1))


def _outcome(dice: Random) -> Outcome:
    return Outcome(dice.choice(ACTED), dice.random() < 0.7, Wei(10**13), 600)


def _few(dice: Random) -> int:
    return dice.choice((0, 0, 0, 1, 1, 2))


def _size(dice: Random, low: float, high: float) -> float:
    """Evenly on a logarithmic scale."""
    return float(low * (high / low) ** dice.random())
