"""Model files by CID: fetched from an IPFS gateway, kept only if their digest is as promised."""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp
import structlog

from compute.errors import BadModel, NoModel
from compute.manifest import digest_file

log = structlog.get_logger(__name__)

CHUNK: Final = 1 << 20
LARGEST: Final = 64 << 30
QUIET_S: Final = 60.0
"""A gateway that sends nothing for this long is given up."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file that must be at `path`; without a CID it must be there already."""

    path: Path
    digest: str = ""
    cid: str = ""


async def obtain(wanted: Wanted, gateway: str) -> str:
    """The file's digest, once it is there and is the right one."""
    if not wanted.path.exists():
        if not wanted.cid:
            raise BadModel("the model file is not there", path=str(wanted.path))
        await _fetch(wanted, gateway)
    found = digest_file(wanted.path)
    if wanted.digest and found != wanted.digest:
        raise BadModel("the model file is another one", path=str(wanted.path), digest=found)
    return found


async def _fetch(wanted: Wanted, gateway: str) -> None:
    log.info("model.fetching", cid=wanted.cid)
    url = f"{gateway.rstrip('/')}/ipfs/{wanted.cid}"
    limits = aiohttp.ClientTimeout(total=None, sock_read=QUIET_S, sock_connect=QUIET_S)
    draft = wanted.path.with_suffix(wanted.path.suffix + ".draft")
    wanted.path.parent.mkdir(parents=True, exist_ok=True)
    try:
        async with aiohttp.ClientSession(timeout=limits) as session, session.get(url) as reply:
            reply.raise_for_status()
            found = await _store(reply.content.iter_chunked(CHUNK), draft)
        if found != wanted.digest:
            raise BadModel("the gateway sent another file", cid=wanted.cid, digest=found)
        draft.replace(wanted.path)
    except (aiohttp.ClientError, TimeoutError, OSError) as fault:
        raise NoModel("the model could not be fetched", cid=wanted.cid) from fault
    finally:
        draft.unlink(missing_ok=True)


async def _store(chunks: AsyncIterator[bytes], draft: Path) -> str:
    digest, size = hashlib.sha256(), 0
    with draft.open("wb") as file:
        async for chunk in chunks:
            digest.update(chunk)
            file.write(chunk)
            if (size := size + len(chunk)) > LARGEST:
                raise BadModel("the file is larger than any model")
        file.flush()
        os.fsync(file.fileno())
    return "0x" + digest.hexdigest()
