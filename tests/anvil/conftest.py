"""A real Anvil for the tests that need one: blocks are mined by the test, never by a clock."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from chain.client import ChainClient
from chain.keys import Key
from chain.purse import Purse
from chain.types import Micro
from world.deploy import Deployment, Station, create_all

MODULES = Path(__file__).parents[2] / "node_modules"
ANVIL = next(MODULES.glob("@foundry-rs/anvil-*/bin/anvil"), MODULES / ".bin" / "anvil")
"""The program itself rather than its wrapper, so that a signal to its pid reaches it."""
CHAIN = 31337
KEYS = (
    "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
    "5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
    "7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6",
    "47e179ec197488593b187f80a00eb0da91f1b9d0b13f8733639f19c30a34926a",
)
"""The first of the keys that every Anvil funds with 10,000 ether."""


@dataclass(frozen=True)
class Devnet:
    """A running Anvil. `snapshot` and `revert` keep the tests that share it apart."""

    url: str
    chain_id: int
    pid: int

    @property
    def keys(self) -> tuple[Key, ...]:
        return tuple(Key(bytes.fromhex(secret)) for secret in KEYS)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ask(url: str, method: str, *params: object) -> object:
    """One request without a client, for before and after the tests."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    host = url.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=5)
    try:
        connection.request("POST", "/", body, {"Content-Type": "application/json"})
        return json.load(connection.getresponse()).get("result")
    finally:
        connection.close()


def start(*options: str) -> tuple[subprocess.Popen[bytes], str]:
    """Start an Anvil and wait until it answers."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    process = subprocess.Popen(
        [ANVIL, "--port", str(port), "--chain-id", str(CHAIN), "--silent", *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until = time.monotonic() + 20
    while True:
        try:
            ask(url, "eth_chainId")
        except OSError:
            if process.poll() is not None or time.monotonic() > until:
                process.kill()
                raise
            time.sleep(0.05)
        else:
            return process, url


def end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)


@pytest.fixture(scope="session")
def devnet() -> Iterator[Devnet]:
    """One Anvil for the whole session; finality comes after two blocks."""
    process, url = start("--slots-in-an-epoch", "1")
    try:
        yield Devnet(url, CHAIN, process.pid)
    finally:
        end(process)


@pytest.fixture
async def client(devnet: Devnet) -> AsyncIterator[ChainClient]:
    """A client whose chain is put back as it was when the test ends."""
    async with ChainClient([devnet.url], devnet.chain_id) as client:
        before = await client.rpc("evm_snapshot")
        try:
            yield client
        finally:
            ask(devnet.url, "anvil_setChainId", devnet.chain_id)
            ask(devnet.url, "anvil_dropAllTransactions")
            ask(devnet.url, "evm_revert", before)
            ask(devnet.url, "evm_setAutomine", True)


@pytest.fixture
async def deployed(client: ChainClient, devnet: Devnet) -> Deployment:
    """The five contracts, founded by the first key."""
    station = Station(Micro(2_500_000_000), "0x" + "11" * 32)
    return await create_all(Purse(client, devnet.keys[0]), devnet.chain_id, station)


@pytest.fixture
async def manual(client: ChainClient) -> ChainClient:
    """The same, but blocks come only when the test mines them."""
    await client.rpc("evm_setAutomine", False)
    return client
