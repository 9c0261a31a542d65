"""When to publish, and how long to wait after a failure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cadence:
    """An epoch is cut at so many records, or when its oldest is so many seconds old."""

    records: int = 64
    seconds: float = 60.0
    retry_s: float = 1.0
    """The first wait after a failure; it doubles up to `retry_max_s`."""
    retry_max_s: float = 60.0
    hear_s: float = 60.0
    """So long after a start what was sent epochs before is heard before the next is sealed."""


class Pause:
    """Waits that double, until something goes well again."""

    def __init__(self, cadence: Cadence) -> None:
        self._cadence = cadence
        self._next_s = cadence.retry_s

    def longer(self) -> float:
        now_s = self._next_s
        self._next_s = min(now_s * 2, self._cadence.retry_max_s)
        return now_s

    def reset(self) -> None:
        self._next_s = self._cadence.retry_s
