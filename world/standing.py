"""A local world that keeps standing, for containers: `python -m world.standing found | endow`.

found FOLDER --rpc URL    contracts, an operator and a provider with money, in one folder
endow FOLDER --rpc URL --wallet 0x…   money for an agent to be born with

It lives on an Anvil that mines by itself. Its keys are those that every Anvil funds and everybody
knows, so they guard nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from agent.models import USUAL, resolve
from chain import keystore
from chain.client import ChainClient
from chain.keys import Key
from chain.purse import Purse
from chain.types import Address, Call, Micro, Wei
from world.deploy import Deployment, Station, create_all, mint
from world.devnet import CHAIN_ID

OPERATOR: Final = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
PROVIDER: Final = "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"
MODEL: Final = USUAL
CONTEXT: Final = 512
RICH: Final = Micro(10**12)
MICRO_PER_HOUR: Final = 250_000
"""Eight hours of it are within the limits that `forager permit` signs by default."""
STATION: Final = Micro(3_000_000_000)
"""The GasStation's mean price of an ether."""
STATION_WEI: Final = Wei(10**20)
ENDOWMENT: Final = (Micro(24_000_000), Wei(5 * 10**17))
"""Four days' rent, and gas."""


async def found(folder: Path, rpc: str, *, host: str, port: int, uri: str) -> Deployment:
    """Files are written only when all is done, so that a try that failed can be made again."""
    operator, provider = Key(bytes.fromhex(OPERATOR)), Key(bytes.fromhex(PROVIDER))
    async with _purse(rpc, operator) as purse:
        made = await create_all(purse, CHAIN_ID, Station(STATION, "0x" + secrets.token_hex(32)))
        await purse.send(Call(made.gas_station, "", value=STATION_WEI))
        for someone in (operator, provider):
            await mint(purse, made.token, someone.address, RICH)
    passphrase = folder / "passphrase"
    passphrase.touch(mode=0o600)
    passphrase.write_text(secrets.token_hex(16) + "\n", "utf-8")
    word = keystore.read_passphrase(passphrase)
    keystore.make(folder / "operator-key.json", word, bytes.fromhex(OPERATOR))
    keystore.make(folder / "provider-key.json", word, bytes.fromhex(PROVIDER))
    text = _provider(made, rpc, {"host": host, "port": port}, uri)
    (folder / "provider.toml").write_text(text, "utf-8")
    made.save(folder / "deployment.json")
    return made


async def endow(folder: Path, rpc: str, wallet: Address) -> None:
    word = keystore.read_passphrase(folder / "passphrase")
    made = Deployment.load(folder / "deployment.json")
    micro, wei = ENDOWMENT
    async with _purse(rpc, keystore.open_key(folder / "operator-key.json", word)) as purse:
        await purse.send(Call(wallet, "", value=wei))
        await mint(purse, made.token, wallet, micro)


def _provider(made: Deployment, rpc: str, gateway: dict[str, Any], uri: str) -> str:
    tables: dict[str, dict[str, Any]] = {
        "chain": {
            "rpc": [rpc],
            "chain_id": made.chain_id,
            "registry": made.registry,
            "market": made.lease_market,
            "token": made.token,
        },
        "key": {"file": "provider-key.json", "passphrase_file": "passphrase"},
        "offer": {
            "rate": MICRO_PER_HOUR * 10**18 // 3600,
            "slots": 4,
            "stake_micro": 10_000_000,
            "uri": uri,
        },
        "model": {"path": str(resolve(MODEL)), "context": CONTEXT},
        "gateway": gateway,
    }
    lines: list[str] = []
    for name, table in tables.items():
        lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in table.items())]
    return "\n".join(lines) + "\n"


@asynccontextmanager
async def _purse(rpc: str, key: Key) -> AsyncIterator[Purse]:
    async with ChainClient([rpc], CHAIN_ID) as client:
        yield Purse(client, key)


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="world.standing", description=__doc__)
    parser.add_argument("what", choices=("found", "endow"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rpc", required=True)
    parser.add_argument("--wallet", help="endow: whom")
    parser.add_argument("--host", default="127.0.0.1", help="found: where the provider listens")
    parser.add_argument("--port", type=int, default=8600)
    parser.add_argument("--uri", default="", help="found: where tenants reach the provider")
    said = parser.parse_args(words)
    if said.what == "endow":
        asyncio.run(endow(said.folder, said.rpc, Address(said.wallet)))
    elif not (said.folder / "deployment.json").exists():
        asyncio.run(found(said.folder, said.rpc, host=said.host, port=said.port, uri=said.uri))


if __name__ == "__main__":
    main()
