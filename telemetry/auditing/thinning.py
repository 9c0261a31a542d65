"""Few of many, so that a long life takes no more room than a short one. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


def thinned(
    items: Sequence[T],
    most: int,
    place: Callable[[T], int],
    height: Callable[[T], float] | None = None,
) -> list[T]:
    """At most so many, evenly over their places; the first and the last are always among them.

    Places are cut into stretches as long as a power of two, so that what is thinned again and
    again stays even. With a height, each keeps its lowest and its highest: no peak is lost.
    """
    if len(items) <= most:
        return list(items)
    every = sorted(items, key=place)
    first, last, inner = place(every[0]), place(every[-1]), every[1:-1]
    room, halvings = (most - 2) // (1 if height is None else 2), 0
    while (last >> halvings) - (first >> halvings) >= room:
        halvings += 1
    stretches: dict[int, list[T]] = {}
    for item in inner:
        stretches.setdefault(place(item) >> halvings, []).append(item)
    kept = [item for stretch in stretches.values() for item in _told(stretch, place, height)]
    return [every[0], *kept, every[-1]]


def _told(
    stretch: list[T], place: Callable[[T], int], height: Callable[[T], float] | None
) -> Iterable[T]:
    if height is None or len(stretch) == 1:
        return stretch[:1]
    return sorted((min(stretch, key=height), max(stretch, key=height)), key=place)


@dataclass(slots=True)
class Thin(Generic[T]):
    """Gathers without end and holds at most twice `most`."""

    most: int
    place: Callable[[T], int]
    height: Callable[[T], float] | None = None
    count: int = 0
    _kept: list[T] = field(default_factory=list)

    def extend(self, items: Sequence[T], count: int | None = None) -> None:
        """`count`: of how many these are what was left."""
        self.count += len(items) if count is None else count
        self._kept.extend(items)
        if len(self._kept) > 2 * self.most:
            self._kept = self._thinned()

    def all(self) -> list[T]:
        return sorted(self._thinned(), key=self.place)

    def _thinned(self) -> list[T]:
        return thinned(self._kept, self.most, self.place, self.height)


def merged(
    items: Sequence[T], most: int, join: Callable[[T, T], T], size: Callable[[T], int]
) -> list[T]:
    """Neighbours joined until all are about as large: at most twice so many."""
    share = sum(map(size, items)) / most
    kept: list[T] = []
    for item in items:
        if kept and size(kept[-1]) + size(item) <= share:
            kept[-1] = join(kept[-1], item)
        else:
            kept.append(item)
    return kept


@dataclass(slots=True)
class Kept(Generic[T]):
    """Keeps what is rare, every one of it; a log that has too many has the rest counted."""

    most: int
    count: int = 0
    _kept: list[T] = field(default_factory=list)

    def add(self, item: T) -> None:
        self.extend((item,), 1)

    def extend(self, items: Sequence[T], count: int) -> None:
        """`count`: of how many these are those that were kept."""
        self.count += count
        self._kept.extend(items[: self.most - len(self._kept)])

    @property
    def more(self) -> int:
        return self.count - len(self._kept)

    def __iter__(self) -> Iterator[T]:
        return iter(self._kept)
