"""How old a life was when something was: chain seconds since its birth, told by blocks. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Final

from telemetry.auditing.moments import Tick, When

LONGEST_S: Final = 10.0**12
_SPEEDS: Final = (1e-6, 1e6)


@dataclass(frozen=True, slots=True)
class Clock:
    """Goes by the blocks whose times records tell, or without any by the wall's clock."""

    blocks: Sequence[int]
    times: Sequence[int]
    """In chain seconds, never falling; empty if it goes by the wall's clock."""
    born_at: float
    """In seconds, of the chain or of the wall's clock."""
    speed: float
    """Chain seconds in a second of the wall's clock."""

    @property
    def on_chain(self) -> bool:
        return bool(self.times)

    def age(self, when: When) -> float:
        if self.times:
            return self.age_at(self.time(when.block))
        return _bounded((when.at / 1000 - self.born_at) * self.speed)

    def age_at(self, time: float) -> float:
        """The age at a time of the chain."""
        return _bounded(time - self.born_at)

    def time(self, block: int) -> float:
        """Between two known blocks in proportion, beyond them at their usual pace."""
        blocks, times = self.blocks, self.times
        after = bisect_right(blocks, block)
        if not 0 < after < len(blocks):
            near = -1 if after else 0
            pace = (times[-1] - times[0]) / (blocks[-1] - blocks[0])
            return times[near] + (block - blocks[near]) * pace
        low, high = after - 1, after
        share = (block - blocks[low]) / (blocks[high] - blocks[low])
        return times[low] + share * (times[high] - times[low])


def make_clock(ticks: Iterable[Tick], first: When | None, speed: float) -> Clock:
    """Chain time, if records tell of more than one moment of it."""
    known = sorted(ticks, key=lambda tick: tick[:2])
    latest = {tick.block: tick.at for tick in known}
    blocks, times = list(latest), list(accumulate(latest.values(), max))
    if not times or times[0] == times[-1]:
        slowest, fastest = _SPEEDS
        pace = min(max(speed, slowest), fastest) if speed else 1.0
        return Clock((), (), first.at / 1000 if first else 0.0, pace)
    births = (tick.at - tick.age for tick in known if tick.age is not None)
    clock = Clock(blocks, times, next(births, times[0]), speed)
    if first and first.seq == 0 and first.block >= blocks[0]:
        return replace(clock, born_at=clock.time(first.block))
    return clock


def _bounded(age: float) -> float:
    return min(max(age, 0.0), LONGEST_S)
