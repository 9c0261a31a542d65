"""`forager deploy`: put the contracts of a local world on a development chain."""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chain.types import Call, Micro, Wei

if TYPE_CHECKING:
    from chain.keys import Key
    from world.deploy import Deployment, Station


def command(
    rpc: Annotated[str, typer.Option(help="The development chain's RPC address.")],
    out: Annotated[Path, typer.Option(help="Where to write chain id and addresses.")],
    keystore: Annotated[Path, typer.Option(help="A funded key's keystore, version 3.")],
    passphrase_file: Annotated[Path, typer.Option(help="A file whose first line opens it.")],
    chain_id: Annotated[int, typer.Option(help="The chain's id.")] = 31337,
    gas_eth: Annotated[float, typer.Option(help="Ether that the GasStation starts with.")] = 1.0,
    usd_per_eth: Annotated[float, typer.Option(help="Its mean price of an ether.")] = 3000.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Deploy TestDollar, AgentRegistry, LeaseMarket, JobBoard and GasStation."""
    from chain import keystore as keys
    from world.deploy import Station

    key = keys.open_key(keystore, keys.read_passphrase(passphrase_file))
    weather = "0x" + secrets.token_hex(32)
    station = Station(Micro(round(usd_per_eth * 10**6)), weather)
    made = asyncio.run(_deploy(rpc, chain_id, key, station, Wei(round(gas_eth * 10**18))))
    made.save(out)
    facts = {**asdict(made), "file": str(out)}
    if as_json:
        sys.stdout.write(json.dumps(facts) + "\n")
    else:
        sys.stdout.write("".join(f"{name:12}  {value}\n" for name, value in facts.items()))


async def _deploy(rpc: str, chain_id: int, key: Key, station: Station, gas: Wei) -> Deployment:
    from chain.client import ChainClient
    from chain.purse import Purse
    from world.deploy import create_all

    async with ChainClient([rpc], chain_id) as client:
        founder = Purse(client, key)
        made = await create_all(founder, chain_id, station)
        await founder.send(Call(made.gas_station, "", value=gas))
    return made
