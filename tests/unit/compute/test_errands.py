"""Calls on their way: never two for one matter, never in the way of the rest."""

import asyncio

import pytest
from fakes import FakePurse

from chain.errors import NotMined, Reverted, WrongChain
from chain.types import Address, Call
from compute.errands import Errands

CALL = Call(Address("0x" + "1" * 40), "activate(uint256)", (1,))


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_one_matter_is_on_its_way_once():
    purse = FakePurse(hold=True)
    errands, done = Errands(purse), []
    begun = [errands.begin("lease 1", CALL, lambda: done.append(1)) for _ in range(3)]
    assert begun == [True, False, False]
    errands.begin("lease 2", CALL, lambda: done.append(2))
    await settle()
    assert len(purse.sent) == 2
    purse.let_go()
    await settle()
    assert sorted(done) == [1, 2]
    assert errands.seen == purse.block
    errands.begin("lease 1", CALL, lambda: done.append(3))
    await settle()
    assert done[-1] == 3


@pytest.mark.parametrize("fault", [Reverted("no"), NotMined()])
async def test_what_the_chain_refuses_is_left_to_the_next_block(fault):
    errands = Errands(FakePurse(fault=fault))
    errands.begin("lease 1", CALL, pytest.fail)
    await settle()
    errands.check()


async def test_what_no_block_can_mend_is_raised():
    errands = Errands(FakePurse(fault=WrongChain()))
    errands.begin("lease 1", CALL, pytest.fail)
    await settle()
    with pytest.raises(WrongChain):
        errands.check()


async def test_closing_waits_for_nothing():
    errands = Errands(FakePurse(hold=True))
    errands.begin("lease 1", CALL, pytest.fail)
    await settle()
    await errands.close()
