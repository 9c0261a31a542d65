"""A halt by signal reaches the signer, whatever is down when it comes."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from agent import halting
from chain.errors import LedgerFull, SignerGone


class Signer:
    """Writes halts down when it can."""

    def __init__(self) -> None:
        self.halts: list[str] = []
        self.fault: Exception | None = None

    async def halt(self, reason):
        if self.fault:
            raise self.fault
        self.halts.append(reason)
        return len(self.halts)


@pytest.fixture
def asked(tmp_path):
    before = signal.getsignal(halting.SIGNAL)
    halting.remember(tmp_path / "halt")
    yield tmp_path / "halt"
    signal.signal(halting.SIGNAL, before)


async def halts() -> None:
    os.kill(os.getpid(), halting.SIGNAL)
    await asyncio.sleep(0.02)


async def test_it_is_passed_on_at_once(asked):
    signer = Signer()
    async with halting.listening(asked, signer):
        assert not signer.halts
        await halts()
        assert signer.halts == ["SIGUSR1"]
        assert not asked.exists()


@pytest.mark.parametrize("fault", [SignerGone(), LedgerFull()], ids=["gone", "full"])
async def test_a_signer_that_cannot_write_is_told_until_it_can(asked, fault):
    signer = Signer()
    signer.fault = fault
    async with halting.listening(asked, signer):
        await halts()
        assert asked.exists()
        signer.fault = None
        await asyncio.sleep(0.2)
        assert signer.halts == ["SIGUSR1"]
        assert not asked.exists()


async def test_before_anyone_listens_it_is_kept(asked):
    await halts()
    signer = Signer()
    async with halting.listening(asked, signer):
        assert signer.halts == ["SIGUSR1"]
    assert not asked.exists()


async def test_what_was_not_passed_on_in_this_process_is_in_the_next(asked):
    signer = Signer()
    signer.fault = SignerGone()
    async with halting.listening(asked, signer):
        await halts()
    await halts()  # nobody listens any more, and the process goes on
    signer.fault = None
    async with halting.listening(asked, signer):
        assert signer.halts == ["SIGUSR1"]


async def test_nobody_lives_on_while_a_kept_halt_cannot_be_written(asked):
    await halts()
    signer = Signer()
    signer.fault = LedgerFull()
    with pytest.raises(LedgerFull):
        async with halting.listening(asked, signer):
            pytest.fail("it lives")
    assert asked.exists()
