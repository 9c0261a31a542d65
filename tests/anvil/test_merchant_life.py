"""A whole life that sells what it thinks with: decided, sold, killed, sold on, and audited."""

from __future__ import annotations

import asyncio
import contextlib
import json
from random import Random

import pytest
from lifetime import small, until, world
from second import Second

from world.buyers import Buyers
from world.demand import Demand, DemandRegime, wishes

pytestmark = [pytest.mark.anvil, pytest.mark.model, pytest.mark.slow]

EAGER = DemandRegime(name="eager", mean_h=10**6, per_hour=30, worth_micro=400_000)


@contextlib.asynccontextmanager
async def buying(place):
    """Buyers who come on every block."""
    scenario, devnet = place.ground.scenario, place.devnet
    table = Demand(regimes=(EAGER,), spread=1.5, patience_n=1000)
    coming = list(wishes(table, scenario.horizon_s, Random("a")))
    at = place.ground.deployment
    buyers = Buyers(devnet, at, table, coming, scenario.time.block_s)
    async with devnet.hurrying():
        await buyers.found()

    async def shop() -> None:
        block = devnet.head
        while True:
            await buyers.act(block)
            block = await devnet.after(block.number)

    task = asyncio.create_task(shop())
    try:
        yield buyers
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await buyers.close()


def open_a_shop(home, shop):
    """In the config, as an operator would."""
    path = home.root / "forager.toml"
    lines = [f"{name} = {json.dumps(value)}" for name, value in shop.items()]
    text = path.read_text("utf-8")
    before = 'use = ["thrift", "keeper"]'
    assert before in text
    text = text.replace(before, 'use = ["thrift", "keeper", "merchant"]')
    path.write_text("\n".join([text, "[shop]", *lines, ""]), "utf-8")


def sold(life):
    return [r for r in life.records() if r.kind == "funds" and r.body["why"] == "sold"]


async def test_a_life_sells_answers_is_killed_and_sells_on_and_its_audit_finds_no_fault(tmp_path):
    async with world(tmp_path, small()) as place:
        life = await place.settle("seller")
        async with buying(place) as buyers:
            open_a_shop(life.home, buyers.shop)
            place.go()
            await life.start()
            await life.born()
            await until(lambda: reached(life, 2), 40, life.said)
            await life.kill()
            before = len(sold(life))
            await life.start()
            await life.alive()
            await until(lambda: reached(life, before + 2), 40, life.said)
        await life.stop()
        verdict = await life.audit()
        await place.pause()

    assert [finding for finding in verdict.findings if finding.level == "fault"] == []
    told = life.records()
    sales = [record.body for record in told if record.kind == "funds"]
    assert {body["why"] for body in sales} <= {"sold", "unasked"}
    bought = [body for body in sales if body["why"] == "sold"]
    assert len({(body["from"], body["nonce"]) for body in bought}) == len(bought)
    for body in bought:
        decided = told[body["because"]].body
        chosen = decided["menu"][decided["chosen"]]
        assert (chosen["key"], chosen["params"]["price_micro"]) == (
            "merchant.price",
            int(body["amount"]),
        )
    said = [json.dumps(record.body, default=str) for record in told]
    for words in (*said, (life.home.logs / "agent.log").read_text("utf-8")):
        assert "visit" not in words  # which every question of theirs begins with
    second = Second(make(tmp_path / "second"))
    try:
        found = second.verify(life.home.cars)
    finally:
        second.close()
    assert {finding["kind"] for finding in found["findings"]} <= {"ending"}


async def reached(life, count):
    life.must_run()
    return len(sold(life)) >= count


def make(folder):
    folder.mkdir()
    return folder
