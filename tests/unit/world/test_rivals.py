"""How soon each kind of rival goes for a job."""

from __future__ import annotations

from itertools import pairwise

import pytest

from world.rivals import Job, Sky, haste
from world.tables import Policy

WAIT = 3600


def job(reward=1_000_000, stream=0):
    return Job(1, stream, reward, due=0, deadline=10**6, work=100)


def sky(*, cheap=True, others=0, usual=(1_000_000, 4_000_000)):
    return Sky(gas_price=10**9, cheap=cheap, usual=usual, others=others)


@pytest.mark.parametrize(
    ("policy", "job_", "sky_", "comes"),
    [
        (Policy.PATIENT, job(), sky(), WAIT),
        (Policy.PATIENT, job(9_000_000), sky(cheap=False, others=9), WAIT),
        (Policy.HUNGRY, job(1_000_000), sky(), WAIT),
        (Policy.HUNGRY, job(2_000_000), sky(), WAIT // 2),
        (Policy.HUNGRY, job(500_000), sky(), 2 * WAIT),
        (Policy.HUNGRY, job(2_000_000, stream=1), sky(), 2 * WAIT),
        (Policy.FOLLOWER, job(), sky(others=0), WAIT),
        (Policy.FOLLOWER, job(), sky(others=2), WAIT // 2),
        (Policy.FOLLOWER, job(), sky(others=10), WAIT // 6),
        (Policy.FRUGAL, job(), sky(cheap=True), WAIT),
        (Policy.FRUGAL, job(9_000_000), sky(cheap=False), None),
        (Policy.STORMY, job(), sky(cheap=False), WAIT),
        (Policy.STORMY, job(9_000_000), sky(cheap=True), None),
        (Policy.ACCOMPLICE, job(), sky(), 0),
        (Policy.ACCOMPLICE, job(1), sky(cheap=False), 0),
    ],
)
def test_a_rival_comes_as_soon_as_his_policy_has_it(policy, job_, sky_, comes):
    assert haste(policy, WAIT, job_, sky_) == comes


def test_every_policy_has_its_haste():
    for policy in Policy:
        assert haste(policy, WAIT, job(), sky()) is not None or policy is Policy.STORMY


def test_success_draws_a_follower_more_and_more():
    waits = [haste(Policy.FOLLOWER, WAIT, job(), sky(others=n)) for n in range(8)]
    assert all(sooner < later for later, sooner in pairwise(waits))
