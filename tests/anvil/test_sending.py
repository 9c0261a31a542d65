"""From signed bytes to a settled receipt, through everything a network does to them."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from fakes import FakeSigner
from faultproxy import FaultProxy, fault_proxy, loses_the_reply, loses_the_request, says

from chain import fees
from chain.client import ChainClient
from chain.errors import Unreachable, WalletFrozen, WrongChain
from chain.outbox import Flight, Outbox
from chain.replies import Reply
from chain.sender import Sender
from chain.txstate import FROZEN, MINED, PENDING, QUEUED, SETTLED
from chain.types import Address, Admitted, Call, Entry, Fees, Intent, Wei
from chain.watcher import Sighting, Watcher

pytestmark = pytest.mark.anvil

GWEI = 10**9
PAYEE = Address("0x00000000000000000000000000000000000000Aa")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Rig:
    """A daemon's sending side around one wallet, with blocks mined by hand."""

    node: ChainClient
    signer: FakeSigner
    outbox: Outbox
    sender: Sender
    watcher: Watcher
    clock: Clock
    count: int = 0

    async def pay(self, amount: int = 7, max_fee: int | None = None) -> Flight:
        head = await self.node.head()
        offer = self.sender.offer(head.base_fee)
        if max_fee is not None:
            offer = Fees(Wei(max_fee), Wei(min(GWEI, max_fee)))
        self.count += 1
        intent = Intent(f"{self.count}.0", self.count, "act", Call(PAYEE, "", value=Wei(amount)))
        admitted = await self.signer.admit(intent, offer)
        assert isinstance(admitted, Admitted)
        return await self.sender.send(admitted.entry)

    async def bump(self, flight: Flight) -> Entry:
        """What the signer's ledger says after it has signed the same call at higher fees."""
        head = await self.node.head()
        dearer = fees.replacement(flight.newest.fees, head.base_fee, Wei(100 * GWEI))
        await self.signer.bump(flight.id, dearer)
        [entry] = await self.signer.entries(flight.entry.nonce)
        return entry

    async def mine(self, blocks: int = 1) -> None:
        await self.node.rpc("anvil_mine", hex(blocks))

    async def poll(self, after_s: float = 5.0) -> list[Sighting]:
        self.clock.now += after_s
        return await self.watcher.poll()

    async def paid(self) -> int:
        return await self.node.balance(PAYEE)


async def rig_on(client: ChainClient, node: ChainClient, key) -> Rig:
    clock, outbox = Clock(), Outbox()
    signer = FakeSigner(key, node.chain_id, await node.nonce(key.address))
    sender = Sender(client, signer, outbox, clock=clock, max_fee=Wei(100 * GWEI))
    watcher = Watcher(client, sender, outbox, key.address, clock=clock)
    return Rig(node, signer, outbox, sender, watcher, clock)


@pytest.fixture
async def rig(devnet, manual) -> Rig:
    return await rig_on(manual, manual, devnet.keys[1])


@pytest.fixture
async def proxy(devnet) -> AsyncIterator[FaultProxy]:
    async with fault_proxy(devnet.url) as proxy:
        yield proxy


@pytest.fixture
async def proxied(devnet, manual, proxy) -> AsyncIterator[Rig]:
    """The daemon sees the node through the proxy; the test sees it as it is."""
    async with ChainClient([proxy.url], devnet.chain_id) as client:
        yield await rig_on(client, manual, devnet.keys[2])


async def test_a_payment_is_pending_then_mined_then_settled(rig):
    flight = await rig.pay()
    assert (flight.state, flight.reply) == (PENDING, Reply.ACCEPTED)
    assert await rig.poll() == []
    await rig.mine()
    [mined] = await rig.poll()
    assert (mined.state, mined.final) == (MINED, False)
    assert mined.receipt.ok
    assert mined.receipt.gas_used == 21_000
    assert await rig.poll() == []
    await rig.mine(2)
    [settled] = await rig.poll()
    assert settled.final
    assert settled.receipt == mined.receipt
    assert rig.outbox.open() == ()
    assert await rig.paid() == 7


async def test_a_payment_found_deep_in_the_chain_settles_in_one_look(rig):
    await rig.pay()
    await rig.mine(3)
    [settled] = await rig.poll()
    assert settled.state is SETTLED


