"""Lives in their places: by scenario, by policy, by world. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from world.contrasts import Pair
from world.lived import Lived
from world.survival import Life

Read = Callable[[Lived, float], Life]
"""How a row is taken: as seen, or for the worst or the best."""


@dataclass(frozen=True, slots=True)
class Place:
    """One scenario's lives by policy and seed."""

    scenario: str
    tau_h: float
    lives: Mapping[str, Mapping[int, Sequence[Lived]]]

    def rows(self, policy: str) -> list[Lived]:
        return [row for rows in self.lives.get(policy, {}).values() for row in rows]

    def worlds(self, policy: str, read: Read, tau: float) -> list[list[Life]]:
        """In the order of their seeds."""
        told = self.lives.get(policy, {})
        return [[read(row, tau) for row in told[seed]] for seed in sorted(told)]

    def seeds(self) -> set[int]:
        return {seed for worlds in self.lives.values() for seed in worlds}

    def pairs(
        self, ours: str, theirs: str, tau: float, read_ours: Read, read_theirs: Read
    ) -> list[Pair]:
        """The worlds in which both lived, in the order of their seeds."""
        a, b = self.lives.get(ours, {}), self.lives.get(theirs, {})
        return [
            Pair(
                [read_ours(row, tau) for row in a[seed]],
                [read_theirs(row, tau) for row in b[seed]],
            )
            for seed in sorted(a.keys() & b.keys())
        ]


def places(rows: Iterable[Lived], horizons: Mapping[str, float]) -> list[Place]:
    """One for each scenario, by name; where no horizon is given, it is the rows' shortest."""
    told: dict[str, dict[str, dict[int, list[Lived]]]] = {}
    shortest: dict[str, float] = {}
    for row in rows:
        told.setdefault(row.scenario, {}).setdefault(row.policy, {}).setdefault(
            row.seed, []
        ).append(row)
        shortest[row.scenario] = min(shortest.get(row.scenario, row.horizon_h), row.horizon_h)
    return [Place(name, horizons.get(name, shortest[name]), told[name]) for name in sorted(told)]


def policies(several: Iterable[Place]) -> list[str]:
    return sorted({policy for place in several for policy in place.lives})
