"""The figures of one policy against another, in the worlds in which both lived. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from world import censoring
from world.contrasts import Pair, contrast, log_rank
from world.evidence import evidence
from world.pairing import coin
from world.reporting.grouping import Place
from world.reporting.policies import FEWEST_WORLDS
from world.reporting.shape import CoinFigures, EvidenceFigures, LogRankFigures, PairFigures
from world.survival import Life


def pair_figures(ours: str, theirs: str, group: Sequence[Place]) -> PairFigures | None:
    """None if they never lived in the same world.

    Means are compared up to the shortest horizon, the order of deaths to each scenario's own.
    """
    its = [place for place in group if _common(place, ours, theirs)]
    if not its:
        return None
    up_to = min(place.tau_h for place in its)
    near = [place.pairs(ours, theirs, up_to, censoring.seen, censoring.seen) for place in its]
    far = [place.pairs(ours, theirs, place.tau_h, censoring.seen, censoring.seen) for place in its]
    told = contrast(near, up_to)
    worlds = sum(map(len, near))
    known = worlds >= FEWEST_WORLDS and told.difference_within.low < told.difference_within.high
    return {
        "ours": ours,
        "theirs": theirs,
        "worlds": worlds,
        "difference_h": told.difference,
        "difference_within": told.difference_within if known else None,
        "ratio": told.ratio,
        "ratio_within": told.ratio_within if known else None,
        "log_rank": _log_rank(far),
        "evidence": _evidence(ours, theirs, its, far),
        "pairs": _coin(far),
    }


def _common(place: Place, ours: str, theirs: str) -> bool:
    return bool(place.lives.get(ours, {}).keys() & place.lives.get(theirs, {}).keys())


def _log_rank(strata: Sequence[Sequence[Pair]]) -> LogRankFigures:
    told = log_rank((_all(worlds, 0), _all(worlds, 1)) for worlds in strata)
    return {
        "died": told.died,
        "expected": told.expected,
        "statistic": told.statistic,
        "p": told.p,
    }


def _all(worlds: Sequence[Pair], side: int) -> list[Life]:
    return [life for world in worlds for life in world[side]]


def _evidence(
    ours: str, theirs: str, its: Sequence[Place], strata: Sequence[Sequence[Pair]]
) -> EvidenceFigures:
    told = evidence(strata)
    worst = evidence(
        place.pairs(ours, theirs, place.tau_h, censoring.worst, censoring.best) for place in its
    )
    return {
        "e": told.e,
        "highest": told.highest,
        "shown": told.shown,
        "worst_case_e": worst.e,
        "worlds": told.worlds,
        "waiting": told.waiting,
    }


def _coin(strata: Sequence[Sequence[Pair]]) -> CoinFigures:
    told = coin(world for worlds in strata for world in worlds)
    return {"e": told.e, "ours": told.ours, "theirs": told.theirs, "open": told.open}
