from __future__ import annotations

import forager_siesta

from chain.types import Micro
from strategies.conformance import StrategyConformance
from strategies.port import Placing, Snapshot
from strategies.samples import HOUR, TOOLS, lease, offer, snapshot


class TestSiesta(StrategyConformance):
    make = staticmethod(forager_siesta.make)


def keys(seen: Snapshot) -> list[str]:
    return [action.key for action in forager_siesta.make({}, TOOLS).propose(seen)]


def test_it_gives_the_machine_back_when_rent_is_dear():
    dear = lease(hourly=2_000_000)
    assert keys(snapshot(placing=Placing.REMOTE, lease=dear)) == ["siesta.sleep"]
    assert keys(snapshot(placing=Placing.REMOTE, lease=lease())) == []
    assert keys(snapshot(placing=Placing.EMBODIED, lease=dear)) == []


def test_it_wakes_when_rent_is_cheap_or_sleeping_becomes_dying():
    def asleep(hours: int, hourly: int) -> list[str]:
        offers = (offer(hourly=Micro(hourly)),)
        remote = {"placing": Placing.REMOTE, "lease": None, "offers": offers}
        return keys(snapshot(unleased_s=hours * HOUR, **remote))

    assert asleep(2, 1_000_000) == ["siesta.wake"]
    assert asleep(2, 2_000_000) == []
    assert asleep(20, 2_000_000) == ["siesta.wake"]
