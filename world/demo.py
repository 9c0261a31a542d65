"""`forager demo`: one whole life, from birth to an audited end, on this machine alone."""

from __future__ import annotations

import asyncio
import json
import sys
from itertools import count
from pathlib import Path
from typing import Annotated, Final

import typer

from world.errors import WorldError

FOLDER: Final = Path("forager-demo")
LONGEST_S: Final = 86_400
"""What happens in a world is drawn before it begins."""


def command(
    seconds: Annotated[
        float | None,
        typer.Option(help="Wall seconds until the horizon; the scenario's by default."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Same seed, same world.")] = 1,
    scenario: Annotated[
        Path | None, typer.Option(help="A scenario file, or the name of a shipped one.")
    ] = None,
    home: Annotated[
        Path | None, typer.Option(help="Where everything is put; forager-demo/1, 2, … by default.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object at the end.")
    ] = False,
) -> None:
    """Let one agent live on a local chain, watch it, and audit its log when it has ended."""
    from world.arena.plan import scenarios
    from world.leaving import until_told
    from world.onstage import Demo
    from world.scenario import DEMO, load_scenario

    [file] = scenarios([scenario or DEMO])
    world = load_scenario(file)
    if seconds is not None:
        if not 0 < seconds <= LONGEST_S:
            raise WorldError(f"--seconds must be above 0 and at most {LONGEST_S}")
        world = world.lasting(seconds)
    root = _fresh(home)
    report = asyncio.run(until_told(Demo(root, world, seed, quiet=as_json).run()))
    from world.report import words

    sys.stdout.write(json.dumps(report) + "\n" if as_json else words(report))
    raise typer.Exit(0 if report["audit"]["ok"] else 1)


def _fresh(home: Path | None) -> Path:
    """A folder of its own; nothing that is there is ever overwritten."""
    if home is None:
        return _next()
    try:
        home.mkdir(parents=True, exist_ok=True)
        taken = any(home.iterdir())
    except OSError as fault:
        raise WorldError(f"{home} cannot be used ({fault.strerror}); name another --home") from None
    if taken:
        raise WorldError(f"{home} is not empty; name another --home")
    return home.resolve()


def _next() -> Path:
    """The first number that nobody has; another demo may begin at this very moment."""
    for number in count(1):
        made = FOLDER / str(number)
        try:
            made.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as fault:
            raise WorldError(f"{made} cannot be used ({fault.strerror}); name a --home") from None
        return made.resolve()
    raise AssertionError
