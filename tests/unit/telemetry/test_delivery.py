"""A target gets epochs in order, and gets again what it has lost."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import pytest
from logs import DOMAIN, LOG_KEY, claim, live, open_log, parcel, seal

from chain.keys import Key
from telemetry.cadence import Cadence
from telemetry.claim import Claim
from telemetry.delivery import LOOK_BACK, Delivery
from telemetry.errors import LogBehind, TargetBusy, TargetUnreachable
from telemetry.target import place_of

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
        self.marked: list[int] = []
        self.shows: list[Claim] = []
        self.mute: Exception | None = None

    async def claims(self, place, agent):
        assert (place, agent) == (place_of(DOMAIN), 1)
        await asyncio.sleep(0)
        if self.mute:
            raise self.mute
        return self.shows

    async def mark(self, parcel):
        assert parcel.epoch in self.has
        self.marked.append(parcel.epoch)

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

    return lambda shelf: Delivery(log, shelf, parcel_of, FAST, DOMAIN, LOG_KEY.address)


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


@pytest.fixture
def elsewhere(tmp_path, log):
    """Another history of the same life: as long as ours, and one epoch more."""
    found = open_log(tmp_path / "elsewhere.sqlite")
    for _ in range(EPOCHS + 1):
        live(found, 2)
        seal(found)
    yield found
    found.close()


@pytest.mark.parametrize("epoch", [0, EPOCHS - 1, EPOCHS])
async def test_nothing_is_sent_where_another_epoch_was_published(
    shelf, delivery_to, elsewhere, epoch
):
    shelf.shows = [claim(elsewhere, epoch)]
    with pytest.raises(LogBehind):
        await delivery_to(shelf).compare()
    delivery = delivery_to(shelf)
    with pytest.raises(LogBehind):
        await delivery.drain()
    assert (shelf.kept, delivery.compared) == ([], False)


async def test_what_is_published_and_here_is_no_matter(log, shelf, delivery_to):
    shelf.shows = [claim(log, 0), claim(log, EPOCHS - 1)]
    delivery = delivery_to(shelf)
    await delivery.compare()
    await delivery.drain()
    assert (shelf.kept, delivery.compared) == ([*range(EPOCHS)], True)


async def test_nobody_but_the_log_key_can_say_that_more_was_published(
    tmp_path, shelf, delivery_to, elsewhere
):
    """A target that lies, or means an agent of the same number, stops no life."""
    real = claim(elsewhere, EPOCHS)
    other = open_log(tmp_path / "other.sqlite")
    for _ in range(EPOCHS + 2):
        live(other, 1)
        seal(other, Key(b"x" * 32))
    shelf.shows = [
        claim(other, EPOCHS + 1),
        Claim(replace(real.head, epoch=99), real.sig),
        Claim(real.head, bytes(65)),
    ]
    other.close()
    await delivery_to(shelf).drain()
    assert shelf.kept == [*range(EPOCHS)]


async def test_the_newest_is_named_each_time_and_an_old_one_never_again(shelf, delivery_to):
    await delivery_to(shelf).drain()
    assert shelf.marked == [*range(EPOCHS)]
    shelf.has -= {EPOCHS - 1, EPOCHS - 3}
    shelf.marked.clear()
    await delivery_to(shelf).drain()
    assert shelf.marked == [EPOCHS - 1]


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
