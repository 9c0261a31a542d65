"""Small real logs, and a signer of their heads, for the tests of telemetry's writing side."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from itertools import count
from pathlib import Path

from chain.errors import SignerGone
from chain.keys import Key
from chain.permit import digest
from chain.types import Address, Refused
from telemetry.car import car_name, write_car
from telemetry.checkpoint import Domain, Head
from telemetry.claim import Claim
from telemetry.log import Log
from telemetry.record import BlockRef
from telemetry.target import Parcel, place_of
from telemetry.tree import Tree

DOMAIN = Domain(31337, Address("0x5FbDB2315678afecb367f032d93F642f64180aa3"))
LOG_KEY = Key(sha256(b"log key").digest())
BLOCK = BlockRef(31337, 7, "0x" + "ab" * 32)


class HeadSigner:
    """What the signer does with heads: one signature an epoch, and never another head."""

    def __init__(self, key: Key = LOG_KEY) -> None:
        self.key = key
        self.heads: dict[int, Head] = {}
        self.gone = False

    async def checkpoint(self, epoch: int, size: int, root: bytes, prev: bytes) -> bytes | Refused:
        if self.gone:
            raise SignerGone
        head = Head(1, epoch, size, root, prev)
        if self.heads.setdefault(epoch, head) != head:
            return Refused("another-head", {"epoch": epoch})
        return self.key.sign(digest(DOMAIN, head))


def open_log(path: Path, agent: int = 1) -> Log:
    """A log whose clock goes on by ten milliseconds at each look."""
    clock = count(1_700_000_000_000, 10)
    return Log(path, agent, lambda: next(clock))


def live(log: Log, records: int) -> None:
    """Append so many records of no importance."""
    for _ in range(records):
        log.append("heartbeat", {"vitals": "steady", "n": log.next_seq}, BLOCK)


def seal(log: Log, key: Key = LOG_KEY) -> None:
    """Cut and seal what there is."""
    head = log.cut()
    assert head is not None
    log.seal(key.sign(digest(DOMAIN, head)))


def root_of(leaves: Iterable[bytes]) -> bytes:
    tree = Tree()
    for leaf in leaves:
        tree = tree.append(leaf)
    return tree.root


def parcel(log: Log, epoch: int, folder: Path) -> Parcel:
    """A sealed epoch, its file written, ready to be sent."""
    cid, blocks = log.epoch_blocks(epoch)
    path = folder / car_name(epoch, cid)
    write_car(path, cid, blocks)
    return Parcel(place_of(DOMAIN), log.agent, epoch, cid, claim(log, epoch), path)


def claim(log: Log, epoch: int) -> Claim:
    """What a target can show of it."""
    signed = log.checkpoint(epoch)
    return Claim(signed.head, signed.sig)
