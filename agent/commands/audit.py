"""`forager audit`: check a life's log against itself and against the chain."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from agent.commands.said import JsonOption


def audit(
    source: Annotated[str, typer.Argument(help="A gateway's URL or a folder of CAR files.")],
    agent: Annotated[int | None, typer.Option(help="Which agent, if the source has many.")] = None,
    rpc: Annotated[str | None, typer.Option(help="A chain to check against.")] = None,
    registry: Annotated[str | None, typer.Option(help="The AgentRegistry's address.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Verify signatures, leaves, links, epochs, anchors, nonces and transfers. Exit 1 if not so."""
    import asyncio

    from telemetry.auditing.audit import audit as verify
    from telemetry.auditing.lines import audit_lines

    progress = None if as_json or not sys.stderr.isatty() else _show
    verdict = asyncio.run(
        verify(source, agent=agent, rpc=rpc, registry=registry, progress=progress)
    )
    said = [json.dumps(verdict.plain())] if as_json else audit_lines(verdict)
    sys.stdout.write("".join(f"{line}\n" for line in said))
    raise typer.Exit(0 if verdict.ok else 1)


def _show(what: str, done: int, whole: int) -> None:
    """One line that is drawn over; the last one stays."""
    sys.stderr.write(f"\r{what} {done} of {whole}" + ("\n" if done >= whole else ""))
    sys.stderr.flush()
