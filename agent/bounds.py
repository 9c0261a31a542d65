"""What a strategy may say: plain, short, and nothing that a record could not hold. Pure.

A survey and a menu become part of a record, which has an end, and are shown to a person. A strategy
that says more is skipped, or it would keep the whole life from deciding anything.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Any, Final

from agent.errors import PluginFailed
from chain.form import BadCall, check
from chain.types import Call, Json
from strategies.plain import BIG, from_plain, to_plain
from strategies.port import Action

SURVEY_BYTES: Final = 3072
SURVEY_DEPTH: Final = 8
MOST_ACTIONS: Final = 26
MOST_PARAMS: Final = 12
MOST_CALLS: Final = 8
CALLS_BYTES: Final = 8192
SUMMARY_LENGTH: Final = 160
MOST_SCORE: Final = 1e6
_KEY: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_PARAM: Final = re.compile(r"[A-Za-z0-9_]{1,32}")
_MOST_PARAM: Final = 10**30


def survey(said: object) -> Mapping[str, Json]:
    """The survey as a copy of its own; raises `PluginFailed` for what is none."""
    if not isinstance(said, Mapping) or not _shallow(said, SURVEY_DEPTH):
        raise PluginFailed("surveyed something that is no plain map")
    copy: Mapping[str, Json] = json.loads(_text(said, SURVEY_BYTES))
    return copy


def actions(strategy: str, said: Iterable[object]) -> tuple[Action, ...]:
    """The strategy's own actions; raises `PluginFailed` at the first that is not in bounds."""
    offered = tuple(said)
    if len(offered) > MOST_ACTIONS:
        raise PluginFailed(f"proposed {len(offered)} actions, {MOST_ACTIONS} at most are read")
    return tuple(_action(strategy, each) for each in offered)


def _action(strategy: str, said: object) -> Action:
    if not isinstance(said, Action) or from_plain(Action, to_plain(said)) != said:
        raise PluginFailed("proposed something that is no plain action")
    if not _KEY.fullmatch(said.key) or not said.key.startswith(f"{strategy}."):
        raise PluginFailed(f"an action's key is {strategy}. and a verb")
    if len(said.params) > MOST_PARAMS:
        raise PluginFailed(f"too many params: {said.key}")
    if not all(_PARAM.fullmatch(n) and abs(v) <= _MOST_PARAM for n, v in said.params.items()):
        raise PluginFailed(f"a param is no small number with a plain name: {said.key}")
    if len(said.summary) > SUMMARY_LENGTH or not said.summary.isprintable():
        raise PluginFailed(f"a summary is one printable line: {said.key}")
    if not isfinite(said.score) or abs(said.score) > MOST_SCORE:
        raise PluginFailed(f"a score is a small number: {said.key}")
    if len(said.calls) > MOST_CALLS:
        raise PluginFailed(f"too many calls: {said.key}")
    _text([to_plain(call) for call in said.calls], CALLS_BYTES)
    for call in said.calls:
        _call(said.key, call)
    return said


def _call(key: str, call: Call) -> None:
    """The signer would refuse it, but only once it was chosen."""
    try:
        check(call)
    except BadCall as bad:
        raise PluginFailed(f"no such call, {bad}: {key}") from None


def _text(value: object, most: int) -> str:
    """JSON that every reader takes: no NaN, no half characters, not too long."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        size = len(text.encode())
    except (TypeError, ValueError):
        raise PluginFailed("said something that is no plain data") from None
    if size > most:
        raise PluginFailed(f"said {size} bytes, {most} at most are read")
    return text


def _shallow(value: Any, left: int) -> bool:
    if isinstance(value, Mapping):
        named = all(type(key) is str and key != BIG for key in value)
        return left > 0 and named and all(_shallow(item, left - 1) for item in value.values())
    if isinstance(value, list | tuple):
        return left > 0 and all(_shallow(item, left - 1) for item in value)
    return True
