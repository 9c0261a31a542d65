"""One figure, beside the cheapest thing that does the same work on the same machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Result:
    """`value` is ours, `floor` the bare thing's, both medians of one interleaved run."""

    value: float
    unit: str
    floor: float

    @property
    def ratio(self) -> float:
        return self.value / self.floor


Results = Mapping[str, Result]
"""By name: one measurement may have several figures to tell."""
