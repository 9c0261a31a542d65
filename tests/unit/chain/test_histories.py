"""Random histories of a network that does its worst, with crashes: each intent is settled once."""

from __future__ import annotations

import asyncio
from collections import Counter

from fakes import FakeNode, FakeSigner
from hypothesis import given, settings
from hypothesis import strategies as st

from chain.errors import Unreachable
from chain.keys import Key
from chain.outbox import Outbox
from chain.replies import Reply
from chain.sender import Sender
from chain.types import Address, Call, Fees, Intent, Wei
from chain.watcher import Watcher

GWEI = 10**9
FINALITY = 3
STEPS = ("pay", "pay", "poll", "poll", "mine", "mine", "reorg", "evict", "spike", "calm", "lose")
STEPS += ("lose reply", "crash", "away", "back", "lie")


class World:
    """A daemon that may die between any two awaits of the test, and a node that it outlives."""

    def __init__(self) -> None:
        self.node = FakeNode()
        self.signer = FakeSigner(Key(b"\x02" * 32), 31337)
        self.booked: Counter[str] = Counter()
        self.hashes: dict[str, str] = {}
        self.now = 0.0
        self.names = 0
        self.begin()

    def begin(self) -> None:
        clock = lambda: self.now
        self.outbox = Outbox()
        self.sender = Sender(
            self.node, self.signer, self.outbox, clock=clock, max_fee=Wei(50 * GWEI)
        )
        self.watcher = Watcher(
            self.node,
            self.sender,
            self.outbox,
            self.signer.wallet,
            clock=clock,
            finality_blocks=FINALITY,
        )

    async def recover(self) -> None:
        """What the daemon does when it starts: take from the signer what the log has not booked."""
        self.begin()
        for entry in await self.signer.entries():
            if entry.intent.id not in self.booked:
                await self.sender.send(entry)

    async def pay(self) -> None:
        self.names += 1
        intent = Intent(
            f"{self.names}.0", self.names, "act", Call(Address("0x" + "aa" * 20), "", value=Wei(1))
        )
        admitted = await self.signer.admit(intent, Fees(Wei(3 * GWEI), Wei(GWEI)))
        await self.sender.send(admitted.entry)

    async def poll(self) -> None:
        self.now += 5
        try:
            sightings = await self.watcher.poll()
        except Unreachable:
            return
        for sighting in sightings:
            if sighting.final:
                self.booked[sighting.entry.intent.id] += 1
                self.hashes[sighting.entry.intent.id] = sighting.receipt.hash

    async def step(self, what: str) -> None:
        match what:
            case "pay":
                await self.pay()
            case "poll":
                await self.poll()
            case "mine":
                self.node.mine()
            case "reorg":
                self.node.reorg(FINALITY)
            case "evict":
                self.node.evict()
            case "spike":
                self.node.base_fee = 20 * GWEI
            case "calm":
                self.node.base_fee = GWEI
            case "lose":
                self.node.replies.append(Reply.SILENT)
            case "lie":
                self.node.replies.append(Reply.PASSED)
            case "lose reply":
                flight = next(iter(self.outbox.open()), None)
                if flight:
                    self.node.take(flight.newest.raw, flight.newest.hash)
                    self.node.replies.append(Reply.SILENT)
            case "crash":
                await self.recover()
            case "away" | "back":
                self.node.away = what == "away"


async def live(history: list[str]) -> World:
    world = World()
    for what in history:
        await world.step(what)
    world.node.away = False
    world.node.base_fee = GWEI
    world.node.replies.clear()
    for _ in range(30):
        world.node.mine()
        await world.poll()
    return world


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(STEPS), max_size=60))
def test_whatever_happens_each_intent_is_mined_and_booked_once(history):
    world = asyncio.run(live(history))
    mined = [transaction for block in world.node.blocks for transaction in block]
    assert world.booked == {f"{n + 1}.0": 1 for n in range(world.names)}
    assert sorted(world.hashes.values()) == sorted(mined)
    assert len(mined) == world.names
