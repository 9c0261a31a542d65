"""No policy lives longer than one who knows everything; and what he knows is reckoned right."""

from __future__ import annotations

from itertools import permutations
from random import Random

import pytest
from hamlets import loaded
from hypothesis import given, settings
from hypothesis import strategies as st

from world.backtest.imagining import imagined
from world.backtest.record import FIRST_S, NEVER, Job, Record, Rent
from world.backtest.replay import replay
from world.baselines import RULES
from world.clairvoyant import Matching, bound_h, cheapest, clairvoyant_h, earnings, foreseen
from world.scenario import HOUR, SHIPPED, Scenario, load_scenario

SHIPS = [load_scenario(path) for path in sorted(SHIPPED.glob("*.toml"))]
BLOCK_S = 1800
RATE = 10**6 * 10**18 // HOUR
PRICES = st.integers(300_000, 3_000_000)


def regimes(key, values, most=3):
    one = st.fixed_dictionaries({"name": st.just("x"), "mean_h": st.floats(1, 12), key: values})
    return st.lists(one, min_size=1, max_size=most)


@st.composite
def worlds(draw):
    """Small worlds of all kinds: any rivals, several houses that fall silent or are full."""
    spans = st.tuples(st.floats(0.5, 4), st.floats(0.1, 6)).map(lambda s: (s[0], s[0] + s[1]))
    jobs = [
        {
            "name": f"jobs-{i}",
            "work_n": (0, draw(st.integers(0, 3000))),
            "window_h": draw(spans),
            "early_share": draw(st.floats(0, 1)),
            "regimes": [
                regime | {"per_hour": draw(st.floats(0, 3))}
                for regime in draw(regimes("reward_micro", st.integers(100_000, 6_000_000)))
            ],
        }
        for i in range(draw(st.integers(1, 2)))
    ]
    rivals = [
        {
            "name": f"rival-{i}",
            "policy": draw(
                st.sampled_from(["patient", "hungry", "follower", "frugal", "stormy", "accomplice"])
            ),
            "reaction_h": draw(st.floats(0.1, 4)),
            "jobs": [draw(st.sampled_from([each["name"] for each in jobs]))],
        }
        for i in range(draw(st.integers(0, 3)))
    ]
    providers = [
        {
            "name": f"house-{i}",
            "regimes": draw(regimes("hour_micro", PRICES)),
            "max_h": draw(st.sampled_from([6, 12, 240])),
            "grace_s": draw(st.sampled_from([3600, 5400, 14_400])),
            "slots": draw(st.integers(1, 3)),
            "outages": draw(st.sampled_from([None, {"every_h": 6, "lasting_h": 4}])),
            "crowd": draw(st.sampled_from([None, {"mean_h": 3, "most_n": 3}])),
        }
        for i in range(draw(st.integers(1, 3)))
    ]
    return Scenario.model_validate(
        {
            "version": 2,
            "name": "drawn",
            "time": {
                "horizon_h": draw(st.integers(3, 24)),
                "block_wall_s": 0.5,
                "chain_seconds_per_wall_second": 3600,
            },
            "endowment": {
                "placing": draw(st.sampled_from(["embodied", "remote"])),
                "micro": draw(st.integers(0, 20_000_000)),
                "wei": draw(st.integers(10**15, 4 * 10**16)),
                "first_lease_h": draw(st.floats(0.5, 6)),
                "hibernate_max_h": draw(st.floats(4, 24)),
            },
            "jobs": jobs,
            "rivals": rivals,
            "providers": providers,
            "gas": {
                "station_micro": draw(st.integers(10**7, 3 * 10**9)),
                "regimes": draw(regimes("base_fee_wei", st.integers(10**8, 4 * 10**9))),
            },
        }
    )


@settings(max_examples=40, deadline=None)
@given(worlds(), st.integers(1, 10**6), st.sampled_from([0.0, 0.3]))
def test_no_replayed_policy_ever_outlives_it(scenario, seed, epsilon):
    past = imagined(scenario, seed)
    most = bound_h(scenario, past)
    for name, rule in RULES.items():
        lived = replay(scenario, past, rule, epsilon=epsilon)
        assert min(lived.paid_h, scenario.time.horizon_h) <= most + 1e-9, name


@pytest.mark.parametrize("scenario", [s for s in SHIPS if foreseen(s)], ids=lambda s: s.name)
def test_nor_in_the_shipped_worlds_whose_income_is_jobs(scenario):
    past = imagined(scenario, 1)
    lived = replay(scenario, past, RULES["heuristic"])
    assert min(lived.paid_h, scenario.time.horizon_h) <= bound_h(scenario, past)


