"""Evaluated lives to compare, and small worlds full of them."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from world.lived import Lived
from world.reporting.given import Bounds

HORIZON_H = 480.0
SAMPLE = Lived(
    scenario="steady",
    seed=7,
    policy="reflex",
    genome="ab" * 32,
    agent=3,
    reason="died",
    cause="insolvent",
    paid_h=41.5,
    age_h=65.5,
    horizon_h=HORIZON_H,
    ticks=131,
    records=500,
    transactions=40,
    idle_n=90,
    first_micro=12_000_000,
    earned_micro=3_000_000,
    rent_micro=14_000_000,
    gas_micro=900_000,
    gifts_micro=500_000,
    other_out_micro=0,
    other_in_micro=0,
    audit_ok=True,
    faults=0,
    head="bafy…",
    wall_s=1.25,
)
BOUNDS = (Bounds("dry", HORIZON_H, 40, 300), Bounds("steady", HORIZON_H, 60, 470))


def one(**changes):
    return replace(SAMPLE, **changes)


def at_horizon(paid_h=HORIZON_H, **changes):
    return one(reason="horizon", cause="time was up", paid_h=paid_h, **changes)


def population(worlds=12, scenarios=("dry", "steady"), seed=0, **means_h):
    """Lives of these policies, each of which lasts so many hours if no horizon comes first."""
    rng = Random(seed)
    rows = []
    for scenario in scenarios:
        for number in range(1, worlds + 1):
            luck = rng.uniform(0.6, 1.4)
            for policy, mean_h in means_h.items():
                hours = 24 + rng.expovariate(1 / (mean_h * luck))
                told = {"scenario": scenario, "seed": number, "policy": policy}
                if hours >= HORIZON_H:
                    rows.append(at_horizon(HORIZON_H - rng.uniform(0, 9), **told))
                else:
                    cause = rng.choice(("insolvent", "unhoused", "out of gas"))
                    rows.append(one(paid_h=hours, cause=cause, **told))
    return rows
