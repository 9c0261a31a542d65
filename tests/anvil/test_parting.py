"""What a life holds elsewhere when it ends goes home with it, however it ends."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.models import resolve
from chain.contracts import BALANCE_OF
from chain.reader import BlockReader
from telemetry.log import Log
from telemetry.record import Record
from world.arena import house
from world.arena.house import Wanted, live_once
from world.arena.nest import Born
from world.arena.plan import BUILTIN
from world.bank import Bank
from world.exchange import Exchange
from world.lived import Lived
from world.scenario import SHIPPED, load_scenario
from world.tables import Halts

pytestmark = [pytest.mark.anvil, pytest.mark.slow]


@dataclass
class Left:
    """Who holds what of the tokens that are not the working one, once all is over."""

    row: Lived
    wallet: int
    operator: int
    told: list[dict]


@pytest.fixture
def lived(tmp_path, monkeypatch):
    """Lives without thrift, so the first lease is the last; gives what is left of it where."""

    async def live(world: str, use: tuple[str, ...], first_lease_h: float, halts=None) -> Left:
        scenario = load_scenario(SHIPPED / f"{world}.toml")
        endowment = scenario.endowment.model_copy(update={"first_lease_h": first_lease_h})
        scenario = scenario.model_copy(update={"endowment": endowment, "halts": halts})
        found: dict[str, object] = {}

        async def look(ground, born, notes, tables, began):
            read = await BlockReader.latest(ground.devnet.client)
            token = next(_elsewhere(each) for each in ground.folk)
            for who, of in (("wallet", ground.keys.wallet), ("operator", ground.operator)):
                [found[who]] = await read.call(token, BALANCE_OF, [of.address])
            found["told"] = _told(ground.home.log, notes.agent)
            return await account(ground, born, notes, tables, began)

        account = house.account
        monkeypatch.setattr(house, "account", look)
        born = Born("reflex", resolve(BUILTIN), use)
        row = await live_once(Wanted(scenario, 3, born, None), tmp_path)
        return Left(row, found["wallet"], found["operator"], found["told"])

    return live


def _elsewhere(actor: object) -> str:
    if isinstance(actor, Bank):
        return actor.vault
    assert isinstance(actor, Exchange)
    return actor.options()["trader"]["other"]


def _told(path: Path, agent: int) -> list[dict]:
    log = Log(path, agent, lambda: 0)
    try:
        records = [Record.decode(data) for _, data in log.records()]
    finally:
        log.close()
    return [record.body for record in records if record.kind == "effect"]


def homeward(told: list[dict]) -> list[dict]:
    return [body for body in told if body["intent"].startswith("sweep.0x")]


def went_home(left: Left, purpose: str) -> None:
    assert left.row.audit_ok
    assert left.row.other_out_micro > left.row.other_in_micro  # it had money elsewhere
    assert (left.wallet, left.operator > 0) == (0, True)
    sent, settled = [body for body in left.told if body["intent"].startswith("sweep.0x")]
    assert sent["purpose"] == purpose
    assert settled["ok"]
    assert settled["gas_used"] < 3 * sent["call"]["gas"] // 4


async def test_savings_go_home_when_a_life_dies(lived):
    left = await lived("bank", ("keeper", "saver"), first_lease_h=6)
    assert left.row.reason == "died"
    went_home(left, "end")


async def test_savings_go_home_when_a_halted_life_is_drained(lived):
    left = await lived("bank", ("keeper", "saver"), first_lease_h=40, halts=Halts(mean_h=160))
    assert left.row.reason == "halted"
    went_home(left, "drain")


async def test_what_was_bought_goes_home_when_a_life_dies(lived):
    left = await lived("exchange", ("keeper", "trader"), first_lease_h=38)
    assert left.row.reason == "died"
    went_home(left, "end")
