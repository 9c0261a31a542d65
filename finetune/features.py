"""A moment and its menu as numbers, for the critic alone: the policy reads words.

Amounts are taken as hours of rent, on a logarithmic scale, so that worlds of other prices look
alike; the prices themselves are told besides. Whatever an observation lacks counts as nothing:
logs are strangers' data.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from math import cos, isfinite, log1p, log10, pi, sin
from typing import Any, Final

import numpy as np

from finetune.vocab import KEYS

HOUR: Final = 3600
RATE_SCALE: Final = 10**18
WEI_PER_ETH: Final = 10**18
SEND_GAS: Final = 120_000
MOST_LOG: Final = 14.0
PARAMS: Final = 4
"""As many as the prompt shows, amounts first: logs do not keep the order in which it shows them."""
UNITS: Final = ("micro", "s", "pct", "wei")
STATES: Final = ("requested", "active", "grace")
WAVES: Final = (1, 2, 4, 6)
"""To a factor of ten: by these, prices that differ little tell one kind of world from another."""
STATE_N: Final = 26 + 4 * len(WAVES)
AGE: Final = 7
"""Where in a state its age stands, as log(1 + hours)."""
ACTION_N: Final = len(KEYS) + 1 + 3 * PARAMS

Array = np.ndarray[Any, np.dtype[np.float32]]


def state(seen: Mapping[str, Any]) -> Array:
    """What is true before any choice."""
    lease = _map(seen.get("lease"))
    at, rent = time_of(seen), rent_of(seen)
    gas = _number(seen.get("gas_price")) * _number(seen.get("eth_price")) / WEI_PER_ETH
    held = _map(seen.get("holdings"))
    offers = [_number(_map(o).get("rate")) for o in _list(seen.get("offers"))]
    recent = [_map(each) for each in _list(seen.get("recent"))][:8]
    worked = [each for each in recent if each.get("key") == "keeper.work"]
    rate = _number(lease.get("rate"))
    money = _number(held.get("micro")) / rent
    numbers = [
        _log(_number(seen.get("runway_h"))),
        _log(money),
        _log(_number(held.get("wei")) / max(1.0, SEND_GAS * _number(seen.get("gas_price")))),
        _log(10 * SEND_GAS * gas / rent),
        _log(_number(seen.get("gas_price")) / 1e8) / 2,
        _log(_number(seen.get("eth_price")) / 1e8) / 2,
        _log(rent / 1e4) / 2,
        _log(_number(seen.get("age_s")) / HOUR),
        _log(max(0.0, _number(seen.get("horizon_s")) - _number(seen.get("age_s"))) / HOUR),
        _log(max(0.0, _number(lease.get("paid_until")) - at) / HOUR),
        _log(max(0.0, _number(lease.get("ends_at")) - at) / HOUR),
        _log(_number(lease.get("balance")) / rent),
        *(float(lease.get("state") == each) for each in STATES),
        float(not lease),
        _ratio(min(offers, default=0.0), rate),
        float(len(offers)) / 4,
        float(seen.get("placing") == "remote"),
        _share(_number(seen.get("unleased_s")), _number(seen.get("hibernate_max_s"))),
        float(len(_list(seen.get("in_flight")))) / 2,
        sum(not each.get("ok") for each in recent) / 4,
        _share(sum(bool(each.get("ok")) for each in worked), len(worked)),
        float(len(worked)) / 8,
        float(bool(recent and recent[0].get("ok"))),
        1.0,
        *_waves(_number(seen.get("gas_price"))),
        *_waves(rent),
    ]
    return np.asarray(numbers, dtype=np.float32)


def action(seen: Mapping[str, Any], key: str, params: Mapping[str, Any]) -> Array:
    """One line of the menu: which kind, and its first figures."""
    found = np.zeros(ACTION_N, dtype=np.float32)
    found[KEYS.index(key) if key in KEYS else len(KEYS)] = 1
    rent = rent_of(seen)
    for place, name in enumerate(sorted(params, key=_rank)[:PARAMS]):
        at = len(KEYS) + 1 + 3 * place
        number, unit = _number(params[name]), _unit(name)
        found[at] = 1
        found[at + 1] = _scaled(unit, number, rent)
        found[at + 2] = _scaled(unit, number, 1e4) / 2 if unit == "micro" else 0
    return found


def actions(seen: Mapping[str, Any], menu: Sequence[Mapping[str, Any]]) -> Array:
    rows = [action(seen, str(each["key"]), _params(each.get("params"))) for each in menu]
    return np.stack(rows)


def rent_of(seen: Mapping[str, Any]) -> float:
    """Micro-units an hour: the lease's, else the cheapest offer's, else the burn."""
    rate = _number(_map(seen.get("lease")).get("rate"))
    if not rate:
        rate = min((_number(_map(o).get("rate")) for o in _list(seen.get("offers"))), default=0.0)
    return max(1.0, rate * HOUR / RATE_SCALE or _number(seen.get("burn")))


def time_of(seen: Mapping[str, Any]) -> float:
    """Chain seconds."""
    return _number(_map(seen.get("block")).get("at"))


def paid_h(seen: Mapping[str, Any], until: float) -> float:
    """Hours under the lease that is lived on, from this moment to a chain time."""
    lease, at = _map(seen.get("lease")), time_of(seen)
    if lease.get("state") not in ("active", "grace"):
        return 0.0
    return max(0.0, min(until, _number(lease.get("paid_until"))) - at) / HOUR


def runway_h(seen: Mapping[str, Any]) -> float:
    return min(10_000.0, max(0.0, _number(seen.get("runway_h"))))


def _params(raw: object) -> Mapping[str, Any]:
    """The table writes them as JSON."""
    found = json.loads(raw) if isinstance(raw, str) else raw
    return found if isinstance(found, dict) else {}


def _unit(name: str) -> str:
    return name.rsplit("_", 1)[-1]


def _rank(name: str) -> tuple[int, str]:
    """Counts and numbers of things come last."""
    unit = _unit(name)
    return UNITS.index(unit) if unit in UNITS else len(UNITS), name


def _scaled(unit: str, number: float, rent: float) -> float:
    match unit:
        case "micro":
            return _log(4 * number / rent)
        case "s":
            return _log(number / 900)
        case "pct":
            return min(3.0, number / 100)
        case "wei":
            return _log(number / 1e12) / 2
        case _:
            return _log(number)


def _log(value: float) -> float:
    return min(MOST_LOG, log1p(max(0.0, value)))


def _waves(price: float) -> Sequence[float]:
    turns = [2 * pi * waves * log10(max(1.0, price)) for waves in WAVES]
    return [*map(sin, turns), *map(cos, turns)]


def _ratio(part: float, whole: float) -> float:
    return min(3.0, part / whole) if whole else 0.0


def _share(part: float, whole: float) -> float:
    return min(2.0, part / whole) if whole else 0.0


def _number(value: object) -> float:
    """A JSON number, or decimal text; anything else, and what is no number, is nothing."""
    try:
        number = float(value) if isinstance(value, int | float | str) else 0.0
    except (ValueError, OverflowError):
        return 0.0
    return number if isfinite(number) and abs(number) < 1e40 else 0.0


def _map(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else ()
