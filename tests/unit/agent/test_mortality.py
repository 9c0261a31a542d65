from __future__ import annotations

import pytest

from agent.mortality import WILL_GAS, judge
from chain.types import Micro, Wei
from compute.port import LeaseState
from strategies.port import Holdings, Pending, Placing
from strategies.rent import CLOSE, EXTEND, OPEN
from strategies.samples import savings
from tests.snapshots import HOUR, asleep, lease, moments, snapshot

WILL_S, MARGIN_S = 120, 60
RICH = Holdings(Wei(10**16), Micro(20_000_000))
BROKE = Holdings(Wei(10**16), Micro(0))
DRY = Holdings(Wei(WILL_GAS * 10**9 - 1), Micro(20_000_000))
SAVED = {"saver": savings(worth=5_000_000)}
LOCKED = {"saver": savings(worth=5_000_000, free="0", liquid_micro="0")}
INSOLVENT, EVICTED = "insolvent", "evicted"
SLEPT, LAPSED, OLD = "no lease for too long", "the lease was not renewed", "its time was up"


def flying(key):
    return (Pending("9.0", key, 60),)


MOMENTS = {
    "healthy": (snapshot(), None),
    # The horizon comes whatever else is known.
    "horizon": (snapshot(age_s=72 * HOUR), OLD),
    "horizon while stale": (
        snapshot(age_s=72 * HOUR, holdings=Holdings(Wei(0), Micro(0), stale=True)),
        OLD,
    ),
    "a second before it": (snapshot(age_s=72 * HOUR - 1), None),
    # What is not known kills nobody.
    "stale and empty": (
        snapshot(holdings=Holdings(Wei(0), Micro(0), stale=True), runway_h=0, lease=None),
        None,
    ),
    "stale and asleep": (
        asleep(30, holdings=Holdings(Wei(0), Micro(0), stale=True), runway_h=0),
        None,
    ),
    # Money.
    "embodied, broke": (
        snapshot(holdings=BROKE, lease=lease(paid_h=0.04), runway_h=0.04, surveys={}),
        INSOLVENT,
    ),
    "embodied, broke, savings at hand": (
        snapshot(holdings=BROKE, lease=lease(paid_h=0.04), runway_h=0.04, surveys=SAVED),
        None,
    ),
    "embodied, broke, savings that cannot be had": (
        snapshot(holdings=BROKE, lease=lease(paid_h=0.04), runway_h=0.04, surveys=LOCKED),
        INSOLVENT,
    ),
    "savings and no gas to bring them": (
        snapshot(holdings=DRY, runway_h=0.01, surveys=SAVED),
        INSOLVENT,
    ),
    "embodied, broke, escrow left": (
        snapshot(holdings=BROKE, lease=lease(paid_h=2), runway_h=2),
        None,
    ),
    "remote, broke, housed": (
        snapshot(placing=Placing.REMOTE, holdings=BROKE, lease=lease(paid_h=0.01), runway_h=0.01),
        None,
    ),
    "remote, broke, asleep": (asleep(4, holdings=BROKE, runway_h=0), None),
    # Gas.
    "short of gas by measure alone": (snapshot(runway_h=0.01), None),
    "short of gas": (snapshot(holdings=DRY, runway_h=0.01), INSOLVENT),
    "remote, short of gas": (asleep(4, holdings=DRY, runway_h=0.01), INSOLVENT),
    "little gas that lasts": (snapshot(holdings=DRY, runway_h=5), None),
    "a price that has just risen": (snapshot(gas_price=Wei(10**12), runway_h=5), None),
    # Sleep.
    "asleep": (asleep(20), None),
    "asleep almost too long": (asleep(24 - 181 / HOUR), None),
    "asleep too long": (asleep(24 - 180 / HOUR), SLEPT),
    "a short sleep allowed": (asleep(0.04, hibernate_max_s=200), SLEPT),
    # The body.
    "no machine": (snapshot(lease=None), EVICTED),
    "no machine, the next one asked for": (snapshot(lease=None, in_flight=flying(OPEN)), None),
    "no machine, too late to extend": (snapshot(lease=None, in_flight=flying(EXTEND)), EVICTED),
    "a machine to come": (snapshot(lease=lease(state=LeaseState.REQUESTED)), None),
    "a machine in the making": (snapshot(lease=lease(state=LeaseState.PROVISIONING)), None),
    "a machine that fell silent": (snapshot(lease=lease(state=LeaseState.LOST)), EVICTED),
    "a lease that ran out": (snapshot(lease=lease(state=LeaseState.CLOSING)), EVICTED),
    "a late heartbeat": (snapshot(lease=lease(state=LeaseState.GRACE)), None),
    "paid for as long as the will": (snapshot(lease=lease(paid_h=WILL_S / HOUR)), None),
    "paid for no longer than the margin": (snapshot(lease=lease(paid_h=60 / HOUR)), LAPSED),
    "the same, extending": (
        snapshot(lease=lease(paid_h=60 / HOUR), in_flight=flying(EXTEND)),
        None,
    ),
    "the same, opening": (snapshot(lease=lease(paid_h=60 / HOUR), in_flight=flying(OPEN)), None),
    "the same, closing": (
        snapshot(lease=lease(paid_h=60 / HOUR), in_flight=flying(CLOSE)),
        LAPSED,
    ),
    "at the lease's own end": (snapshot(lease=lease(ends_h=0.01)), LAPSED),
    "remote at its lease's end": (
        snapshot(placing=Placing.REMOTE, lease=lease(ends_h=0.01)),
        None,
    ),
}


@pytest.mark.parametrize("name", MOMENTS)
def test_an_ending_comes_when_it_must(name):
    seen, cause = MOMENTS[name]
    fate = judge(seen, WILL_S, MARGIN_S)
    assert (fate and fate.cause) == cause
    if fate:
        assert fate.reason == ("horizon" if cause == OLD else "died")


def test_thrift_has_hours_to_pay_before_a_lease_lapses_at_the_demos_speed():
    """An embodied life with money and the reflex alone must not be killed by a margin."""
    speed, will_wall_s, tick_wall_s = 3200, 3, 0.5
    will, margin = int(will_wall_s * speed), int(2 * tick_wall_s * speed)
    low_h = 6
    ticks = (low_h * HOUR - margin) / (tick_wall_s * speed)
    assert ticks > 10
    assert judge(snapshot(lease=lease(paid_h=1), runway_h=20), will, margin) is None


def test_every_sample_moment_can_be_judged():
    for seen in moments().values():
        judge(seen, WILL_S, MARGIN_S)
