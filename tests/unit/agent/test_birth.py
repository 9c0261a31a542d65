"""A birth is believed when it is final, under the number it then has, whoever was killed since."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from hashlib import sha256
from types import SimpleNamespace

import pytest

from agent import birth
from agent.errors import CannotBeBorn
from agent.host import WALL
from chain import abi, permit
from chain.contracts import AGENT_OF
from chain.keys import Key
from chain.outbox import Outbox
from chain.sender import Sender
from chain.types import Refused, Wei
from chain.watcher import Watcher
from tests.fakes import FakeNode, FakeSigner

KEY, OPERATOR = Key(sha256(b"wallet").digest()), Key(sha256(b"operator").digest())


class Chain(FakeNode):
    """A registry that numbers whoever is in a block."""

    number = 5

    async def check(self) -> None:
        self._answer()

    async def rpc(self, method, *params):
        agent = self.number if any(self.blocks) else 0
        return "0x" + abi.encode(abi.function(AGENT_OF).outputs, [agent]).hex()


class Signer(FakeSigner):
    """Believes what it last heard of its number."""

    heard = 0
    knows_no_birth = False

    async def state(self):
        return replace(await super().state(), agent=self.heard)

    async def admit(self, intent, fees):
        if self.knows_no_birth:
            return Refused("standing", {})
        return await super().admit(intent, fees)


class Unborn:
    """A home with a permit, and the tools of one process after the other."""

    def __init__(self, folder) -> None:
        allowed = permit.Birth(
            KEY.address, OPERATOR.address, KEY.address, b"g" * 32, (), b"s" * 32, 7, 2**40
        )
        signature = permit.sign(OPERATOR, permit.Domain(31337, KEY.address), allowed)
        self.home = SimpleNamespace(root=folder, permit=folder / "birth.json")
        self.home.permit.write_text(json.dumps(permit.birth_to_json(allowed, signature)))
        self.chain, self.signer = Chain(), Signer(KEY, 31337)

    async def be_born(self):
        outbox = Outbox()
        sender = Sender(self.chain, self.signer, outbox, clock=lambda: 0.0, max_fee=Wei(10**12))
        tools = SimpleNamespace(
            home=self.home,
            client=self.chain,
            signer=self.signer,
            sender=sender,
            watcher=Watcher(self.chain, sender, outbox, KEY.address, clock=lambda: 0.0),
            time=WALL,
        )
        return await birth.be_born(tools, await self.signer.state())


@pytest.fixture
def unborn(tmp_path, monkeypatch):
    monkeypatch.setattr(birth, "PAUSE_S", 0.001)
    return Unborn(tmp_path)


async def until_sent(unborn) -> asyncio.Task:
    task = asyncio.create_task(unborn.be_born())
    while not unborn.chain.pool and not any(unborn.chain.blocks):
        await asyncio.sleep(0.001)
    return task


async def test_it_is_believed_when_it_is_final(unborn):
    born = await until_sent(unborn)
    unborn.chain.mine()
    unborn.signer.heard = 5
    await asyncio.sleep(0.05)
    assert not born.done()
    unborn.chain.mine(2)
    assert (await born).agent == 5


async def test_killed_before_it_was_final_the_next_process_waits_too(unborn):
    born = await until_sent(unborn)
    unborn.chain.mine()
    unborn.signer.heard = 5
    born.cancel()
    again = asyncio.create_task(unborn.be_born())
    await asyncio.sleep(0.05)
    assert not again.done()
    unborn.chain.reorg(1)  # and it is in no pool: only we have it
    await asyncio.sleep(0.05)
    again.cancel()
    last = await until_sent(unborn)
    unborn.chain.mine(3)
    assert (await last).agent == 5


async def test_after_a_reorg_the_signer_must_have_heard_the_number_that_stays(unborn):
    born = await until_sent(unborn)
    unborn.chain.mine(3)
    unborn.signer.heard = 4  # before the reorg, somebody else's by now
    await asyncio.sleep(0.05)
    assert not born.done()
    unborn.signer.heard = 5
    assert (await born).agent == 5


async def test_a_ledger_that_was_lost_cannot_bear_again(unborn):
    unborn.signer.heard, unborn.signer.knows_no_birth = 5, True
    with pytest.raises(CannotBeBorn, match="is agent 5 already"):
        await unborn.be_born()
