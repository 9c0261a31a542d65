from __future__ import annotations

import pytest

from world.errors import BadScenario
from world.events import AFTERWARDS_S, GasMove, Posting, RentMove, events, reaction_s, rent_path
from world.scenario import DEMO, HOUR, SHIPPED, load_scenario

SCENARIO = load_scenario()


@pytest.fixture
def mended(tmp_path):
    """The demo's file with one thing changed."""

    def mend(old, new):
        text = DEMO.read_text("utf-8")
        assert old in text
        path = tmp_path / "world.toml"
        path.write_text(text.replace(old, new, 1), "utf-8")
        return path

    return mend


def of(kind, seed=1, scenario=SCENARIO):
    return [event for event in events(scenario, seed) if isinstance(event, kind)]


def test_the_demo_is_three_chain_days_in_about_eighty_seconds():
    time = SCENARIO.time
    assert time.block_s == 800
    assert time.horizon_h == 72
    assert 75 <= time.horizon_h * HOUR / time.chain_seconds_per_wall_second <= 90


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("horizon_h = 72", "horizn_h = 72", "key time.horizn_h, meant horizon_h"),
        ("early_h = 2", "early_hours = 2", "key jobs.0.early_hours, meant early_h"),
        ("per_hour = 1.6", "per_hours = 1.6", "key jobs.0.regimes.0.per_hours, meant per_hour"),
        ("reaction_h = 3.0", "reaction_s = 3.0", "key rivals.0.reaction_s, meant reaction_h"),
        ("[gas]", "[gass]", "key gass, meant gas"),
    ],
)
def test_an_unknown_key_is_answered_with_the_nearest_right_name(mended, old, new, told):
    with pytest.raises(BadScenario, match=told):
        load_scenario(mended(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("version = 2", "version = 1"),
        ("horizon_h = 72", "horizon_h = -1"),
        ("block_wall_s = 0.25", "block_wall_s = 0.3333"),
        ("work_n = [0, 2000]", "work_n = [0, 6000]"),
        ("version = 2", "version = "),
    ],
)
def test_an_impossible_value_is_refused(mended, old, new):
    with pytest.raises(BadScenario):
        load_scenario(mended(old, new))


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(BadScenario):
        load_scenario(tmp_path / "none.toml")


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.toml")), ids=lambda path: path.stem)
def test_who_is_of_use_in_a_shipped_world_is_there(path):
    scenario = load_scenario(path)
    assert scenario.name == path.stem
    tables = {
        "trader": scenario.pools,
        "saver": scenario.vault,
        "forecaster": scenario.news,
        "merchant": scenario.demand,
    }
    for strategy, table in tables.items():
        assert (strategy in scenario.use) == bool(table), strategy
    assert scenario.strategies.keys() <= set(scenario.use)


def test_a_table_that_only_some_worlds_have_is_read_as_strictly(tmp_path):
    text = (SHIPPED / "bazaar.toml").read_text("utf-8")
    path = tmp_path / "world.toml"
    path.write_text(text.replace("noon_share", "noon_shar", 1), "utf-8")
    with pytest.raises(BadScenario, match=r"key demand\.noon_shar, meant noon_share"):
        load_scenario(path)


def test_the_same_seed_gives_the_same_events_and_another_seed_others():
    assert events(SCENARIO, 1) == events(SCENARIO, 1)
    assert events(SCENARIO, 1) != events(SCENARIO, 2)


def test_events_are_what_they_always_were():
    """A world that was measured once must stay that world, on every machine."""
    first = of(Posting)[0]
    assert first == Posting(6474, 0, 539_627, 9696, 26_106, 373)


def test_events_come_in_order_and_last_a_little_longer_than_life():
    times = [event.at_s for event in events(SCENARIO, 1)]
    assert times == sorted(times)
    assert SCENARIO.horizon_s < times[-1] < SCENARIO.horizon_s + AFTERWARDS_S + 24 * HOUR


def test_jobs_can_be_done_after_they_are_posted_and_end_after_that():
    [jobs] = SCENARIO.jobs
    for job in of(Posting):
        assert job.at_s <= job.not_before_s <= job.at_s + jobs.early_h * HOUR + 1
        window = job.deadline_s - job.not_before_s
        assert jobs.window_h[0] * HOUR - 1 <= window <= jobs.window_h[1] * HOUR + 1
        assert jobs.work_n[0] <= job.work <= jobs.work_n[1]
        assert job.stream == 0
        assert 350_000 <= job.reward <= 2_600_000


def test_more_jobs_do_not_move_the_price_of_gas_or_rent():
    later = SCENARIO.jobs[0].model_copy(update={"early_h": 9})
    busier = SCENARIO.model_copy(update={"jobs": (later,)})
    assert of(Posting, scenario=busier) != of(Posting)
    assert of(GasMove, scenario=busier) == of(GasMove)
    assert of(RentMove, scenario=busier) == of(RentMove)


def test_a_longer_life_begins_like_a_shorter_one():
    long, short = of(Posting), of(Posting, scenario=SCENARIO.lasting(20))
    within = [job for job in short if job.at_s < 17 * HOUR]
    assert within == long[: len(within)]
    assert 0 < len(short) < len(long)


def test_the_first_regime_holds_at_the_start():
    path = rent_path(events(SCENARIO, 1))
    assert path[0] == (0, 277_777_777_777_777_777_777)
    assert list(path) == sorted(path)


def test_a_rival_needs_time_of_his_own_for_every_job():
    [rival] = SCENARIO.rivals
    delays = [reaction_s(SCENARIO, 1, rival, job.reward, job.work) for job in of(Posting)]
    assert delays == [reaction_s(SCENARIO, 1, rival, j.reward, j.work) for j in of(Posting)]
    mean_h = sum(delays) / len(delays) / HOUR
    assert rival.reaction_h / 2 < mean_h < rival.reaction_h * 2
    assert min(delays) < HOUR < 5 * HOUR < max(delays)
