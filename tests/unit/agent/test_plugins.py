from __future__ import annotations

import pytest

from agent import plugins
from agent.errors import BadConfig
from compute.market import LeaseMarket
from strategies.errors import BadOptions
from strategies.port import Tools
from tests.snapshots import GUARDIAN, PLACES

TOOLS = Tools(LeaseMarket(PLACES.lease_market, PLACES.token))


def apart(name, options):
    raise AssertionError(name)


def found(monkeypatch, *points):
    """Entry points as some installation has them: (name, value, distribution)."""
    from importlib.metadata import EntryPoint

    class Dist:
        def __init__(self, name):
            self.name = name

    def entry_points(*, group, name=None):
        made = [EntryPoint(n, v, group)._for(Dist(d)) for n, v, d in points]
        return [point for point in made if name in (None, point.name)]

    monkeypatch.setattr(plugins, "entry_points", entry_points)


@pytest.mark.parametrize("name", ["hold", "thrift", "keeper"])
def test_our_own_strategies_are_made_in_this_process(name):
    made = plugins.strategy(name, {}, TOOLS, apart)
    assert made.name == name


def test_our_own_network_is_made_here():
    made = plugins.compute_network("lease-market", PLACES.lease_market, PLACES.token, GUARDIAN)
    assert isinstance(made, LeaseMarket)


def test_an_unknown_name_is_one_line_with_the_nearest():
    with pytest.raises(BadConfig, match=r"nothing called thirft .*; did you mean thrift\?"):
        plugins.strategy("thirft", {}, TOOLS, apart)
    with pytest.raises(BadConfig, match=r"there are: .*hold, keeper, .*thrift"):
        plugins.strategy("zzz", {}, TOOLS, apart)
    with pytest.raises(BadConfig, match=r"did you mean lease-market\?"):
        plugins.compute_network("leasemarket", PLACES.lease_market, PLACES.token, GUARDIAN)


def test_wrong_options_are_told_at_once():
    with pytest.raises(BadOptions, match="unknown option: option low_hours, meant low_h"):
        plugins.strategy("thrift", {"low_hours": 1}, TOOLS, apart)


def test_a_strangers_network_is_refused(monkeypatch):
    found(monkeypatch, ("theirs", "builtins:dict", "strangers"))
    with pytest.raises(BadConfig, match="not Forager's own"):
        plugins.compute_network("theirs", PLACES.lease_market, PLACES.token, GUARDIAN)


def test_two_strangers_of_one_name_are_not_chosen_between(monkeypatch):
    found(monkeypatch, ("s", "a:make", "a"), ("s", "b:make", "b"))
    with pytest.raises(BadConfig, match="installed twice"):
        plugins.strategy("s", {}, TOOLS, apart)


def test_one_stranger_seen_twice_on_the_path_is_one(monkeypatch):
    found(monkeypatch, ("s", "a:make", "a"), ("s", "a:make", "a"))
    assert plugins.strategy("s", {}, TOOLS, lambda name, options: name) == "s"
