"""What the hand-written rival does in which moment: a table."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chain.types import Micro, Wei
from compute.port import LeaseState
from strategies.hold import WAIT
from strategies.keeper import WORK
from strategies.port import Action, Holdings, Placing
from strategies.refuel import REFUEL
from strategies.rent import CLOSE, EXTEND, OPEN
from strategies.samples import HOUR, HOURLY, lease, offer, snapshot
from world.heuristic import USUAL, Figures, heuristic


def extend(hours):
    return Action(EXTEND, {"longer_s": int(hours * HOUR), "deposit_micro": 1, "paid_s": 1}, "pay")


def rent(hour_micro=HOURLY, number=1):
    params = {"hour_micro": hour_micro, "deposit_micro": 1, "longer_s": 1, "offer_n": number}
    return Action(OPEN, params, "rent")


def work(reward=2_000_000, gas=200_000, chance=75, number=1):
    params = {"reward_micro": reward, "gas_micro": gas, "chance_pct": chance, "job_n": number}
    return Action(WORK, {**params, "left_s": 4 * HOUR}, "work")


def fuel(level=50, price=500_000):
    return Action(REFUEL, {"price_micro": price, "least_wei": 1, "level_pct": level}, "buy gas")


LEAVE = Action(CLOSE, {"back_micro": 1, "hour_micro": HOURLY}, "leave")
SAFE = snapshot(lease=lease(paid_h=8))
SHORT = snapshot(lease=lease(paid_h=1))
ASLEEP = snapshot(lease=None, placing=Placing.REMOTE)
REMOTE = snapshot(placing=Placing.REMOTE)
CHEAPER = replace(REMOTE, offers=(offer(), offer(2, hourly=HOURLY // 2)))

FIGURES = Figures(
    low_h=1.5,
    longest_h=16.0,
    gas_share_pct=80,
    least_margin_micro=30_000,
    most_reward_h=4.5,
    refuel_pct=90,
    move_pct=45,
    last_h=2.0,
)
"""Whatever they are tuned to."""
MOMENTS = {
    "nothing to do": (SAFE, [], WAIT),
    "rent is paid for a while": (SAFE, [extend(8)], WAIT),
    "rent is due: as long as can be": (SHORT, [extend(4), extend(16), extend(8)], extend(16)),
    "rent is due: but no longer than is wise": (SHORT, [extend(4), extend(48)], extend(4)),
    "rent is due: the least of what is too long": (SHORT, [extend(48), extend(24)], extend(24)),
    "rent before work": (SHORT, [work(), extend(8)], extend(8)),
    "rent is due and cannot be paid": (SHORT, [work()], work()),
    "nothing is paid beyond the end": (
        replace(SHORT, age_s=72 * HOUR, horizon_s=69 * HOUR),
        [extend(4)],
        WAIT,
    ),
    "the lease ends for good: the next one": (
        snapshot(lease=lease(paid_h=1, ends_h=1)),
        [extend(1), rent()],
        rent(),
    ),
    "asleep: where it is cheapest": (
        ASLEEP,
        [rent(1_500_000), rent(900_000, 2)],
        rent(900_000, 2),
    ),
    "asleep and nothing to rent: work": (ASLEEP, [work()], work()),
    "a lease that is lost is none": (
        snapshot(lease=lease(state=LeaseState.LOST)),
        [rent(), work()],
        rent(),
    ),
    "a tank that runs dry": (SAFE, [work(), fuel(50)], fuel(50)),
    "the smaller of two fills": (SAFE, [fuel(50, 900_000), fuel(50, 300_000)], fuel(50, 300_000)),
    "a tank with enough in it": (SAFE, [fuel(100)], WAIT),
    "too poor for a fill": (
        replace(SAFE, holdings=Holdings(Wei(10**16), Micro(900_000))),
        [fuel(50, 500_000)],
        WAIT,
    ),
    "rent before gas": (SHORT, [fuel(), extend(8)], extend(8)),
    "the better of two jobs": (
        SAFE,
        [work(1_500_000), work(2_500_000, number=2)],
        work(2_500_000, number=2),
    ),
    "the surer of two jobs": (
        SAFE,
        [work(2_000_000, 900_000, 60), work(1_900_000, 900_000, 90, number=2)],
        work(1_900_000, 900_000, 90, number=2),
    ),
    "a job that gas eats up": (SAFE, [work(1_000_000, 850_000)], WAIT),
    "a job too good to be true": (SAFE, [work(9_000_000)], WAIT),
    "a job that leaves too little": (SAFE, [work(195_000, 150_000, 80)], WAIT),
    "a cheaper machine for a life that can move": (CHEAPER, [LEAVE], LEAVE),
    "not for a small saving": (
        replace(REMOTE, offers=(offer(), offer(2, hourly=int(HOURLY * 0.7)))),
        [LEAVE],
        WAIT,
    ),
    "an embodied life stays": (replace(CHEAPER, placing=Placing.EMBODIED), [LEAVE], WAIT),
    "work before moving": (CHEAPER, [LEAVE, work()], work()),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_it_does_what_a_careful_person_would(moment):
    seen, offered, right = MOMENTS[moment]
    menu = (WAIT, *offered)
    assert menu[heuristic(seen, menu, FIGURES)] == right


def test_its_figures_are_what_it_goes_by():
    """Each of them turns some moment round."""
    menu = (WAIT, work(1_000_000, 850_000))
    assert heuristic(SAFE, menu, Figures(gas_share_pct=100)) == 1
    menu = (WAIT, work(9_000_000))
    assert heuristic(SAFE, menu, Figures(most_reward_h=10)) == 1
    menu = (WAIT, extend(4))
    assert heuristic(SAFE, menu, Figures(low_h=9)) == 1
    menu = (WAIT, fuel(100))
    assert heuristic(SAFE, menu, Figures(refuel_pct=120)) == 1
    menu = (WAIT, LEAVE)
    assert heuristic(CHEAPER, menu, Figures(move_pct=60)) == 0
    menu = (WAIT, work(195_000, 150_000, 80))
    assert heuristic(SAFE, menu, Figures(least_margin_micro=0)) == 1
    menu = (WAIT, extend(4), extend(12))
    assert heuristic(SHORT, menu, Figures(longest_h=8)) == 1
    last = replace(SHORT, age_s=72 * HOUR, horizon_s=69 * HOUR)
    assert heuristic(last, (WAIT, extend(4)), Figures(last_h=6)) == 1


def test_the_usual_figures_are_the_default():
    assert Figures() == USUAL
