"""Epochs judged in other processes: the same verdict, in the same order, whatever dies."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from lives import count, whole_life

from telemetry.auditing import findings as kinds
from telemetry.auditing import pool as pool_module
from telemetry.auditing.audit import Asked, audit, examine
from telemetry.auditing.epoch import Known
from telemetry.auditing.findings import Findings
from telemetry.auditing.pool import Pool
from telemetry.auditing.source import Piece


@pytest.fixture
def in_processes(monkeypatch):
    monkeypatch.setattr(pool_module, "SMALL_BYTES", 0)
    monkeypatch.setattr(os, "cpu_count", lambda: 3)


def broken(fields):
    return fields | {"body": {}}


TWISTS = [{}, {1: broken}, {8: lambda fields: fields | {"prev": b"x" * 32}}, {4: broken, 9: broken}]


@pytest.mark.parametrize("twists", TWISTS)
async def test_many_processes_come_to_the_verdict_of_one(tmp_path, monkeypatch, twists):
    folder = str(whole_life(twists).write(tmp_path))
    alone = await audit(folder)
    monkeypatch.setattr(pool_module, "SMALL_BYTES", 0)
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    assert await audit(folder) == alone


async def test_a_harvest_comes_back_in_the_order_of_epochs(tmp_path, in_processes):
    gathered = []
    folder = str(whole_life().write(tmp_path))
    await examine(
        Asked(folder), harvest=count, gather=lambda epoch, n: gathered.append((epoch.head.epoch, n))
    )
    assert gathered == [(0, 3), (1, 7), (2, 1)]


async def test_a_process_that_dies_is_a_finding_for_its_epoch(tmp_path, in_processes):
    """`os._exit` takes no records: the worker ends as over a file that kills it."""
    folder = whole_life().write(tmp_path)
    pieces = [Piece(path.name, path) for path in sorted(folder.iterdir())]

    async def each():
        for piece in pieces:
            yield piece

    pool = Pool(os._exit, size=1)
    found = Findings()
    async for piece, epoch in pool.judge(each(), Known(1, None, None)):
        assert epoch.head is None
        assert piece in pieces
        found.absorb(epoch.found)
    await pool.close()
    assert [finding.kind for finding in found.all()] == [kinds.DAMAGED] * len(pieces)


async def test_a_file_that_goes_away_is_a_finding(tmp_path, in_processes):
    folder = whole_life().write(tmp_path)
    gone = sorted(folder.iterdir())[1]
    pool = Pool(None, size=1)

    async def each():
        yield Piece(gone.name, Path("/nowhere"))

    [(_, epoch)] = [got async for got in pool.judge(each(), Known(1, None, None))]
    await pool.close()
    assert [each.kind for each in epoch.found[0]] == [kinds.DAMAGED]
