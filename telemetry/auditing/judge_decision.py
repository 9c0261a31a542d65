"""Judges one decision: could it be what the formula gives, and is it what the birth seed draws?

Half of a log is decisions, and each is looked at: these lines take care to be few.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, fsum, isfinite
from typing import Final

from telemetry.auditing import body as read
from telemetry.auditing import findings as kinds
from telemetry.auditing.body import Body
from telemetry.draw import could_be
from telemetry.errors import BadRecord

_MOST: Final = 26
_SLACK: Final = 1e-9
_LONGEST_KEY: Final = 512
_REFLEX: Final = "reflex"
_HOLD: Final = "hold.wait"
_DIGESTS: Final = ("gguf", "adapter", "engine")
_NUMBERS: Final = frozenset((int, float))

Verdict = tuple[str, str] | None


def judge_decision(body: Body, seq: int, seed: bytes | None) -> Verdict:
    """Return a kind of finding and why, or None; a body of another form raises `BadRecord`."""
    size, logprobs = _menu(body), _logprobs(body)
    epsilon, temperature = read.number(body, "epsilon"), read.number(body, "temperature")
    chosen = read.integer(body, "chosen")
    if chosen >= size:
        return kinds.DECISION, f"chose {chosen} of {size} entries"
    if not (temperature > 0 and 0 <= epsilon <= 1):
        return kinds.DECISION, "temperature must be above 0, epsilon within 0 and 1"
    if why := _misfit(logprobs, size) or _impossible(logprobs, epsilon / size):
        return kinds.DECISION, why
    if seed is not None and not could_be(seed, seq, logprobs, chosen):
        return kinds.DRAW, f"the birth seed does not draw entry {chosen} here"
    return None


def _misfit(logprobs: Sequence[float], size: int) -> str | None:
    if len(logprobs) != size:
        return f"{len(logprobs)} probabilities for {size} entries"
    return "a probability above 1" if max(logprobs) > _SLACK else None


def _impossible(logprobs: Sequence[float], least: float) -> str | None:
    chances = list(map(exp, logprobs))
    if abs(fsum(chances) - 1) > _SLACK:
        return "the probabilities do not sum to 1"
    if min(chances) < least - _SLACK:
        return "a probability below epsilon's share"
    return None


def _menu(body: Body) -> int:
    """How many entries it has."""
    menu = body.get("menu")
    if type(menu) is not list or not 0 < len(menu) <= _MOST:
        raise BadRecord(why="a menu has 1 to 26 entries", field="menu")
    for item in menu:
        if (
            type(item) is not dict
            or type(key := item.get("key")) is not str
            or len(key) > _LONGEST_KEY
            or type(item.get("params")) is not dict
            or type(item.get("summary")) is not str
        ):
            raise BadRecord(why="an entry has a key, params and a summary", field="menu")
    if menu[0]["key"] != _HOLD:
        raise BadRecord(why="a menu begins with hold.wait", field="menu")
    return len(menu)


def _logprobs(body: Body) -> Sequence[float]:
    read.within(body, "observation")
    read.long_text(body, "prompt")
    read.number(body, "latency_ms")
    read.maybe(read.long_text, body, "thought")
    if body.get("model") != _REFLEX:
        model = read.within(body, "model")
        for name in _DIGESTS:
            read.text(model, name)
    values = body.get("logprobs")
    if type(values) is not list or not _NUMBERS.issuperset(map(type, values)):
        raise BadRecord(why="probabilities are not numbers", field="logprobs")
    if not values or not all(map(isfinite, values)):
        raise BadRecord(why="probabilities are not finite", field="logprobs")
    return values
