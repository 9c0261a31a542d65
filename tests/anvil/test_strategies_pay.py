"""Each strategy has a world in which a life is better off with it than without.

One world each, and a short while; docs/strategies.md says what many whole lives come to.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from agent.models import resolve
from world.arena.house import Wanted, live_once
from world.arena.nest import Born
from world.arena.plan import BUILTIN
from world.arena.work import thinker
from world.lived import Lived
from world.scenario import SHIPPED, load_scenario

pytestmark = [pytest.mark.anvil, pytest.mark.model, pytest.mark.slow]


@dataclass(frozen=True)
class Place:
    """Where, how long, and with what else."""

    world: str
    hours: float
    beside: tuple[str, ...] = ("thrift", "keeper")


PLACES = {
    "keeper": Place("bank", 16, ("thrift",)),
    "merchant": Place("bazaar", 12),
    "saver": Place("bank", 24),
    "trader": Place("exchange", 46),
}


def money(row: Lived) -> int:
    """What went home in the end."""
    came = row.first_micro + row.earned_micro + row.gifts_micro + row.other_in_micro
    return came - row.other_out_micro - row.rent_micro - row.gas_micro


@pytest.fixture
def lived(tmp_path):
    async def live(place: Place, use: tuple[str, ...]) -> Lived:
        scenario = load_scenario(SHIPPED / f"{place.world}.toml")
        time = scenario.time.model_copy(update={"horizon_h": place.hours})
        scenario = scenario.model_copy(update={"time": time})
        model = resolve(BUILTIN)
        sells = thinker(str(model)) if "merchant" in use else None
        wanted = Wanted(scenario, 1, Born("reflex", model, use), None, sells=sells)
        row = await live_once(wanted, tmp_path / str(len(use)))
        assert row.audit_ok
        return row

    return live


@pytest.mark.parametrize("strategy", PLACES)
async def test_who_has_it_lives_as_long_and_has_more_money_in_the_end(lived, strategy):
    place = PLACES[strategy]
    without = await lived(place, place.beside)
    with_it = await lived(place, (*place.beside, strategy))
    assert with_it.paid_h >= without.paid_h
    assert money(with_it) > money(without)


async def test_who_has_thrift_outlives_the_lease_that_it_was_born_on(lived):
    place = Place("bank", 12)
    assert (await lived(place, ("keeper",))).cause == "the lease was not renewed"
    assert (await lived(place, ("keeper", "thrift"))).reason == "horizon"
