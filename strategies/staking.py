"""What can be done on a ForecastBoard: stake on what is expected, claim what came of it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from chain.types import SALT, WALLET, Address, Call, Micro, Pull
from strategies.means import flying, gas_in_micro, stumbles
from strategies.port import Action, Snapshot
from strategies.rounds import CLAIM, FORECAST, Due, Forecast, gain
from strategies.spare import gain_score, left_s, need_score, spare

STAKE: Final = "forecaster.stake"
CASH: Final = "forecaster.claim"
STAKE_GAS: Final = 280_000
CLAIM_GAS: Final = 110_000
USUAL_GAS: Final = 260_000
"""What a stake and its claim burn together."""
KEEP_GAS: Final = 300_000
"""Gas to keep for the next refuelling."""
MOST_CLAIMS: Final = 4
"""So many stakes are claimed at once."""

Stakes = tuple[tuple[Forecast, int], ...]
"""Forecasts, and what is staked on each."""


@dataclass(frozen=True, slots=True)
class Habits:
    """How a forecaster behaves."""

    board: Address
    lead_s: int
    keep_h: int
    sizes_pct: tuple[int, ...]
    bundle_n: int
    least_micro: int
    authorization_s: int


def stakes(
    seen: Snapshot, habits: Habits, forecasts: Sequence[Forecast], miss_pct: int
) -> Iterator[Action]:
    """Parts of the money that is not needed soon, on the boldest forecasts."""
    if flying(seen, STAKE) or seen.holdings.stale:
        return
    worth = [each for each in forecasts if _is_open(each, seen, habits)]
    worth.sort(key=lambda each: (-abs(each.forecast_bps) / each.span_bps, each.id))
    idle = spare(seen, habits.keep_h)
    sizes = sorted({idle * min(100, pct) // 100 for pct in habits.sizes_pct})
    for parts in dict.fromkeys(_allot(seen, habits, micro, worth) for micro in sizes):
        gas = len(parts) * (STAKE_GAS + CLAIM_GAS) + KEEP_GAS
        won = sum(_expected(each, stake) for each, stake in parts)
        cost = len(parts) * gas_in_micro(seen, USUAL_GAS)
        affordable = gas * seen.gas_price <= seen.holdings.wei
        if parts and affordable and won - cost >= max(1, habits.least_micro):
            yield _stake(seen, habits, parts, miss_pct)


def _is_open(each: Forecast, seen: Snapshot, habits: Habits) -> bool:
    """There is time to stake, and it is over before this life's money must be home."""
    now = seen.block.at
    in_time = each.closes_at >= now + habits.lead_s and each.over_at - now <= left_s(seen)
    return in_time and each.forecast_bps != 0


def _allot(seen: Snapshot, habits: Habits, micro: int, worth: Sequence[Forecast]) -> Stakes:
    """The boldest first, each with as much as its round takes; none that does not pay its gas."""
    cost, parts = gas_in_micro(seen, USUAL_GAS), []
    for each in worth[: habits.bundle_n]:
        stake = min(micro, int(each.most))
        if stake >= max(1, int(each.least)) and _expected(each, stake) > cost:
            parts.append((each, stake))
            micro -= stake
    return tuple(parts)


def _expected(each: Forecast, stake: int) -> int:
    return gain(stake, each.forecast_bps, each.forecast_bps, each.span_bps)


def _stake(seen: Snapshot, habits: Habits, parts: Stakes, miss_pct: int) -> Action:
    won = sum(_expected(each, stake) for each, stake in parts)
    cost = len(parts) * gas_in_micro(seen, USUAL_GAS)
    boldest, _ = parts[0]
    return Action(
        key=STAKE,
        params={
            "stake_micro": sum(stake for _, stake in parts),
            "gain_micro": won,
            "move_n": abs(boldest.forecast_bps),
            "miss_pct": miss_pct,
            "gas_micro": cost,
            "sd_n": max(0, boldest.sd_bps),
            "over_s": max(each.over_at for each, _ in parts) - seen.block.at,
            "rounds_n": len(parts),
        },
        summary="stake on what the model expects of the news",
        calls=tuple(_forecast(seen, habits, each, stake) for each, stake in parts),
        score=gain_score(seen, won - cost) - stumbles(seen, STAKE) / 2,
    )


def _forecast(seen: Snapshot, habits: Habits, each: Forecast, stake: int) -> Call:
    pull = Pull(seen.places.token, Micro(stake), seen.block.at + habits.authorization_s)
    args = (WALLET, each.id, each.forecast_bps, stake, SALT)
    return Call(habits.board, FORECAST, args, gas=STAKE_GAS, pull=pull)


def claims(seen: Snapshot, habits: Habits, dues: Sequence[Due]) -> Iterator[Action]:
    """All that is due and more than its gas, in one go."""
    gas = gas_in_micro(seen, CLAIM_GAS)
    due = [each for each in dues if int(each.due) > gas][:MOST_CLAIMS]
    affordable = len(due) * CLAIM_GAS * seen.gas_price <= seen.holdings.wei
    if not due or not affordable or flying(seen, CASH) or seen.holdings.stale:
        return
    back, cost = sum(int(each.due) for each in due), len(due) * gas
    worth = max(gain_score(seen, back - cost), need_score(seen, habits.keep_h))
    yield Action(
        key=CASH,
        params={
            "back_micro": back,
            "gas_micro": cost,
            "stake_micro": sum(int(each.stake) for each in due),
            "rounds_n": len(due),
        },
        summary="claim what forecasts have brought back",
        calls=tuple(Call(habits.board, CLAIM, (each.id,), gas=CLAIM_GAS) for each in due),
        score=worth - stumbles(seen, CASH) / 2,
    )