async def test_when_the_reply_is_lost_the_same_bytes_are_sent_again_and_paid_once(proxied, proxy):
    proxy.faults["eth_sendRawTransaction"] = loses_the_reply
    flight = await proxied.pay()
    assert (flight.state, flight.reply) == (QUEUED, Reply.SILENT)
    proxy.faults.clear()
    assert await proxied.poll() == []
    assert proxied.outbox.get(flight.id).reply is Reply.KNOWN
    await proxied.mine(3)
    [settled] = await proxied.poll()
    assert settled.final
    assert len(set(proxy.raw)) == 1
    assert await proxied.paid() == 7


async def test_when_the_request_is_lost_the_same_bytes_are_sent_again(proxied, proxy):
    proxy.faults["eth_sendRawTransaction"] = loses_the_request
    flight = await proxied.pay()
    proxy.faults.clear()
    await proxied.poll()
    assert proxied.outbox.get(flight.id).reply is Reply.ACCEPTED
    await proxied.mine(3)
    [settled] = await proxied.poll()
    assert settled.final
    assert len(set(proxy.raw)) == 1


async def test_a_node_that_swallows_transactions_is_passed_by(devnet, manual, proxy):
    proxy.faults["eth_sendRawTransaction"] = says("0x" + "ab" * 32)
    async with ChainClient([proxy.url, devnet.url], devnet.chain_id) as client:
        rig = await rig_on(client, manual, devnet.keys[1])
        flight = await rig.pay()
        assert flight.reply is Reply.ACCEPTED
        pool = await manual.rpc("txpool_content")
        assert devnet.keys[1].address.lower() in pool["pending"]


async def test_a_payment_evicted_from_the_pool_is_sent_again(rig):
    flight = await rig.pay()
    await rig.node.rpc("anvil_dropTransaction", flight.newest.hash)
    await rig.mine()
    assert await rig.poll() == []
    assert rig.outbox.get(flight.id).reply is Reply.ACCEPTED
    await rig.mine(3)
    [settled] = await rig.poll()
    assert settled.receipt.hash == flight.newest.hash
    assert await rig.paid() == 7


async def test_a_fee_spike_is_met_with_dearer_bytes_up_to_the_cap_and_then_waited_out(rig):
    flight = await rig.pay(max_fee=3 * GWEI)
    await rig.node.rpc("anvil_setNextBlockBaseFeePerGas", hex(40 * GWEI))
    await rig.mine()
    await rig.poll()
    bumped = rig.outbox.get(flight.id)
    assert len(bumped.entry.attempts) == 2
    assert bumped.newest.fees.max_fee > 40 * GWEI
    await rig.node.rpc("anvil_setNextBlockBaseFeePerGas", hex(400 * GWEI))
    await rig.mine()
    for _ in range(5):
        await rig.poll(60)
    assert max(each.max_fee for each in rig.signer.bumps) <= 100 * GWEI
    tries = len(rig.signer.bumps)
    await rig.poll(60)
    assert len(rig.signer.bumps) == tries
    await rig.node.rpc("anvil_setNextBlockBaseFeePerGas", hex(GWEI))
    await rig.mine()
    await rig.poll()
    await rig.mine(3)
    [settled] = await rig.poll()
    assert settled.final
    assert await rig.paid() == 7


async def test_when_the_original_mines_during_a_bump_it_is_booked_once(rig):
    flight = await rig.pay()
    entry = await rig.bump(flight)
    await rig.mine()
    late = await rig.sender.send(entry)
    assert late.reply is Reply.PASSED
    await rig.mine(2)
    [settled] = await rig.poll()
    assert settled.receipt.hash == flight.newest.hash
    assert await rig.poll() == []
    assert await rig.paid() == 7


async def test_a_bump_that_wins_is_booked_once(rig):
    flight = await rig.pay()
    bumped = await rig.sender.send(await rig.bump(flight))
    assert len(bumped.entry.attempts) == 2
    await rig.mine(3)
    [settled] = await rig.poll()
    assert settled.receipt.hash == bumped.newest.hash
    assert await rig.paid() == 7


