"""Judges one decision: could it be what the formula gives, and is it what the birth seed draws?"""

from __future__ import annotations

from math import exp, fsum, isfinite
from typing import Final

from telemetry.auditing import body as read
from telemetry.auditing import findings as kinds
from telemetry.auditing.body import Body
from telemetry.draw import could_be
from telemetry.errors import BadRecord

_MOST: Final = 26
_SLACK: Final = 1e-9
_REFLEX: Final = "reflex"
_DIGESTS: Final = ("gguf", "adapter", "engine")

Verdict = tuple[str, str] | None


def judge_decision(body: Body, seq: int, seed: bytes | None) -> Verdict:
    """Return a kind of finding and why, or None; a body of another form raises `BadRecord`."""
    size, logprobs = len(_menu(body)), _logprobs(body)
    epsilon, temperature = read.number(body, "epsilon"), read.number(body, "temperature")
    chosen = read.integer(body, "chosen")
    if chosen >= size:
        return kinds.DECISION, f"chose {chosen} of {size} entries"
    if not (temperature > 0 and 0 <= epsilon <= 1):
        return kinds.DECISION, "temperature must be above 0, epsilon within 0 and 1"
    if why := _impossible(logprobs, size, epsilon):
        return kinds.DECISION, why
    if seed is not None and not could_be(seed, seq, logprobs, chosen):
        return kinds.DRAW, f"the birth seed does not draw entry {chosen} here"
    return None


def _impossible(logprobs: list[float], size: int, epsilon: float) -> str | None:
    if len(logprobs) != size:
        return f"{len(logprobs)} probabilities for {size} entries"
    if any(value > _SLACK for value in logprobs):
        return "a probability above 1"
    if abs(fsum(map(exp, logprobs)) - 1) > _SLACK:
        return "the probabilities do not sum to 1"
    if min(map(exp, logprobs)) < epsilon / size - _SLACK:
        return "a probability below epsilon's share"
    return None


def _menu(body: Body) -> list[str]:
    menu = [read.text(item, "key") for item in read.maps(body, "menu")]
    for item in read.maps(body, "menu"):
        read.within(item, "params")
        read.long_text(item, "summary")
    if not 0 < len(menu) <= _MOST:
        raise BadRecord(why="a menu has 1 to 26 entries", count=len(menu))
    if menu[0].partition(".")[0] != "hold":
        raise BadRecord(why="a menu begins with hold")
    return menu


def _logprobs(body: Body) -> list[float]:
    read.within(body, "observation")
    read.long_text(body, "prompt")
    read.number(body, "latency_ms")
    if not read.absent(body, "thought"):
        read.long_text(body, "thought")
    if body.get("model") != _REFLEX:
        for name in _DIGESTS:
            read.text(read.within(body, "model"), name)
    values = read.listed(body, "logprobs")
    if not all(type(value) in (int, float) and isfinite(value) for value in values):
        raise BadRecord(why="probabilities are not finite numbers", field="logprobs")
    return [float(value) for value in values]
