from __future__ import annotations

import pytest
from fakes import FakeNode, FakeSigner

from chain.answers import Header
from chain.errors import WalletFrozen
from chain.keys import Key
from chain.outbox import Outbox
from chain.replies import Reply
from chain.sender import Sender
from chain.txstate import FROZEN, PENDING, QUEUED, TAKEN
from chain.types import Address, Block, Call, Entry, Fees, Intent, Refused, Wei

GWEI = 10**9
PAYEE = Address("0x" + "aa" * 20)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def node():
    return FakeNode()


@pytest.fixture
def signer():
    return FakeSigner(Key(b"\x01" * 32), 31337)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def outbox():
    return Outbox()


@pytest.fixture
def sender(node, signer, outbox, clock):
    return Sender(node, signer, outbox, clock=clock, max_fee=Wei(10 * GWEI))


@pytest.fixture
async def entry(signer) -> Entry:
    intent = Intent("1.0", 1, "act", Call(PAYEE, "", value=Wei(1)))
    return (await signer.admit(intent, Fees(Wei(3 * GWEI), Wei(GWEI)))).entry


async def test_what_a_node_takes_is_pending(sender, entry, node):
    flight = await sender.send(entry)
    assert (flight.state, flight.reply) == (PENDING, Reply.ACCEPTED)
    assert node.broadcasts == [entry.attempts[0].raw]


async def test_sending_again_sends_the_same_bytes(sender, entry, node):
    await sender.send(entry)
    flight = await sender.send(entry)
    assert (flight.state, flight.reply) == (PENDING, Reply.KNOWN)
    assert len(set(node.broadcasts)) == 1


async def test_with_no_node_to_be_had_the_intent_waits_in_the_outbox(sender, entry, node, outbox):
    node.away = True
    flight = await sender.send(entry)
    assert (flight.state, flight.reply) == (QUEUED, Reply.SILENT)
    assert outbox.open() == (flight,)


@pytest.mark.parametrize("reply", [Reply.CHEAP, Reply.POOR, Reply.REFUSED, Reply.SILENT])
async def test_what_no_node_takes_stays_queued(sender, entry, node, reply):
    node.replies = [reply]
    assert (await sender.send(entry)).state is QUEUED


def head(number: int, base_fee: int = GWEI) -> Header:
    return Header(Block(31337, number, f"0x{number:064x}", 0), "0x", Wei(base_fee))


@pytest.mark.parametrize(
    ("seconds", "blocks", "first", "bumps"),
    [(31, 3, True, 1), (29, 9, True, 0), (99, 2, True, 0), (99, 9, False, 0)],
    ids=["long enough", "too short a time", "no blocks came", "others are before it"],
)
async def test_dear_enough_bytes_are_replaced_when_time_and_blocks_have_passed(
    sender, entry, signer, clock, *, seconds, blocks, first, bumps
):
    flight = await sender.press(await sender.send(entry), head(5), first=True)
    clock.now = seconds
    pressed = await sender.press(flight, head(5 + blocks), first=first)
    assert len(signer.bumps) == bumps
    assert len(pressed.entry.attempts) == 1 + bumps


async def test_a_replacement_has_to_wait_as_long_again(sender, entry, signer, clock):
    flight = await sender.press(await sender.send(entry), head(5), first=True)
    clock.now = 31
    flight = await sender.press(flight, head(9), first=True)
    await sender.press(flight, head(10), first=True)
    assert len(signer.bumps) == 1


async def test_priced_out_bytes_are_replaced_without_waiting(sender, entry, signer):
    flight = await sender.send(entry)
    pressed = await sender.press(flight, head(5, 4 * GWEI), first=False)
    assert pressed.newest.fees.max_fee == 9 * GWEI
    assert pressed.newest.hash != flight.newest.hash


async def test_at_the_cap_there_is_nothing_to_do_but_wait(sender, entry, signer):
    flight = await sender.send(entry)
    at_cap = await sender.press(flight, head(5, 50 * GWEI), first=True)
    assert at_cap.newest.fees.max_fee == 10 * GWEI
    waiting = await sender.press(at_cap, head(6, 50 * GWEI), first=True)
    assert waiting.entry == at_cap.entry
    assert len(signer.bumps) == 1


async def test_an_empty_wallet_is_not_helped_by_paying_more(sender, entry, signer, node):
    node.replies = [Reply.POOR]
    flight = await sender.send(entry)
    await sender.press(flight, head(5, 4 * GWEI), first=True)
    assert signer.bumps == []


async def test_a_signer_that_refuses_to_go_higher_is_not_asked_all_the_time(
    sender, entry, signer, clock
):
    signer.refusal = Refused("per_hour", {})
    flight = await sender.send(entry)
    for now, bumps in ((1, 1), (29, 1), (32, 2)):
        clock.now = now
        flight = await sender.press(flight, head(5, 4 * GWEI), first=True)
        assert len(signer.bumps) == bumps
    assert flight.entry == entry


async def test_a_frozen_wallet_sends_nothing_more(sender, entry, signer, outbox, node):
    await sender.send(entry)
    outbox.step(entry.intent.id, TAKEN)
    assert outbox.frozen().state is FROZEN
    with pytest.raises(WalletFrozen):
        await sender.send(entry)
    assert len(node.broadcasts) == 1


async def test_an_offer_is_bounded_by_the_cap(sender):
    assert sender.offer(Wei(GWEI)).max_fee == 3 * GWEI
    assert sender.offer(Wei(80 * GWEI)).max_fee == 10 * GWEI


async def test_dearer_bytes_whose_answer_was_lost_are_learnt_from_the_signer(
    sender, signer, entry, outbox
):
    flight = await sender.send(entry)
    await signer.bump(entry.intent.id, Fees(Wei(6 * GWEI), Wei(2 * GWEI)))  # and nobody heard
    signer.refusal = Refused("bump", {"max_fee": str(6 * GWEI)})
    pressed = await sender.press(flight, head(6, base_fee=4 * GWEI), first=True)
    assert [attempt.fees.max_fee for attempt in pressed.entry.attempts] == [3 * GWEI, 6 * GWEI]
    assert outbox.get(entry.intent.id).newest.fees.max_fee == 6 * GWEI
