"""From exported tables to moments: one life after the other, in order, nothing believed twice."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from math import exp, isfinite
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow.parquet as pq

from finetune.features import STATE_N, actions, paid_h, runway_h, state
from finetune.moments import LAST, Moments
from finetune.vocab import Tokenizer

Row = Mapping[str, Any]
COLUMNS: Final = (
    *("life", "t", "time", "observation", "prompt", "actions", "logprobs", "action"),
    *("terminated", "truncated", "income_micro"),
)
SLACK: Final = 1e-3
LONGEST_PROMPT: Final = 512
"""The model's context; a longer prompt was not read whole by anybody."""


def tables(folders: Sequence[Path]) -> list[Path]:
    """The folders that hold `lives/lives.parquet`, themselves or one level below."""
    found: list[Path] = []
    for folder in folders:
        below = [folder, *sorted(folder.iterdir())] if folder.is_dir() else []
        found += [each for each in below if (each / "lives" / "lives.parquet").is_file()]
    return found


def lives(folder: Path) -> list[Row]:
    rows: list[Row] = pq.read_table(folder / "lives" / "lives.parquet").to_pylist()
    return rows


def decisions(folder: Path, wanted: set[str]) -> Iterator[tuple[str, list[Row]]]:
    """Each wanted life with its decisions in order; a life lies in files of its own."""
    held: dict[str, list[Row]] = {}
    for path in sorted((folder / "transitions").glob("*.parquet")):
        table = pq.read_table(path, columns=list(COLUMNS))
        for row in table.to_pylist():
            if row["life"] in wanted:
                held.setdefault(row["life"], []).append(row)
    for name in sorted(held):
        yield name, sorted(held[name], key=lambda row: int(row["t"]))


def moments_of(lives_: Sequence[tuple[str, Sequence[Row]]]) -> Moments:
    """Arrays of all of them; the index of a life is its place here."""
    encode = Tokenizer().encode
    columns: dict[str, list[Any]] = {
        name: [] for name in ("life", "states", "chosen", "hours", "runway", "following", "died")
    }
    lines: list[Any] = []
    mu: list[Any] = []
    starts, token_starts, tokens, remaining = [0], [0], [], []
    for number, (_, rows) in enumerate(lives_):
        first = len(columns["life"])
        seen = [json.loads(row["observation"]) for row in rows]
        hours = [paid_h(a, until) for a, until in zip(seen, untils(rows), strict=True)]
        for place, (row, now) in enumerate(zip(rows, seen, strict=True)):
            last = place == len(rows) - 1
            columns["life"].append(number)
            columns["states"].append(state(now))
            columns["chosen"].append(int(row["action"]))
            columns["hours"].append(hours[place])
            columns["runway"].append(runway_h(now))
            columns["following"].append(LAST if last else first + place + 1)
            columns["died"].append(bool(row["terminated"]))
            lines.append(actions(now, row["actions"]))
            mu.append(np.exp(np.asarray(row["logprobs"], dtype=np.float64)).astype(np.float32))
            starts.append(starts[-1] + len(row["actions"]))
            read = encode(row["prompt"])[:LONGEST_PROMPT]
            tokens += read
            token_starts.append(len(tokens))
        remaining += list(np.cumsum(hours[::-1])[::-1])
    return Moments(
        life=np.asarray(columns["life"], dtype=np.int32),
        states=np.stack(columns["states"]) if lines else np.zeros((0, STATE_N), np.float32),
        starts=np.asarray(starts, dtype=np.int64),
        lines=np.concatenate(lines) if lines else np.zeros((0, 0), np.float32),
        mu=np.concatenate(mu) if mu else np.zeros(0, np.float32),
        chosen=np.asarray(columns["chosen"], dtype=np.int32),
        hours=np.asarray(columns["hours"], dtype=np.float32),
        runway=np.asarray(columns["runway"], dtype=np.float32),
        following=np.asarray(columns["following"], dtype=np.int64),
        died=np.asarray(columns["died"], dtype=bool),
        remaining=np.asarray(remaining, dtype=np.float32),
        token_starts=np.asarray(token_starts, dtype=np.int64),
        tokens=np.asarray(tokens, dtype=np.uint16),
    )


def untils(rows: Sequence[Row]) -> list[float]:
    """When the next decision was; the last one counts for as long as the one before it.

    Whoever ends may hold paid time that he gives back: it was not lived.
    """
    times = [float(row["time"]) for row in rows]
    last = times[-1] - times[-2] if len(times) > 1 else 0.0
    return [*times[1:], times[-1] + last] if times else []


def is_sound(rows: Sequence[Row]) -> bool:
    """Whether a life's decisions are all there, once each, and chosen from their own menus."""
    numbers = [int(row["t"]) for row in rows]
    whole = bool(rows) and numbers[0] == 0 and all(b == a + 1 for a, b in pairwise(numbers))
    return whole and all(map(_is_choice, rows))


def _is_choice(row: Row) -> bool:
    """One of the menu, and chances that are chances."""
    logprobs = [float(each) for each in row["logprobs"]]
    if not 0 <= int(row["action"]) < len(row["actions"]) == len(logprobs):
        return False
    if not all(map(isfinite, (*logprobs, float(row["time"])))) or max(logprobs) > SLACK:
        return False
    return abs(sum(map(exp, logprobs)) - 1) < SLACK
