"""The operator always wins: halted by command, signal, ledger or chain, nothing new is signed."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from canaries import forms_of, in_files, in_process
from lifetime import Life, Said, World, until, world

from agent.life import Phase
from chain import keystore
from chain.contracts import BALANCE_OF, HALT, RESUME
from chain.reader import BlockReader
from chain.types import Call
from compute.market import CLOSE, LeaseMarket
from telemetry.record import Record

pytestmark = [
    pytest.mark.anvil,
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="module"),
]

ASK_S = 1.0
"""How often these signers ask the chain."""
LOOK_S = 2.5
"""Some five ticks: long enough for a life that is not halted to sign something."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with world(tmp_path_factory.mktemp("world")) as here:
        here.go()
        here.employ()
        yield here


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def life(here: World) -> AsyncIterator[Life]:
    """One life for all these tests; each leaves it living."""
    life = await here.settle("life")
    await life.start()
    await life.alive()
    yield life
    await life.kill()


async def intents(life: Life) -> list[dict[str, Any]]:
    said = await life.command("ledger", "--json")
    assert said.code == 0, said
    found: list[dict[str, Any]] = said.json["entries"]
    return found


async def phase_is(life: Life, phase: Phase, patience_s: float = 15) -> dict[str, Any]:
    async def found() -> dict[str, Any] | None:
        life.must_run()
        now = await life.status()
        return now if now and now["phase"] == phase else None

    reached: dict[str, Any] = await until(found, patience_s, life.said)
    return reached


async def lives_on(life: Life) -> None:
    """It decides, and what it decides is signed again."""
    before = len(await intents(life))

    async def more() -> bool:
        life.must_run()
        return len(await intents(life)) > before

    await until(more, 30, life.said)


async def signs_nothing(life: Life, since: Sequence[dict[str, Any]]) -> None:
    """For a while, only what keeps the log true; and the daemon goes on."""
    await asyncio.sleep(LOOK_S)
    life.must_run()
    new = (await intents(life))[len(since) :]
    assert {row["purpose"] for row in new} <= {"anchor"}


async def resume(life: Life, key: Path | None = None) -> Said:
    return await life.command(
        "resume",
        *("--keystore", str(key or life.homes.operator / "key.json")),
        *("--passphrase-file", str(life.homes.passphrase)),
    )


async def published(life: Life, kind: str, than: int = 0) -> Record:
    """The newest record of this kind that the world can read, later than record `than`."""

    async def found() -> Record | None:
        told = [r for r in life.records() if r.kind == kind and r.seq > than]
        return told[-1] if told else None

    record: Record = await until(found, 40, life.said)
    return record


async def test_a_halt_stops_all_signing_but_not_the_log(life: Life) -> None:
    await lives_on(life)
    said = await life.command("halt", "--reason", "let me look", "--json")
    since = await intents(life)
    assert said.code == 0
    assert said.json["halted"] is True
    await phase_is(life, Phase.HALTED)
    await signs_nothing(life, since)
    told = await published(life, "halt")
    assert told.body == {"halt_id": said.json["halt_id"], "reason": "let me look"}
    await published(life, "heartbeat", than=told.seq)
    later = [record.kind for record in life.records() if record.seq > told.seq]
    assert "decision" not in later


async def test_only_the_operator_resumes(life: Life, tmp_path: Path) -> None:
    await phase_is(life, Phase.HALTED)
    passphrase = keystore.read_passphrase(life.homes.passphrase)
    keystore.make(tmp_path / "stranger.json", passphrase)
    wrong = await resume(life, tmp_path / "stranger.json")
    assert wrong.code == 2
    assert wrong.err.count("\n") == 1
    assert life.operator.address in wrong.err
    await phase_is(life, Phase.HALTED)
    right = await resume(life)
    assert right.code == 0, right
    await phase_is(life, Phase.LIVING)
    await lives_on(life)
    halted, resumed = await published(life, "halt"), await published(life, "resume")
    assert resumed.body["halt_id"] == halted.body["halt_id"]
    again = await resume(life)
    assert (again.code, again.err.count("\n")) == (2, 1)


async def test_a_signal_halts(life: Life) -> None:
    assert life.process is not None
    os.kill(life.process.pid, signal.SIGUSR1)
    await phase_is(life, Phase.HALTED)
    await signs_nothing(life, await intents(life))
    assert (await resume(life)).code == 0
    await phase_is(life, Phase.LIVING)


async def test_a_halt_on_chain_is_obeyed_within_one_asking(life: Life) -> None:
    registry, agent = life.world.registry, life.notes.agent
    await life.purse.send(Call(registry, HALT, (agent,)))
    began = time.monotonic()
    await asyncio.sleep(ASK_S + 0.5)
    since = await intents(life)
    await phase_is(life, Phase.HALTED, began + ASK_S + 10 - time.monotonic())
    await signs_nothing(life, since)
    await life.purse.send(Call(registry, RESUME, (agent,)))
    await asyncio.sleep(ASK_S + 0.5)
    await phase_is(life, Phase.HALTED)  # the chain alone lifts nothing
    assert (await resume(life)).code == 0
    await phase_is(life, Phase.LIVING)
    await lives_on(life)


