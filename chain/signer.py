"""The signer's process: `python -m chain.signer signer.toml`. Keys never leave it.

A Unix socket for one user, JSON lines in and out; one question to the chain, asked for ever.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import os
import resource
import signal
import socket
import struct
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

from chain import keystore, limits_file, signer_config
from chain.clock import read_clock, uptime
from chain.desk import Desk, Keys
from chain.errors import BadLimits, BadSettings, ChainError, LedgerDamaged
from chain.ledger import Ledger
from chain.limits import Limits
from chain.operations import fault_to_json, reply
from chain.question import Question
from chain.signer_config import SignerConfig
from chain.types import Address, Json

T = TypeVar("T")

LINE_MAX: Final = 1_048_576
ANSWER_S: Final = 2.0
"""How long anyone waits for the chain's answer before going on without it."""
STOPPED: Final = 1
PR_SET_PDEATHSIG: Final = 1
PR_SET_DUMPABLE: Final = 4
FOLLOW: Final = "--follow"
"""End when the process that started this one, whose id comes next, ends."""


class Server:
    """Serves one desk until told to stop."""

    def __init__(self, desk: Desk, question: Question, config: SignerConfig) -> None:
        self._desk = desk
        self._question = question
        self._config = config
        self._asked: asyncio.Task[None] | None = None
        self._talks: set[asyncio.Task[None]] = set()
        self._stop: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def stop(self, fault: LedgerDamaged | None = None) -> None:
        if self._stop.done():
            return
        if fault:
            self._stop.set_exception(fault)
        else:
            self._stop.set_result(None)

    async def stopped(self) -> None:
        """Returns when told to stop; raises when the ledger is found damaged."""
        await self._stop

    async def keep_asking(self) -> None:
        while True:
            await asyncio.sleep(self._config.ask_s)
            await self.ask()

    async def ask(self) -> None:
        """One question at a time: whoever asks meanwhile waits for the same answer."""
        if self._asked is None or self._asked.done():
            self._asked = asyncio.create_task(self._ask())
        await asyncio.wait({self._asked}, timeout=ANSWER_S)

    async def _ask(self) -> None:
        try:
            self._desk.learn(await _in_thread(self._question.ask))
        except LedgerDamaged as damage:
            self.stop(damage)
        except ChainError:
            return  # silence is what the desk counts

    def halt(self) -> None:
        try:
            self._desk.halt("signal")
        except ChainError:
            self.stop()  # what cannot be written down is still obeyed

    def welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A task of our own: asyncio complains of its own when it is cancelled at the end."""
        task = asyncio.create_task(self._serve(reader, writer))
        self._talks.add(task)
        task.add_done_callback(self._talks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if _peer_uid(writer) != self._config.allowed_uid:
                return
            while (line := await reader.readline()).endswith(b"\n"):
                writer.write(json.dumps(await self._reply(line)).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError):
            return  # gone, or a line beyond the limit
        except LedgerDamaged as damage:
            self.stop(damage)
        finally:
            writer.close()

    async def _reply(self, line: bytes) -> dict[str, Json]:
        try:
            request: Json = json.loads(line)
        except (ValueError, RecursionError):
            request = None
        if isinstance(request, dict) and str(request.get("op")) in {"state", "admit"}:
            await self._learn_of_birth()
        return reply(self._desk, request)

    async def _learn_of_birth(self) -> None:
        """Right after birth nobody should wait for the next regular question."""
        if self._desk.awaits_birth():
            await self.ask()


async def run(config: SignerConfig) -> None:
    """Raises whatever stops the signer from starting; returns when it was told to stop."""
    limits, keys = _limits(config), _keys(config)
    ledger = Ledger(config.ledger, read_clock)
    try:
        desk = Desk(ledger, keys, limits, silence_s=config.silence_s, monotonic=uptime)
        wallet = keys.wallet.address
        question = Question(config.rpc, config.chain_id, config.registry, wallet)
        await _serve(Server(desk, question, config), config, wallet)
    finally:
        ledger.close()


async def _serve(server: Server, config: SignerConfig, wallet: Address) -> None:
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, server.stop)
    loop.add_signal_handler(signal.SIGINT, server.stop)
    loop.add_signal_handler(signal.SIGUSR1, server.halt)
    await server.ask()
    asking = asyncio.create_task(server.keep_asking())
    config.socket.unlink(missing_ok=True)
    path = str(config.socket)
    async with await asyncio.start_unix_server(server.welcome, path, limit=LINE_MAX):
        config.socket.chmod(config.socket_mode)
        _say({"ready": True, "wallet": wallet})
        try:
            await server.stopped()
        finally:
            asking.cancel()
            config.socket.unlink(missing_ok=True)


def _limits(config: SignerConfig) -> Limits:
    try:
        limits = limits_file.read(config.limits.read_text("utf-8"), config.operator)
    except OSError as error:
        raise BadLimits("the limits file cannot be read", why=error.strerror) from None
    if (limits.chain_id, limits.registry) != (config.chain_id, config.registry):
        raise BadLimits("the limits are for another chain or registry", chain_id=limits.chain_id)
    return limits


def _keys(config: SignerConfig) -> Keys:
    passphrase = keystore.read_passphrase(config.passphrase_file)
    wallet = keystore.open_key(config.wallet_key, passphrase)
    return Keys(wallet, keystore.open_key(config.log_key, passphrase))


async def _in_thread(work: Callable[[], T]) -> T:
    """In a daemon thread, so that a chain that hangs does not hold up the end."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(set_: Callable[[Any], None], value: object) -> None:
        if not future.done():
            set_(value)

    def body() -> None:
        try:
            outcome = (future.set_result, work())
        except Exception as fault:  # noqa: BLE001 - whatever it is, someone waits for an outcome
            outcome = (future.set_exception, fault)  # type: ignore[assignment] # either setter
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle, *outcome)

    threading.Thread(target=body, daemon=True).start()
    return await future


def _peer_uid(writer: asyncio.StreamWriter) -> int:
    peer = writer.get_extra_info("socket")
    packed = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", packed)[1])


def _harden(parent: int) -> None:
    """No core dumps, no debugger of the same user, no files for others."""
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is None:
        return
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    if parent:
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:  # it ended while this one was still being loaded
            sys.exit(STOPPED)


def _say(message: dict[str, Json]) -> None:
    print(json.dumps(message), flush=True)  # noqa: T201 - the one line the parent reads


def main(arguments: Sequence[str]) -> int:
    followed = arguments[:1] == [FOLLOW] and arguments[1:2] != [] and arguments[1].isdecimal()
    parent, paths = (int(arguments[1]), arguments[2:]) if followed else (0, arguments)
    _harden(parent)
    try:
        if len(paths) != 1:
            raise BadSettings("usage: python -m chain.signer [--follow PID] signer.toml")
        asyncio.run(run(signer_config.read(Path(paths[0]))))
    except ChainError as fault:
        _say({"ready": False, **fault_to_json(fault)})
        print(f"signer: {fault.reason}: {fault.advice}", file=sys.stderr)  # noqa: T201 - its log
        return STOPPED
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
