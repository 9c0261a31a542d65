"""A target gets epochs in order, and gets again what it has lost."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress

import pytest
from logs import DOMAIN, live, open_log, parcel, seal

from telemetry.cadence import Cadence
from telemetry.delivery import LOOK_BACK, Delivery
from telemetry.errors import LogBehind, TargetBusy, TargetUnreachable
from telemetry.target import place_of

PLACE = place_of(DOMAIN)
FAST = Cadence(retry_s=0.01, retry_max_s=0.02)
EPOCHS = LOOK_BACK + 4


class Shelf:
    """Keeps epochs unless it is told to fail; remembers what it was asked."""

    name = "shelf"

    def __init__(self) -> None:
        self.has: set[int] = set()
        self.kept: list[int] = []
        self.asked: list[int] = []
        self.fails: list[Exception] = []
        self.published: int | None = None
        self.mute: Exception | None = None

    async def newest(self, place, agent):
        assert (place, agent) == (PLACE, 1)
        await asyncio.sleep(0)
        if self.mute:
            raise self.mute
        return self.published

    async def keep(self, parcel):
        await self._turn()
        self.kept.append(parcel.epoch)
        self.has.add(parcel.epoch)

    async def holds(self, parcel):
        await self._turn()
        self.asked.append(parcel.epoch)
        return parcel.epoch in self.has

    async def _turn(self):
        await asyncio.sleep(0)
        if self.fails:
            raise self.fails.pop(0)


@pytest.fixture
def log(tmp_path):
    found = open_log(tmp_path / "log.sqlite")
    for _ in range(EPOCHS):
        live(found, 1)
        seal(found)
    yield found
    found.close()


@pytest.fixture
def shelf():
    return Shelf()


@pytest.fixture
def delivery_to(log, tmp_path):
    async def parcel_of(epoch):
        return parcel(log, epoch, tmp_path / "cars")

    return lambda shelf: Delivery(log, shelf, parcel_of, FAST, PLACE)


@asynccontextmanager
async def running(delivery):
    task = asyncio.create_task(delivery.run())
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def until(condition):
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_new_target_gets_all_of_it_in_order(log, shelf, delivery_to):
    delivery = delivery_to(shelf)
    await delivery.drain()
    assert (shelf.kept, shelf.asked, delivery.sent) == ([*range(EPOCHS)], [], EPOCHS)


async def test_a_start_asks_after_the_last_few_and_no_more(shelf, delivery_to):
    await delivery_to(shelf).drain()
    await delivery_to(shelf).drain()
    assert shelf.asked == [*range(EPOCHS - LOOK_BACK, EPOCHS)]
    assert shelf.kept == [*range(EPOCHS)]


async def test_what_was_lost_is_sent_again_before_anything_new(log, shelf, delivery_to):
    await delivery_to(shelf).drain()
    shelf.has -= {0, EPOCHS - 2, EPOCHS - 5}
    shelf.kept.clear()
    live(log, 1)
    seal(log)
    delivery = delivery_to(shelf)
    await delivery.drain()
    assert shelf.kept == [EPOCHS - 5, EPOCHS - 2, EPOCHS]
    assert delivery.sent == EPOCHS + 1


async def test_a_target_that_was_away_is_asked_again_when_it_is_back(log, shelf, delivery_to):
    delivery = delivery_to(shelf)
    async with running(delivery):
        await until(lambda: delivery.sent == EPOCHS)
        shelf.has.clear()
        shelf.kept.clear()
        shelf.fails = [TargetUnreachable(target="shelf")] * 3
        live(log, 1)
        seal(log)
        delivery.poke()
        await until(lambda: delivery.sent == EPOCHS + 1)
    assert shelf.kept == [*range(EPOCHS - LOOK_BACK, EPOCHS + 1)]
    assert delivery.trouble == ""


async def test_a_target_that_comes_and_goes_is_still_got_through(shelf, delivery_to):
    await delivery_to(shelf).drain()
    shelf.has.clear()
    shelf.kept.clear()
    gone = TargetUnreachable(target="shelf")
    shelf.fails = [gone, TargetBusy(target="shelf"), gone, gone]
    await delivery_to(shelf).drain()
    assert shelf.kept == shelf.asked == [*range(EPOCHS - LOOK_BACK, EPOCHS)]


async def test_a_busy_target_is_asked_until_it_has_it(shelf, delivery_to):
    shelf.fails = [TargetBusy(target="shelf", status="queued")] * 4
    delivery = delivery_to(shelf)
    task = asyncio.create_task(delivery.drain())
    await until(lambda: "status=queued" in delivery.trouble)
    await task
    assert (delivery.trouble, shelf.kept, shelf.asked) == ("", [*range(EPOCHS)], [])


# A log that was restored


async def test_nothing_is_sent_where_more_was_published(shelf, delivery_to):
    shelf.published = EPOCHS
    with pytest.raises(LogBehind):
        await delivery_to(shelf).compare()
    delivery = delivery_to(shelf)
    with pytest.raises(LogBehind):
        await delivery.drain()
    assert shelf.kept == []


@pytest.mark.parametrize("published", [None, 0, EPOCHS - 1])
async def test_what_is_published_and_here_is_no_matter(shelf, delivery_to, published):
    shelf.published = published
    delivery = delivery_to(shelf)
    await delivery.compare()
    await delivery.drain()
    assert shelf.kept == [*range(EPOCHS)]


async def test_a_silent_target_is_asked_before_anything_is_sent(shelf, delivery_to):
    delivery, shelf.mute = delivery_to(shelf), TargetUnreachable(target="shelf")
    await delivery.compare()
    assert "answer" in delivery.trouble
    async with running(delivery):
        await asyncio.sleep(0.05)
        assert shelf.kept == []
        shelf.mute = None
        await until(lambda: delivery.sent == EPOCHS)
    assert delivery.trouble == ""
