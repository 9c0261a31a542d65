"""Which lives may teach, and which are left out and why: a judgement over their rows. Pure.

Fitness is what the chain says and nothing else: a life whose own account of its paid time does not
agree with its market's is left out, as is one that lived on gifts. Copies, floods of one operator
and lives out of all proportion are quarantined; halts and horizons are censored, never punished.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

Row = Mapping[str, Any]

APART_H: Final = 3.0
APART_SHARE: Final = 0.02
"""Own account and market may differ by the blocks before the first decision and after the last."""
GIFTS: Final = 0.05
"""Of what a life began with: dust comes unasked; more is begging."""
OPERATOR: Final = 0.5
"""No single operator's lives may be more than this part, where there are several."""
FAR: Final = 8.0
"""Median absolute deviations of earned money an hour beyond which nobody is believed."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Names of lives, and of those left out the reason."""

    lives: tuple[str, ...]
    left_out: Mapping[str, str]


def choose(rows: Sequence[Row], accounts: Mapping[str, Mapping[str, Any]]) -> Chosen:
    """`accounts` are sums over each life's own decisions: hours, income, prints of its choices."""
    left: dict[str, str] = {}
    kept: list[Row] = []
    prints: dict[str, str] = {}
    for row in sorted(rows, key=lambda row: str(row["life"])):
        name = str(row["life"])
        why = _alone(row, accounts.get(name)) or _copied(name, accounts.get(name), prints)
        if why:
            left[name] = why
        else:
            kept.append(row)
    kept = _without_floods(kept, left)
    kept = _without_wonders(kept, accounts, left)
    return Chosen(tuple(str(row["life"]) for row in kept), left)


def agree(decided_h: float, paid_h: float) -> bool:
    """Whether what a life's own decisions add up to is what it is said to have paid for."""
    return abs(decided_h - paid_h) <= APART_H + APART_SHARE * paid_h


def _alone(row: Row, account: Mapping[str, Any] | None) -> str | None:
    if row.get("verified") != "chain":
        return "not verified against its chain"
    if row.get("outcome") is None:
        return "it has not ended"
    if account is None or not account["sound"]:
        return "its decisions are not all there"
    paid = row.get("paid_s")
    if paid is None or not agree(account["hours"], paid / 3600):
        return "its fitness is not what its chain says"
    first = row.get("first_micro") or 0
    if (row.get("gift_micro") or 0) > GIFTS * max(1, first):
        return "it lived on gifts"
    return None


def _copied(name: str, account: Mapping[str, Any] | None, prints: dict[str, str]) -> str | None:
    print_ = str(account["print"]) if account else name
    first = prints.setdefault(print_, name)
    return None if first == name else f"the same life as {first}"


def _without_floods(rows: Sequence[Row], left: dict[str, str]) -> list[Row]:
    """Of an operator with too many lives the later ones are left out, by the digest of their names:
    nobody chooses which of his lives are counted.
    """
    by = Counter(str(row.get("operator")) for row in rows)
    if len(by) < 2:  # one alone is no flood
        return list(rows)
    kept: list[Row] = []
    others = {who: len(rows) - count for who, count in by.items()}
    taken: dict[str, int] = defaultdict(int)
    for row in sorted(rows, key=lambda row: sha256(str(row["life"]).encode()).digest()):
        who = str(row.get("operator"))
        most = max(1, int(others[who] * OPERATOR / (1 - OPERATOR)))
        if taken[who] >= most:
            left[str(row["life"])] = "one operator has too many lives"
        else:
            taken[who] += 1
            kept.append(row)
    return sorted(kept, key=lambda row: str(row["life"]))


def _without_wonders(
    rows: Sequence[Row], accounts: Mapping[str, Mapping[str, Any]], left: dict[str, str]
) -> list[Row]:
    pace = {
        str(row["life"]): accounts[str(row["life"])]["income"]
        / max(1.0, accounts[str(row["life"])]["hours"])
        for row in rows
    }
    ordered = sorted(pace.values())
    middle = ordered[len(ordered) // 2] if ordered else 0.0
    spread = sorted(abs(value - middle) for value in ordered)
    usual = spread[len(spread) // 2] if spread else 0.0
    kept: list[Row] = []
    for row in rows:
        name = str(row["life"])
        if usual and abs(pace[name] - middle) > FAR * 3 * usual:
            left[name] = "it earned out of all proportion"
        else:
            kept.append(row)
    return kept
