"""How commands speak: one JSON object, or a few plain lines."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from telemetry.others_words import printable

HomeOption = Annotated[
    Path, typer.Option("--home", help="The agent's home.", envvar="FORAGER_HOME")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
DEFAULT_HOME = Path("~/.forager").expanduser()


def say(facts: Mapping[str, Any], *, as_json: bool) -> None:
    """The same facts for a program or for a person."""
    if as_json:
        sys.stdout.write(json.dumps(facts) + "\n")
        return
    width = max(len(name) for name in facts)
    for name, value in facts.items():
        write_line(f"{name.replace('_', ' '):{width}}  {value}")


def write_line(line: str) -> None:
    """Some of it may be others' words: of a log, a gateway, a chain."""
    sys.stdout.write(f"{printable(line)}\n")


def tell(line: str) -> None:
    """Progress goes to stderr, so that output can be piped."""
    sys.stderr.write(f"{printable(line)}\n")


def show_progress(what: str, done: int, whole: int) -> None:
    """One line that is drawn over; the last one stays."""
    sys.stderr.write(f"\r{what} {done} of {whole}" + ("\n" if done >= whole else ""))
    sys.stderr.flush()
