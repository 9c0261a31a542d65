"""Lives that see news come true: what their logs tell whoever teaches, and who reads for a rule."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Final

import pytest
from hamlets import hamlet

from finetune.news import HOUR
from strategies.rounds import forecasts_in, past_in
from telemetry.car import epoch_files, read_epoch
from telemetry.record import Record
from world.arena.plan import Case
from world.arena.scratch import swept
from world.arena.work import live_case
from world.lived import Lived
from world.news import stories
from world.scenario import load_scenario
from world.townsfolk import dice

pytestmark = [pytest.mark.anvil, pytest.mark.model]

MODEL: Final = Path(__file__).parents[2] / "compute/models/forager-g0.gguf"
USE: Final = ("Small, and soon over.", 'Newsy."\nuse = ["thrift", "keeper", "forecaster"]\n#"')
NEWS: Final = ("[gas]", "[news]\nper_hour = 3.0\nopen_h = 2\nsettle_h = 0.5\n\n[gas]")


@pytest.fixture
def surveys(tmp_path):
    """What a life's decisions say of news, and which model chose."""
    path = hamlet(tmp_path, USE, NEWS)

    def live(policy, **how):
        with swept(str(tmp_path / policy)):
            line = live_case(Case(str(path), 1, policy, **how), str(tmp_path / policy))
        row = Lived.from_line(line)
        assert row.audit_ok
        blocks = [
            Record.decode(block.data)
            for file in epoch_files(tmp_path / policy / "logs" / "hamlet" / f"1-{policy}")
            for block in read_epoch(file.path)[1:]
        ]
        said = [block.body for block in blocks if block.kind == "decision"]
        found = [each["observation"]["surveys"].get("forecaster", {}) for each in said]
        return found, {str(each["model"]) for each in said}

    live.scenario = load_scenario(path)
    return live


def test_a_log_tells_what_the_board_has_for_each_text_though_nobody_read(surveys):
    found, models = surveys("reflex")
    assert models == {"reflex"}
    assert not any(forecasts_in(survey) for survey in found)
    told = {each.id: each for survey in found for each in past_in(survey)}
    printed = list(islice(stories(surveys.scenario.news, dice(surveys.scenario, 1, "news")), 60))
    true = {story.text: story.realised_bps for story in printed}
    assert len(told) > 10
    assert all(true[each.text] == each.realised_bps for each in told.values())
    closing = [each.closes_at for _, each in sorted(told.items())]
    assert closing == sorted(closing)
    assert closing[-1] - closing[0] < surveys.scenario.time.horizon_h * HOUR


def test_a_rule_chooses_while_the_model_that_is_named_reads(surveys):
    found, models = surveys("reader", model=str(MODEL), chooses="reflex")
    assert models == {"reflex"}
    readings = {each.read_bps for survey in found for each in forecasts_in(survey)}
    assert len(readings) > 5
