"""Finds strategies and compute networks by the names that the config lists; loads nothing else.

What belongs to Forager's own distribution is loaded here. Everything else runs in a child process
and speaks plain data, so a stranger's code never shares memory with this one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from functools import lru_cache
from importlib.metadata import Distribution, EntryPoint, entry_points
from typing import Any, Final, TypeVar

from agent.errors import BadConfig
from chain.types import Address
from compute.port import ComputeProvider
from strategies.needs import Needs
from strategies.port import Places, Strategy, Tools

STRATEGIES: Final = "forager.strategies"
COMPUTE: Final = "forager.compute"
NEEDS: Final = "forager.needs"
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


def strangers(names: Iterable[str]) -> tuple[str, ...]:
    """Those of these strategies that are not Forager's own."""
    return tuple(name for name in names if not _ours(_find(STRATEGIES, name)))


def points(compute: str, name: str) -> tuple[EntryPoint, EntryPoint]:
    """What a child loads: our own network before it is shut in, a stranger's strategy after."""
    network = _find(COMPUTE, compute)
    if not _ours(network):
        raise BadConfig(f"the compute network {compute} is not Forager's own")
    return network, _find(STRATEGIES, name)


def needs(name: str, options: Mapping[str, Any], places: Places) -> Needs:
    """What our own strategy's calls need of the limits; a stranger's is given nothing by itself."""
    _find(STRATEGIES, name)
    ours = [point for point in _installed(NEEDS) if point.name == name and _ours(point)]
    found: Needs = ours[0].load()(options, places) if ours else Needs()
    return found


def _find(group: str, name: str) -> EntryPoint:
    """Our own goes first: no stranger takes its name; two strangers of one name are told apart."""
    named = (point for point in _installed(group) if point.name == name)
    found = sorted(named, key=_ours, reverse=True)
    if not found:
        known = sorted({point.name for point in _installed(group)})
        near = get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(known)}"
        raise BadConfig(f"nothing called {name} is installed for {group}", hint)
    makers = {point.value for point in found}
    if len(makers) > 1 and not _ours(found[0]):
        raise BadConfig(f"{name} of {group} is installed twice", f"remove one of {sorted(makers)}")
    return found[0]


def _installed(group: str) -> tuple[EntryPoint, ...]:
    return _scanned(entry_points, group, tuple(sys.path))


@lru_cache(maxsize=8)
def _scanned(
    scan: Callable[..., Iterable[EntryPoint]], group: str, path: tuple[str, ...]
) -> tuple[EntryPoint, ...]:
    """Everything on the path is opened for this, so a process looks only once."""
    del path
    return tuple(scan(group=group))


def _ours(point: EntryPoint) -> bool:
    return point.dist is not None and _name(point.dist) == OURS


@lru_cache(maxsize=64)
def _name(dist: Distribution) -> str:
    return str(dist.name)
