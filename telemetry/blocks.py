"""Blocks by name, from whoever has them: a gateway, a Kubo node, a folder, or a CAR.

Nobody is believed: a block is what its name says, or is not given. Sizes, times and counts are
bounded, and a gateway that sends its reader elsewhere is not followed.
"""

from __future__ import annotations

from asyncio import timeout
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO, Final, NamedTuple, Protocol

from yarl import URL

from telemetry.car import car_places
from telemetry.cid import PREFIX, Cid, from_digest
from telemetry.errors import SourceError
from telemetry.web import KUBO, Web, session

LOOSE: Final = "ipfs"
"""A folder's own folder of blocks, one a file: what serves it as files is a gateway for them."""
MOST_BLOCKS: Final = 1 << 15
_REMOTE: Final = ("http://", "https://", KUBO)


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much a source may cost."""

    request_s: float = 60.0
    silence_s: float = 15.0
    total_s: float = 3600.0
    redirects: int = 0


class Link(NamedTuple):
    """A block's name: its SHA-256, and how it is to be read."""

    digest: bytes
    kind: bytes = PREFIX

    @property
    def cid(self) -> Cid:
        return from_digest(self.digest, self.kind)


class Source(Protocol):
    """Gives what it says is a block, `most` bytes of it and no more; raises `SourceError`."""

    async def read(self, link: Link, most: int) -> bytes: ...


class Blocks:
    """What a source gives, checked."""

    def __init__(self, source: Source) -> None:
        self._source = source

    async def read(self, link: Link, most: int) -> bytes:
        data = await self._source.read(link, most)
        if sha256(data).digest() != link.digest:
            raise SourceError(why="a block is not what its name says", cid=link.cid)
        return data


@asynccontextmanager
async def open_blocks(source: str, root: Cid, bounds: Bounds) -> AsyncIterator[Blocks]:
    """Whoever has what hangs on that root; one deadline for everything that is asked meanwhile."""
    try:
        async with timeout(bounds.total_s):
            if source.startswith(_REMOTE):
                kubo, base = source.startswith(KUBO), _address(source.removeprefix(KUBO))
                async with session(bounds) as asking:
                    yield Blocks(_Peer(Web(asking, base, bounds.redirects, kubo=kubo)))
            else:
                with _local(Path(source), root) as files:
                    yield Blocks(files)
    except TimeoutError as error:
        raise SourceError(why="takes too long", limit_s=bounds.total_s) from error


def _address(url: str) -> URL:
    try:
        base = URL(url.rstrip("/"))
    except ValueError as error:
        raise SourceError(url=url[:200], why="not an address") from error
    return URL(str(base.with_query(None).with_fragment(None)).rstrip("/"))


class _Peer:
    def __init__(self, web: Web) -> None:
        self._web = web

    async def read(self, link: Link, most: int) -> bytes:
        return await self._web.block(link.cid, most)


@contextmanager
def _local(path: Path, root: Cid) -> Iterator[_Local]:
    """A CAR, or a folder of blocks, or one of that root's CAR."""
    folders = (path / LOOSE, path) if path.is_dir() else ()
    car = path / f"{root}.car" if folders else path
    if not car.is_file():
        if not folders:
            raise SourceError(path=path, why="there is no such folder or CAR")
        yield _Local(folders)
        return
    with ExitStack() as stack:
        try:
            file = stack.enter_context(car.open("rb"))
            named, places = car_places(file, MOST_BLOCKS)
        except OSError as error:
            raise SourceError(path=car, why=error.strerror) from error
        if named != root:
            raise SourceError(path=car, why="its root is another one", root=named)
        yield _Local(folders, file, places)


class _Local:
    """Blocks in files of their own, or in one."""

    def __init__(
        self,
        folders: Sequence[Path],
        car: IO[bytes] | None = None,
        places: Mapping[bytes, tuple[int, int]] | None = None,
    ) -> None:
        self._folders, self._car, self._places = folders, car, places or {}

    async def read(self, link: Link, most: int) -> bytes:
        try:
            data = self._loose(link, most) or self._packed(link)
        except OSError as error:
            raise SourceError(cid=link.cid, why=error.strerror) from error
        if len(data) > most:
            raise SourceError(cid=link.cid, why="more than this block may have", limit=most)
        return data

    def _loose(self, link: Link, most: int) -> bytes:
        """Nothing where there is none."""
        for folder in self._folders:
            path = folder / link.cid
            if path.is_file():
                with path.open("rb") as file:
                    return file.read(most + 1)
        return b""

    def _packed(self, link: Link) -> bytes:
        place = self._places.get(link.kind + link.digest)
        if self._car is None or place is None:
            raise SourceError(cid=link.cid, why="this block is missing")
        self._car.seek(place[0])
        return self._car.read(place[1])
