"""A process in which a stranger's strategy runs, at rest whenever it is not asked."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping
from typing import Any, Final

from agent.errors import PluginFailed
from agent.reads import Reads

MOST_BYTES: Final = 1 << 20
MOST_READS: Final = 256
MOST_WORDS: Final = 500
COMMAND: Final = (sys.executable, "-P", "-m", "agent.plugin_host")
KEPT: Final = ("PYTHONPATH", "LANG", "LC_ALL", "TZ")
"""All that a child learns of our environment: enough to find its own code."""
GIVEN: Final = {
    "PYTHONDONTWRITEBYTECODE": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}
"""It can write nothing and start no thread, so libraries need not try."""


class Child:
    """Lines over two pipes; each answer carries the mark of the question that it answers."""

    def __init__(self, name: str, process: Process) -> None:
        self.name = name
        self._process = process

    @classmethod
    async def start(cls, name: str) -> Child:
        """With nothing of ours: no open file, no variable, no folder, no terminal."""
        process = await asyncio.create_subprocess_exec(
            *COMMAND,
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            limit=MOST_BYTES,
            cwd="/",
            env={key: os.environ[key] for key in KEPT if key in os.environ} | GIVEN,
            close_fds=True,
            start_new_session=True,
        )
        return cls(name, process)

    @property
    def pid(self) -> int:
        return self._process.pid

    async def ask(self, question: Mapping[str, Any], reads: Reads | None = None) -> Any:
        """Put one question and serve the child's reads until it answers.

        Raises `PluginFailed` where it says that it cannot. After anything else that is raised it
        must be ended: its late answer would meet the next question.
        """
        self._signal(signal.SIGCONT)
        answer = await self._converse(question, reads)
        self._signal(signal.SIGSTOP)  # nor does it compute while nobody waits for it
        if "fault" in answer:
            raise PluginFailed(f"{self.name}: {_words(answer['fault'])}")
        return answer["ok"]

    async def end(self) -> None:
        """End it and whatever it started in its session."""
        self._signal(signal.SIGKILL)
        if self._process.stdin is not None:
            self._process.stdin.close()
        await self._process.wait()

    async def _converse(self, line: Mapping[str, Any], reads: Reads | None) -> Mapping[str, Any]:
        for _ in range(MOST_READS):
            said = await self._exchange(line)
            if "ok" in said or "fault" in said:
                return said
            if reads is None:
                raise ValueError("only a survey may read")
            line = await reads.serve(said["read"])
        raise ValueError("too many reads")

    async def _exchange(self, line: Mapping[str, Any]) -> Mapping[str, Any]:
        sink, source = self._process.stdin, self._process.stdout
        if sink is None or source is None:
            raise EOFError
        mark = secrets.token_hex(8)
        sink.write(json.dumps({**line, "mark": mark}).encode() + b"\n")
        await sink.drain()
        reply = await source.readline()
        if not reply:
            raise EOFError
        said = json.loads(reply)
        if not isinstance(said, dict) or said.get("mark") != mark:
            raise ValueError("not an answer to what was asked")
        return said

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)


def _words(said: object) -> str:
    """A stranger's words, safe to show on a terminal."""
    text = str(said)[:MOST_WORDS]
    return "".join(each if each.isprintable() else "�" for each in text)
