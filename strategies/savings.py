"""What lies in a vault and what it earns, from views to a survey and out of it again. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from chain.types import Json

PREVIEW: Final = 1_000_000
"""What a vault is asked about: one dollar in, and out again."""
SCALE: Final = 10**12
"""Yields are told in 10⁻¹² an hour."""
HOUR: Final = 3600
LEAST_S: Final = 2 * HOUR
"""What a share has done in less time says nothing."""
TIMES: Final = 1 << 32
LONGEST: Final = 78
"""Digits of the largest number a contract knows."""
FIELDS: Final = ("shares", "free", "room", "worth", "issued", "back")


@dataclass(frozen=True, slots=True)
class Savings:
    """Amounts in micro-units, but for shares."""

    shares: int
    free: int
    """Shares that the vault would pay out now."""
    room: int
    """What it would take in."""
    worth: int
    """Of all shares."""
    issued: int
    """Shares for `PREVIEW`."""
    back: int
    """What those would bring at once."""
    hourly: int
    """Growth of a share's worth."""

    def worth_of(self, shares: int) -> int:
        return self.worth * shares // self.shares if self.shares else 0

    def earned(self, micro: int, seconds: int) -> int:
        """If it goes on as it did, without interest on interest; below zero where it shrinks."""
        return micro * self.hourly * seconds // (SCALE * HOUR)

    def lost(self, micro: int) -> int:
        """What going in and out again costs, besides gas."""
        return micro * max(0, PREVIEW - self.back) // PREVIEW


def hourly_of(notes: Sequence[Sequence[int]]) -> int:
    """Growth an hour between the oldest note and now; 0 when that is not long enough ago."""
    if not notes:
        return 0
    (since, before), (until, after) = notes[0], notes[-1]
    passed = (until - since) % TIMES
    if passed < LEAST_S or not before:
        return 0
    return max(-SCALE, min(SCALE, (after - before) * SCALE * HOUR // (before * passed)))


def savings_in(survey: Mapping[str, Json]) -> Savings | None:
    """What the survey found; None where it found no vault."""
    amounts = [survey.get(name) for name in FIELDS]
    hourly = survey.get("hourly")
    texts = [a for a in amounts if isinstance(a, str) and a.isdecimal() and len(a) <= LONGEST]
    if len(texts) != len(FIELDS) or type(hourly) is not int or abs(hourly) > SCALE:
        return None
    shares, free, room, worth, issued, back = map(int, texts)
    if not issued:
        return None
    return Savings(shares, min(free, shares), room, worth, issued, back, hourly)
