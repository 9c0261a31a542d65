"""Saving in a real ERC-4626 vault, within limits as they are signed at a birth."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from random import Random

import pytest
from limited import Limited
from snapshots import TOOLS, lease

import contracts
from chain.contracts import ALLOWANCE, APPROVE, MINT
from chain.types import Address, Call, Refused, Wei
from strategies.port import Strategy
from strategies.saver import PUT, TAKE, make
from world.bank import DEPOSIT, DRIP, Bank
from world.deploy import role
from world.devnet import Devnet
from world.pocket import Pocket
from world.vaults import VaultTable, YieldRegime

pytestmark = pytest.mark.anvil

HOUR = 3600
MONEY = 100_000_000
TABLE = VaultTable(regimes=(YieldRegime(name="fat", mean_h=100, pct_per_day=24),))


@dataclass
class Counter:
    """A vault, and an agent who may save there."""

    devnet: Devnet
    token: Address
    bank: Bank
    agent: Limited
    saver: Strategy
    somebody: Pocket

    async def offered(self, key: str, **changes: object):
        seen = await self.agent.seen(self.saver, **changes)
        return [action for action in self.saver.propose(seen) if action.key == key]

    async def pass_h(self, hours: int) -> None:
        for _ in range(hours):
            await self.bank.act(self.devnet.head)
            await self.devnet.mine(HOUR)

    async def pump(self) -> None:
        """Somebody makes shares dear before anyone else is served."""
        vault, somebody = self.bank.vault, self.somebody
        for call in (
            Call(self.token, APPROVE, (vault, 2**255), gas=100_000),
            Call(vault, DEPOSIT, (1, somebody.address), gas=250_000),
            Call(vault, DRIP, (10**9,), gas=250_000),
        ):
            await somebody.send(call)


@pytest.fixture
async def counter(tmp_path) -> AsyncIterator[Counter]:
    async with Devnet.running(tmp_path) as devnet:
        somebody = Pocket(devnet, role("somebody"))
        await devnet.give_wei(somebody.address, Wei(10**20))
        token = await somebody.deploy(contracts.artifact("TestDollar")["bytecode"])
        bank = Bank(devnet, token, TABLE, Random(1))
        await bank.found()
        await devnet.mine()
        options = bank.options()
        agent = await Limited.born(tmp_path, devnet, token, options)
        for whom, micro in ((agent.wallet, MONEY), (somebody.address, 10**12)):
            await somebody.send(Call(token, MINT, (whom, micro), gas=100_000))
        await devnet.mine()
        yield Counter(devnet, token, bank, agent, make(options["saver"], TOOLS), somebody)


async def test_money_goes_in_earns_and_comes_back_and_no_allowance_stays(counter):
    await counter.pass_h(3)
    *_, put = await counter.offered(PUT)
    assert put.score > 0
    receipt = await counter.agent.send(put.calls[0])
    assert receipt.ok
    assert receipt.gas_used < put.calls[0].gas * 3 // 4
    assert await counter.agent.held(counter.token) == MONEY - 88_000_000

    await counter.pass_h(3)
    late = lease(paid_h=0.5, paid_until=counter.devnet.head.at + HOUR // 2)
    *_, take = await counter.offered(TAKE, lease=late, age_s=70 * HOUR)
    promised = take.params["size_micro"]
    assert promised > 88_000_000 * 1.02
    receipt = await counter.agent.send(take.calls[0])
    assert receipt.ok
    assert receipt.gas_used < take.calls[0].gas * 3 // 4
    assert await counter.agent.held(counter.token) == MONEY - 88_000_000 + promised
    assert await counter.agent.held(counter.bank.vault) == 0

    read = await counter.agent.read()
    for owner in (counter.agent.wallet, counter.bank.desk):
        for spender in (counter.bank.desk, counter.bank.vault):
            assert await read.call(counter.token, ALLOWANCE, [owner, spender]) == [0]
    assert await counter.agent.held(counter.token, counter.bank.desk) == 0


async def test_when_shares_have_become_dear_nothing_is_put_in(counter):
    await counter.pass_h(3)
    *_, put = await counter.offered(PUT)
    await counter.pump()
    receipt = await counter.agent.send(put.calls[0])
    assert not receipt.ok
    assert await counter.agent.held(counter.token) == MONEY
    assert await counter.agent.held(counter.bank.vault) == 0
    *_, put = await counter.offered(PUT)
    assert (await counter.agent.send(put.calls[0])).ok


async def test_the_survey_sees_what_the_vault_yields(counter):
    """One percent an hour by the table; each drip counts on what was in it a block before."""
    seen = await counter.agent.seen(counter.saver)
    assert seen.surveys["saver"]["hourly"] == 0
    await counter.pass_h(8)
    seen = await counter.agent.seen(counter.saver)
    assert seen.surveys["saver"]["hourly"] == pytest.approx(10**10, rel=0.2)


async def test_the_signer_redeems_to_nobody_else_and_pays_no_other_vault(counter):
    await counter.pass_h(3)
    *_, put = await counter.offered(PUT)
    assert (await counter.agent.send(put.calls[0])).ok
    *_, take = await counter.offered(TAKE)
    away = replace(take.calls[0], args=(1, counter.somebody.address, "$wallet"))
    other = replace(put.calls[0], args=("$wallet", counter.token, *put.calls[0].args[2:]))
    for bent in (away, other):
        admission = counter.agent.admit(bent)
        assert isinstance(admission, Refused)
        assert admission.reason == "payee"
