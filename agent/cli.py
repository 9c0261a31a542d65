"""The `forager` command: finds the subcommand, and turns every foreseen fault into one line."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, Final

import typer
import typer.main
from typer._click.core import Command, Context  # typer carries its own click
from typer.core import TyperGroup

from telemetry.others_words import printable

GROUP: Final = "forager.commands"
OWN: Final = {
    "init": "agent.commands.born:init",
    "permit": "agent.commands.born:permit",
    "doctor": "agent.commands.doctor:doctor",
    "run": "agent.commands.run:run",
    "status": "agent.commands.control:status",
    "ledger": "agent.commands.control:ledger",
    "halt": "agent.commands.control:halt",
    "resume": "agent.commands.control:resume",
    "drain": "agent.commands.control:drain",
    "audit": "agent.commands.audit:audit",
    "prove": "agent.commands.prove:prove",
    "export": "agent.commands.export:export",
    "provider": "agent.commands.provider:provider",
}
WRONGLY_USED: Final = 2


class Commands(TyperGroup):
    """Loads only the command that was asked for; higher layers add theirs by entry point."""

    def list_commands(self, ctx: Context) -> list[str]:
        del ctx
        return [*OWN, *sorted(point.name for point in entry_points(group=GROUP))]

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:
        del ctx
        function = _own(cmd_name) or _added(cmd_name)
        if function is None:
            return None
        app = typer.Typer(add_completion=False)
        app.command(cmd_name)(function)
        return typer.main.get_command(app)


app = typer.Typer(
    cls=Commands,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="An agent that lives by its own wallet.",
)


@app.callback()
def _root() -> None:
    """An agent that lives by its own wallet: rents, earns, thinks, dies when it cannot pay."""


def _own(name: str) -> Callable[..., Any] | None:
    place = OWN.get(name)
    if place is None:
        return None
    module, function = place.split(":")
    loaded: Callable[..., Any] = getattr(import_module(module), function)
    return loaded


def _added(name: str) -> Callable[..., Any] | None:
    for point in entry_points(group=GROUP, name=name):
        loaded: Callable[..., Any] = point.load()
        return loaded
    return None


def main() -> None:
    """Run; a foreseen fault is one line on stderr and exit code 2."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as fault:
        # Every package's faults carry a consequence and advice; what carries none is a bug of ours
        # and deserves its traceback.
        if not hasattr(fault, "consequence"):
            raise
        sys.stderr.write(f"forager: {_line(fault)}\n")
        sys.exit(WRONGLY_USED)


def _line(fault: Exception) -> str:
    """What is wrong, with the facts that it does not name itself, and what to do about it.

    Some of it may be others' words: of a log, a gateway, a chain.
    """
    text = " ".join(str(fault).split())
    facts: Mapping[str, object] = getattr(fault, "facts", {})
    unsaid = [f"{name} {fact}" for name, fact in facts.items() if f"{fact}" not in text]
    told = f"{text} ({', '.join(unsaid)})" if unsaid else text
    advice = getattr(fault, "advice", "")
    whole = told if not advice or advice in told else f"{told}; {advice}"
    return printable(" ".join(whole.split()))
