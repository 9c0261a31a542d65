"""Finds strategies and compute networks by the names that the config lists; loads nothing else.

What belongs to Forager's own distribution is loaded here. Everything else runs in a child process
and speaks plain data, so a stranger's code never shares memory with this one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final, TypeVar

from agent.errors import BadConfig
from chain.types import Address
from compute.port import ComputeProvider
from strategies.port import Strategy, Tools

STRATEGIES: Final = "forager.strategies"
COMPUTE: Final = "forager.compute"
OURS: Final = "forager"

Made = TypeVar("Made")


def compute_network(
    name: str, market: Address, token: Address, guardian: Address
) -> ComputeProvider:
    """A network of this name; leases that another guardian opened are none of ours."""
    point = _find(COMPUTE, name)
    if not _ours(point):
        raise BadConfig(
            f"the compute network {name} is not Forager's own", "only our own are loaded yet"
        )
    made: ComputeProvider = point.load()(market, token, guardian)
    return made


def strategy(
    name: str,
    options: Mapping[str, Any],
    tools: Tools,
    apart: Callable[[str, Mapping[str, Any]], Made],
) -> Strategy | Made:
    """The strategy of this name, ready to be asked; somebody else's is made by `apart`."""
    point = _find(STRATEGIES, name)
    if _ours(point):
        made: Strategy = point.load()(options, tools)
        return made
    return apart(name, options)


def _find(group: str, name: str) -> EntryPoint:
    found = [point for point in entry_points(group=group) if point.name == name]
    if not found:
        known = ", ".join(sorted({point.name for point in entry_points(group=group)}))
        raise BadConfig(f"nothing called {name} is installed for {group}", f"there are: {known}")
    return found[0]


def _ours(point: EntryPoint) -> bool:
    return point.dist is not None and point.dist.name == OURS
