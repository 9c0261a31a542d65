"""From a CID to a genome and its model on this disk, whoever gave the blocks.

Every block is checked against its name and every file against its digest; what is not wholly there
and wholly so is refused in one line.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from agent import bred, genome, plugins
from agent.bred import MODEL, Bred
from agent.errors import CannotInherit
from agent.genome import Genome
from agent.prompt import prompt_digest
from telemetry.blocks import Blocks, Bounds, Link, open_blocks
from telemetry.cid import RAW, digest_of
from telemetry.errors import TelemetryError
from telemetry.multibase import in_base32

GATEWAY: Final = "http://127.0.0.1:8080"
"""Who is asked if nobody is named: a node of one's own."""
ELSEWHERE: Final = "name another source with --from, or try again"

Progress = Callable[[int, int], None]
"""Parts that are there, of how many."""


@dataclass(frozen=True, slots=True)
class Inheritance:
    """What somebody can be born from."""

    genome: Genome
    model: Path
    """Where its file lies for now."""


@contextmanager
def inherited(cid: str, source: str, home: Path, progress: Progress) -> Iterator[Inheritance]:
    """Fetch it beside a home that is to be, on the same disk; what is not taken is thrown away."""
    beside = next(above for above in home.absolute().parents if above.is_dir())
    try:
        folder = TemporaryDirectory(prefix=f".{home.name}-", dir=beside)
    except OSError as fault:
        raise CannotInherit(f"nothing can be kept in {beside}: {fault.strerror}") from None
    with folder as name:
        yield asyncio.run(inherit(cid, source, Path(name), progress))


async def inherit(
    cid: str, source: str, folder: Path, progress: Progress, bounds: Bounds | None = None
) -> Inheritance:
    """Fetch the generation of this CID into a folder that the caller throws away if it fails."""
    try:
        root = in_base32(cid)
        async with open_blocks(source, root, bounds or Bounds()) as blocks:
            found = bred.decode(await blocks.read(Link(digest_of(root)), bred.MOST_ROOT))
            block = await blocks.read(Link(found.genome), bred.MOST_GENOME)
            born_as = genome.decode(block)
            _judge(found, born_as)
            _has_room(folder, found.files[MODEL].size)
            model = await _fetch(blocks, found, folder / MODEL, progress)
    except TelemetryError as fault:
        facts = ", ".join(f"{name} {fact}" for name, fact in fault.facts.items())
        raise CannotInherit(f"{cid[:80]} is not to be had: {facts}", ELSEWHERE) from None
    except OSError as fault:
        raise CannotInherit(f"the model cannot be kept in {folder}: {fault.strerror}") from None
    return Inheritance(born_as, model)


def _judge(found: Bred, born_as: Genome) -> None:
    """Raises `CannotInherit` unless this version can live as it, and the root says of it so."""
    if born_as.digest() != "0x" + found.genome.hex():
        raise CannotInherit("the genome is written in another form than it is read")
    if list(born_as.parents) != list(found.parents):
        raise CannotInherit("the generation and its genome name different parents")
    if found.files[MODEL].sha256 != born_as.gguf:
        raise CannotInherit("the generation holds another model than its genome names")
    if born_as.prompt != (ours := prompt_digest()):
        raise CannotInherit(
            f"its model was taught to read another prompt ({born_as.prompt}) than is asked here",
            f"use the forager whose prompt it is; this one's is {ours}",
        )
    plugins.strangers(born_as.strategies)  # each is installed, or is named in one line


def _has_room(folder: Path, size: int) -> None:
    if (free := shutil.disk_usage(folder).free) < size:
        raise CannotInherit(f"the model takes {size} bytes, {free} are free in {folder}")


async def _fetch(blocks: Blocks, found: Bred, path: Path, progress: Progress) -> Path:
    """One part at a time in memory."""
    file, digest = found.files[MODEL], sha256()
    with path.open("xb") as stream:
        wanted = zip(file.parts, bred.lengths(file.size), strict=True)
        for done, (part, length) in enumerate(wanted, 1):
            data = await blocks.read(Link(part, RAW), length)
            if len(data) != length:
                raise CannotInherit(f"a part of the model has {len(data)} bytes of {length}")
            stream.write(data)
            digest.update(data)
            progress(done, len(file.parts))
        stream.flush()
        os.fsync(stream.fileno())
    if "0x" + digest.hexdigest() != file.sha256:
        raise CannotInherit("the parts of the model are not the file that the generation names")
    return path
