"""The built-in strategies pass the suite that third parties are asked to pass."""

from __future__ import annotations

from strategies import forecaster, hold, keeper, saver, thrift, trader
from strategies.conformance import StrategyConformance
from strategies.samples import FORECASTER, SAVER, TRADER


class TestHold(StrategyConformance):
    make = staticmethod(hold.make)


class TestThrift(StrategyConformance):
    make = staticmethod(thrift.make)
    needs = staticmethod(thrift.needs)


class TestKeeper(StrategyConformance):
    make = staticmethod(keeper.make)
    needs = staticmethod(keeper.needs)


class TestTrader(StrategyConformance):
    make = staticmethod(trader.make)
    needs = staticmethod(trader.needs)
    options = TRADER


class TestSaver(StrategyConformance):
    make = staticmethod(saver.make)
    needs = staticmethod(saver.needs)
    options = SAVER


class TestForecaster(StrategyConformance):
    make = staticmethod(forecaster.make)
    needs = staticmethod(forecaster.needs)
    options = FORECASTER
