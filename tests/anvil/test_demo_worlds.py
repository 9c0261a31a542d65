"""A demo in a file from outside: the strategies and the people that it names are there."""

from __future__ import annotations

import pytest
from hamlets import loaded
from lifetime import forager

from telemetry.car import epoch_files, read_epoch
from telemetry.record import Record
from world.onstage import left_out
from world.scenario import SHIPPED

pytestmark = [pytest.mark.anvil, pytest.mark.slow]


async def test_whoever_the_scenario_names_is_met_and_dealt_with(tmp_path):
    path, home = tmp_path / "mine.toml", tmp_path / "home"
    text = (SHIPPED / "bank.toml").read_text("utf-8")
    path.write_text(text.replace('name = "bank"', 'name = "mine"', 1), "utf-8")
    said = await forager(
        *("demo", "--scenario", str(path), "--seconds", "20", "--home", str(home), "--json")
    )
    assert said.code == 0, said
    records = [
        Record.decode(block.data)
        for file in epoch_files(home / "agent" / "cars")
        for block in read_epoch(file.path)[1:]
    ]
    assert "saver" in records[0].body["genome"]["strategies"]
    seen = [r.body["observation"]["surveys"] for r in records if r.kind == "decision"]
    assert any(each.get("saver") for each in seen)


def test_what_a_demo_does_without_is_told(tmp_path):
    assert left_out(loaded(tmp_path)) == ""
    home = 'name = "host"'
    changed = loaded(
        tmp_path,
        ("[gas]", "[halts]\nmean_h = 4\n\n[gas]"),
        ("[endowment]", '[endowment]\nplacing = "remote"'),
        (home, f"{home}\noutages = {{ every_h = 9, lasting_h = 1 }}"),
    )
    assert left_out(changed) == "outages, an operator who halts, lives that move"
