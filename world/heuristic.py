"""The hand-written rival: a fixed rule that a careful person would write, knowing strategies.

First what keeps it alive, then what pays, then what saves. Its few figures were tuned on the
training seeds of all shipped scenarios (`python -m world.tuning`), and are frozen with them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from compute.port import Lease, LeaseState
from strategies.keeper import WORK
from strategies.means import gas_in_micro
from strategies.port import Action, Placing, Snapshot
from strategies.refuel import REFUEL
from strategies.rent import CLOSE, EXTEND, OPEN

HOUR: Final = 3600
LOST_RACE_GAS: Final = 45_000
LIVE: Final = (LeaseState.ACTIVE, LeaseState.GRACE)


@dataclass(frozen=True, slots=True)
class Figures:
    """What the rule goes by."""

    low_h: float = 1.5
    """Below so much paid time it pays for more."""
    longest_h: float = 16.0
    """As much as it can at once, for every payment costs gas; but no more than this."""
    gas_share_pct: int = 80
    """A job whose gas eats more of its reward is not worth it."""
    least_margin_micro: int = 30_000
    """Nor one that is not expected to leave this much."""
    most_reward_h: float = 4.5
    """What pays for more hours of rent than this is too good to be true."""
    refuel_pct: int = 90
    """Of the tank's floor."""
    move_pct: int = 45
    """A remote life moves for such a saving."""
    last_h: float = 2.0
    """Nothing is paid for beyond the horizon but this."""


USUAL: Final = Figures()


def heuristic(seen: Snapshot, menu: Sequence[Action], figures: Figures = USUAL) -> int:
    """The index of its choice."""
    for rule in (_stay_alive, _refuel, _work, _move):
        if (choice := rule(seen, menu, figures)) is not None:
            return choice
    return 0


def _stay_alive(seen: Snapshot, menu: Sequence[Action], figures: Figures) -> int | None:
    """Rent before anything else, a little at a time; a new lease where it is cheapest."""
    lease = seen.lease
    if lease is None or lease.state not in LIVE:
        return _elsewhere(menu, lease)
    paid_h = (lease.paid_until - seen.block.at) / HOUR
    if (lease.ends_at - seen.block.at) / HOUR < figures.low_h:
        opened = _best(menu, OPEN, lambda a: -a.params["hour_micro"])
        if opened is not None:
            return opened
    left_h = (seen.horizon_s - seen.age_s) / HOUR
    if paid_h >= min(figures.low_h, left_h + figures.last_h):
        return None
    affordable = [
        i
        for i, a in enumerate(menu)
        if a.key == EXTEND and a.params["longer_s"] <= figures.longest_h * HOUR
    ]
    if affordable:
        return max(affordable, key=lambda i: menu[i].params["longer_s"])
    return _best(menu, EXTEND, lambda a: -a.params["longer_s"])


def _elsewhere(menu: Sequence[Action], dead: Lease | None) -> int | None:
    """The cheapest machine, but not where the last one fell silent."""
    found = [i for i, action in enumerate(menu) if action.key == OPEN]
    others = [i for i in found if dead is None or menu[i].params["offer_n"] != dead.offer]
    return min(others or found, key=lambda i: menu[i].params["hour_micro"], default=None)


def _refuel(seen: Snapshot, menu: Sequence[Action], figures: Figures) -> int | None:
    choice = _best(menu, REFUEL, lambda a: -a.params["price_micro"])
    if choice is None or menu[choice].params["level_pct"] > figures.refuel_pct:
        return None
    return choice if seen.holdings.micro > 2 * menu[choice].params["price_micro"] else None


def _work(seen: Snapshot, menu: Sequence[Action], figures: Figures) -> int | None:
    """The job of most expected profit, if gas leaves enough of it and it is to be believed."""

    def profit(action: Action) -> float:
        chance = action.params["chance_pct"] / 100
        lost = min(action.params["gas_micro"], gas_in_micro(seen, LOST_RACE_GAS))
        gain = action.params["reward_micro"] - action.params["gas_micro"]
        return chance * gain - (1 - chance) * lost

    usual = min((offer.micro_per_hour for offer in seen.offers), default=0) or seen.burn
    fair = [
        i
        for i, a in enumerate(menu)
        if a.key == WORK
        and 100 * a.params["gas_micro"] <= figures.gas_share_pct * a.params["reward_micro"]
        and a.params["reward_micro"] <= figures.most_reward_h * usual
        and profit(a) >= figures.least_margin_micro
    ]
    return max(fair, key=lambda i: profit(menu[i]), default=None)


def _move(seen: Snapshot, menu: Sequence[Action], figures: Figures) -> int | None:
    """A remote life leaves for a machine that is cheaper by enough."""
    lease = seen.lease
    if seen.placing is not Placing.REMOTE or lease is None or not seen.offers:
        return None
    cheapest = min(offer.rate for offer in seen.offers)
    saving_pct = 100 * (lease.rate - cheapest) // max(1, lease.rate)
    return _best(menu, CLOSE, lambda _: 0) if saving_pct >= figures.move_pct else None


def _best(menu: Sequence[Action], key: str, value: Callable[[Action], float]) -> int | None:
    found = [i for i, action in enumerate(menu) if action.key == key]
    return max(found, key=lambda i: value(menu[i]), default=None)