async def test_a_reorg_that_drops_a_payment_brings_the_same_bytes_back(rig):
    flight = await rig.pay()
    await rig.mine()
    [mined] = await rig.poll()
    await rig.node.rpc("anvil_reorg", 1, [])
    [gone] = await rig.poll()
    assert (gone.state, gone.receipt) == (PENDING, None)
    assert await rig.paid() == 0
    assert await rig.poll() == []
    await rig.mine(3)
    [settled] = await rig.poll()
    assert settled.receipt.hash == flight.newest.hash == mined.receipt.hash
    assert settled.receipt.block != mined.receipt.block
    assert await rig.paid() == 7


async def test_a_reorg_that_picks_the_older_attempt_switches_the_winner(rig):
    await rig.mine()
    entry = await rig.bump(await rig.pay())
    await rig.sender.send(entry)
    old, new = entry.attempts
    await rig.mine()
    [first] = await rig.poll()
    assert first.receipt.hash == new.hash
    await rig.node.rpc("anvil_reorg", 1, [[old.raw, 0]])
    [second] = await rig.poll()
    assert (second.state, second.receipt.hash) == (MINED, old.hash)
    await rig.mine(2)
    [settled] = await rig.poll()
    assert settled.final
    assert settled.receipt.hash == old.hash
    assert await rig.paid() == 7


async def test_a_nonce_used_by_someone_else_freezes_the_wallet(rig):
    flight = await rig.pay()
    await rig.node.rpc("anvil_dropTransaction", flight.newest.hash)
    await rig.node.rpc("anvil_setNonce", rig.signer.wallet, hex(flight.entry.nonce + 1))
    sightings = []
    for _ in range(8):
        await rig.mine()
        sightings += await rig.poll()
        if sightings:
            break
    assert [each.state for each in sightings] == [FROZEN]
    with pytest.raises(WalletFrozen):
        await rig.watcher.poll()
    with pytest.raises(WalletFrozen):
        await rig.pay()


@pytest.mark.parametrize("count", [0, 10_000])
async def test_no_count_of_transactions_is_believed_over_the_ledger(proxied, proxy, count):
    proxy.faults["eth_getTransactionCount"] = says(hex(count))
    await proxied.pay()
    for _ in range(5):
        assert await proxied.poll() == []
    await proxied.mine(3)
    [settled] = await proxied.poll()
    assert settled.final


async def test_after_a_restart_the_signers_entries_are_enough(rig, devnet):
    await rig.pay(1)
    await rig.pay(2)
    await rig.mine(3)
    again = await rig_on(rig.node, rig.node, devnet.keys[1])
    for entry in await rig.signer.entries():
        await again.sender.send(entry)
    settled = await again.poll()
    assert [each.final for each in settled] == [True, True]
    assert await rig.paid() == 3


async def test_after_an_outage_nothing_is_doubled(devnet, manual):
    async with ChainClient([devnet.url], devnet.chain_id, timeout_s=0.2) as client:
        rig = await rig_on(client, manual, devnet.keys[1])
        await rig.pay()
        os.kill(devnet.pid, signal.SIGSTOP)
        try:
            rig.clock.now += 24 * 3600
            with pytest.raises(Unreachable):
                await rig.poll()
        finally:
            os.kill(devnet.pid, signal.SIGCONT)
        assert await rig.poll() == []
        await rig.mine(3)
        [settled] = await rig.poll()
        assert settled.final
        assert await rig.paid() == 7


async def test_a_payment_to_a_contract_that_reverts_is_booked_with_its_gas(rig):
    await rig.node.rpc("anvil_setCode", PAYEE, "0x60006000fd")
    head = await rig.node.head()
    call = Call(PAYEE, "", value=Wei(7), gas=50_000)
    admitted = await rig.signer.admit(
        Intent("9.0", 9, "act", call), rig.sender.offer(head.base_fee)
    )
    await rig.sender.send(admitted.entry)
    await rig.mine(3)
    [settled] = await rig.poll()
    assert (settled.state, settled.receipt.ok) == (SETTLED, False)
    assert settled.receipt.fee > 0
    assert await rig.poll() == []
    assert await rig.paid() == 0


async def test_a_chain_that_changes_behind_its_url_is_noticed_at_the_next_check(rig):
    await rig.node.rpc("anvil_setChainId", 5)
    with pytest.raises(WrongChain):
        await rig.node.check()
    with pytest.raises(WrongChain):
        await rig.pay()
