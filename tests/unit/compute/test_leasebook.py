"""Every lease of ours is found, whatever the chain does to its ids."""

from fakes import FakeReader

from chain.types import Address, Block
from compute.leasebook import DEPTH, LeaseBook
from compute.onchain import _LEASE

MARKET, US, OTHER, TENANT = (Address("0x" + digit * 40) for digit in "1234")
ACTIVE, CLOSED = 2, 3


def struct(provider, phase=ACTIVE, owed=0, closed_at=0):
    none = "0x" + "0" * 64
    return [1, provider, TENANT, TENANT, none, 1, 1, owed, 0, 0, 0, 0, 0, 0, closed_at, phase]


class Chain:
    def __init__(self, *leases):
        self.leases = list(leases)
        self.asked = []

    def at(self, number: int) -> FakeReader:
        def lease(args):
            self.asked.append(args[0])
            return [self.leases[args[0] - 1]]

        return FakeReader(
            Block(1, number, f"0x{number}", 10 * number),
            {
                "leaseCount()(uint256)": lambda _: [len(self.leases)],
                f"leaseOf(uint256)({_LEASE})": lease,
            },
        )


async def ids(book: LeaseBook, chain: Chain, number: int) -> list[int]:
    return [row.id for row in await book.refresh(chain.at(number))]


async def test_only_leases_of_ours_are_followed():
    chain = Chain(struct(US), struct(OTHER), struct(US))
    assert await ids(LeaseBook(MARKET, US), chain, 1) == [1, 3]


async def test_others_are_not_asked_for_again_once_no_reorg_can_reach_them():
    chain = Chain(struct(US), struct(OTHER))
    book = LeaseBook(MARKET, US)
    await ids(book, chain, 1)
    await ids(book, chain, 1 + DEPTH)
    chain.asked.clear()
    assert await ids(book, chain, 2 + DEPTH) == [1]
    assert chain.asked == [1]


async def test_a_reorg_that_gives_an_id_to_us_is_noticed():
    chain = Chain(struct(OTHER))
    book = LeaseBook(MARKET, US)
    assert await ids(book, chain, 1) == []
    chain.leases[0] = struct(US)
    assert await ids(book, chain, 2) == [1]
    del chain.leases[0]
    assert await ids(book, chain, 3) == []


async def test_a_lease_is_let_go_when_nothing_is_owed_and_nothing_can_come_back():
    chain = Chain(struct(US), struct(US))
    book = LeaseBook(MARKET, US)
    await ids(book, chain, 1)
    await ids(book, chain, 1 + DEPTH)
    assert book.floor == 1
    chain.leases[0] = struct(US, CLOSED, owed=5, closed_at=10)
    assert await ids(book, chain, 1000) == [1, 2]
    chain.leases[0] = struct(US, CLOSED, closed_at=9999)
    assert await ids(book, chain, 1000) == [1, 2]
    assert await ids(book, chain, 2000) == [2]
    assert book.floor == 2


async def test_a_restart_begins_at_the_floor():
    chain = Chain(struct(US), struct(US))
    assert await ids(LeaseBook(MARKET, US, floor=2), chain, 1) == [2]
    assert chain.asked == [2]
