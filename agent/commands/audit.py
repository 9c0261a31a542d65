"""`forager audit`: check a life's log against itself and against the chain."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.commands.said import JsonOption, show_progress

if TYPE_CHECKING:
    from telemetry.auditing.audit import Asked
    from telemetry.auditing.verdict import Verdict

SOURCE = """A folder of CAR files, a gateway's URL, or kubo+URL of a Kubo node's RPC. Without one
the registry is asked where the log is served."""


def audit(
    source: Annotated[str | None, typer.Argument(help=SOURCE)] = None,
    agent: Annotated[int | None, typer.Option(help="Which agent, if the source has many.")] = None,
    head: Annotated[
        str | None,
        typer.Option(help="The newest checkpoint's CID, for peers that know no agents."),
    ] = None,
    rpc: Annotated[str | None, typer.Option(help="A chain to check against.")] = None,
    registry: Annotated[str | None, typer.Option(help="The AgentRegistry's address.")] = None,
    replay: Annotated[
        bool, typer.Option("--replay", help="Run sampled decisions again on the model they name.")
    ] = False,
    model: Annotated[
        list[Path] | None,
        typer.Option(help="A GGUF file or a folder of them, to replay with; may be repeated."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Verify signatures, leaves, links, epochs, anchors, nonces and transfers. Exit 1 if not so."""
    import asyncio

    from telemetry.auditing.audit import Asked
    from telemetry.auditing.lines import audit_lines

    asked = Asked(source, agent, head, rpc, registry)
    quiet = as_json or not sys.stderr.isatty()
    verdict = asyncio.run(_examine(asked, replay=replay, models=model or [], quiet=quiet))
    said = [json.dumps(verdict.plain())] if as_json else audit_lines(verdict)
    sys.stdout.write("".join(f"{line}\n" for line in said))
    raise typer.Exit(0 if verdict.ok else 1)


async def _examine(asked: Asked, *, replay: bool, models: list[Path], quiet: bool) -> Verdict:
    from telemetry.auditing.audit import examine

    progress = None if quiet else show_progress
    if not replay:
        return (await examine(asked, progress=progress)).verdict
    from agent.replay import Replay, Sampler

    again = Replay()
    audited = await examine(asked, progress=progress, harvest=Sampler(), gather=again.gather)
    return audited.verdict.after(*await again.run(models))
