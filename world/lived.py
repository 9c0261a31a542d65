"""One evaluated life: a row of an arena's results.jsonl. What cannot be one is refused whole.

Written by the arena, read by whoever compares lives; the keys of a line are these fields, no more
and no fewer, so that a file of another version is noticed at its first line.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from math import isfinite
from typing import Any, Final, Self, get_type_hints

from world.errors import WorldError

REASONS: Final = ("died", "horizon", "halted", "lost")


class BadRow(WorldError):
    """The line is not an evaluated life."""

    advice = "mend or remove that line, or evaluate again with this version"


@dataclass(frozen=True, slots=True)
class Lived:
    """Hours are chain time; amounts are micro-units of the token: gas is what the station got."""

    scenario: str
    seed: int
    policy: str
    genome: str
    agent: int
    reason: str
    """One of `REASONS`: it died, or how else watching it came to an end."""
    cause: str
    paid_h: float
    """Hours under a paid lease: the survival time."""
    age_h: float
    horizon_h: float
    ticks: int
    records: int
    transactions: int
    idle_n: int
    """Ticks on which index 0, hold, was chosen."""
    first_micro: int
    earned_micro: int
    rent_micro: int
    gas_micro: int
    gifts_micro: int
    other_out_micro: int
    other_in_micro: int
    audit_ok: bool
    faults: int
    head: str
    wall_s: float

    def __post_init__(self) -> None:
        if self.reason not in REASONS:
            raise BadRow("A value does not fit its key", key="reason", value=_shown(self.reason))

    @property
    def event(self) -> bool:
        """Whether its death was seen; if not, it lived at least as long as it was watched."""
        return self.reason == "died"

    @property
    def censored(self) -> str | None:
        """Why no death was seen, or None if one was."""
        return None if self.event else self.reason

    def to_line(self) -> str:
        return json.dumps(asdict(self), allow_nan=False) + "\n"

    @classmethod
    def from_line(cls, line: str | bytes) -> Self:
        if len(line) > _LONGEST or _opened(line) > _MOST_OPENED:
            raise BadRow("Not a row, by its size or its depth", line=_shown(line))
        try:
            told = json.loads(line, object_pairs_hook=_once)
        except (ValueError, RecursionError) as error:
            raise BadRow("Not a line of JSON", line=_shown(line)) from error
        if not isinstance(told, dict):
            raise BadRow("Not an object", line=_shown(line))
        _same_keys(told)
        return cls(**{name: _fitting(name, told[name]) for name in _KINDS})


_HINTS: Final = get_type_hints(Lived)
_KINDS: Final = {field.name: _HINTS[field.name] for field in fields(Lived)}
_LARGE: Final = 10**18
_SCREEN: Final = 80
_LONGEST: Final = 100_000
_MOST_OPENED: Final = 200
"""A row is flat; a text in it may hold some brackets. Very deep JSON is not given to a parser."""


def _opened(line: str | bytes) -> int:
    if isinstance(line, bytes):
        return line.count(b"[") + line.count(b"{")
    return line.count("[") + line.count("{")


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    told = dict(pairs)
    if len(told) != len(pairs):
        raise ValueError("a key is named twice")
    return told


def _same_keys(told: dict[str, object]) -> None:
    unknown, missing = sorted(told.keys() - _KINDS), sorted(_KINDS.keys() - told)
    if unknown:
        raise BadRow("Unknown keys", keys=", ".join(unknown))
    if missing:
        raise BadRow("Missing keys", keys=", ".join(missing))


def _fitting(name: str, value: Any) -> Any:
    """The value as this field holds it; JSON may write a whole number of hours as an integer."""
    kind = _KINDS[name]
    if kind is float and type(value) is int and abs(value) < _LARGE:
        value = float(value)
    fits = type(value) is kind
    if fits and kind is float:
        fits = isfinite(value)
    if fits and kind in {int, float} and name != "seed" and not name.endswith("_micro"):
        fits = value >= 0
    if not fits:
        raise BadRow("A value does not fit its key", key=name, value=_shown(value))
    return value


def _shown(value: object) -> str:
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return text if len(text) <= _SCREEN else text[:_SCREEN] + "…"
