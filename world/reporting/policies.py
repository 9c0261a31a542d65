"""The figures of one policy in one group of scenarios. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Final

from world import censoring
from world.lived import Lived
from world.reporting.given import Bounds
from world.reporting.grouping import Place
from world.reporting.shape import Curve, Ends, Gap, Lasted, Money, PolicyFigures, Range
from world.resampling import SEED, interval, mean_draws
from world.survival import Life, curve, median, restricted_mean

FEWEST_WORLDS: Final = 2
"""With fewer, nothing can be said of other worlds."""


def policy_figures(
    policy: str, group: Sequence[Place], tau: float, bounds: Mapping[str, Bounds]
) -> PolicyFigures:
    its = [place for place in group if policy in place.lives]
    rows = [row for place in its for row in place.rows(policy)]
    lives = [censoring.seen(row, tau) for row in rows]
    rent = sum(row.rent_micro for row in rows)
    ticks = sum(row.ticks for row in rows)
    return {
        "policy": policy,
        "lives": len(rows),
        "worlds": sum(len(place.lives[policy]) for place in its),
        "scenarios": len(its),
        "ends": _ends(rows),
        "causes": dict(Counter(row.cause for row in rows if row.event).most_common()),
        "curve": _curve(lives, tau),
        "lasted": _lasted(policy, its, rows, tau),
        "median_h": median(lives),
        "gap": _gap(policy, its, bounds),
        "money": _money(rows),
        "earned_per_rent": sum(row.earned_micro for row in rows) / rent if rent else None,
        "idle_share": sum(row.idle_n for row in rows) / ticks if ticks else None,
        "ticks": ticks,
        "transactions": sum(row.transactions for row in rows),
        "audits_ok": sum(row.audit_ok for row in rows),
        "faults": sum(row.faults for row in rows),
    }


def _ends(rows: Sequence[Lived]) -> Ends:
    told = Counter(row.reason for row in rows)
    return {
        "died": told["died"],
        "horizon": told["horizon"],
        "halted": told["halted"],
        "lost": told["lost"],
        "slept": sum(map(censoring.slept, rows)),
    }


def _curve(lives: Sequence[Life], tau: float) -> Curve:
    steps = curve(lives)
    falls = [step for step in steps if step.died or step is steps[0]]
    return {
        "hours": [step.hours for step in falls],
        "alive": [step.alive for step in falls],
        "low": [step.low for step in falls],
        "high": [step.high for step in falls],
        "at_risk": [step.at_risk for step in falls],
        "unseen_h": [step.hours for step in steps if step.censored and step.hours < tau],
    }


def _lasted(policy: str, its: Sequence[Place], rows: Sequence[Lived], tau: float) -> Lasted:
    told = restricted_mean([censoring.seen(row, tau) for row in rows], tau)
    strata = [place.worlds(policy, censoring.seen, tau) for place in its]
    known = told.error > 0 and sum(map(len, strata)) >= FEWEST_WORLDS
    each = ([life for world in worlds for life in world] for worlds in strata)
    return {
        "hours": told.hours,
        "error_h": told.error,
        "by_formula": (told.low, told.high) if known else None,
        "by_world": interval(mean_draws(strata, tau)) if known else None,
        "worst_h": restricted_mean([censoring.worst(row, tau) for row in rows], tau).hours,
        "best_h": restricted_mean([censoring.best(row, tau) for row in rows], tau).hours,
        "weighted_h": censoring.weighted_mean(each, tau),
    }


def _gap(policy: str, its: Sequence[Place], bounds: Mapping[str, Bounds]) -> Gap | None:
    """Of several scenarios the mean share, each to its own horizon and with the same weight."""
    shares: list[float] = []
    drawn: list[list[float]] = []
    for number, place in enumerate(its):
        bound = bounds.get(place.scenario)
        if bound is None or bound.clairvoyant_h <= bound.passive_h:
            continue
        worlds = place.worlds(policy, censoring.seen, place.tau_h)
        lives = [life for world in worlds for life in world]
        shares.append(_share(restricted_mean(lives, place.tau_h).hours, bound))
        draws = mean_draws([worlds], place.tau_h, seed=SEED + number)
        drawn.append([_share(hours, bound) for hours in draws])
    if not shares:
        return None
    return {"share": fmean(shares), "within": _within(list(map(fmean, zip(*drawn, strict=True))))}


def _share(hours: float, bound: Bounds) -> float:
    return (hours - bound.passive_h) / (bound.clairvoyant_h - bound.passive_h)


def _within(drawn: Sequence[float]) -> Range | None:
    """None where every draw is the same: one world, or nobody who died."""
    low, high = interval(drawn)
    return (low, high) if min(drawn) < max(drawn) else None


def _money(rows: Sequence[Lived]) -> Money:
    def mean(amounts: Iterable[int]) -> int:
        return (2 * sum(amounts) + len(rows)) // (2 * len(rows))

    return {
        "first": mean(row.first_micro for row in rows),
        "earned": mean(row.earned_micro for row in rows),
        "gifts": mean(row.gifts_micro for row in rows),
        "other_in": mean(row.other_in_micro for row in rows),
        "rent": mean(row.rent_micro for row in rows),
        "gas": mean(row.gas_micro for row in rows),
        "other_out": mean(row.other_out_micro for row in rows),
        "end": mean(map(_end, rows)),
    }


def _end(row: Lived) -> int:
    """What was left when it ended."""
    came = row.first_micro + row.earned_micro + row.gifts_micro + row.other_in_micro
    return came - row.rent_micro - row.gas_micro - row.other_out_micro
