"""A past is imagined as a chain would show it, and a life replayed on it as it would have gone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hamlets import loaded
from hypothesis import given
from hypothesis import strategies as st

from chain.types import RATE_SCALE
from strategies import keeper, refuel
from strategies.hold import WAIT
from world.backtest.imagining import imagined
from world.backtest.leases import Leases
from world.backtest.record import (
    FIRST_S,
    NEVER,
    Job,
    Record,
    Rent,
    acted_s,
    moves,
    shown_s,
    value_at,
)
from world.backtest.replay import Replay, replay
from world.baselines import RULES, SURE
from world.events import Posting, events, reaction_s
from world.scenario import HOUR, SHIPPED, load_scenario

BLOCK_S = 1800
RATE = 10**6 * 10**18 // HOUR
NO_RIVALS = '[[rivals]]\nname = "magpie"\nreaction_h = 1.5\nleast_micro = 100_000\n'
REMOTE = ("[endowment]", '[endowment]\nplacing = "remote"')


@pytest.fixture
def scenario(tmp_path):
    return loaded(tmp_path)


def calm(*jobs, crowd=((0, 0),), silent=(), path=((0, RATE),), gas=((0, 10**9),)):
    return Record("hamlet", 1, jobs, (Rent("host", path, crowd, silent),), gas)


def job(number=1, reward=2_000_000, **changes):
    plain = {"due_s": 0, "deadline_s": 10 * HOUR, "work": 100, "posted_s": FIRST_S}
    return Job(number, reward, **{**plain, "taken_s": NEVER, **changes})


def always(key):
    """Whenever it is offered, this; otherwise wait."""

    def rule(seen, menu):
        scores = RULES["passive"](seen, menu)
        at = next((i for i, action in enumerate(menu) if action.key == key), 0)
        return replace(scores, logits=tuple(SURE if i == at else 0.0 for i in range(len(menu))))

    return rule


# The past


def test_the_same_seed_is_the_same_past_and_survives_a_file(scenario, tmp_path):
    past = imagined(scenario, 1)
    assert imagined(scenario, 1) == past != imagined(scenario, 2)
    past.save(tmp_path / "past.json")
    assert Record.load(tmp_path / "past.json") == past


@given(st.integers(-5, 10**6))
def test_what_is_done_at_one_block_shows_at_the_next(second):
    acted, shown = acted_s(second, BLOCK_S), shown_s(second, BLOCK_S)
    assert second <= max(acted, 0) < shown <= max(0, second) + 2 * BLOCK_S + FIRST_S
    assert (shown - FIRST_S) % BLOCK_S == 0
    assert second <= 0 or shown - acted == BLOCK_S


def test_of_several_moves_at_once_the_last_counts_and_none_twice():
    assert moves([(3, 7), (3, 8), (9, 8), (12, 5), (12, 6), (20, 5)]) == (
        (0, 8),
        (12, 6),
        (20, 5),
    )
    assert value_at(((0, 8), (12, 6)), 11) == 8
    assert value_at(((0, 8), (12, 6)), 12) == 6
    assert value_at(((5, 8),), 0) == 8


def test_jobs_are_those_of_the_events_numbered_as_a_board_would(scenario):
    past = imagined(scenario, 3)
    postings = [e for e in events(scenario, 3) if isinstance(e, Posting)]
    assert sorted((j.reward, j.due_s, j.deadline_s, j.work) for j in past.jobs) == sorted(
        (e.reward, e.not_before_s, e.deadline_s, e.work) for e in postings
    )
    assert [j.id for j in past.jobs] == list(range(1, len(postings) + 1))
    assert [j.posted_s for j in past.jobs] == sorted(j.posted_s for j in past.jobs)


def test_an_accomplice_takes_what_his_poster_posts_the_moment_it_can_be_done(scenario):
    past = imagined(scenario, 3)
    gold = {e.reward for e in events(scenario, 3) if isinstance(e, Posting) and e.stream == 1}
    bait = [job for job in past.jobs if job.reward in gold]
    assert bait
    for job_ in bait:
        assert job_.taken_s == max(job_.posted_s, acted_s(job_.due_s, BLOCK_S))


def test_a_patient_rival_comes_when_his_time_has_come_if_it_pays(scenario):
    past = imagined(scenario, 3)
    [magpie] = [rival for rival in scenario.rivals if rival.name == "magpie"]
    errands = {e.reward for e in events(scenario, 3) if isinstance(e, Posting) and e.stream == 0}
    came = 0
    for job_ in (job for job in past.jobs if job.reward in errands):
        wait = reaction_s(scenario, 3, magpie, job_.reward, job_.work)
        if job_.taken_s < NEVER:
            came += 1
            assert job_.taken_s - BLOCK_S < max(job_.due_s + wait, job_.posted_s) <= job_.taken_s
        else:
            assert job_.due_s + wait > job_.deadline_s - 2 * BLOCK_S
    assert came


def test_without_rivals_nobody_takes_anything(tmp_path):
    alone = loaded(tmp_path).model_copy(update={"rivals": ()})
    assert {job.taken_s for job in imagined(alone, 1).jobs} == {NEVER}


def test_success_of_others_hastens_a_follower(tmp_path):
    base = loaded(tmp_path)
    follower = base.rivals[0].model_copy(update={"policy": "follower", "reaction_h": 6.0})
    errands = {e.reward for e in events(base, 3) if isinstance(e, Posting) and e.stream == 0}

    def comes(*rivals):
        past = imagined(base.model_copy(update={"rivals": rivals}), 3)
        return sum(min(job.taken_s, 20 * HOUR) for job in past.jobs if job.reward in errands)

    assert comes(follower, base.rivals[1]) < comes(follower)


def test_lodgers_hold_places_only_where_there_is_a_crowd(tmp_path):
    changed = ('name = "host"', 'name = "host"\nslots = 2\ncrowd = { mean_h = 2, most_n = 2 }')
    [rent] = imagined(loaded(tmp_path, changed), 1).rents
    held = {places for _, places in rent.crowd}
    assert held == {0, 1, 2}
    [quiet] = imagined(loaded(tmp_path), 1).rents
    assert quiet.crowd == ((0, 0),)


# The market


def test_a_lease_is_asked_for_activated_paid_and_given_back(scenario):
    leases = Leases(scenario, calm())
    assert leases.open(1, RATE, 4_000_000, 0)
    [asked] = leases.seen(0)
    assert (asked.state, leases.offers(0)[0].free) == ("requested", 3)
    leases.look(0)
    leases.attend(BLOCK_S)
    [active] = leases.seen(BLOCK_S)
    assert (active.state, active.paid_until) == ("active", BLOCK_S + 4 * HOUR)
    assert leases.top_up(1, 1_000_000, 2 * BLOCK_S)
    back = leases.close(1, BLOCK_S + HOUR)
    assert back == pytest.approx(4_000_000, abs=1)
    assert [(s.start, s.stop) for s in leases.spans(10 * HOUR)] == [(BLOCK_S, BLOCK_S + HOUR)]
    assert leases.close(1, 3 * HOUR) is None
    assert leases.seen(3 * HOUR) == []


@pytest.mark.parametrize(
    ("offer", "rate", "deposit", "crowd"),
    [
        (1, RATE + 1, 4_000_000, 0),
        (1, RATE, 100, 0),
        (1, RATE, 4_000_000, 4),
    ],
    ids=["another price", "too small a deposit", "no place free"],
)
def test_the_market_refuses_what_its_contract_would(scenario, offer, rate, deposit, crowd):
    leases = Leases(scenario, calm(crowd=((0, crowd),)))
    assert not leases.open(offer, rate, deposit, 0)
    assert leases.seen(0) == []


def test_a_house_that_is_silent_for_longer_than_its_grace_loses_its_tenant(scenario):
    silent = ((2 * HOUR, 9 * HOUR),)
    leases = Leases(scenario, calm(silent=silent))
    leases.open(1, RATE, 10_000_000, 0)
    states = {}
    for now in range(0, 12 * HOUR, BLOCK_S):
        leases.attend(now)
        leases.look(now)
        states[now / HOUR] = next((str(lease.state) for lease in leases.seen(now)), "gone")
    assert states[2] == "active"
    assert states[4] == "grace"
    assert states[5] == states[9] == "lost"
    assert states[10] == "gone"


# The life


@pytest.mark.parametrize("name", ["mirage", "tides", "harvest", "scramble"])
def test_a_passive_life_dies_when_its_first_lease_is_nearly_over(name):
    scenario = load_scenario(SHIPPED / f"{name}.toml")
    lived = replay(scenario, imagined(scenario, 1), RULES["passive"])
    assert lived.cause == "the lease was not renewed"
    first_h = scenario.endowment.first_lease_h
    assert first_h - 1 < lived.paid_h < first_h
    assert lived.earned_micro == lived.gas_micro == 0


def test_a_remote_one_sleeps_until_it_is_dead(tmp_path):
    scenario = loaded(
        tmp_path, REMOTE, ("first_lease_h = 4", "first_lease_h = 2\nhibernate_max_h = 5")
    )
    lived = replay(scenario, calm(), RULES["passive"])
    assert (lived.reason, lived.cause) == ("died", "no lease for too long")
    assert lived.paid_h == pytest.approx(2, abs=1e-3)


@pytest.mark.parametrize("policy", RULES)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_money_comes_from_nowhere_and_none_is_lost(scenario, policy, seed):
    life = Replay(scenario, imagined(scenario, seed), RULES[policy])
    lived = life.run()
    grant = scenario.endowment.micro
    assert lived.left_micro == grant + lived.earned_micro - lived.rent_micro - lived.gas_micro
    assert lived.left_micro >= 0


@pytest.mark.parametrize("policy", ["reflex", "heuristic", "random"])
def test_every_paid_second_was_paid_for(tmp_path, policy):
    """In one house at one price: what went into escrow is rent, or still there."""
    scenario = loaded(tmp_path, ("hour_micro = 1_400_000", "hour_micro = 1_000_000"))
    life = Replay(scenario, imagined(scenario, 2), RULES[policy])
    lived = life.run()
    [lease] = life._town.leases.seen(int(lived.paid_h * HOUR) + 1)
    rate = lease.rate
    given = int(scenario.endowment.first_lease_h * HOUR * rate // RATE_SCALE)
    paid = rate * round(lived.paid_h * HOUR) // RATE_SCALE
    assert given + lived.rent_micro == pytest.approx(paid + lease.balance, abs=2)


def test_the_same_seed_is_the_same_life(scenario):
    past = imagined(scenario, 5)
    for rule in RULES.values():
        assert replay(scenario, past, rule) == replay(scenario, past, rule)
    luck = {replay(scenario, replace(past, seed=s), RULES["random"]) for s in (5, 6, 7)}
    assert len(luck) > 1  # the draws hang on the seed


def test_work_pays_unless_somebody_else_had_it_first(scenario):
    worker, block = always(keeper.WORK), FIRST_S + BLOCK_S
    assert replay(scenario, calm(job()), worker).earned_micro == 2_000_000
    assert replay(scenario, calm(job(taken_s=FIRST_S)), worker).earned_micro == 0
    assert replay(scenario, calm(job(taken_s=block)), worker).earned_micro == 2_000_000
    assert replay(scenario, calm(job(deadline_s=BLOCK_S)), worker).earned_micro == 0
    both = replay(scenario, calm(job(1), job(2), job(3, taken_s=block)), worker)
    assert both.earned_micro == 4_000_000


def test_one_job_a_tick_and_what_is_done_is_offered_no_more(scenario):
    offered = []

    def rule(seen, menu):
        offered.append([a.params["job_n"] for a in menu if a.key == keeper.WORK])
        return always(keeper.WORK)(seen, menu)

    replay(scenario, calm(job(1), job(2)), rule)
    assert offered[:3] == [[1, 2], [2], []]


def test_work_in_vain_costs_gas_and_lowers_the_chances(scenario):
    seen_ = []

    def rule(seen, menu):
        seen_.append((seen, menu))
        return always(keeper.WORK)(seen, menu)

    blocks = [FIRST_S + n * BLOCK_S for n in range(5)]
    lost = [job(n, posted_s=at, taken_s=at) for n, at in enumerate(blocks, 1)]
    replay(scenario, calm(*lost), rule)
    works = [a for _, menu in seen_ for a in menu if a.key == keeper.WORK]
    chances = [work.params["chance_pct"] for work in works]
    assert chances[:3] == [75, 60, 50]
    before, after = seen_[1][0].holdings.wei, seen_[2][0].holdings.wei
    assert 0 < before - after < 25_000 * 2 * 10**9


def test_what_a_jump_of_the_fee_prices_out_waits_and_nothing_overtakes_it(scenario):
    """The cap is twice the base fee and a tip: ten times is too much for a block."""
    jump = ((0, 10**9), (FIRST_S + BLOCK_S, 10**10))
    flying = []

    def rule(seen, menu):
        flying.append([pending.key for pending in seen.in_flight])
        return always(keeper.WORK)(seen, menu)

    lived = replay(scenario, calm(job(work=0), job(2, work=0), gas=jump), rule)
    assert flying[1] == ["serve", keeper.WORK]
    assert flying[2] == []
    assert lived.earned_micro == 4_000_000


def test_the_tank_is_filled_at_the_price_that_the_station_asks(scenario):
    poor = scenario.model_copy(
        update={"endowment": scenario.endowment.model_copy(update={"wei": 2 * 10**15})}
    )
    bought = []

    def rule(seen, menu):
        bought.append(seen.holdings.wei)
        return always(refuel.REFUEL)(seen, menu)

    lived = replay(poor, calm(), rule)
    assert lived.gas_micro > 0
    assert max(bought) > 2 * 10**15


def test_menus_are_short_and_begin_with_waiting(scenario):
    sizes = []

    def rule(seen, menu):
        sizes.append(len(menu))
        assert menu[0] == WAIT
        return RULES["reflex"](seen, menu)

    replay(scenario, calm(*(job(n, 10**6 + n) for n in range(1, 40))), rule)
    assert max(sizes) <= 12
