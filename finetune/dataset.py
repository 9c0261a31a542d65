"""The dataset stage: verified lives in, arrays to learn from out; what was left out is named."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from finetune.choosing import choose
from finetune.errors import BadData
from finetune.features import STATE_N, paid_h
from finetune.moments import Moments
from finetune.stage import Done, digest, stage
from finetune.tables import Row, decisions, is_sound, lives, moments_of, tables, untils

MOMENTS: Final = "moments.npz"
LIVES: Final = "lives.json"
QUARANTINE: Final = "quarantine.json"
CRITICS: Final = 0.2
"""Of the lineages, so many are kept from the critic, to try it on."""


def dataset(sources: Sequence[Path], out: Path, tell: Callable[[str], None]) -> Done:
    """Read exported tables; each source is a folder that `forager export` or an arena wrote."""
    found = tables(sources)
    if not found:
        raise BadData(
            "there are no exported tables in these folders", folders=list(map(str, sources))
        )
    inputs = {"tables": [digest(folder / "lives" / "lives.parquet") for folder in found]}
    return stage(out, "dataset", inputs, {}, lambda part: _work(found, part, tell))


def _work(found: Sequence[Path], part: Path, tell: Callable[[str], None]) -> Mapping[str, Any]:
    rows: list[Row] = []
    kept: list[tuple[str, list[Row]]] = []
    accounts: dict[str, Mapping[str, Any]] = {}
    for number, folder in enumerate(found, 1):
        told = lives(folder)
        rows += told
        for name, made in decisions(folder, {str(row["life"]) for row in told}):
            if name not in accounts:
                accounts[name] = account(made)
                kept.append((name, made))
        tell(f"{number} of {len(found)} tables read, {len(kept)} lives")
    chosen = choose(rows, accounts)
    wanted = set(chosen.lives)
    kept = [(name, made) for name, made in kept if name in wanted]
    if not kept:
        raise BadData("no life is left that could teach", lives=len(rows))
    of = {str(row["life"]): row for row in rows}
    moments = moments_of(kept)
    moments.save(part / MOMENTS)
    (part / LIVES).write_text(
        json.dumps([_life(of[name]) for name, _ in kept], indent=1) + "\n", "utf-8"
    )
    left = dict(sorted(chosen.left_out.items()))
    (part / QUARANTINE).write_text(json.dumps(left, indent=1) + "\n", "utf-8")
    return {"lives": len(kept), "transitions": len(moments), "left_out": len(left)}


def account(rows: Sequence[Row]) -> Mapping[str, Any]:
    """What a life's own decisions add up to."""
    sound = is_sound(rows)
    hours = sum(
        paid_h(json.loads(row["observation"]), until)
        for row, until in zip(rows, untils(rows), strict=True)
    )
    text = "|".join(f"{row['time']} {row['prompt']} {row['action']}" for row in rows)
    ordered = all(float(a["time"]) <= float(b["time"]) for a, b in pairwise(rows))
    return {
        "sound": sound and ordered,
        "hours": hours,
        "income": float(sum(int(row.get("income_micro") or 0) for row in rows)),
        "print": sha256(text.encode()).hexdigest(),
    }


def _life(row: Row) -> Mapping[str, Any]:
    names = ("life", "lineage", "generation", "genome", "outcome", "paid_s", "head", "operator")
    return {**{name: row.get(name) for name in names}, "world": row.get("seed")}


def load(folder: Path) -> tuple[Moments, list[Mapping[str, Any]]]:
    told: list[Mapping[str, Any]] = json.loads((folder / LIVES).read_text("utf-8"))
    moments = Moments.load(folder / MOMENTS)
    if moments.states.shape[1:] != (STATE_N,):
        raise BadData("another version made this dataset; make it again", folder=folder)
    return moments, told
