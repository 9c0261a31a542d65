"""`forager export`: verified logs of many lives as two tables to learn from."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.commands.said import JsonOption, say, show_progress, tell
from agent.errors import UsedWrongly

if TYPE_CHECKING:
    from telemetry.exporting.export import Done, Exported

SOURCES = """Folders of CAR files, or gateways' URLs. Without any, the registry is asked where each
log is served."""


def export(
    out: Annotated[Path, typer.Option("--out", help="Where the tables are, or shall be.")],
    sources: Annotated[list[str] | None, typer.Argument(help=SOURCES)] = None,
    agent: Annotated[
        list[int] | None, typer.Option(help="Only these agents; may be repeated.")
    ] = None,
    rpc: Annotated[str | None, typer.Option(help="The chain to verify against.")] = None,
    registry: Annotated[str | None, typer.Option(help="The AgentRegistry's address.")] = None,
    without_chain: Annotated[
        bool,
        typer.Option("--without-chain", help="Verify logs in themselves; money stays unknown."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Write lives and transitions of verified logs as Parquet. Exit 1 if a log was refused."""
    import asyncio

    if without_chain == bool(rpc and registry):
        raise UsedWrongly(
            "a log is verified against its chain, or said not to be",
            "name --rpc and --registry, or say --without-chain",
        )
    exported = asyncio.run(_export(sources or [], agent or [], out, rpc, registry, quiet=as_json))
    counts = exported.plain()
    say(counts if as_json else _told(exported), as_json=as_json)
    raise typer.Exit(1 if exported.refused else 0)


async def _export(
    sources: list[str],
    agents: list[int],
    out: Path,
    rpc: str | None,
    registry: str | None,
    *,
    quiet: bool,
) -> Exported:
    try:
        from telemetry.exporting.export import export as write
    except ImportError as missing:
        raise UsedWrongly(
            f"tables need a package that is not here: {missing.name}",
            "install it with pip install 'forager[export]'",
        ) from None
    from telemetry.exporting.asking import lives_asked

    asked = await lives_asked(sources, agents, rpc, registry)
    progress = show_progress if sys.stderr.isatty() and not quiet else None
    return await write(asked, out, _silent if quiet else _show, progress)


def _told(exported: Exported) -> dict[str, object]:
    return {
        "out": exported.out,
        "lives": exported.lives,
        "transitions": exported.transitions,
        "new": sum(done.rows for done in exported.done),
        "refused": len(exported.refused),
    }


def _show(done: Done) -> None:
    tell(done.line())


def _silent(_: Done) -> None: ...
