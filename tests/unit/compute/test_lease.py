"""What a lease amounts to: tables of moments."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.types import RATE_SCALE, Address, Micro
from compute.duties import Duty, Habits, duty
from compute.lease import active_until, balance_at, lease_at, lease_state, paid_until, remaining_s
from compute.onchain import LeaseRow, Phase, Terms
from compute.port import LeaseState

PROVIDER, TENANT, NOBODY = (Address("0x" + digit * 40) for digit in "123")
MANIFEST = "0x" + "ab" * 32
TERMS = Terms(
    rate=2 * RATE_SCALE,
    min_s=10,
    max_s=1000,
    grace_s=90,
    activation_s=60,
    slots=1,
    hardware="0x" + "0" * 64,
    uri="http://here",
)
HABITS = Habits(
    manifest=MANIFEST,
    placed=frozenset(),
    scores=True,
    heartbeat_fraction=1 / 3,
    collect=Micro(500),
)


def row(phase=Phase.ACTIVE, **changes) -> LeaseRow:
    """Active since 1000, at 2 units a second, with 400 units: enough until 1200."""
    active = LeaseRow(
        id=7,
        offer=1,
        provider=PROVIDER,
        tenant=TENANT,
        guardian=NOBODY,
        manifest=MANIFEST,
        rate=2 * RATE_SCALE,
        balance=Micro(400),
        owed=Micro(0),
        opened_at=990,
        activated_at=1000,
        settled_until=1000,
        heartbeat_at=1000,
        ends_at=2000,
        notice_at=0,
        closed_at=0,
        phase=Phase.ACTIVE,
    )
    return active._replace(phase=phase, **changes)


@pytest.mark.parametrize(
    ("lease", "now", "state"),
    [
        (row(Phase.REQUESTED), 990, LeaseState.REQUESTED),
        (row(Phase.REQUESTED), 1050, LeaseState.REQUESTED),
        (row(Phase.REQUESTED), 1051, LeaseState.FAILED),
        (row(), 1000, LeaseState.ACTIVE),
        (row(), 1060, LeaseState.ACTIVE),
        (row(), 1061, LeaseState.GRACE),
        (row(), 1089, LeaseState.GRACE),
        (row(), 1090, LeaseState.LOST),
        (row(heartbeat_at=1190), 1199, LeaseState.ACTIVE),
        (row(heartbeat_at=1190), 1200, LeaseState.CLOSING),
        (row(heartbeat_at=1990, balance=Micro(10**9)), 2000, LeaseState.CLOSING),
        (row(notice_at=1010, ends_at=1900), 1020, LeaseState.GRACE),
        (row(Phase.CLOSED, closed_at=1100), 1100, LeaseState.CLOSED),
    ],
)
def test_a_state_is_the_contracts_phase_told_apart_by_the_clock(lease, now, state):
    assert lease_state(lease, TERMS, now) is state


@pytest.mark.parametrize(
    ("lease", "until"),
    [
        (row(), 1200),
        (row(settled_until=1050, balance=Micro(300)), 1200),
        (row(balance=Micro(10**9)), 2000),
        (row(balance=Micro(401)), 1200),
        (row(Phase.REQUESTED), 0),
        (row(Phase.CLOSED), 0),
    ],
)
def test_it_is_paid_until_the_escrow_or_the_lease_ends(lease, until):
    assert paid_until(lease) == until


def test_silence_of_the_provider_is_not_paid_for():
    silent = row()
    assert active_until(silent, TERMS) == 1090
    assert balance_at(silent, TERMS, 5000) == 400 - 2 * 90
    assert remaining_s(silent, TERMS, 1080) == 10
    assert remaining_s(silent, TERMS, 5000) == 0


def test_a_lease_that_waits_promises_what_its_deposit_would_buy():
    waiting = row(Phase.REQUESTED, activated_at=0, settled_until=0, heartbeat_at=0, ends_at=0)
    seen = lease_at(waiting, TERMS, 1005)
    assert (seen.state, seen.balance, seen.paid_until) == (LeaseState.REQUESTED, 400, 1205)


@given(
    rate=st.integers(1, 10**24),
    balance=st.integers(0, 10**12),
    settled=st.integers(0, 500),
    later=st.integers(0, 3000),
)
def test_a_balance_never_grows_nor_falls_below_nothing(rate, balance, settled, later):
    lease = row(
        rate=rate, balance=Micro(balance), settled_until=1000 + settled, heartbeat_at=1000 + settled
    )
    if paid_until(lease) < lease.settled_until:
        return  # no settlement leaves a lease so
    now = 1000 + settled + later
    assert 0 <= balance_at(lease, TERMS, now) <= balance
    assert balance_at(lease, TERMS, now + 1) <= balance_at(lease, TERMS, now)


@pytest.mark.parametrize(
    ("lease", "now", "due"),
    [
        (row(Phase.REQUESTED), 1000, Duty.ACTIVATE),
        (row(Phase.REQUESTED, manifest="0x" + "00" * 32), 1000, Duty.DECLINE),
        (row(Phase.REQUESTED), 1051, Duty.EXPIRE),
        (row(), 1029, None),
        (row(), 1030, Duty.HEARTBEAT),
        (row(), 1090, Duty.EXPIRE),
        (row(heartbeat_at=1190), 1200, Duty.EXPIRE),
        (row(owed=Micro(499)), 1010, None),
        (row(owed=Micro(500)), 1010, Duty.COLLECT),
        (row(owed=Micro(500)), 1030, Duty.HEARTBEAT),
        (row(Phase.CLOSED, owed=Micro(1)), 1300, Duty.COLLECT),
        (row(Phase.CLOSED), 1300, None),
    ],
)
def test_a_lease_asks_one_thing_of_its_provider_at_a_time(lease, now, due):
    assert duty(lease, TERMS, now, HABITS) is due


def test_a_machine_that_answers_no_prompts_activates_only_for_those_placed_on_it():
    from dataclasses import replace

    embodied = replace(HABITS, scores=False)
    assert duty(row(Phase.REQUESTED), TERMS, 1000, embodied) is Duty.DECLINE
    housing = replace(embodied, placed=frozenset({TENANT}))
    assert duty(row(Phase.REQUESTED), TERMS, 1000, housing) is Duty.ACTIVATE