def test_where_there_is_other_income_it_says_that_it_knows_nothing(tmp_path):
    assert foreseen(loaded(tmp_path))
    for more in ("trader", "saver", "merchant", "forecaster", "a-strangers"):
        text = f'summary = "Small, and soon over."\nuse = ["thrift", "keeper", "{more}"]'
        changed = loaded(tmp_path, ('summary = "Small, and soon over."', text))
        assert not foreseen(changed)


@given(st.randoms(use_true_random=False))
def test_the_jobs_it_does_are_the_best_of_all_ways_to_do_them(dice: Random):
    blocks, jobs = dice.randint(1, 4), dice.randint(1, 6)
    weights = [dice.randint(-2, 9) for _ in range(jobs)]
    opens = [[j for j in range(jobs) if dice.random() < 0.5] for _ in range(blocks)]
    matching = Matching(opens, weights)
    for block in range(blocks):
        matching.add(block)
        assert matching.total == brute(opens[: block + 1], weights)
        assert len(set(matching.block_of.values())) == len(matching.block_of)
        assert all(job in opens[at] for job, at in matching.block_of.items())


def brute(opens, weights):
    """Every way to give each block a job or none."""
    most = 0
    nobody = [None] * len(opens)
    for order in set(permutations([*range(len(weights)), *nobody], len(opens))):
        if all(job is None or job in opens[at] for at, job in enumerate(order)):
            most = max(most, sum(weights[job] for job in order if job is not None))
    return most


def record(*jobs, path=((0, RATE),), gas=((0, 10**9),)):
    return Record("hamlet", 1, jobs, (Rent("host", path),), gas)


def job(number=1, reward=5_000_000, **changes):
    plain = {"due_s": FIRST_S, "deadline_s": 10 * HOUR, "work": 0, "posted_s": FIRST_S}
    return Job(number, reward, **{**plain, "taken_s": NEVER, **changes})


def test_one_job_is_done_at_a_block_and_none_that_somebody_has(tmp_path):
    scenario = loaded(tmp_path)
    twins = earnings(scenario, record(job(1), job(2)))
    single = earnings(scenario, record(job(1)))
    assert twins[0] == single[0] == single[-1] > 0
    assert twins[1] == twins[-1] == 2 * single[0]
    at_once = job(taken_s=FIRST_S)
    assert earnings(scenario, record(at_once))[-1] == 0
    in_time = job(taken_s=FIRST_S + BLOCK_S)
    assert earnings(scenario, record(in_time))[-1] == single[0]


def test_a_job_counts_once_it_is_shown_and_only_over_its_gas(tmp_path):
    scenario = loaded(tmp_path)
    late = earnings(scenario, record(job(posted_s=FIRST_S + 2 * BLOCK_S)))
    assert late[1] == 0 < late[2]
    assert earnings(scenario, record(job(reward=1)))[-1] == 0
    cheaper = earnings(scenario, record(job(), gas=((0, 10**9), (5 * HOUR, 10**8))))
    assert cheaper[-1] > late[-1]


def test_with_nothing_to_earn_it_is_money_over_rent(tmp_path):
    """Eight dollars, four hours given, a dollar an hour: what ether is worth comes on top."""
    scenario = loaded(tmp_path, ("horizon_h = 12", "horizon_h = 100"))
    ether_h = scenario.endowment.wei * (scenario.gas.station_micro // 2) / 10**24
    assert bound_h(scenario, record()) == pytest.approx(4 + 8 + ether_h, abs=1e-3)
    dearer = record(path=((0, RATE), (6 * HOUR, 2 * RATE)))
    assert bound_h(scenario, dearer) == bound_h(scenario, record())  # a lease keeps its rate


def test_a_rate_is_kept_for_no_longer_than_a_lease_can_last(tmp_path):
    changed = ('name = "host"', 'name = "host"\nmax_h = 2')
    scenario = loaded(tmp_path, changed)
    dearer = record(path=((0, RATE), (HOUR, 2 * RATE)))
    rates = cheapest(scenario, dearer, 24)
    assert rates[:4] == [RATE] * 4
    assert rates[-1] == 2 * RATE


def test_whoever_may_sleep_pays_for_the_cheap_hours_only(tmp_path):
    changes = (
        ("[endowment]", '[endowment]\nplacing = "remote"'),
        ("horizon_h = 12", "horizon_h = 40"),
    )
    turns = record(path=tuple((i * 4 * HOUR, RATE * (1 + 4 * (i % 2))) for i in range(10)))
    short = ('name = "host"', 'name = "host"\nmax_h = 1')
    asleep = bound_h(loaded(tmp_path, *changes, short), turns)
    awake = bound_h(loaded(tmp_path, changes[1], short), turns)
    assert awake < 8
    assert asleep > 12


def test_it_never_says_more_than_the_horizon(tmp_path):
    assert clairvoyant_h(loaded(tmp_path, ("micro = 8_000_000", "micro = 900_000_000")), 1) == 12
