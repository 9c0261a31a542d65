"""The built-in strategies pass the suite that third parties are asked to pass."""

from __future__ import annotations

from strategies import hold, keeper, thrift
from strategies.conformance import StrategyConformance


class TestHold(StrategyConformance):
    make = staticmethod(hold.make)


class TestThrift(StrategyConformance):
    make = staticmethod(thrift.make)


class TestKeeper(StrategyConformance):
    make = staticmethod(keeper.make)
