"""One epoch has one checkpoint, whoever asks for another, however often and at whatever moment."""

from __future__ import annotations

import asyncio
import os
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest
from desks import CHAIN, LOG, REGISTRY, Life
from logs import live, open_log

from chain.permit import Domain
from telemetry.cadence import Cadence
from telemetry.publisher import Publisher

RACES = int(os.environ.get("FORAGER_RACES", "1000"))
"""Raise it to let them race for longer."""
DOMAIN = Domain(CHAIN, REGISTRY)
SIZE = 3


@pytest.fixture
def desk(tmp_path):
    """The signer's own, over its own ledger on disk."""
    folder = tmp_path / "signer"
    folder.mkdir()
    life = Life(folder).born()
    yield life.desk
    life.ledger.close()


class Asking:
    """The desk as a publisher reaches it."""

    def __init__(self, desk) -> None:
        self._desk = desk

    async def checkpoint(self, epoch, size, root, prev):
        return await asyncio.to_thread(self._desk.checkpoint, epoch, size, root, prev)


def publisher(log, desk, folder):
    return Publisher(
        log,
        Asking(desk),
        [],
        cars=folder,
        domain=DOMAIN,
        log_key=LOG.address,
        cadence=Cadence(retry_s=0.01, retry_max_s=0.02),
        clock=lambda: 0,
    )


async def test_two_copies_of_a_home_come_to_one_head_an_epoch(tmp_path, desk):
    """They begin alike, and each goes on by itself: the first to ask has the epoch."""
    log = open_log(tmp_path / "log.sqlite")
    live(log, 2)
    first = publisher(log, desk, tmp_path / "cars")
    assert await first.publish()
    log.close()
    shutil.copy(tmp_path / "log.sqlite", tmp_path / "copy.sqlite")
    logs = [open_log(tmp_path / name) for name in ("log.sqlite", "copy.sqlite")]
    for log, records in zip(logs, (2, 3), strict=True):
        live(log, records)
    both = [publisher(log, desk, tmp_path / f"{n}") for n, log in enumerate(logs)]
    done = await asyncio.gather(*(each.publish() for each in both))
    assert sorted(done) == [False, True]
    [lost] = [each for each, well in zip(both, done, strict=True) if not well]
    assert "other_head" in lost.status().troubles["signer"]
    assert lost.status().epochs == 1
    for log in logs:
        log.close()


def test_no_race_gives_an_epoch_two_heads(desk):
    """Four at once ask for each epoch, two by two the same: signed is one head, or its twin."""
    signed = {}
    prev = bytes(32)

    def ask(epoch, root, prev):
        answer = desk.checkpoint(epoch, (epoch + 1) * SIZE, root, prev)
        return (root, answer) if isinstance(answer, bytes) else None

    with ThreadPoolExecutor(4) as pool:
        for epoch in range(RACES):
            roots = [bytes([1 + n % 2]) * 32 for n in range(4)]
            asked = [pool.submit(ask, epoch, root, prev) for root in roots]
            won = {answer for each in asked if (answer := each.result())}
            assert len(won) == 1
            [(root, sig)] = won
            signed[epoch] = root
            prev = root  # any 32 bytes do: the next epoch names what was signed before
            assert len(sig) == 65
    assert len(signed) == RACES
