from __future__ import annotations

from dataclasses import replace

import pytest
from fakes import FakeNode, FakeSigner

from chain.errors import SignerGone, Unreachable, WalletFrozen
from chain.keys import Key
from chain.outbox import Outbox
from chain.replies import Reply
from chain.sender import Sender
from chain.txstate import FROZEN, MINED, PENDING, SETTLED
from chain.types import Address, Call, Fees, Intent, Wei
from chain.watcher import Watcher

GWEI = 10**9
PAYEE = Address("0x" + "aa" * 20)


class Rig:
    """A watcher over a chain in memory; `tick` passes the time between two polls."""

    def __init__(self, finality: int = 2) -> None:
        self.now = 0.0
        self.node = FakeNode()
        self.signer = FakeSigner(Key(b"\x01" * 32), 31337)
        self.outbox = Outbox()
        clock = lambda: self.now
        self.sender = Sender(
            self.node, self.signer, self.outbox, clock=clock, max_fee=Wei(10 * GWEI)
        )
        self.watcher = Watcher(
            self.node,
            self.sender,
            self.outbox,
            self.signer.wallet,
            clock=clock,
            finality_blocks=finality,
        )

    async def pay(self, name="1.0"):
        intent = Intent(name, 1, "act", Call(PAYEE, "", value=Wei(1)))
        admitted = await self.signer.admit(intent, Fees(Wei(3 * GWEI), Wei(GWEI)))
        return await self.sender.send(admitted.entry)

    async def poll(self):
        self.now += 5
        return await self.watcher.poll()


@pytest.fixture
def rig():
    return Rig()


async def test_with_nothing_in_flight_nothing_is_asked(rig):
    rig.node.away = True
    assert await rig.poll() == []


async def test_a_receipt_is_told_once_when_mined_and_once_when_final(rig):
    await rig.pay()
    rig.node.mine()
    assert [each.state for each in await rig.poll()] == [MINED]
    rig.node.mine()
    assert await rig.poll() == []
    rig.node.mine()
    [settled] = await rig.poll()
    assert (settled.state, settled.final) == (SETTLED, True)
    assert await rig.poll() == []


async def test_what_waits_is_sent_again_but_not_all_the_time(rig):
    await rig.pay()
    await rig.watcher.poll()
    assert len(rig.node.broadcasts) == 1
    await rig.poll()
    await rig.watcher.poll()
    assert len(rig.node.broadcasts) == 2
    assert len(set(rig.node.broadcasts)) == 1


async def test_an_outage_changes_nothing_and_loses_no_sighting(rig):
    await rig.pay()
    rig.node.mine(3)
    rig.node.away = True
    with pytest.raises(Unreachable):
        await rig.poll()
    rig.node.away = False
    assert [each.final for each in await rig.poll()] == [True]


async def test_a_reorg_returns_the_intent_to_the_pool_with_the_same_bytes(rig):
    flight = await rig.pay()
    rig.node.mine()
    await rig.poll()
    rig.node.reorg(1)
    assert [(each.state, each.receipt) for each in await rig.poll()] == [(PENDING, None)]
    assert await rig.poll() == []
    rig.node.mine(3)
    [settled] = await rig.poll()
    assert settled.receipt.hash == flight.newest.hash


async def test_a_reorg_that_only_moves_the_transaction_is_a_new_sighting(rig):
    flight = await rig.pay()
    rig.node.mine()
    [first] = await rig.poll()
    rig.node.reorg(1)
    rig.node.take(flight.newest.raw, flight.newest.hash)
    rig.node.mine()
    [second] = await rig.poll()
    assert second.state is MINED
    assert second.receipt.block != first.receipt.block


async def test_a_receipt_that_the_bytes_cannot_have_is_not_believed(rig, monkeypatch):
    await rig.pay()
    rig.node.mine(3)
    honest = rig.node.receipt

    async def forged(transaction):
        receipt = await honest(transaction)
        return receipt and replace(receipt, fee=Wei(10**18))

    monkeypatch.setattr(rig.node, "receipt", forged)
    with pytest.raises(Unreachable):
        await rig.poll()
    monkeypatch.undo()
    assert [each.final for each in await rig.poll()] == [True]


async def test_a_nonce_that_someone_else_used_freezes_the_wallet_only_after_three_heads(rig):
    await rig.pay()
    rig.node.evict()
    rig.node.blocks[-1].append("0xforeign")
    rig.node.mine(2)
    assert await rig.poll() == []
    rig.node.mine()
    assert await rig.poll() == []
    rig.node.mine()
    [frozen] = await rig.poll()
    assert (frozen.state, frozen.receipt) == (FROZEN, None)
    with pytest.raises(WalletFrozen):
        await rig.poll()


@pytest.mark.parametrize("count", [0, 99])
async def test_a_forged_count_freezes_nothing(rig, count):
    await rig.pay()
    rig.node.base_fee = 50 * GWEI
    rig.node.count = count
    for _ in range(6):
        rig.node.mine()
        assert await rig.poll() == []
    rig.node.base_fee = GWEI
    rig.node.mine(3)
    assert [each.final for each in await rig.poll()] == [True]


async def test_a_forged_refusal_freezes_nothing(rig):
    await rig.pay()
    rig.node.base_fee = 50 * GWEI
    rig.node.replies = [Reply.PASSED] * 100
    for _ in range(6):
        rig.node.mine()
        assert await rig.poll() == []


async def test_no_fault_in_sending_hides_what_was_seen(rig, monkeypatch):
    await rig.pay("1.0")
    rig.node.mine(3)
    await rig.pay("1.1")

    async def gone(*_):
        raise SignerGone

    monkeypatch.setattr(rig.signer, "bump", gone)
    rig.node.base_fee = 5 * GWEI
    assert [each.final for each in await rig.poll()] == [True]
    with pytest.raises(SignerGone):
        await rig.poll()


async def test_several_intents_settle_in_the_order_of_their_nonces(rig):
    for name in ("1.0", "1.1", "2.0"):
        await rig.pay(name)
    rig.node.mine(3)
    assert [each.entry.intent.id for each in await rig.poll()] == ["1.0", "1.1", "2.0"]
