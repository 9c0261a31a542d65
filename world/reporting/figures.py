"""All figures of a report, from lives, bounds and backtests; `shape` says what each is. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, cast

from world.evidence import ENOUGH
from world.lived import Lived
from world.reporting.backtests import backtest_figures
from world.reporting.given import Backtest, Bounds
from world.reporting.grouping import Place, places, policies
from world.reporting.pairs import pair_figures
from world.reporting.policies import policy_figures
from world.reporting.shape import Figures, Group, PairFigures, Tally

VERSION: Final = 1
OURS: Final = "heuristic"
"""The policy of whom it is counted where it beats the others."""
FIRST: Final = "g0"
"""The generation that all others are bred from."""
RIVALS: Final = ("reflex", "random")
AGAINST: Final = (FIRST, *RIVALS, OURS)
TOGETHER: Final = "All together"
_DIGITS: Final = 9


def figures(
    rows: Iterable[Lived], bounds: Iterable[Bounds] = (), backtests: Sequence[Backtest] = ()
) -> Figures:
    """Of no lives at all there are none, and no group."""
    known = {bound.scenario: bound for bound in bounds}
    all_of_them = places(rows, {name: bound.horizon_h for name, bound in known.items()})
    scenarios = [_group(place.scenario, [place], known) for place in all_of_them]
    errors = {
        (told["policy"], group["name"]): told["lasted"]["error_h"]
        for group in scenarios
        for told in group["policies"]
    }
    several = len(all_of_them) > 1
    told: Figures = {
        "version": VERSION,
        "lives": sum(len(p.rows(policy)) for p in all_of_them for policy in p.lives),
        "worlds": sum(group["worlds"] for group in scenarios),
        "policies": policies(all_of_them),
        "together": _group(TOGETHER, all_of_them, known) if several else None,
        "scenarios": scenarios,
        "tally": _tally(scenarios),
        "backtest": backtest_figures(backtests, errors),
    }
    return cast("Figures", _tidy(told))


def _group(name: str, group: Sequence[Place], bounds: Mapping[str, Bounds]) -> Group:
    tau = min(place.tau_h for place in group)
    bound = bounds.get(group[0].scenario) if len(group) == 1 else None
    found = policies(group)
    told = [policy_figures(policy, group, tau, bounds) for policy in found]
    pairs = [
        pair_figures(ours, theirs, group) for ours in found for theirs in AGAINST if ours != theirs
    ]
    return {
        "name": name,
        "scenarios": [place.scenario for place in group],
        "worlds": sum(len(place.seeds()) for place in group),
        "tau_h": tau,
        "passive_h": bound.passive_h if bound else None,
        "clairvoyant_h": bound.clairvoyant_h if bound else None,
        "policies": sorted(told, key=lambda each: -each["lasted"]["hours"]),
        "pairs": [pair for pair in pairs if pair],
    }


def _tally(scenarios: Sequence[Group]) -> Tally | None:
    """Over the scenarios in which it met each of the others it is held against."""
    met = [told for group in scenarios if (told := _shown(group, RIVALS)).keys() == set(RIVALS)]
    if not met:
        return None
    return {
        "ours": OURS,
        "enough": ENOUGH,
        "scenarios": len(met),
        "over": {theirs: sum(told[theirs] for told in met) for theirs in RIVALS},
        "over_all": sum(all(told.values()) for told in met),
    }


def _shown(group: Group, others: Sequence[str]) -> dict[str, bool]:
    def ours(pair: PairFigures) -> bool:
        return pair["ours"] == OURS and pair["theirs"] in others

    return {pair["theirs"]: pair["evidence"]["shown"] for pair in group["pairs"] if ours(pair)}


def _tidy(told: Any) -> Any:
    """Nine digits that matter: what lies behind them is the machine's."""
    if isinstance(told, float):
        return float(f"{told:.{_DIGITS}g}")
    if isinstance(told, dict):
        return {name: _tidy(value) for name, value in told.items()}
    if isinstance(told, list | tuple):
        return [_tidy(each) for each in told]
    return told
