"""`forager init` makes a home, `forager permit` is the operator's word that lets it be born."""

from __future__ import annotations

import json
import sys
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agent.commands.said import DEFAULT_HOME, HomeOption, JsonOption, say, show_progress
from agent.errors import UsedWrongly

if TYPE_CHECKING:
    from agent.founding import Founded, Founding

SOURCE = """Who has it: a gateway's URL, kubo+URL of a Kubo node's RPC, a folder, or a CAR; a node
on this machine by default."""

CHAIN_KEYS = ("chain_id", "registry", "token", "lease_market", "job_board", "gas_station")


def init(
    deployment: Annotated[
        Path, typer.Option(help="JSON that forager deploy wrote: chain id and contracts.")
    ],
    operator: Annotated[str, typer.Option(help="The operator's address: permits, limits, halts.")],
    passphrase_file: Annotated[
        Path, typer.Option(help="A file whose first line opens the new keys.")
    ],
    home: HomeOption = DEFAULT_HOME,
    rpc: Annotated[list[str] | None, typer.Option(help="RPC address; may be repeated.")] = None,
    placing: Annotated[str, typer.Option(help="embodied or remote.")] = "embodied",
    settings: Annotated[
        Path | None, typer.Option(help="TOML with further tables for forager.toml.")
    ] = None,
    genome: Annotated[
        str | None, typer.Option(help="The CID of a bred generation to be born from.")
    ] = None,
    source: Annotated[str | None, typer.Option("--from", help=SOURCE)] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a home: keys, config and genome. Nothing is sent and nothing is born."""
    from eth_utils.address import is_address, to_checksum_address

    from agent.founding import Founding, found
    from chain.types import Address

    if not is_address(operator):
        raise UsedWrongly(f"{operator} is not an address", "give 0x and 40 hex digits")
    if source is not None and genome is None:
        raise UsedWrongly("--from says whom to ask for a genome", "name its CID with --genome")
    chain = _chain(deployment, rpc or [])
    tables, use, strategies = _settings(settings, inherits=genome is not None)
    tables["placing"] = {"mode": placing, **tables.get("placing", {})}
    plan = Founding(
        operator=Address(to_checksum_address(operator)),
        passphrase_file=passphrase_file,
        chain={**chain, **tables.pop("chain", {})},
        tables=tables,
        use=use,
        strategies=strategies,
    )
    told: dict[str, Any] = {"home": str(home)}
    if genome is None:
        founded = found(home, plan)
    else:
        founded, more = _born_of(genome, source, home, plan, quiet=as_json)
        told |= more
    told |= {"wallet": founded.wallet, "log_key": founded.log_key, "genome": founded.genome}
    say(told, as_json=as_json)


def _born_of(
    genome: str, source: str | None, home: Path, plan: Founding, *, quiet: bool
) -> tuple[Founded, dict[str, Any]]:
    """Fetch a generation and make the home of it; what was not chosen here is shown."""
    from agent.founding import found, judge
    from agent.home import Home
    from agent.inheriting import GATEWAY, inherited

    def progress(done: int, whole: int) -> None:
        if not quiet and sys.stderr.isatty():
            show_progress("part", done, whole)

    judge(Home(home), plan)
    with inherited(genome, source or GATEWAY, home, progress) as inherits:
        founded = found(home, replace(plan, inherits=inherits))
    born_as = inherits.genome
    told = {
        "generation": born_as.generation,
        "model": born_as.gguf,
        "strategies": {name: dict(options) for name, options in born_as.strategies.items()},
    }
    return founded, told


def permit(
    keystore: Annotated[Path, typer.Option(help="The operator's keystore, version 3.")],
    passphrase_file: Annotated[Path, typer.Option(help="A file whose first line opens it.")],
    home: HomeOption = DEFAULT_HOME,
    valid_h: Annotated[
        float, typer.Option(help="Hours of chain time in which it may be born.")
    ] = 24,
    usd_per_hour: Annotated[float, typer.Option(help="The most it may spend in an hour.")] = 10,
    usd_per_day: Annotated[float, typer.Option(help="The most it may spend in a day.")] = 50,
    usd_per_action: Annotated[float, typer.Option(help="The most one action may cost.")] = 5,
    eth_per_hour: Annotated[float, typer.Option(help="Ether, gas included, in an hour.")] = 0.1,
    eth_per_day: Annotated[float, typer.Option(help="Ether, gas included, in a day.")] = 0.3,
    token_name: Annotated[  # a token of money, no password
        str, typer.Option(help="The token's EIP-712 name.")
    ] = "Test Dollar",  # noqa: S107
    token_version: Annotated[  # likewise
        str, typer.Option(help="The token's EIP-712 version.")
    ] = "1",  # noqa: S107
    as_json: JsonOption = False,
) -> None:
    """Sign a birth permit and limits for the agent in HOME with the operator's key."""
    import asyncio

    from agent.config import load
    from agent.permitting import Caps, Permission, grant
    from chain import keystore as keys

    config = load(home)
    key = keys.open_key(keystore, keys.read_passphrase(passphrase_file))
    now = asyncio.run(_chain_time(config.chain.rpc, config.chain.chain_id))
    caps = Caps(
        usd_per_action=usd_per_action,
        usd_per_hour=usd_per_hour,
        usd_per_day=usd_per_day,
        eth_per_hour=eth_per_hour,
        eth_per_day=eth_per_day,
    )
    made = grant(
        home, key, Permission(now + int(valid_h * 3600), token_name, token_version, caps=caps)
    )
    say(
        {
            "wallet": made.wallet,
            "operator": made.operator,
            "genome": "0x" + made.genome.hex(),
            "deadline": made.deadline,
            "files": [str(home / "birth.json"), str(home / "limits.json")],
        },
        as_json=as_json,
    )


async def _chain_time(rpc: tuple[str, ...], chain_id: int) -> int:
    from chain.client import ChainClient

    async with ChainClient(rpc, chain_id) as client:
        return (await client.head()).block.at


def _chain(path: Path, rpc: list[str]) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
        chain = {key: found[key] for key in CHAIN_KEYS if key in found}
        missing = {"chain_id", "registry", "token", "lease_market"} - chain.keys()
    except (OSError, ValueError, TypeError) as fault:
        raise UsedWrongly(
            f"{path} cannot be read: {fault}", "name the file forager deploy wrote"
        ) from None
    if missing:
        raise UsedWrongly(f"{path} lacks {', '.join(sorted(missing))}", "deploy again")
    urls = rpc or ([found["rpc"]] if "rpc" in found else [])
    if not urls:
        raise UsedWrongly("no RPC address is known", "give --rpc")
    return {"rpc": urls, **chain}


def _settings(
    path: Path | None, *, inherits: bool
) -> tuple[dict[str, Any], tuple[str, ...], dict[str, Any]]:
    tables: dict[str, Any] = {}
    try:
        if path is not None:
            tables = tomllib.loads(path.read_text("utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as fault:
        raise UsedWrongly(f"{path} cannot be read: {fault}", "mend it") from None
    if inherits and "use" in tables:
        raise UsedWrongly("which strategies are in use is inherited", "leave use out of it")
    use = tuple(tables.pop("use", ("thrift", "keeper")))
    return tables, use, tables.pop("strategies", {})
