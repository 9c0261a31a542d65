"""Other people's leases: how many places of each provider they hold, if no agent is there. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from chain.types import RATE_SCALE
from world.backtest.leases import Leases
from world.backtest.record import FIRST_S, Course, Record, moves
from world.events import AFTERWARDS_S, Crowding, Event
from world.landlords import LODGING_H
from world.scenario import HOUR, Scenario


def lodgers(scenario: Scenario, past: Record, happening: Sequence[Event]) -> list[Course]:
    """Lodgers come and go by the market's rules, as `world.landlords` sends them."""
    coming = sorted((e for e in happening if isinstance(e, Crowding)), key=lambda e: -e.at_s)
    leases, block_s = Leases(scenario, past), scenario.time.block_s
    held = [[(0, 0)] for _ in scenario.providers]
    wanted: dict[int, int] = {}
    for now in range(FIRST_S + block_s, scenario.horizon_s + AFTERWARDS_S, block_s):
        for provider, places in wanted.items():
            _crowd(leases, provider + 1, places, now, scenario)
        leases.attend(now)
        for provider, path in enumerate(held):
            path.append((now, len(leases.of(provider + 1))))
        wanted = {}
        while coming and coming[-1].at_s <= now:
            crowding = coming.pop()
            wanted[crowding.provider] = crowding.places
        leases.look(now)
    return [moves(path) for path in held]


def _crowd(leases: Leases, offer: int, places: int, now: int, scenario: Scenario) -> None:
    mine = leases.of(offer)
    for lease in mine[places:]:
        leases.close(lease, now)
    provider, rate = scenario.providers[offer - 1], leases.rate(offer, now)
    deposit = rate * min(LODGING_H * HOUR, int(provider.max_h * HOUR)) // RATE_SCALE
    for _ in range(places - len(mine)):
        leases.open(offer, rate, deposit, now)
