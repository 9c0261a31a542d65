"""`forager-finetune breed`: a promoted child gets a name that others can be born by."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

TO = """Who else is to keep it: kubo+URL of a node's RPC, or a TOML file that has telemetry.targets
as a forager.toml has; may be repeated."""


def breed(
    trained: Annotated[Path, typer.Argument(help="A finished training.")],
    out: Annotated[Path, typer.Option(help="The stage's folder; done already, it is left alone.")],
    verdict: Annotated[Path, typer.Option(help="The gate's verdict.json on this child.")],
    parent: Annotated[
        Path | None,
        typer.Option(help="The parent's bred folder or genome.json; generation 0 by default."),
    ] = None,
    to: Annotated[list[str] | None, typer.Option(help=TO)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Make a promoted child a genome by CID, and send it to whoever keeps it."""
    from finetune.breeding import breed as work
    from finetune.publishing import places, publish

    def tell(line: str) -> None:
        if not as_json:
            sys.stderr.write(f"— {line}\n")
            sys.stderr.flush()

    where = places(to or [])
    done = work(trained, verdict, out, parent, tell)
    told = {**done.manifest["figures"], "kept_by": asyncio.run(publish(done, where, tell))}
    if as_json:
        sys.stdout.write(json.dumps(told) + "\n")
        return
    for name, value in told.items():
        sys.stdout.write(f"{name.replace('_', ' '):>10}  {value}\n")
