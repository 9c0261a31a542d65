"""An old backup put back, ledger and all, in place: nobody on this machine knows, others do."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
import pytest_asyncio
from lifetime import Life, World, until, world

from telemetry.record import Record

pytestmark = [
    pytest.mark.anvil,
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="module"),
]

REFUSAL = "this is not the newest log of this life"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with world(tmp_path_factory.mktemp("world")) as here:
        here.go()
        here.employ()
        yield here


@pytest_asyncio.fixture(loop_scope="module")
async def life(here: World, request: pytest.FixtureRequest) -> AsyncIterator[Life]:
    life = await here.settle(request.node.callspec.id)
    await life.start()
    await life.alive()
    yield life
    await life.kill()


async def published(life: Life, epochs: int, *, anchored: bool = False) -> None:
    async def enough() -> bool:
        seen = await life.status()
        done = [e for e in (seen or {}).get("epochs", []) if e["anchored"] or not anchored]
        return any(e["epoch"] >= epochs for e in done)

    await until(enough, 60)


def put_back(backup: Path, home: Path) -> None:
    """Over the same files, so that they keep their inodes: the ledger cannot tell."""
    for old in sorted(path for path in backup.rglob("*") if path.is_file()):
        new = home / old.relative_to(backup)
        new.write_bytes(old.read_bytes())
    for stale in (*home.rglob("*-wal"), *home.rglob("*-shm")):
        if not (backup / stale.relative_to(home)).exists():
            stale.unlink()


def roots(life: Life) -> dict[int, str]:
    """Every root that the signer has signed, as its ledger knows."""
    with closing(sqlite3.connect(life.home.signer / "ledger.sqlite")) as db:
        return dict(db.execute("SELECT epoch, root FROM checkpoints"))


@pytest.mark.parametrize(
    ("anchored", "how"),
    [(True, "killed"), (False, "stopped"), (False, "killed")],
    ids=["anchored, killed", "published, stopped", "published, killed"],
)
async def test_a_life_does_not_go_on_from_an_old_backup(
    life: Life, tmp_path: Path, anchored: bool, how: str
) -> None:
    """Killed, it leaves records that no epoch holds: the first thing a publisher would see to."""
    await published(life, 1)
    await (life.stop() if how == "stopped" else life.kill())
    backup = tmp_path / "backup"
    for source in (*life.home.root.glob("log.sqlite*"), life.home.notes, life.home.signer):
        target = backup / source.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
    await life.start()
    await life.alive()
    await published(life, 4, anchored=anchored)
    await life.stop()
    told = {record.seq: record for record in life.records()}
    signed = roots(life)

    put_back(backup, life.home.root)
    before = roots(life)
    for _ in range(2):
        process = await life.start()
        code = await asyncio.wait_for(process.wait(), 60)
        assert code == 2, life.said()
        assert REFUSAL in life.said(), life.said()
    ours: list[Record] = life.records()
    assert {record.seq: record for record in ours} == told  # no other record was published
    assert roots(life) == before == {epoch: signed[epoch] for epoch in before}
