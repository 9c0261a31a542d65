"""What every telemetry target must do, as a suite of tests to subclass.

class TestMine(TargetConformance):
    @pytest.fixture
    async def target(self): ...                  # the Target, and nothing in it yet
    async def lose(self, target, parcel): ...    # the place behind it forgets this epoch
"""

from __future__ import annotations

import asyncio

import pytest
from logs import DOMAIN, LOG_KEY, live, open_log, parcel, seal

from telemetry.errors import TargetBusy
from telemetry.target import Parcel, Target, place_of

PLACE = place_of(DOMAIN)
ELSEWHERE = "1:0x" + "12" * 20


async def kept(target: Target, one: Parcel) -> None:
    """Keep it, asking again for as long as the target says that it is at it."""
    async with asyncio.timeout(10):
        while True:
            try:
                await target.keep(one)
            except TargetBusy:
                await asyncio.sleep(0.02)
            else:
                return await target.mark(one)


async def epochs(target: Target, place: str = PLACE, agent: int = 1) -> list[int]:
    """Those that it can show, by number."""
    claims = await target.claims(place, agent)
    assert all(claim.signed_by(LOG_KEY.address, DOMAIN) for claim in claims)
    return sorted(claim.head.epoch for claim in claims)


class TargetConformance:
    @pytest.fixture
    def log(self, tmp_path):
        found = open_log(tmp_path / "log.sqlite")
        for records in (3, 1, 2):
            live(found, records)
            seal(found)
        yield found
        found.close()

    @pytest.fixture
    def parcels(self, log, tmp_path):
        return [parcel(log, epoch, tmp_path / "cars") for epoch in range(3)]

    async def lose(self, target, parcel):
        raise NotImplementedError

    async def test_what_is_kept_is_held_and_nothing_else(self, target, parcels):
        assert not await target.holds(parcels[0])
        await kept(target, parcels[0])
        assert await target.holds(parcels[0])
        assert not await target.holds(parcels[1])

    async def test_keeping_again_changes_nothing(self, target, parcels):
        for one in (*parcels[:2], *parcels[:2]):
            await kept(target, one)
        assert [await target.holds(one) for one in parcels] == [True, True, False]

    async def test_the_newest_epoch_is_shown_by_registry_and_agent(self, target, parcels):
        assert await epochs(target) == []
        for one in parcels:
            await kept(target, one)
            assert one.claim in await target.claims(PLACE, 1)
            assert max(await epochs(target)) == one.epoch
        for stranger in (11, 2):
            assert await epochs(target, agent=stranger) == []
        assert await epochs(target, ELSEWHERE) == []

    async def test_the_newest_is_still_shown_when_older_ones_are_kept_again(self, target, parcels):
        for one in parcels:
            await kept(target, one)
        await target.keep(parcels[0])
        assert max(await epochs(target)) == 2

    async def test_what_was_lost_is_not_held_and_can_be_kept_again(self, target, parcels):
        for one in parcels:
            await kept(target, one)
        await self.lose(target, parcels[1])
        assert [await target.holds(one) for one in parcels] == [True, False, True]
        await kept(target, parcels[1])
        assert [await target.holds(one) for one in parcels] == [True, True, True]
