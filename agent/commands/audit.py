"""`forager audit`: check a life's log against itself and against the chain."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.commands.said import JsonOption, show_progress, tell, write_line
from agent.errors import UsedWrongly

if TYPE_CHECKING:
    from telemetry.auditing.audit import Asked, Audited
    from telemetry.auditing.timeline import Timeline
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
    html: Annotated[
        Path | None, typer.Option(help="A file to write a page to: the verdict and the life.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Verify signatures, leaves, links, epochs, anchors, nonces and transfers. Exit 1 if not so."""
    import asyncio

    from telemetry.auditing.audit import Asked
    from telemetry.auditing.lines import audit_lines

    if html and not _is_writable(html := html.resolve()):
        raise UsedWrongly(f"{html} cannot be written", "name a new file in a folder that exists")
    asked = Asked(source, agent, head, rpc, registry)
    quiet = as_json or not sys.stderr.isatty()
    verdict = asyncio.run(
        _examine(asked, replay=replay, models=model or [], html=html, quiet=quiet)
    )
    for line in [json.dumps(verdict.plain())] if as_json else audit_lines(verdict):
        write_line(line)
    raise typer.Exit(0 if verdict.ok else 1)


def _is_writable(path: Path) -> bool:
    """Whether a file may be put there: never over a folder, or a device."""
    return path.parent.is_dir() and (path.is_file() or not path.exists())


async def _examine(
    asked: Asked, *, replay: bool, models: list[Path], html: Path | None, quiet: bool
) -> Verdict:
    """One audit, whatever more is wanted of the log."""
    from telemetry.auditing.audit import examine
    from telemetry.auditing.harvest import Wanted, together

    wanted = list[Wanted]()
    if replay:
        from agent.replay import Replay, sampler

        again = Replay()
        wanted.append((sampler, again.gather))
    if html:
        from telemetry.auditing.glimpse import glimpser
        from telemetry.auditing.timeline import Timeline

        life = Timeline()
        wanted.append((glimpser, life.gather))
    harvest, gather = together(wanted)
    progress = None if quiet else show_progress
    audited = await examine(asked, progress=progress, harvest=harvest, gather=gather)
    verdict = audited.verdict
    if replay:
        verdict = verdict.after(*await again.run(models))
    if html:
        _draw(html, audited, verdict, life)
    return verdict


def _draw(path: Path, audited: Audited, verdict: Verdict, life: Timeline) -> None:
    from telemetry.auditing.drawing.view import Checked
    from telemetry.auditing.page import write_page

    try:
        write_page(path, Checked.by(audited, verdict), life)
    except OSError as error:
        raise UsedWrongly(f"{path} cannot be written", error.strerror or "") from error
    tell(f"page      {path}")
