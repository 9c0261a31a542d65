"""Asking and commanding a living agent: status, ledger, halt, resume, drain."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agent.commands.said import DEFAULT_HOME, HomeOption, JsonOption, say, tell, write_line
from agent.control import ask
from agent.errors import UsedWrongly
from agent.home import Home

if TYPE_CHECKING:
    from chain.signer_client import SignerClient


def status(
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
    watch: Annotated[bool, typer.Option("--watch", help="Draw it live until Ctrl-C.")] = False,
) -> None:
    """How the agent in HOME fares: vitals, runway, lease, decisions, transactions, telemetry."""
    place = Home(home)
    found = ask(place.run, {"op": "status"})
    if found is None:
        _sleeping(place, as_json=as_json)
    elif as_json:
        sys.stdout.write(json.dumps({**found, "running": True}) + "\n")
    else:
        _draw(place, found, watch=watch)


def ledger(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Every intent the signer has numbered: nonce, purpose, record, hash."""
    place = Home(home)
    rows = asyncio.run(_entries(place))
    if as_json:
        sys.stdout.write(json.dumps({"entries": rows}) + "\n")
        return
    for row in rows:
        write_line(
            f"{row['nonce']:>6}  {row['purpose']:<7} {row['intent']:<14} "
            f"because {row['because']:<7} {row['function'] or 'ether':<28.28} {row['hash']}"
        )


def halt(
    home: HomeOption = DEFAULT_HOME,
    reason: Annotated[str, typer.Option(help="Kept in the log.")] = "the operator's command",
    as_json: JsonOption = False,
) -> None:
    """Stop all signing at once; only the operator's signature resumes it."""
    halt_id = asyncio.run(_halt(Home(home), reason))
    say({"halted": True, "halt_id": halt_id}, as_json=as_json)


def resume(
    keystore: Annotated[Path, typer.Option(help="The operator's keystore, version 3.")],
    passphrase_file: Annotated[Path, typer.Option(help="A file whose first line opens it.")],
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Lift the present halt with the operator's signature."""
    halt_id = asyncio.run(_resume(Home(home), keystore, passphrase_file))
    say({"resumed": True, "halt_id": halt_id}, as_json=as_json)


def drain(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Halt for good: send everything to the operator and end the life as halted."""
    reply = ask(Home(home).run, {"op": "drain"})
    if reply is None:
        raise UsedWrongly("no daemon is running here", "start it with forager run, then drain")
    say({"draining": True, "see": "forager status"}, as_json=as_json)


def _sleeping(place: Home, *, as_json: bool) -> None:
    from agent import life

    if not place.config.exists():
        raise UsedWrongly(f"no agent lives in {place.root}", "make one with forager init")
    notes = life.load(place.notes)
    say(
        {
            "agent": notes.agent,
            "running": False,
            "phase": str(notes.phase),
            "reason": notes.reason,
            "cause": notes.cause,
            "waiting_epochs": notes.waiting,
            "home": str(place.root),
        },
        as_json=as_json,
    )


def _draw(place: Home, found: dict[str, Any], *, watch: bool) -> None:
    import time

    from rich.console import Console
    from rich.live import Live

    from agent.view import render

    console = Console()
    if not watch:
        console.print(render(found))
        return
    with Live(render(found), console=console, refresh_per_second=4) as screen:
        while (found_now := ask(place.run, {"op": "status"})) is not None:
            screen.update(render(found_now))
            time.sleep(0.5)
    tell("forager: the agent is no longer running")


def _signer(place: Home) -> SignerClient | None:
    """The signer's client, if one is listening."""
    from agent.config import load
    from chain.signer_client import SignerClient
    from chain.signer_config import read

    keys = load(place.root).keys
    socket = Path(keys.socket) if keys.signer == "socket" else read(place.signer_config).socket
    return SignerClient(socket) if socket.exists() else None


async def _entries(place: Home) -> list[dict[str, Any]]:
    client = _signer(place)
    if client is None:
        raise UsedWrongly("the signer is not running", "start it with forager run")
    try:
        found = await client.entries(0)
    finally:
        await client.close()
    return [
        {
            "nonce": entry.nonce,
            "intent": entry.intent.id,
            "purpose": entry.intent.purpose,
            "because": entry.intent.because,
            "to": entry.intent.call.to,
            "function": entry.intent.call.function.partition("(")[0],
            "value": str(entry.intent.call.value),
            "hash": entry.attempts[-1].hash,
        }
        for entry in found
    ]


async def _halt(place: Home, reason: str) -> int:
    """Through the signer's own socket: a daemon that will not listen cannot stand in the way."""
    from chain.errors import SignerGone

    client = _signer(place)
    if client is not None:
        try:
            return await client.halt(reason)
        except SignerGone:
            tell("forager: the signer does not answer; halting in its ledger")
        finally:
            await client.close()
    return _halt_at_rest(place, reason)


def _halt_at_rest(place: Home, reason: str) -> int:
    """No signer runs: the halt is written where the next one will find it."""
    from chain.clock import read_clock
    from chain.ledger import Ledger
    from chain.signer_config import read

    path = read(place.signer_config).ledger
    path.parent.mkdir(parents=True, exist_ok=True)
    book = Ledger(path, read_clock)
    try:
        with book.exclusive() as tx:
            return tx.add_halt(reason, tx.now())
    finally:
        book.close()


async def _resume(place: Home, keystore: Path, passphrase_file: Path) -> int:
    from chain import keystore as keys
    from chain import permit

    key = keys.open_key(keystore, keys.read_passphrase(passphrase_file))
    async with _some_signer(place) as client:
        state = await client.state()
        if not state.halted:
            raise UsedWrongly("this agent is not halted", "there is nothing to resume")
        domain = permit.Domain(state.chain_id, state.registry)
        message = permit.Resume(state.agent, state.halt_id)
        if not await client.resume(permit.sign(key, domain, message)):
            raise UsedWrongly(
                f"the signer takes this only from {state.operator}", "use the operator's keystore"
            )
        return state.halt_id


@contextlib.asynccontextmanager
async def _some_signer(place: Home) -> AsyncIterator[SignerClient]:
    """The one that runs; at rest one for the occasion, or an unborn agent could not be resumed."""
    from agent.config import load
    from chain.errors import SignerGone
    from chain.signer_client import SignerClient, start_signer
    from chain.signer_config import read

    client, child = await _answering(_signer(place)), None
    if client is None:
        if load(place.root).keys.signer == "socket":
            raise SignerGone
        child = await start_signer(place.signer_config)
        client = SignerClient(read(place.signer_config).socket)
    try:
        yield client
    finally:
        await client.close()
        if child is not None:
            await child.stop()


async def _answering(client: SignerClient | None) -> SignerClient | None:
    """None too for a socket that a killed signer left behind."""
    from chain.errors import SignerGone

    if client is None:
        return None
    try:
        await client.state()
    except SignerGone:
        await client.close()
        return None
    return client
