"""A provider's ticks: what is due is done, though the chain may stand still meanwhile."""

import asyncio
from pathlib import Path

import pytest
from fakes import FakePurse, FakeReader

from chain.types import Address, Block, Micro
from compute.duties import Habits
from compute.gate import Gate
from compute.onchain import Phase, Terms
from compute.placing import Placements
from compute.provider import Plan, Provider

MARKET, TOKEN = Address("0x" + "1" * 40), Address("0x" + "2" * 40)
TENANT, GUARDIAN = Address("0x" + "3" * 40), Address("0x" + "4" * 40)
NONE = "0x" + "00" * 32
TERMS = Terms(10, 600, 86_400, 900, 300, 4, NONE, "http://127.0.0.1:1")
OWED = 5_000


class Chain:
    """One offer and one active lease, as of a block that the test sets."""

    def __init__(self, provider: Address) -> None:
        self.provider = provider
        self.block = Block(1, 10, "0xa", 10_000)
        self.owed = 0
        self.heartbeat_at = 10_000

    async def latest(self) -> FakeReader:
        *terms, uri = TERMS
        raw = "0x" + uri.encode().hex()
        offer = [self.provider, [*terms, raw], 0, 1, True]
        times = [10_000, 10_000, 10_000, self.heartbeat_at, 90_000, 0, 0, Phase.ACTIVE]
        parties = [1, self.provider, TENANT, GUARDIAN, NONE, 10, 10**9, self.owed]
        answers = {
            "offerCount()(uint256)": [1],
            "leaseCount()(uint256)": [1],
        }
        reader = FakeReader(self.block, answers)

        async def call(to, signature, args=()):
            if signature.startswith("offerOf"):
                return [offer]
            if signature.startswith("offers"):
                return [[offer]]
            if signature.startswith("leaseOf"):
                return [[*parties, *times]]
            return answers[signature]

        reader.call = call
        return reader


@pytest.fixture
def purse():
    return FakePurse(hold=True)


@pytest.fixture
def chain(purse):
    return Chain(purse.address)


@pytest.fixture
async def provider(tmp_path: Path, purse, chain):
    habits = Habits(
        manifest=NONE,
        placed=frozenset(),
        scores=True,
        heartbeat_fraction=1 / 3,
        collect=Micro(OWED),
    )
    plan = Plan(MARKET, TOKEN, TERMS, Micro(0), (), habits, tmp_path / "notes.json")
    at_work = Provider(
        plan,
        chain=chain,
        purse=purse,
        gate=Gate(lambda *_: None, lambda: 0.0),
        placements=Placements({}, 1.0, lambda: 0.0, ()),
        say=lambda _: None,
    )
    yield at_work
    await at_work.close()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def sent(purse: FakePurse) -> list[str]:
    return [call.function.partition("(")[0] for call in purse.sent]


async def test_what_had_to_wait_is_done_in_the_same_block(provider, purse, chain):
    chain.owed = OWED
    await provider.tick()
    await settle()
    assert sent(purse) == ["withdrawProvider"]
    chain.block = Block(1, 11, "0xb", 10_400)  # a heartbeat is due, and no other block will come
    chain.owed = 0
    await provider.tick()
    await settle()
    assert sent(purse) == ["withdrawProvider"]
    purse.let_go()
    await settle()
    await provider.tick()
    await settle()
    assert sent(purse) == ["withdrawProvider", "heartbeat"]


async def test_a_block_is_looked_at_once(provider, purse, chain):
    purse.let_go()
    chain.owed = OWED
    for _ in range(3):
        await provider.tick()
        await settle()
    assert sent(purse) == ["withdrawProvider"]
