"""Those whom only some worlds have: an exchange, a bank, a newspaper, buyers of answers; each from
its table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from world.actor import Actor, Equipping
from world.bank import Bank
from world.buyers import Buyers
from world.demand import wishes
from world.deploy import Deployment
from world.events import dice
from world.exchange import Exchange
from world.newsroom import Newsroom
from world.scenario import Scenario

if TYPE_CHECKING:
    from world.devnet import Devnet


class Townsman(Actor, Equipping, Protocol):
    """An actor that a strategy deals with."""


def townsfolk(
    devnet: Devnet, at: Deployment, scenario: Scenario, seed: int
) -> tuple[Townsman, ...]:
    """In the order in which they act."""
    found: list[Townsman] = []
    if scenario.pools:
        found.append(
            Exchange(devnet, at.token, scenario.pools, lambda name: dice(scenario, seed, name))
        )
    if scenario.vault:
        found.append(Bank(devnet, at.token, scenario.vault, dice(scenario, seed, "vault")))
    if scenario.news:
        found.append(Newsroom(devnet, at.token, scenario.news, dice(scenario, seed, "news")))
    if scenario.demand:
        coming = wishes(scenario.demand, scenario.horizon_s, dice(scenario, seed, "demand"))
        found.append(Buyers(devnet, at, scenario.demand, list(coming), scenario.time.block_s))
    return tuple(found)


def equipment(folk: Sequence[Townsman]) -> Mapping[str, Mapping[str, Any]]:
    """What strategies must know of them, once they are founded."""
    return {name: table for each in folk for name, table in each.options().items()}


def options(
    folk: Sequence[Townsman], scenario: Scenario, use: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Of the strategies in use: what they must know of these people, and what the scenario says."""
    known = equipment(folk)
    return {name: {**known.get(name, {}), **scenario.strategies.get(name, {})} for name in use}


def tables(folk: Sequence[Townsman]) -> Mapping[str, Mapping[str, Any]]:
    """Other tables of an agent's config that follow from them, once they are founded."""
    buyers = [each for each in folk if isinstance(each, Buyers)]
    return {"shop": buyers[0].shop} if buyers else {}


async def leave(folk: Sequence[Townsman]) -> None:
    """Close what they keep open on this machine."""
    for each in folk:
        if isinstance(each, Buyers):
            await each.close()
