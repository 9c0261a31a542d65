"""Epochs judged on every processor and handed back in their order.

A short log is judged here: starting processes takes longer than reading it. Workers are processes
of this module, `python -m telemetry.auditing.pool`, that are asked by pickle over two pipes; what
they unpickle is ours. One that dies over a hostile file is a finding, not the end of the audit.
"""

from __future__ import annotations

import asyncio
import gc
import os
import pickle
import sys
from asyncio import StreamReader, StreamWriter
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final, cast

from telemetry.auditing import findings as kinds
from telemetry.auditing.epoch import Epoch, Harvest, Known, judge_epoch
from telemetry.auditing.findings import Findings
from telemetry.auditing.source import Piece

SMALL_BYTES: Final = 8 * 1024 * 1024
AHEAD: Final = 2
"""Epochs under way for each process: enough to keep it busy, few enough to be held."""
_LENGTH_BYTES: Final = 8


class Pool:
    """Judges epochs, in processes if there is much to read."""

    def __init__(self, harvest: Harvest | None, size: int) -> None:
        """`size` is about how many bytes there are to read."""
        self._harvest = harvest
        self._count = (os.cpu_count() or 1) if size > SMALL_BYTES else 0
        self._idle: asyncio.Queue[_Worker] = asyncio.Queue()
        self._workers: list[_Worker] = []

    async def close(self) -> None:
        for worker in self._workers:
            await worker.end()

    async def first(self, piece: Piece, known: Known) -> Epoch:
        """One epoch here and now: what it says is needed to judge the others."""
        return await asyncio.to_thread(judge_file, piece, known, self._harvest)

    async def judge(
        self, pieces: AsyncIterator[Piece], known: Known
    ) -> AsyncIterator[tuple[Piece, Epoch]]:
        """The rest of them; a piece's file is needed until its epoch was handed back."""
        if self._count < 2:  # noqa: PLR2004 - one worker would only be in the way
            async for piece in pieces:
                yield piece, await self.first(piece, known)
            return
        self._start()
        waiting: deque[tuple[Piece, asyncio.Task[Epoch]]] = deque()
        try:
            async for piece in pieces:
                waiting.append((piece, asyncio.create_task(self._ask(piece, known))))
                if len(waiting) >= self._count * AHEAD:
                    yield waiting[0][0], await waiting.popleft()[1]
            while waiting:
                yield waiting[0][0], await waiting.popleft()[1]
        finally:
            for _, epoch in waiting:
                epoch.cancel()

    def _start(self) -> None:
        for _ in range(self._count - len(self._workers)):
            worker = _Worker()
            self._workers.append(worker)
            self._idle.put_nowait(worker)

    async def _ask(self, piece: Piece, known: Known) -> Epoch:
        worker = await self._idle.get()
        try:
            return await worker.ask((piece, known, self._harvest))
        except (EOFError, OSError, pickle.UnpicklingError):
            found = Findings()
            found.fault(kinds.DAMAGED, f"{piece.name}: the process that read it died")
            return Epoch(found.state)
        finally:
            self._idle.put_nowait(worker)


class _Worker:
    """A process that answers one question at a time; started when it is first asked."""

    def __init__(self) -> None:
        self._process: Process | None = None

    async def ask(self, question: object) -> Epoch:
        process = self._process or await self._start()
        try:
            return await _answer(process, question)
        except BaseException:
            await self.end()  # a late answer would meet the next question
            raise

    async def end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _start(self) -> Process:
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", __name__),  # not what lies in a log's folder
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        return self._process


async def _answer(process: Process, question: object) -> Epoch:
    asked, answers = cast("StreamWriter", process.stdin), cast("StreamReader", process.stdout)
    asked.write(_framed(pickle.dumps(question)))
    await asked.drain()
    try:
        size = int.from_bytes(await answers.readexactly(_LENGTH_BYTES), "big")
        epoch: Epoch = pickle.loads(await answers.readexactly(size))  # noqa: S301 - a worker's
    except asyncio.IncompleteReadError as error:
        raise EOFError from error
    return epoch


def judge_file(piece: Piece, known: Known, harvest: Harvest | None) -> Epoch:
    try:
        with Path(piece.path).open("rb") as stream, _no_collecting():
            return judge_epoch(stream, piece.name, known, harvest)
    except OSError as error:
        found = Findings()
        found.fault(kinds.DAMAGED, f"{piece.name}: {error.strerror}")
        return Epoch(found.state)


@contextmanager
def _no_collecting() -> Iterator[None]:
    """Records are trees without circles: to look for some takes longer than to decode them."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def work(asked: BinaryIO, answers: BinaryIO) -> None:
    """Answer until nothing more is asked."""
    while head := asked.read(_LENGTH_BYTES):
        question = pickle.loads(asked.read(int.from_bytes(head, "big")))  # noqa: S301 - the pool's
        answers.write(_framed(pickle.dumps(judge_file(*question), protocol=5)))
        answers.flush()


def _framed(data: bytes) -> bytes:
    return len(data).to_bytes(_LENGTH_BYTES, "big") + data


if __name__ == "__main__":
    work(sys.stdin.buffer, sys.stdout.buffer)
