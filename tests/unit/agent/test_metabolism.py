from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.metabolism import (
    FALLS_BELOW,
    LADDER,
    MOST_HOURS,
    RISES_AT_H,
    Burn,
    escrow,
    liquid,
    lived_on,
    rent,
    runway_h,
    savings,
    vitals,
)
from chain.types import Micro, Wei
from compute.port import LeaseState
from strategies.port import Holdings, Vitals
from tests.snapshots import HOURLY, lease, offer

amounts = st.integers(0, 10**30)
hours = st.floats(0, 2 * MOST_HOURS)
feelings = st.sampled_from(LADDER)


@pytest.mark.parametrize(
    ("states", "chosen"),
    [
        ([], None),
        (["active"], 0),
        (["active", "active"], 1),  # the newest of equals
        (["active", "requested"], 0),
        (["lost", "requested"], 1),
        (["requested", "lost"], 0),  # a dead one, however new, carries nothing
        (["failed", "provisioning", "requested"], 1),
        (["closing", "grace"], 1),
        (["closing", "lost"], 1),
    ],
)
def test_a_life_is_lived_on_the_lease_that_carries_it(states, chosen):
    leases = [lease(id=i, state=LeaseState(state)) for i, state in enumerate(states, 1)]
    assert lived_on(leases) == (None if chosen is None else leases[chosen])


@pytest.mark.parametrize(
    ("here", "offers", "usual", "price"),
    [
        (lease(hourly=7), (offer(hourly=3),), 5, 7),
        (lease(hourly=7, state=LeaseState.REQUESTED), (), 5, 7),
        (lease(hourly=7, state=LeaseState.LOST), (offer(hourly=3600),), 5, 3600),
        (None, (offer(hourly=7200), offer(2, hourly=3600)), 5, 3600),
        (None, (offer(hourly=3600, free=0), offer(2, hourly=7200)), 5, 7200),
        (None, (offer(rate=0),), 5, 5),
        (None, (), 5, 5),  # an empty market does not make life free
    ],
)
def test_rent_is_the_leases_or_the_markets_or_the_last_known(here, offers, usual, price):
    assert abs(rent(here, offers, Micro(usual)) - price) <= 1  # rates round down


def test_money_in_escrow_counts_once_and_wherever_it_lies():
    here, coming = lease(paid_h=3), lease(id=2, paid_h=8, state=LeaseState.REQUESTED)
    held = Holdings(Wei(10**18), Micro(HOURLY))
    cost = Burn(Micro(HOURLY), Wei(0))
    assert runway_h(held, escrow([here]), cost) == 4
    # Paying for the next lease moves money; it must not look like losing it.
    assert runway_h(replace(held, micro=Micro(0)), escrow([here, coming]), cost) == 11


@pytest.mark.parametrize(
    ("wei", "micro", "burn_wei", "burn_micro", "left"),
    [
        (100, 100, 10, 20, 5.0),
        (100, 100, 50, 20, 2.0),
        (100, 100, 0, 20, 5.0),
        (100, 100, 50, 0, 2.0),
        (0, 0, 0, 0, MOST_HOURS),
        (0, 100, 1, 1, 0.0),
        (10**30, 10**30, 1, 1, MOST_HOURS),
    ],
)
def test_runway_is_money_or_gas_whichever_is_smaller(wei, micro, burn_wei, burn_micro, left):
    held, cost = Holdings(Wei(wei), Micro(micro)), Burn(Micro(burn_micro), Wei(burn_wei))
    assert runway_h(held, Micro(0), cost) == left


@pytest.mark.parametrize(
    ("said", "micro"),
    [
        ("7", 7),
        ("0", 0),
        (7, 0),
        ("-7", 0),
        ("7.0", 0),
        ("٣", 0),
        (None, 0),
        ("9" * 99, 0),
        (True, 0),
    ],
)
def test_what_could_be_had_at_once_is_read_strictly(said, micro):
    assert liquid({"liquid_micro": said}) == micro
    assert savings({"a": {"liquid_micro": said}, "b": {"liquid_micro": "1"}, "c": {}}) == micro + 1


@given(amounts, amounts, amounts, amounts, amounts)
def test_runway_is_never_below_nothing_nor_above_the_most(wei, micro, deposit, rent_, gas):
    held, cost = Holdings(Wei(wei), Micro(micro)), Burn(Micro(rent_), Wei(gas))
    assert 0 <= runway_h(held, Micro(deposit), cost) <= MOST_HOURS


@given(amounts, amounts, amounts)
def test_more_money_never_shortens_a_life(micro, more, rent_):
    cost = Burn(Micro(rent_), Wei(1))
    held = Holdings(Wei(10**30), Micro(micro))
    assert runway_h(held, Micro(more), cost) >= runway_h(held, Micro(0), cost)


@pytest.mark.parametrize(
    ("runway", "before", "after"),
    [
        (0, None, "starving"),
        (4, None, "critical"),
        (12, None, "lean"),
        (36, None, "steady"),
        (120, None, "thriving"),
        (119, "thriving", "thriving"),
        (96.1, "thriving", "thriving"),
        (95, "thriving", "steady"),
        (3.3, "thriving", "critical"),
        (3.1, "thriving", "starving"),
        (36, "starving", "steady"),
        (35, "lean", "lean"),
    ],
)
def test_vitals_follow_runway(runway, before, after):
    assert vitals(runway, None if before is None else Vitals(before)) == after


@given(hours, feelings)
def test_vitals_settle_at_once(runway, before):
    after = vitals(runway, before)
    assert vitals(runway, after) == after


@given(hours, feelings, st.lists(st.floats(FALLS_BELOW + 0.001, 1), max_size=20))
def test_vitals_never_flutter(runway, before, wobbles):
    """Once a rung is reached, no wobble within the hysteresis leaves it downwards."""
    rung = LADDER.index(vitals(runway, before))
    reached = max(runway, RISES_AT_H[rung])
    now = LADDER[rung]
    for wobble in wobbles:
        now = vitals(reached * wobble, now)
        assert LADDER.index(now) == rung


@given(hours, hours, feelings)
def test_a_longer_runway_never_feels_worse(one, other, before):
    worse, better = sorted((one, other))
    assert LADDER.index(vitals(worse, before)) <= LADDER.index(vitals(better, before))
