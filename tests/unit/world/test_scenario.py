from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from world.backtest.imagining import imagined
from world.errors import BadScenario
from world.events import AFTERWARDS_S, GasMove, Posting, RentMove, events, reaction_s, rent_path
from world.scenario import DEMO, HOUR, SHIPPED, Scenario, load_scenario
from world.scenario import _in_words as in_words

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
    ("old", "new", "told"),
    [
        ("version = 2", "version = 1", "key version, why Input should be 2"),
        ("horizon_h = 72", "horizon_h = -1", "key time.horizon_h, why"),
        ("horizon_h = 72", 'horizon_h = "72"', "key time.horizon_h, why"),
        ("block_wall_s = 0.25", "block_wall_s = 0.3333", "key time, why block_wall_s ×"),
        ("block_wall_s = 0.25", "block_wall_s = 0.001", "key time, why block_wall_s ×"),
        ("work_n = [0, 2000]", "work_n = [0, 6000]", "key jobs.0, why work_n is least and most"),
        ("version = 2", "version = ", "is not TOML"),
        ("version = 2", f"version = {'9' * 5000}", "is not TOML"),
        ("version = 2", 'version = 2\nuse = ["keeper", "keeper"]', "named twice in use"),
        ("version = 2", "version = 2\nstrategies.saver.keep_h = 1", "options of saver, which is"),
        (
            "horizon_h = 72\nblock_wall_s = 0.25",
            "horizon_h = 9_000\nblock_wall_s = 0.01",
            "why horizon_h takes more than 1000000 blocks",
        ),
    ],
)
def test_an_impossible_value_is_refused_in_words(mended, old, new, told):
    with pytest.raises(BadScenario, match=re.escape(told)) as refused:
        load_scenario(mended(old, new))
    assert "Value error" not in str(refused.value)


def test_a_value_of_any_depth_is_refused(mended):
    """Too deep to be read, or read and no version: how deep that is, is the interpreter's."""
    with pytest.raises(BadScenario):
        load_scenario(mended("version = 2", f"version = {'[' * 9000}{']' * 9000}"))


RUBBISH = (float("nan"), float("inf"), -1, 0, 1e30, 10**30, 1e-300, True, "1", [], {})


def figures(table: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where each value of a file stands."""
    for key, value in table.items() if isinstance(table, dict) else enumerate(table):
        yield (*above, key)
        if isinstance(value, dict | list):
            yield from figures(value, (*above, key))


def replaced(table: Any, place: tuple[Any, ...], value: Any) -> Any:
    key, *deeper = place
    copy = dict(table) if isinstance(table, dict) else list(table)
    copy[key] = replaced(copy[key], tuple(deeper), value) if deeper else value
    return copy


@pytest.mark.parametrize("name", ["outage", "exchange", "bank", "bazaar", "herald"])
def test_rubbish_for_any_value_is_refused_or_makes_a_world_that_can_be_drawn(name, tmp_path):
    """Told in words by `load_scenario`, where TOML can say it at all; nothing else may happen."""
    raw = tomllib.loads((SHIPPED / f"{name}.toml").read_text("utf-8"))
    met, refused = set(), []
    for place in figures(raw):
        kind = tuple(part for part in place if isinstance(part, str))
        if kind in met:
            continue
        met.add(kind)
        for value in RUBBISH:
            try:
                scenario = Scenario.model_validate(replaced(raw, place, value))
            except ValidationError as fault:
                refused.append(str(in_words(fault, tmp_path)))
                continue
            assert len(events(scenario, 1)) < 50_000, (place, value)
    assert len(refused) > 5 * len(met)
    assert all("a value cannot be: " in told for told in refused)


def test_more_than_a_world_can_bear_is_refused_before_it_is_drawn():
    raw = tomllib.loads(DEMO.read_text("utf-8"))
    long = replaced(raw, ("time", "horizon_h"), 20_000)
    Scenario.model_validate(long)
    busy = replaced(long, ("jobs", 0, "regimes", 0, "per_hour"), 1000)
    with pytest.raises(ValidationError, match="more than 1000000 jobs, visits and news"):
        Scenario.model_validate(busy)


def test_a_reward_that_spreads_to_nothing_is_still_one():
    """A hungry rival's haste is the greater the more a job pays: nothing would divide by zero."""
    raw = tomllib.loads(DEMO.read_text("utf-8"))
    regime = {"name": "alms", "mean_h": 10, "per_hour": 3, "reward_micro": 1}
    poor = replaced(raw, ("jobs", 0, "regimes"), [regime])
    hungry = Scenario.model_validate(
        replaced(poor, ("rivals", 0), {"name": "x", "policy": "hungry"})
    )
    assert {job.reward for job in of(Posting, scenario=hungry)} == {1}
    imagined(hungry, 1)


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
