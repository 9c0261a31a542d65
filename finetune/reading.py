"""The read stage: logs of lives and a parent in, a model file that reads news out.

Earlier texts teach; it is measured on later ones, beside its parent, a bag of words and whoever
always says "no change". What it was taught and measured on lies beside it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, Final

from finetune.errors import BadBase, NoNews, Spoilt
from finetune.export import export, quantize, restore
from finetune.hearing import hear, some
from finetune.literacy import curve, measured
from finetune.news import News, Split, split
from finetune.parity import MOST_TV
from finetune.policy import Policy
from finetune.reader import Progress, Schooling, school
from finetune.stage import Done, digest, stage
from finetune.tables import tables

MODEL: Final = "model.gguf"
CARD: Final = "README.md"
NEWS: Final = "news.jsonl"
LEAST: Final = 40
"""Fewer texts than this neither teach nor test."""
MOST_APART: Final = 0.02
"""Mean total variation from the parent's choices; who learns to read must not unlearn to choose."""
MOST_LOST: Final = 0.02
"""What readings may lose in the exported file, root mean square, as a share of the span."""
KEPT: Final = 2_000
"""So many choices of lives, and as many made up, are kept as they were."""
CHECKED: Final = 150
"""And on so many others of both that is checked."""


@dataclass(frozen=True, slots=True)
class Course:
    """Everything that may be set; part of the manifest."""

    schooling: Schooling = field(default_factory=Schooling)
    share: float = 0.75
    """Of the texts, in time, so many come before the test."""
    gap_h: float = 6.0
    """Longer than rounds are open: what is learnt was known before the test's first text was."""
    curve: tuple[int, ...] = ()
    """Also measured: readers taught from so many of the earlier texts only."""


def read(
    sources: Sequence[Path], parent: Path, out: Path, course: Course, tell: Callable[[str], None]
) -> Done:
    """Teach a child of `parent` to read what the lives in these tables have seen come true."""
    found = tables(sources)
    if not found:
        raise NoNews("there are no exported tables here", folders=", ".join(map(str, sources)))
    told = [digest(folder / "lives" / "lives.parquet") for folder in found]
    inputs = {"tables": told, "parent": digest(parent)}
    return stage(
        out, "read", inputs, asdict(course), lambda part: _work(found, parent, part, course, tell)
    )


def _work(
    found: Sequence[Path], parent: Path, part: Path, course: Course, tell: Callable[[str], None]
) -> Mapping[str, Any]:
    began = perf_counter()
    heard = hear(found)
    parts = split(heard.news, course.share, course.gap_h)
    tell(f"{len(parts.earlier)} texts to learn from, {len(parts.later)} later ones for the test")
    if min(map(len, parts)) < LEAST:
        raise NoNews("too few texts", learn=len(parts.earlier), test=len(parts.later), least=LEAST)
    if any(not LEAST <= count <= len(parts.earlier) for count in course.curve):
        raise NoNews("the curve asks for other than is there", learn=len(parts.earlier))
    policy = _restored(parent)
    kept, held = some(heard.taught, KEPT), some(heard.held, CHECKED, seed=1)

    def teach(news: Sequence[News]) -> Policy:
        return school(policy, news, kept, course.schooling, _telling(len(news), tell))

    child = teach(parts.earlier)
    with TemporaryDirectory() as folder:
        full = Path(folder) / "full.gguf"
        export(child, full, "forager")
        quantize(full, part / MODEL)
    _write(part / NEWS, parts)
    figures = {
        "lives": heard.hearing.lives,
        "texts": {"learnt": len(parts.earlier), "tested": len(parts.later)},
        "left_out": {
            "refused": heard.hearing.refused,
            "contradicted": heard.hearing.contradicted,
            "in_the_gap": len(heard.news) - len(parts.earlier) - len(parts.later),
        },
        **measured(child, parent, part / MODEL, parts, held),
        "curve": curve(parts, course.curve, teach),
        "train_minutes": round((perf_counter() - began) / 60, 2),
        "model": digest(part / MODEL),
    }
    (part / CARD).write_text(_card(figures, parent, course), "utf-8")
    _refuse(figures)
    return figures


def _refuse(figures: Mapping[str, Any]) -> None:
    tv, lost = figures["parity"]["tv"], figures["reading_lost"]
    if tv > MOST_TV or lost > MOST_LOST:
        raise Spoilt("the exported file is not the network", tv=tv, reading_lost=lost)
    if figures["from_parent"]["tv"] > MOST_APART:
        raise Spoilt("it would choose otherwise than its parent", **figures["from_parent"])


def _restored(parent: Path) -> Policy:
    try:
        return restore(parent)
    except (KeyError, ValueError, RuntimeError, OSError) as fault:
        raise BadBase("the parent is no small model of this project's", parent=parent) from fault


def _write(path: Path, parts: Split) -> None:
    lines = [
        json.dumps({**each._asdict(), "part": name}) + "\n"
        for name, news in parts._asdict().items()
        for each in news
    ]
    path.write_text("".join(lines), "utf-8")


def _telling(count: int, tell: Callable[[str], None]) -> Callable[[Progress], None]:
    def told(at: Progress) -> None:
        if at.step % max(1, at.steps // 10) == 0:
            tell(
                f"{count} texts: {at.step} of {at.steps} steps, squared miss {at.miss:.4f}, "
                f"{at.apart:.4f} nats from its parent, {at.seconds:.0f} s"
            )

    return told


def _card(figures: Mapping[str, Any], parent: Path, course: Course) -> str:
    rows = "\n".join(
        f"| {name} | {it['mean']:.4f} | {it['low95']:.4f} to {it['high95']:.4f} |"
        for name, it in figures["squared_error"].items()
    )
    return f"""# A generation that reads

| | |
| --- | --- |
| SHA-256 | `{figures["model"]}` |
| parent | `{digest(parent)}` |
| learnt from | {figures["texts"]["learnt"]:,} texts that {figures["lives"]} lives saw come true |
| measured on | {figures["texts"]["tested"]:,} later texts, after a gap of {course.gap_h:g} hours |
| from its parent's choices | total variation {figures["from_parent"]["tv"]:.4f} |
| in llama.cpp | total variation {figures["parity"]["tv"]:.4f} |

| squared error, share of the span | mean | 95 % |
| --- | --- | --- |
{rows}

It reads the prompts of `agent/prompt.py` and `strategies/reading.py` and nothing else.
"""
