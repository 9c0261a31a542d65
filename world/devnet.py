"""A chain of our own whose time we make: Anvil that mines only when it is told to.

While it `paces`, a block comes every `block_wall_s` and is exactly `block_s` chain seconds later
than the one before. A late machine makes chain time late; it is never made up for in a hurry,
so that nobody's chance to react is lost.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

from chain.client import ChainClient
from chain.line import Line
from chain.sockets import socket_path
from chain.types import Address, Block, Wei
from world.anvil import Anvil, find_anvil, free_port
from world.errors import DevnetGone
from world.tables import Time

CHAIN_ID: Final = 31337
GENESIS_AT: Final = 1_767_225_600
"""The first second of 2026, UTC."""
BASE_FEE: Final = Wei(10**9)
STARTING_S: Final = 20.0
TRIES: Final = 3
"""Somebody may take the port between our choosing it and Anvil's listening."""
HURRY_WALL_S: Final = 0.02
LOOK_S: Final = 0.005
GONE_BY_S: Final = 0.05


class Devnet:
    """One local chain, and the only one who mines on it."""

    def __init__(
        self, anvil: Anvil, client: ChainClient, head: Block, line: Line | None = None
    ) -> None:
        self.client = client
        self._line = line
        self.base_fee = BASE_FEE
        """Of the next block; the world moves it."""
        self.head = head
        self._anvil = anvil
        self._mined = asyncio.Condition()
        self._mining: asyncio.Task[Block] | None = None

    @property
    def url(self) -> str:
        return self._anvil.url

    @classmethod
    @asynccontextmanager
    async def running(
        cls,
        folder: Path,
        *,
        genesis_at: int = GENESIS_AT,
        state: Path | None = None,
        close: bool = False,
    ) -> AsyncIterator[Devnet]:
        """A chain that lives as long as the block; from a saved state if there is one.

        `close` says that all who ask are in this process, and ask much, but of the newest state
        only: older ones are not kept.
        """
        options, socket = _options(genesis_at, state), socket_path(folder, "anvil.ipc")
        if close:
            options += ["--ipc", str(socket), "--prune-history"]
        anvil = await _start(_log_in(folder), options, socket if close else None)
        try:
            line = Line(socket) if close else None
            async with ChainClient([anvil.url], CHAIN_ID, line=line) as client:
                devnet = cls(anvil, client, (await client.head()).block, line)
                try:
                    yield devnet
                finally:
                    await devnet._rest()
        finally:
            await anvil.end()

    async def mine(self, seconds: int = 1) -> Block:
        """One block, so many chain seconds later, at the base fee of now.

        Once begun it is mined, whoever stops waiting for it: the next one must come later.
        """
        self._mining = asyncio.create_task(self._mine(seconds, self._mining))
        return await asyncio.shield(self._mining)

    async def _rest(self) -> None:
        if self._mining is not None:
            await asyncio.gather(self._mining, return_exceptions=True)

    async def _mine(self, seconds: int, before: asyncio.Task[Block] | None) -> Block:
        if before is not None:
            await asyncio.wait([before])
        self._anvil.check()
        await self.client.rpc("anvil_setNextBlockBaseFeePerGas", hex(self.base_fee))
        await self.client.rpc("evm_mine", {"timestamp": self.head.at + seconds, "blocks": 1})
        if self._line is not None:
            self._line.forget()
        self.head = (await self.client.head()).block
        async with self._mined:
            self._mined.notify_all()
        return self.head

    async def after(self, number: int) -> Block:
        """The head, as soon as it is later than this block."""
        async with self._mined:
            await self._mined.wait_for(lambda: self.head.number > number)
        return self.head

    async def pace(self, time_: Time, clock: Callable[[], float] = time.monotonic) -> None:
        """Mine at the scenario's pace until cancelled."""
        due = clock()
        while True:
            due = max(due + time_.block_wall_s, clock())
            await asyncio.sleep(due - clock())
            await self.mine(time_.block_s)

    @asynccontextmanager
    async def hurrying(self) -> AsyncIterator[None]:
        """For founding a world: blocks one second apart, as fast as they are needed."""

        async def hurry() -> None:
            while True:
                await self.mine()
                await asyncio.sleep(HURRY_WALL_S)

        try:
            async with asyncio.TaskGroup() as tasks:
                mining = tasks.create_task(hurry())
                yield
                mining.cancel()
        except BaseExceptionGroup as faults:
            raise faults.exceptions[0] from None
        finally:
            await self._rest()

    async def give_wei(self, to: Address, wei: Wei) -> None:
        """Set an account's ETH, out of nothing."""
        await self.client.rpc("anvil_setBalance", to, hex(wei))
        if self._line is not None:
            self._line.forget()

    async def save(self, path: Path) -> None:
        """Everything that `running(state=path)` needs to go on from here."""
        await self._rest()
        dump = bytes.fromhex((await self.client.rpc("anvil_dumpState")).removeprefix("0x"))
        part = path.with_suffix(".part")
        part.write_bytes(gzip.decompress(dump))
        json.loads(part.read_bytes())
        part.replace(path)


async def _start(log: Path, options: Sequence[str], socket: Path | None) -> Anvil:
    program = find_anvil(os.environ)
    for left in reversed(range(TRIES)):
        anvil = await Anvil.start(program, free_port(), log, options)
        try:
            await _answering(anvil, socket)
        except BaseException as fault:
            await anvil.end()
            if not left or not isinstance(fault, DevnetGone):
                raise
        else:
            return anvil
    raise AssertionError


async def _answering(anvil: Anvil, socket: Path | None) -> None:
    """On a socket of its own, which it opens last; on a port somebody else might answer for it."""
    until = time.monotonic() + STARTING_S
    while time.monotonic() < until:
        with suppress(OSError):
            if socket is not None:
                _, writer = await asyncio.open_unix_connection(str(socket))
            else:
                _, writer = await asyncio.open_connection("127.0.0.1", anvil.port)
                await asyncio.sleep(GONE_BY_S)
            writer.close()
            anvil.check()
            return
        anvil.check()
        await asyncio.sleep(LOOK_S)
    raise DevnetGone("Anvil does not answer", log=anvil.log)


def _log_in(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder / "anvil.log"


def _options(genesis_at: int, state: Path | None) -> list[str]:
    options = {
        "--chain-id": CHAIN_ID,
        "--timestamp": genesis_at,
        "--slots-in-an-epoch": 1,
        "--block-base-fee-per-gas": BASE_FEE,
        "--accounts": 1,
        "--order": "fifo",
    }
    if state is not None:
        options |= {"--load-state": state}
    return ["--no-mining", *(str(part) for pair in options.items() for part in pair)]
