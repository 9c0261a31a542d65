"""`forager-finetune read`: teach a model to read news, from what lives have seen come true."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer


def read(
    sources: Annotated[list[Path], typer.Argument(help="Folders that forager export wrote.")],
    parent: Annotated[Path, typer.Argument(help="The parent's GGUF file.")],
    out: Annotated[Path, typer.Option(help="The stage's folder; done already, it is left alone.")],
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same file.")] = 0,
    texts: Annotated[int, typer.Option(min=1, help="How many are read, again and again.")] = 60_000,
    gap_h: Annotated[float, typer.Option(min=0, help="Hours before the test's first text.")] = 6.0,
    curve: Annotated[
        list[int] | None, typer.Option(help="Also measure who learnt from so few; repeatable.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Teach a child of PARENT to read news; it goes on choosing as its parent does."""
    from finetune.reading import Course
    from finetune.reading import read as work

    def tell(line: str) -> None:
        if not as_json:
            sys.stderr.write(f"— {line}\n")
            sys.stderr.flush()

    course = Course()
    course = replace(
        course,
        schooling=replace(course.schooling, seed=seed, texts=texts),
        gap_h=gap_h,
        curve=tuple(curve or ()),
    )
    figures = work(sources, parent, out, course, tell).manifest["figures"]
    if as_json:
        sys.stdout.write(json.dumps(figures) + "\n")
        return
    for name, value in figures.items():
        sys.stdout.write(f"{name:>14}  {value}\n")
