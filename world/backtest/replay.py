"""Replays a policy on a record: the real strategies, the real menu, a world that does not react.

Block by block as an arena goes: what is signed at one tick is in the next block, if its fee is
enough there, and burns what it was seen to burn. What the market and its providers do is reckoned
by the contract's own rules. Still it is an estimate and no more: rivals do as they did, whatever
the policy takes from them, and some things are left out (docs/worlds.md).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from agent import mortality
from agent.mind import Rule
from compute import market
from strategies import keeper
from strategies.hold import WAIT
from strategies.port import Action, Snapshot, Strategy, Tools
from strategies.samples import GUARDIAN, PLACES
from strategies.thrift import make as make_thrift
from telemetry.draw import draw, log_probabilities
from telemetry.fitness import paid
from world.backtest.doing import ANCHOR, Doing
from world.backtest.record import FIRST_S, Record
from world.backtest.seeing import look
from world.backtest.town import Town
from world.events import birth_seed
from world.scenario import HOUR, Scenario

START_BLOCK: Final = 3
HEARTBEAT_BLOCKS: Final = 16
ANCHOR_BLOCKS: Final = 8
EPOCH_RECORDS: Final = 256
MENU: Final = 12
WILL_BLOCKS: Final = 2
MAKERS: Final[Mapping[str, Callable[..., Strategy]]] = {
    "thrift": make_thrift,
    "keeper": keeper.make,
}


@dataclass(frozen=True, slots=True)
class Replayed:
    """How the backtest says that it went; sums in micro-units of the token."""

    paid_h: float
    reason: str
    cause: str
    ticks: int
    earned_micro: int
    rent_micro: int
    """With what lies in escrow at the end."""
    gas_micro: int
    left_micro: int


def replay(
    scenario: Scenario,
    record: Record,
    rule: Rule,
    *,
    epsilon: float = 0.0,
    without: Collection[str] = (),
) -> Replayed:
    """One life by this policy on this record, `without` some of the scenario's strategies."""
    return Replay(scenario, record, rule, epsilon, without).run()


class Replay:
    """One replayed life; seconds are the world's, as in its record."""

    def __init__(
        self,
        scenario: Scenario,
        record: Record,
        rule: Rule,
        epsilon: float = 0.0,
        without: Collection[str] = (),
    ) -> None:
        self._rule, self._epsilon = rule, epsilon
        self._seed = birth_seed(scenario, record.seed)
        tools = Tools(market.LeaseMarket(PLACES.lease_market, PLACES.token, GUARDIAN))
        options = scenario.strategies
        self._strategies: Sequence[Strategy] = [
            make(options.get(name, {}), tools)
            for name, make in MAKERS.items()
            if name in scenario.use and name not in without
        ]
        self._town = Town(scenario, record)
        self._doing = Doing(self._town)

    def run(self) -> Replayed:
        town, at, now = self._town, self._doing.at, FIRST_S
        will_s = WILL_BLOCKS * town.block_s
        while True:
            seen = look(town, at, now)
            if ended := mortality.judge(seen, will_s, will_s):
                break
            self.tick(now, seen)
            now += town.block_s
            self._doing.pass_block(now)
        last = now + town.block_s  # in which it gives back what it rents
        return Replayed(
            paid_h=paid(town.leases.spans(last)).seconds / HOUR,
            reason=ended.reason,
            cause=ended.cause,
            ticks=at.ticks,
            earned_micro=at.earned,
            rent_micro=at.rented,
            gas_micro=at.refuelled,
            left_micro=at.micro,
        )

    def tick(self, now: int, seen: Snapshot) -> None:
        menu, at = self.menu(seen), self._doing.at
        logprobs = log_probabilities(self._rule(seen, menu).logits, 1.0, self._epsilon)
        chosen = menu[draw(self._seed, at.seq, logprobs)]
        sealed, steps = at.seq // EPOCH_RECORDS, self._town.number(now) - START_BLOCK
        at.ticks += 1
        at.seq += 1 + (now == FIRST_S or steps % HEARTBEAT_BLOCKS == 0)
        if chosen.calls:
            self._doing.sign(chosen.key, now, chosen)
        if steps % ANCHOR_BLOCKS == 0 and sealed > at.anchored:
            at.anchored = sealed
            at.seq += 1
            self._doing.sign(ANCHOR, now)

    def menu(self, seen: Snapshot) -> tuple[Action, ...]:
        """As the agent makes it."""
        offered = {
            f"{a.key} {sorted(a.params.items())}": a
            for strategy in self._strategies
            for a in strategy.propose(seen)
        }
        best = sorted(offered.items(), key=lambda item: (-item[1].score, item[0]))[: MENU - 1]
        return (WAIT, *(action for _, action in best))