async def test_stopped_it_leaves_at_once_and_says_so_when_it_returns(life: Life) -> None:
    code, took_s = await life.stop()
    assert code == 0, life.said()
    assert took_s < 5
    last = life.notes
    assert (last.phase, last.stopped) == (Phase.LIVING, True)
    await life.start()
    await life.alive()
    gap = await published(life, "gap")
    assert gap.body["reason"] == "stopped"
    await life.kill()
    await life.start()
    await life.alive()
    gap = await published(life, "gap", than=gap.seq)
    assert gap.body["reason"] == "killed"
    await lives_on(life)


async def test_stopped_before_it_is_awake_it_leaves_as_quietly(life: Life) -> None:
    await life.stop()
    before = life.notes

    async def waking() -> bool:
        return bool(life.children())

    for wait_s in (0.0, 0.3):
        await life.start()
        await until(waking)
        await asyncio.sleep(wait_s)
        code, took_s = await life.stop()
        assert (code, took_s < 5) == (0, True), life.said()
    assert life.notes.phase is before.phase
    await life.start()
    await life.alive()


async def test_a_halt_at_rest_is_obeyed_by_the_next_signer(life: Life) -> None:
    await life.stop()
    signed = life.ledger()
    halted = await life.command("halt", "--reason", "while it slept", "--json")
    assert halted.code == 0, halted
    await life.start()
    await phase_is(life, Phase.HALTED, 60)
    since = await intents(life)
    await signs_nothing(life, since)
    assert {row["purpose"] for row in since[len(signed) :]} <= {"anchor"}
    assert (await published(life, "halt")).body["reason"] == "while it slept"
    await life.kill()
    await life.start()  # a restart forgets no halt
    await phase_is(life, Phase.HALTED, 60)
    assert (await resume(life)).code == 0
    await phase_is(life, Phase.LIVING)


async def test_halted_before_its_birth_it_is_not_born_until_resumed(here: World) -> None:
    life = await here.settle("unborn")
    assert (await life.command("halt")).code == 0
    said = await life.command("run")
    assert (said.code, said.err.count("\n")) == (2, 1), said
    assert "halted" in said.err
    assert life.phase is Phase.UNBORN
    assert await life.mined() == []
    assert (await resume(life)).code == 0
    await life.start()
    await life.born()
    await life.kill()


async def test_no_child_and_no_file_holds_a_key(life: Life) -> None:
    assert life.process is not None
    children = life.children()
    assert children.keys() == {"signer", "engine"}
    forms = forms_of(life.home.root, life.homes.passphrase)
    for pid in (life.process.pid, *children.values()):
        assert list(in_process(forms, pid)) == []
    limits = Path(f"/proc/{children['signer']}/limits").read_text()
    [core] = [line for line in limits.splitlines() if line.startswith("Max core file size")]
    assert core.split()[4:6] == ["0", "0"]
    assert list(in_files(forms, life.world.folder, {life.homes.passphrase})) == []


async def test_a_drain_sends_everything_home_and_ends_the_life(life: Life) -> None:
    here, client, operator = life.world, life.world.devnet.client, life.operator.address
    before = await dollars(here, operator), await client.balance(operator)
    held = await dollars(here, life.wallet)
    assert held > 0
    said = await life.command("drain", "--json")
    assert said.code == 0, said
    assert said.json["draining"] is True
    assert await life.ended() == 0, life.said()
    assert life.phase is Phase.ENDED
    assert await dollars(here, life.wallet) == 0
    assert await dollars(here, operator) >= before[0] + held
    assert await client.balance(operator) > before[1]
    assert await client.balance(life.wallet) < 10**15
    verdict = await life.audit()
    assert [finding for finding in verdict.findings if finding.level == "fault"] == []
    assert verdict.outcome == "halted"
    assert {row["purpose"] for row in life.ledger()[-3:]} == {"drain", "end"}
    again = await life.command("run", "--json")
    assert (again.code, again.err, again.json["phase"]) == (0, "", "ended")


async def test_the_operator_closes_the_lease_of_a_dead_agent_and_has_the_rest_back(
    here: World,
) -> None:
    life = await here.settle("killed")
    await life.start()
    await life.alive()
    await life.kill()
    at, client = here.ground.deployment, here.devnet.client
    read = await BlockReader.latest(client)
    market = LeaseMarket(at.lease_market, at.token, life.operator.address)
    [lease] = await market.leases(read, life.wallet)
    held = await dollars(here, life.operator.address)
    await life.purse.send(Call(at.lease_market, CLOSE, (lease.id,)))
    back = await dollars(here, life.operator.address) - held
    assert lease.balance // 2 < back <= lease.balance
    read = await BlockReader.latest(client)
    assert [each.state for each in await market.leases(read, life.wallet)] == []


async def dollars(here: World, of: str) -> int:
    read = await BlockReader.latest(here.devnet.client)
    [held] = await read.call(here.ground.deployment.token, BALANCE_OF, [of])
    return int(str(held))
