"""`forager prove`: that a record is in a log, or that a log only grew; and the checking of both."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.commands.said import JsonOption, show_progress, write_line
from agent.errors import UsedWrongly

if TYPE_CHECKING:
    from telemetry.proving.prove import Answer, Chain, Growth, RecordUnder

NOTHING_ASKED = "name a --record, or two checkpoints with --from and --to, or a file with --check"


def prove(
    source: Annotated[
        str | None, typer.Argument(help="A gateway's URL or a folder of CAR files.")
    ] = None,
    record: Annotated[int | None, typer.Option(min=0, help="The record to prove.")] = None,
    epoch: Annotated[
        int | None, typer.Option(min=0, help="Under which checkpoint, if not the newest.")
    ] = None,
    anchored: Annotated[
        bool, typer.Option("--anchored", help="Under the last that the registry has anchored.")
    ] = False,
    first: Annotated[
        int | None, typer.Option("--from", min=0, help="The checkpoint that …")
    ] = None,
    second: Annotated[
        int | None, typer.Option("--to", min=0, help="… became this one by growth alone.")
    ] = None,
    file: Annotated[Path | None, typer.Option("--check", help="A proof to check.")] = None,
    agent: Annotated[int | None, typer.Option(help="Which agent, if the source has many.")] = None,
    rpc: Annotated[str | None, typer.Option(help="A chain to check against.")] = None,
    registry: Annotated[str | None, typer.Option(help="The AgentRegistry's address.")] = None,
    out: Annotated[Path | None, typer.Option(help="A file to write the proof to.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Prove a record, or that a log only grew; or check a proof. Exit 1 if it is not proven."""
    import asyncio

    from telemetry.proving.prove import prove as make
    from telemetry.proving.prove import recheck

    chain = _chain(rpc, registry)
    if file is None:
        claim = _claim(record, epoch, first, second, anchored=anchored, chain=chain)
        if source is None:
            raise UsedWrongly("there is no source", "name a gateway or a folder of CAR files")
        progress = None if as_json or not sys.stderr.isatty() else show_progress
        made = make(source, claim, agent=agent, chain=chain, progress=progress)
        answer = asyncio.run(made)
    else:
        others = (source, record, epoch, first, second, agent, out)
        if anchored or any(each is not None for each in others):
            raise UsedWrongly("--check makes no proof", "give it the file, and a chain if you like")
        answer = asyncio.run(recheck(_read(file), chain))
    _say(answer, out, as_json=as_json)


def _claim(
    record: int | None,
    epoch: int | None,
    first: int | None,
    second: int | None,
    *,
    anchored: bool,
    chain: Chain | None,
) -> RecordUnder | Growth:
    from telemetry.proving.prove import Growth, RecordUnder

    if (first is None) != (second is None) or (record is None) == (first is None):
        raise UsedWrongly("it is not clear what to prove", NOTHING_ASKED)
    if first is not None and second is not None:
        if epoch is not None or anchored or first >= second:
            raise UsedWrongly("a log grows --from one checkpoint --to a later one", NOTHING_ASKED)
        return Growth(first, second)
    if anchored and (epoch is not None or chain is None):
        raise UsedWrongly("--anchored asks the registry", "name --rpc and --registry, no --epoch")
    assert record is not None  # noqa: S101 - the first question
    return RecordUnder(record, "anchored" if anchored else "newest" if epoch is None else epoch)


def _chain(rpc: str | None, registry: str | None) -> Chain | None:
    from eth_utils.address import is_address, to_checksum_address

    from chain.types import Address
    from telemetry.proving.prove import Chain

    if rpc is None and registry is None:
        return None
    if rpc is None or registry is None:
        raise UsedWrongly("--rpc and --registry go together", "name both or neither")
    if not is_address(registry):
        raise UsedWrongly(f"{registry} is not an address", "give 0x and 40 hex digits")
    return Chain(rpc, Address(to_checksum_address(registry)))


def _read(file: Path) -> bytes:
    from telemetry.proving.written import MAX_TEXT

    try:
        with file.open("rb") as stream:
            return stream.read(MAX_TEXT + 1)
    except OSError as error:
        raise UsedWrongly(f"{file} cannot be read", error.strerror or "") from error


def _say(answer: Answer, out: Path | None, *, as_json: bool) -> None:
    from telemetry.proving.lines import answer_lines, answer_plain
    from telemetry.proving.proof import Proven
    from telemetry.proving.written import written

    proven = isinstance(answer.verdict, Proven)
    if out and proven and answer.proof:
        try:
            out.write_text(written(answer.proof), "utf-8")
        except OSError as error:
            raise UsedWrongly(f"{out} cannot be written", error.strerror or "") from error
    for line in [json.dumps(answer_plain(answer))] if as_json else answer_lines(answer):
        write_line(line)
    raise typer.Exit(0 if proven else 1)
