"""`forager arena`: many policies in many worlds, each life a whole one, compared at the end."""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

if TYPE_CHECKING:
    from types import FrameType

    from world.arena.plan import Policy
    from world.arena.running import Ran

OUT: Final = Path("forager-arena")


def command(
    scenario: Annotated[
        list[Path] | None,
        typer.Argument(help="Scenario files, or names of shipped ones; all of them by default."),
    ] = None,
    policies: Annotated[
        str, typer.Option(help="Rules by name, NAME=FILE.gguf, NAME=RULE+FILE.gguf, with commas.")
    ] = "passive,random,reflex,heuristic",
    seeds: Annotated[str, typer.Option(help="Worlds of each scenario, like 1-8.")] = "1-8",
    out: Annotated[Path, typer.Option(help="Results; asked again, they are gone on with.")] = OUT,
    engine: Annotated[str, typer.Option(help="local processes, or ray.")] = "local",
    workers: Annotated[
        int, typer.Option(min=0, max=1024, help="Lives at once; all cores by default.")
    ] = 0,
    epsilon: Annotated[
        float, typer.Option(min=0, max=1, help="The uniform share of every choice.")
    ] = 0.0,
    tables: Annotated[
        bool, typer.Option(help="Write transitions as Parquet, for training.")
    ] = False,
    report: Annotated[bool, typer.Option(help="Write report.json and report.html.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Let policies live in many worlds and compare how long they live."""
    _heed()
    from world.anvil import find_anvil
    from world.arena.plan import cases, fitting, scenarios
    from world.arena.plan import policies as named
    from world.arena.plan import seeds as numbered
    from world.arena.running import run
    from world.errors import WorldError
    from world.scenario import load_scenario

    if engine not in ("local", "ray"):
        raise WorldError("the engine is local or ray", engine=engine)
    if engine == "local":
        find_anvil(os.environ)  # or no life at all could be lived
    files = scenarios(scenario or [])
    used = {name for file in files for name in load_scenario(file).use}
    chosen = [_at_hand(one) for one in fitting(named(policies), used)]
    wanted = list(cases(files, chosen, numbered(seeds), epsilon))
    ran = run(
        wanted,
        files,
        out,
        engine=engine,
        workers=workers or os.cpu_count() or 1,
        tables=tables,
        quiet=as_json,
    )
    told = _told(ran, out)
    if report and ran.lives:
        from world.arena.judging import judge

        told |= judge(out, wanted, workers=workers or os.cpu_count() or 1)
    if as_json:
        sys.stdout.write(json.dumps(told) + "\n")
    else:
        sys.stdout.write("".join(f"{name:>10}  {value}\n" for name, value in told.items()))
    raise typer.Exit(1 if ran.failed or ran.unsound else 0)


def _at_hand(one: Policy) -> Policy:
    """With its model's file, which is there."""
    from agent.models import resolve

    return replace(one, model=str(resolve(one.model))) if one.model else one


def _heed() -> None:
    """Whoever is told to end tidies up first, as after Ctrl-C: lives are lived in memory."""

    def leave(number: int, _: FrameType | None) -> None:
        raise SystemExit(128 + number)

    for each in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(each) is signal.SIG_DFL:  # nohup means it
            signal.signal(each, leave)


def _told(ran: Ran, out: Path) -> dict[str, Any]:
    faults = out / "faults"
    complaints = {"complaints": str(faults)} if faults.is_dir() else {}
    return {
        "lives": ran.lives,
        "new": ran.new,
        "failed": len(ran.failed),
        "unsound": ran.unsound,
        "ticks": ran.ticks,
        "seconds": round(ran.seconds, 1),
        "results": str(out / "results.jsonl"),
        **complaints,
    }
