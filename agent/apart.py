"""A stranger's strategy, kept in a child process: plain data in, plain data out."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping, Sequence
from typing import Any, Final

from agent.errors import PluginFailed
from chain.errors import ChainError
from chain.port import Reader
from chain.types import Address, Call, Json
from strategies.errors import NotPlain
from strategies.plain import from_plain, to_plain
from strategies.port import Action, Snapshot

MOST_BYTES: Final = 1 << 20
MOST_READS: Final = 256
ANSWER_S: Final = 5.0
MOST_ACTIONS: Final = 26
MOST_WORDS: Final = 500
LONGEST_SIGNATURE: Final = 1000
"""Signatures are remembered, so that none is taken apart twice."""
KEPT: Final = ("PYTHONPATH", "LANG", "LC_ALL", "TZ")
"""All that a child learns of our environment: enough to find its own code."""


class Apart:
    """Looks like a strategy; each question goes to the child, started again after it failed."""

    def __init__(self, name: str, options: Mapping[str, Any], tools: Mapping[str, str]) -> None:
        self.name = name
        self._born = {"name": name, "options": dict(options), "tools": dict(tools)}
        self._child: Process | None = None
        self._turn = asyncio.Lock()

    async def survey(self, read: Reader, seen: Snapshot) -> Mapping[str, Json]:
        found = await self._ask({"survey": to_plain(seen)}, read)
        if not isinstance(found, Mapping):
            raise PluginFailed(f"{self.name} surveyed something that is no map")
        return found

    async def propose(self, seen: Snapshot) -> Sequence[Action]:
        offered = await self._ask({"propose": to_plain(seen)}, None)
        if not isinstance(offered, list) or len(offered) > MOST_ACTIONS:
            raise PluginFailed(f"{self.name} proposed something that is no short list")
        try:
            return [from_plain(Action, action) for action in offered]
        except NotPlain as fault:
            raise PluginFailed(f"{self.name} proposed something that is no action") from fault

    async def close(self) -> None:
        """End the child and whatever it started in its session."""
        child, self._child = self._child, None
        if child is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        if child.stdin is not None:
            child.stdin.close()
        await child.wait()

    async def _ask(self, question: Mapping[str, Any], read: Reader | None) -> Any:
        async with self._turn:
            try:
                async with asyncio.timeout(ANSWER_S):
                    child = self._child or await self._start()
                    return await self._converse(child, question, read)
            except PluginFailed:
                raise  # it answered: that it cannot
            except (TimeoutError, OSError, EOFError) as fault:
                await self.close()
                raise PluginFailed(f"{self.name} did not answer: {type(fault).__name__}") from fault
            except Exception as fault:
                await self.close()
                raise PluginFailed(f"{self.name} spoke nonsense: {type(fault).__name__}") from fault
            except BaseException:
                await self.close()  # its late answer would meet the next question
                raise

    async def _start(self) -> Process:
        """A child with nothing of ours: no open file, no variable, no folder, no terminal."""
        self._child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "agent.plugin_host"),
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            limit=MOST_BYTES,
            cwd="/",
            env={name: os.environ[name] for name in KEPT if name in os.environ},
            close_fds=True,
            start_new_session=True,
        )
        try:
            await self._converse(self._child, {"make": self._born}, None)
        except PluginFailed:
            await self.close()  # a child that made no strategy has nothing to answer with
            raise
        return self._child

    async def _converse(self, child: Process, line: Mapping[str, Any], read: Reader | None) -> Any:
        """Say one line and serve the child's reads until it answers."""
        for _ in range(MOST_READS):
            said = await _exchange(child, line)
            if "ok" in said:
                return said["ok"]
            if "fault" in said:
                raise PluginFailed(f"{self.name}: {str(said['fault'])[:MOST_WORDS]}")
            if read is None:
                raise ValueError("only a survey may read")
            line = await _serve(read, said["read"])
        raise ValueError("too many reads")


async def _exchange(child: Process, line: Mapping[str, Any]) -> Mapping[str, Any]:
    if child.stdin is None or child.stdout is None:
        raise EOFError
    child.stdin.write(json.dumps(line).encode() + b"\n")
    await child.stdin.drain()
    reply = await child.stdout.readline()
    if not reply:
        raise EOFError
    said = json.loads(reply)
    if not isinstance(said, dict):
        raise ValueError("no answer is anything but a map")  # noqa: TRY004  # nonsense of any kind
    return said


async def _serve(read: Reader, asked: Mapping[str, Any]) -> Mapping[str, Any]:
    """The child reads through us, at the snapshot's block and nowhere else."""
    try:
        match asked:
            case {"call": [to, str(signature), args]} if len(signature) <= LONGEST_SIGNATURE:
                return {"value": await read.call(Address(to), signature, args)}
            case {"balance": of}:
                return {"value": await read.balance(Address(str(of)))}
            case {"base_fee": _}:
                return {"value": await read.base_fee()}
            case {"simulate": [call, sender]}:
                trial = await read.simulate(from_plain(Call, call), Address(sender))
                return {"value": to_plain(trial)}
    except ChainError as fault:
        return {"fault": str(fault)}
    raise ValueError("an unknown read")
