"""Worlds in which thinking itself is worth something: buyers of answers, and news to be read."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pytest

from agent.models import resolve
from compute.port import REFLEX, Scores
from strategies.reading import LABELS, VALUES, prompt_for
from telemetry.log import Log
from telemetry.record import Record
from world.arena import house
from world.arena.house import Wanted, live_once
from world.arena.nest import Born
from world.arena.plan import BUILTIN
from world.arena.work import thinker
from world.events import dice
from world.lived import Lived
from world.news import stories
from world.scenario import SHIPPED, Scenario, load_scenario

pytestmark = [pytest.mark.anvil, pytest.mark.model, pytest.mark.slow]


@dataclass
class Told:
    """What came of a life, and its own log."""

    row: Lived
    records: list[Record]

    @property
    def chosen(self) -> list[str]:
        bodies = [record.body for record in self.records if record.kind == "decision"]
        return [json.dumps(_entry(body), sort_keys=True) for body in bodies]

    @property
    def keys(self) -> Counter[str]:
        return Counter(json.loads(entry)["key"] for entry in self.chosen)

    @property
    def sold(self) -> list[dict]:
        return [r.body for r in self.records if r.kind == "funds" and r.body["why"] == "sold"]


def _entry(body) -> dict:
    return body["menu"][body["chosen"]]


def lasting(world: str, hours: float) -> Scenario:
    scenario = load_scenario(SHIPPED / f"{world}.toml")
    time = scenario.time.model_copy(update={"horizon_h": hours})
    return scenario.model_copy(update={"time": time})


@pytest.fixture
def lived(tmp_path, monkeypatch):
    """Lives one; its log is read before its world is gone."""
    account = house.account

    async def live(scenario: Scenario, name: str = "a", without: str = "", **lends) -> Told:
        found: list[Record] = []

        async def look(ground, born, notes, tables, began):
            log = Log(ground.home.log, notes.agent, lambda: 0)
            try:
                found.extend(Record.decode(data) for _, data in log.records())
            finally:
                log.close()
            return await account(ground, born, notes, tables, began)

        monkeypatch.setattr(house, "account", look)
        use = tuple(each for each in scenario.use if each != without)
        wanted = Wanted(scenario, 1, Born("reflex", MODEL, use), None, **lends)
        return Told(await live_once(wanted, tmp_path / name), found)

    return live


MODEL = Path(resolve(BUILTIN))


async def test_who_goes_by_a_rule_sells_the_answers_of_the_model_that_ships(lived):
    told = await lived(lasting("bazaar", 16), sells=thinker(str(MODEL)))
    assert told.row.audit_ok
    assert told.row.reason == "horizon"
    assert len(told.sold) > 4
    assert {r.body["model"] for r in told.records if r.kind == "decision"} == {"reflex"}
    assert told.row.earned_micro >= sum(int(body["amount"]) for body in told.sold)
    assert told.keys["merchant.price"] > 0


async def test_without_an_engine_a_rule_sells_nothing_and_lives_on(lived):
    told = await lived(lasting("bazaar", 6))
    assert told.row.audit_ok
    assert told.row.reason == "horizon"
    assert told.sold == []


async def test_a_world_with_buyers_goes_the_same_way_every_time(lived):
    """However fast the machine is, and whoever answers first."""
    scenario = lasting("bazaar", 10)
    first, second = [await lived(scenario, name, sells=thinker(str(MODEL))) for name in ("a", "b")]
    assert first.chosen == second.chosen
    assert [(b["from"], b["amount"]) for b in first.sold] == [
        (b["from"], b["amount"]) for b in second.sold
    ]
    assert first.sold


class Reader:
    """A model that has learnt this world's language; all else it takes for the boldest news."""

    def __init__(self, scenario: Scenario) -> None:
        told = islice(stories(scenario.news, dice(scenario, 1, "news")), 200)
        self._known = {prompt_for(s.text.encode()): s.expected_bps / 1000 for s in told}

    async def score(self, prompt, labels):
        mean = self._known.get(prompt, 1.0)
        near = min(range(len(LABELS)), key=lambda place: abs(VALUES[place] - mean))
        return Scores(tuple(12.0 * (place == near) for place in range(len(labels))), REFLEX)

    async def close(self):
        pass


async def test_who_cannot_read_stakes_nothing_and_lives_and_audits_all_the_same(lived):
    told = await lived(lasting("herald", 14))
    assert told.row.audit_ok
    assert told.row.reason == "horizon"
    assert told.keys["forecaster.stake"] == 0
    decided = [r.body["observation"]["surveys"] for r in told.records if r.kind == "decision"]
    assert all("forecaster" in surveys for surveys in decided)


async def test_a_reader_of_its_own_is_what_a_strategy_thinks_with_while_a_rule_chooses(lived):
    scenario = lasting("herald", 40)
    told = await lived(scenario, reads=Reader(scenario))
    assert told.row.audit_ok
    assert {r.body["model"] for r in told.records if r.kind == "decision"} == {"reflex"}
    assert told.keys["forecaster.stake"] > 0
    assert told.keys["forecaster.claim"] > 0
