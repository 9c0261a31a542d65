"""Exported tables of lives that saw news come true, as `forager export` writes them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from math import log
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from world.news import Story

GENESIS = 1_767_225_600
SPAN = 1000
MENU = [{"key": key, "params": "{}", "summary": ""} for key in ("hold.wait", "keeper.work")]


def over(story: Story, number: int = 1, **changes: Any) -> dict[str, Any]:
    """A round as a survey tells of it when it is over."""
    plain = {
        "id": number,
        "realised_bps": story.realised_bps,
        "span_bps": SPAN,
        "closes_at": GENESIS + story.closes_s,
        "text": story.text,
    }
    return plain | changes


def decision(t: int, at: int, told: Sequence[object], life: str = "a") -> dict[str, Any]:
    """One of a life that knew this of rounds that are over."""
    return {
        "life": life,
        "t": t,
        "time": at,
        "observation": json.dumps({"surveys": {"forecaster": {"over": list(told)}}}),
        "prompt": f"state money m{t % 100}\nA hold.wait\nB keeper.work m{t % 7}\nchoose:\n",
        "actions": MENU,
        "logprobs": [-log(2), -log(2)],
        "action": 0,
        "terminated": False,
        "truncated": False,
        "income_micro": 0,
    }


def lived(stories: Sequence[Story], life: str = "a") -> list[dict[str, Any]]:
    """A life that sees each story reported half an hour later, and tells of it twice."""
    return [
        decision(
            t,
            GENESIS + story.resolves_s + 1800,
            [over(each, n) for n, each in enumerate(stories[max(0, t - 1) : t + 1], max(1, t))],
            life,
        )
        for t, story in enumerate(stories)
    ]


def write(folder: Path, told: dict[str, list[dict[str, Any]]], verified: str = "chain") -> Path:
    """Tables of these lives."""
    (folder / "lives").mkdir(parents=True)
    (folder / "transitions").mkdir()
    rows = [{"life": name, "verified": verified} for name in told]
    pq.write_table(pa.Table.from_pylist(rows), folder / "lives" / "lives.parquet")
    for number, decisions in enumerate(told.values()):
        table = pa.Table.from_pylist(decisions)
        pq.write_table(table, folder / "transitions" / f"{number}.parquet")
    return folder
