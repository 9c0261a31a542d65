"""The signer from the other end of its socket: one request at a time, and none is ever repeated."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chain import errors
from chain.errors import BadRequest, ChainError, SignerFault, SignerGone, SignerSilent
from chain.types import Address, Admission, Attempt, Entry, Fees, Intent, Json, Refused, SignerState
from chain.wire import (
    Fields,
    admission_from_json,
    attempt_from_json,
    entry_from_json,
    fees_to_json,
    hexed,
    intent_to_json,
    refused_from_json,
    state_from_json,
)

DEADLINE_S: Final = 30.0
LINE_MAX: Final = 64 * 1_048_576
ENVIRONMENT: Final = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "TMPDIR", "HOME", "SSL_CERT_FILE")
"""What a signer inherits; the agent's own settings are none of its business."""


class SignerClient:
    """`chain.port.Signer` over a Unix socket. Ask again yourself after `SignerGone`: it is safe."""

    def __init__(self, socket: Path, deadline_s: float = DEADLINE_S) -> None:
        self._socket = socket
        self._deadline_s = deadline_s
        self._turn = asyncio.Lock()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def state(self) -> SignerState:
        return state_from_json(await self._ask("state"))

    async def admit(self, intent: Intent, fees: Fees) -> Admission:
        reply = await self._ask("admit", intent=intent_to_json(intent), fees=fees_to_json(fees))
        return admission_from_json(reply)

    async def bump(self, intent_id: str, fees: Fees) -> Attempt | Refused:
        reply = await self._ask("bump", intent=intent_id, fees=fees_to_json(fees))
        return refused_from_json(reply) or attempt_from_json(reply)

    async def entries(self, from_nonce: int = 0) -> Sequence[Entry]:
        reply = await self._ask("entries", from_nonce=from_nonce)
        return [entry_from_json(item) for item in Fields({"entries": reply}).array("entries")]

    async def checkpoint(self, epoch: int, size: int, root: bytes, prev: bytes) -> bytes | Refused:
        return _signature(
            await self._ask(
                "checkpoint", epoch=epoch, size=size, root=hexed(root), prev=hexed(prev)
            )
        )

    async def access(
        self, lease: int, provider: Address, at: int, digest: bytes
    ) -> bytes | Refused:
        return _signature(
            await self._ask("access", lease=lease, provider=provider, at=at, digest=hexed(digest))
        )

    async def halt(self, reason: str) -> int:
        return Fields({"id": await self._ask("halt", reason=reason)}).uint("id")

    async def resume(self, signature: bytes) -> bool:
        reply = await self._ask("resume", signature=hexed(signature))
        return Fields({"resumed": reply}).truth("resumed")

    async def close(self) -> None:
        streams, self._streams = self._streams, None
        if streams:
            streams[1].close()

    async def _ask(self, op: str, **fields: Json) -> Json:
        line = json.dumps({"op": op, **fields}).encode() + b"\n"
        async with self._turn:
            try:
                async with asyncio.timeout(self._deadline_s):
                    answer = json.loads(await self._exchange(line))
            except TimeoutError:
                await self.close()
                raise SignerSilent(op=op, seconds=self._deadline_s) from None
            except (OSError, ValueError) as error:
                await self.close()
                raise SignerGone(op=op, why=str(error)) from None
            except asyncio.CancelledError:
                await self.close()  # or the next one would read this one's answer
                raise
        return _opened(answer)

    async def _exchange(self, line: bytes) -> bytes:
        if self._streams is None:
            self._streams = await asyncio.open_unix_connection(str(self._socket), limit=LINE_MAX)
        reader, writer = self._streams
        writer.write(line)
        await writer.drain()
        if not (answer := await reader.readline()).endswith(b"\n"):
            raise ConnectionResetError("closed")
        return answer


@dataclass(frozen=True, slots=True)
class SignerProcess:
    """A signer that this process started and must end."""

    process: asyncio.subprocess.Process
    wallet: Address

    async def stop(self) -> None:
        if self.process.returncode is None:
            self.process.terminate()
        await self.process.wait()


async def start_signer(config: Path, *, log: int | None = None) -> SignerProcess:
    """Start one and wait until it serves; raises what it says stopped it, or `SignerGone`.

    It ends with this process, however this process ends. `log` takes its stderr.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        "chain.signer",
        *("--follow", str(os.getpid())),
        str(config),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=log,
        env={name: os.environ[name] for name in ENVIRONMENT if name in os.environ},
    )
    try:
        async with asyncio.timeout(DEADLINE_S):
            said = json.loads(await _first_line(process))
    except BaseException as fault:
        if process.returncode is None:
            process.kill()
        await process.wait()
        if not isinstance(fault, TimeoutError | ValueError):
            raise  # above all a cancellation: nobody would end it later
        raise SignerGone("the signer did not start", code=process.returncode) from None
    if said.get("ready") is not True:
        await process.wait()
        raise _fault(said.get("fault"))
    return SignerProcess(process, Address(said["wallet"]))


async def _first_line(process: asyncio.subprocess.Process) -> bytes:
    return b"" if process.stdout is None else await process.stdout.readline()


def _opened(answer: Json) -> Json:
    if isinstance(answer, Mapping) and "ok" in answer:
        return answer["ok"]
    raise _fault(answer.get("fault") if isinstance(answer, Mapping) else None)


def _fault(data: Json) -> ChainError:
    """The signer's own fault as an exception of the same name here."""
    try:
        of = Fields(data)
        facts = Fields(of.of("facts"))
        kind, reason = of.text("kind"), facts.text("reason")
    except BadRequest:
        return SignerFault("the signer's answer makes no sense")
    found = getattr(errors, kind, SignerFault)
    if not (isinstance(found, type) and issubclass(found, ChainError)):
        found = SignerFault
    return found(reason, kind=kind, **_other(of.of("facts")))


def _other(facts: Json) -> dict[str, object]:
    known = {"reason", "kind"}
    return {k: v for k, v in facts.items() if k not in known} if isinstance(facts, Mapping) else {}


def _signature(reply: Json) -> bytes | Refused:
    return refused_from_json(reply) or Fields({"signature": reply}).raw("signature", 65)
