"""Where an audit reads a log from: epoch files in order, from a folder or from a peer.

Nothing here is believed. What a source cannot give becomes a finding; only a source that gives
nothing at all raises `SourceError`. Sizes, counts, times and redirects are bounded.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from telemetry.auditing import findings as kinds
from telemetry.auditing.findings import Findings
from telemetry.car import Block, epoch_files, read_car
from telemetry.checkpoint import MAX_BYTES, MAX_RECORDS, Checkpoint
from telemetry.cid import BINARY_LENGTH, Cid
from telemetry.errors import BadCar, SourceError, TelemetryError
from telemetry.record import MAX_BYTES as RECORD_BYTES

_LENGTH_BYTES: Final = 5
_PER_BLOCK: Final = BINARY_LENGTH + _LENGTH_BYTES


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much a source may cost."""

    epochs: int = 1_000_000
    epoch_bytes: int = 4096 + MAX_BYTES + _PER_BLOCK + MAX_RECORDS * (RECORD_BYTES + _PER_BLOCK)
    redirects: int = 3
    request_s: float = 60.0
    silence_s: float = 15.0
    total_s: float = 3600.0


class Piece(NamedTuple):
    """One epoch's CAR on this machine, unread, and what to call it in a finding."""

    name: str
    path: Path


class Source(Protocol):
    """Gives one agent's epochs, oldest first."""

    agent: int | None
    """None where nothing that was found names one."""
    epochs: int
    """How many pieces are to come."""
    size: int
    """About how many bytes they are together."""

    def pieces(self) -> AsyncIterator[Piece]: ...

    def release(self, piece: Piece) -> None:
        """The piece has been read: its file is needed no more."""
        ...


class Folder:
    """Epoch files on this machine, ordered by what they hold, not by their names."""

    def __init__(self, agent: int | None, files: dict[int, Path]) -> None:
        self.agent = agent
        self.epochs = len(files)
        self.size = sum(path.stat().st_size for path in files.values())
        self._files = files

    async def pieces(self) -> AsyncIterator[Piece]:
        for epoch in sorted(self._files):
            path = self._files[epoch]
            yield Piece(path.name, path)

    def release(self, piece: Piece) -> None:
        """It is not ours."""


def agents_in(folder: Path) -> list[int]:
    """Whose epochs lie in a folder."""
    try:
        paths = [path for path in folder.iterdir() if path.suffix == ".car"]
    except OSError as error:
        raise SourceError(folder=folder, why=error.strerror) from error
    seen = (_peek(path, Findings()) for path in paths)
    return sorted({each[1].head.agent for each in seen if each})


def open_folder(
    folder: Path, agent: int | None, bounds: Bounds, found: Findings, start: int = 0
) -> Folder:
    """Look at the first block of every CAR: whose it is, and which epoch.

    Epochs before `start` are not wanted; files that say that they are one are not looked at.
    """
    try:
        old = {file.path for file in epoch_files(folder) if file.epoch < start}
        paths = sorted(p for p in folder.iterdir() if p.suffix == ".car" and p not in old)
    except OSError as error:
        raise SourceError(folder=folder, why=error.strerror) from error
    if not (paths or old) or len(paths) > bounds.epochs:
        raise SourceError(folder=folder, files=len(paths), why="no .car files, or too many")
    lives: dict[int, dict[int, tuple[Cid, Path]]] = {}
    for path in paths:
        if seen := _peek(path, found):
            cid, checkpoint = seen
            life = lives.setdefault(checkpoint.head.agent, {})
            _place(life, checkpoint.head.epoch, cid, path, found)
    if agent is None and len(lives) > 1:
        raise SourceError(why="several agents; name one", agents=sorted(lives)[:20])
    if agent is None:
        agent = next(iter(lives), None)
    chosen = lives.get(agent, {}) if agent is not None else {}
    _judge_names(folder, chosen, found)
    return Folder(agent, {epoch: path for epoch, (_, path) in chosen.items() if epoch >= start})


def _peek(path: Path, found: Findings) -> tuple[Cid, Checkpoint] | None:
    try:
        if not path.is_file():
            raise BadCar(why="not a file")
        with path.open("rb") as stream:
            _, blocks = read_car(stream)
            first: Block | None = next(blocks, None)
        if first is None:
            raise BadCar(why="no blocks")
        return first.cid, Checkpoint.decode(first.data)
    except TelemetryError as error:
        found.fault(kinds.DAMAGED, f"{path.name}: {error}")
    except OSError as error:
        found.fault(kinds.DAMAGED, f"{path.name}: {error.strerror}")
    return None


def _place(
    life: dict[int, tuple[Cid, Path]], epoch: int, cid: Cid, path: Path, found: Findings
) -> None:
    """An epoch has one checkpoint: the same one again is a duplicate, another one a fork."""
    if epoch not in life:
        life[epoch] = (cid, path)
        return
    first, other = life[epoch]
    if first == cid:
        found.note(kinds.DUPLICATE, f"epoch {epoch}: {path.name} repeats {other.name}")
    else:
        found.fault(kinds.FORK, f"epoch {epoch}: {other.name} and {path.name} differ")


def _judge_names(folder: Path, life: dict[int, tuple[Cid, Path]], found: Findings) -> None:
    said = {file.path: (file.epoch, file.cid) for file in epoch_files(folder)}
    for epoch, (cid, path) in life.items():
        if path in said and said[path] != (epoch, cid):
            found.note(kinds.MISNAMED, f"{path.name} holds epoch {epoch}, checkpoint {cid}")
