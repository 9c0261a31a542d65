"""The engine as a scorer: a child process with deadlines, started again with growing pauses."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from asyncio import StreamReader, StreamWriter
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, Final, cast

from compute.errors import BadModel, EngineGone, NoModel, Unanswerable
from compute.port import ModelId, Scores
from compute.scoring import sound

LONGEST_LINE: Final = 1 << 20
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 60.0
LAST_BREATH_S: Final = 5.0
OTHER_PROCESSOR: Final = (
    "llama.cpp was built for another processor: CMAKE_ARGS=-DGGML_NATIVE=OFF "
    "pip install --force-reinstall --no-cache-dir --no-binary :all: llama-cpp-python"
)


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """What to run, and how long to wait for it."""

    model: Path
    adapter: Path | None = None
    digest: str = ""
    """0x-text; another file under the same name is refused."""
    context: int = 512
    threads: int = 1
    deadline_s: float = 5.0
    start_s: float = 60.0

    def command(self) -> list[str]:
        adapter = ["--adapter", str(self.adapter)] if self.adapter else []
        return [
            *(sys.executable, "-P", "-m", "compute.engine", "--model", str(self.model), *adapter),
            *(
                "--context",
                str(self.context),
                "--threads",
                str(self.threads),
                "--digest",
                self.digest,
            ),
        ]


@dataclass(frozen=True, slots=True)
class Child:
    """A process that said it is ready."""

    process: Process
    writer: StreamWriter
    reader: StreamReader
    model: ModelId


class Engine:
    """Scores in a process of its own; while that one is down, `NoModel` within the deadline."""

    def __init__(self, config: EngineConfig, clock: Callable[[], float] = monotonic) -> None:
        self._config = config
        self._clock = clock
        self._turn = asyncio.Lock()
        self._starting: asyncio.Task[Child] | None = None
        self._failures = 0
        self._not_before = 0.0
        self._asked = 0

    @property
    def pid(self) -> int | None:
        """The child's, while one is ready."""
        child = self._ready()
        return child.process.pid if child else None

    async def start(self) -> ModelId:
        """Wait until the model is loaded. Raises `BadModel` when it can never serve."""
        return (await self._child(self._config.start_s)).model

    async def score(self, prompt: str, labels: Sequence[str]) -> Scores:
        async with self._turn:
            end = self._clock() + self._config.deadline_s
            child = await self._child(self._config.deadline_s / 2)  # the rest is for the answer
            try:
                async with asyncio.timeout(max(end - self._clock(), 0)):
                    reply = await self._ask(child, prompt, labels)
            except (TimeoutError, OSError, ValueError) as fault:
                await _end(child.process)
                raise EngineGone("the engine did not answer", fault=type(fault).__name__) from fault
            except asyncio.CancelledError:
                await _end(child.process)  # its late answer would meet the next question
                raise
        self._failures = 0
        if "none" in reply:
            raise Unanswerable(str(reply["none"]))
        return Scores(sound(reply["logits"], labels), child.model)

    async def close(self) -> None:
        if starting := self._starting:
            self._starting = None
            starting.cancel()
            with suppress(asyncio.CancelledError, NoModel, BadModel):
                await _end((await starting).process)

    async def _ask(self, child: Child, prompt: str, labels: Sequence[str]) -> Mapping[str, Any]:
        self._asked += 1
        asked = {"id": self._asked, "prompt": prompt, "labels": "".join(labels)}
        child.writer.write(json.dumps(asked).encode() + b"\n")
        await child.writer.drain()
        reply: Mapping[str, Any] = json.loads(await child.reader.readline())
        if reply.get("id") != self._asked:
            raise ValueError("an answer to another question")
        return reply

    async def _child(self, patience_s: float) -> Child:
        """The running child, or the next one if it is up in time. It goes on when we give up."""
        starting = self._starting
        if starting is None or (starting.done() and not self._ready()):
            starting = self._begin(starting)
        try:
            return await asyncio.wait_for(asyncio.shield(starting), patience_s)
        except TimeoutError as late:
            raise NoModel("the engine is still starting") from late

    def _begin(self, last: asyncio.Task[Child] | None) -> asyncio.Task[Child]:
        if last and not last.cancelled() and isinstance(fault := last.exception(), BadModel):
            raise fault
        if self._failures and self._clock() < self._not_before:
            raise NoModel("the engine failed and waits before it starts again")
        self._starting = asyncio.create_task(self._spawn(), name="engine")
        self._starting.add_done_callback(_retrieved)
        return self._starting

    def _ready(self) -> Child | None:
        done = self._starting
        if done is None or not done.done() or done.cancelled() or done.exception():
            return None
        child = done.result()
        return child if child.process.returncode is None else None

    async def _spawn(self) -> Child:
        self._fail_until_answered()
        process = await asyncio.create_subprocess_exec(
            *self._config.command(), stdin=PIPE, stdout=PIPE, stderr=DEVNULL, limit=LONGEST_LINE
        )
        writer, reader = cast("StreamWriter", process.stdin), cast("StreamReader", process.stdout)
        try:
            async with asyncio.timeout(self._config.start_s):
                said = json.loads(await reader.readline() or b"{}")
        except (TimeoutError, ValueError) as fault:
            await _end(process)
            raise EngineGone("the engine did not start in time") from fault
        except asyncio.CancelledError:
            await _end(process)
            raise
        if "ready" in said:
            return Child(process, writer, reader, ModelId(**said["ready"]))
        await _ended(process)
        if "bad" in said:
            raise BadModel(said["bad"], **said["facts"])
        if process.returncode == -signal.SIGILL:
            raise BadModel(OTHER_PROCESSOR)
        raise EngineGone("the engine ended while it loaded the model", code=process.returncode)

    def _fail_until_answered(self) -> None:
        """Every start counts as failed until a question is answered: no crash loop is fast."""
        pause = min(FIRST_PAUSE_S * 2**self._failures, LONGEST_PAUSE_S)
        self._not_before = self._clock() + pause
        self._failures += 1


async def _ended(process: Process) -> None:
    """Wait for one that ends by itself: killing it would lose what it died of."""
    try:
        async with asyncio.timeout(LAST_BREATH_S):
            await process.wait()
    except TimeoutError:
        await _end(process)


async def _end(process: Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()
    await process.wait()


def _retrieved(task: asyncio.Task[Child]) -> None:
    """Look at the outcome once, so that nobody warns of an exception nobody awaited."""
    if not task.cancelled():
        task.exception()
