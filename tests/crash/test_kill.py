"""Kill it at any moment, again and again: each intent is paid once, and the log has no hole."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from pathlib import Path

import pytest
from lifetime import Life, until, world

from agent.life import Phase

pytestmark = [pytest.mark.anvil, pytest.mark.slow]

KILLS = 25
PAST_HORIZON_S = 61 * 3600


async def audited(life: Life) -> None:
    """What must hold at the end of every life, however often it was killed."""
    verdict = await life.audit()
    assert [finding for finding in verdict.findings if finding.level == "fault"] == []
    assert verdict.verified == "chain"
    told, ledger, mined = life.records(), life.ledger(), await life.mined()
    assert [record.seq for record in told] == list(range(verdict.records))
    assert told[-1].kind == "end"
    assert [int(tx["nonce"], 16) for tx in mined] == [row["nonce"] for row in ledger]
    for row, tx in zip(ledger, mined, strict=True):
        assert tx["hash"] in row["hashes"], row
    assert len({row["id"] for row in ledger}) == len(ledger)


async def die_somehow(life: Life, dice: random.Random) -> str:
    """Kill some of it, at a moment that is as bad as chance makes it."""
    moment = dice.choice(("starting", "living", "writing"))
    whom = dice.choice(("daemon", "group", "signer", "daemon"))
    if moment == "starting":
        await asyncio.sleep(dice.uniform(0.1, 1.8))
    else:
        await until(life.status, 60, life.said)
        await asyncio.sleep(dice.uniform(0.0, 0.6))
    if moment == "writing":
        await next_write(life, dice.uniform(0, 0.02))
    if whom == "signer":
        pids = life.children()
        if "signer" in pids:
            os.kill(pids["signer"], signal.SIGKILL)
            await asyncio.sleep(dice.uniform(0, 1.0))
    await life.kill(group=whom == "group")
    return f"{whom} while {moment}"


async def next_write(life: Life, after_s: float) -> None:
    """The signer's ledger has just changed: something may be signed that nobody knows of yet."""
    ledger = life.home.signer / "ledger.sqlite-wal"

    def size() -> tuple[int, int]:
        return (ledger.stat().st_size, ledger.stat().st_mtime_ns) if ledger.exists() else (0, 0)

    before = size()
    for _ in range(400):
        if size() != before:
            break
        await asyncio.sleep(0.001)
    await asyncio.sleep(after_s)


async def test_an_intent_is_paid_once_however_often_the_daemon_is_killed(tmp_path: Path) -> None:
    dice = random.Random(7)
    async with world(tmp_path) as here:
        life = await here.settle("life")
        here.go()
        here.employ()
        for _ in range(KILLS):
            await life.start()
            how = await die_somehow(life, dice)
            assert life.process is not None
            # A daemon whose signer is killed before it ever lived says so and goes by itself.
            codes = (-signal.SIGKILL, 2) if how == "signer while starting" else (-signal.SIGKILL,)
            assert life.process.returncode in codes, f"{how}: {life.said()}"
        await life.start()
        await life.alive()
        await here.pause()
        await here.devnet.mine(PAST_HORIZON_S)
        here.go()
        assert await life.ended() == 0, life.said()
        await audited(life)
        gaps = [record for record in life.records() if record.kind == "gap"]
        assert {gap.body["reason"] for gap in gaps} == {"killed"}
        assert len(life.ledger()) > 10, "it hardly did anything"


async def test_a_signer_that_is_killed_is_started_again_and_the_life_goes_on(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as here:
        life = await here.settle("life")
        here.go()
        here.employ()
        await life.start()
        for _ in range(3):
            before = await life.alive()
            os.kill(life.children()["signer"], signal.SIGKILL)

            async def goes_on(ticks: int = before["ticks"] + 2) -> bool:
                life.must_run()
                now = await life.status()
                return now is not None and now["ticks"] > ticks and not now["faults"]

            await until(goes_on, 30, life.said)
        await here.pause()
        await here.devnet.mine(PAST_HORIZON_S)
        here.go()
        assert await life.ended() == 0, life.said()
        await audited(life)


async def test_killed_while_it_is_being_born_it_is_born_once(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        life = await here.settle("life")
        client = here.devnet.client

        async def waits() -> bool:
            life.must_run()
            return (await client.rpc("txpool_status"))["pending"] == "0x1"

        for wait_s in (0.0, 0.7):  # time stands still: no block takes the birth
            await life.start()
            await until(waits, 60, life.said)
            await asyncio.sleep(wait_s)
            await life.kill(group=wait_s > 0)
        assert life.phase is Phase.UNBORN
        assert not life.home.log.exists()
        here.go()
        await life.start()
        await life.alive()
        await here.pause()
        await here.devnet.mine(PAST_HORIZON_S)
        here.go()
        assert await life.ended() == 0, life.said()
        await audited(life)
        births = [row for row in life.ledger() if row["purpose"] == "birth"]
        assert [row["nonce"] for row in births] == [0]


async def test_killed_after_its_last_record_it_still_says_goodbye_once(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        life = await here.settle("life")
        here.go()
        await life.start()
        await life.alive()
        await here.pause()
        await here.devnet.mine(PAST_HORIZON_S)  # and then no block takes what the ending sends

        async def written() -> bool:
            life.must_run()
            return any(record.kind == "end" for record in life.records())

        for wait_s in (0.0, 1.0, 2.5):
            await until(written, 60, life.said)
            await asyncio.sleep(wait_s)
            await life.kill(group=wait_s > 1)
            assert life.phase is Phase.ENDING
            await life.start()
        here.go()
        assert await life.ended() == 0, life.said()
        await audited(life)
        assert [row["id"] for row in life.ledger()][-2:] == ["end", "sweep.wei"]
