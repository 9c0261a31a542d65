"""Publishing may fail for ever; nothing is lost by it and no life waits for it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress

import pytest
from logs import BLOCK, DOMAIN, LOG_KEY, HeadSigner, claim, live, open_log, seal

from chain.keys import Key
from telemetry.cadence import Cadence, Pause
from telemetry.car import epoch_files, read_epoch
from telemetry.claim import Claim
from telemetry.errors import LogBehind, LogDamaged, TargetUnreachable
from telemetry.publisher import Publisher
from telemetry.record import Record

FAST = Cadence(records=4, seconds=1000, retry_s=0.01, retry_max_s=0.02)


class Shelf:
    """A target that keeps epochs in a list, when it does."""

    def __init__(self, name: str = "shelf", fails: int = 0) -> None:
        self.name = name
        self.fails = fails
        self.kept: list[str] = []

    async def keep(self, parcel):
        await asyncio.sleep(0)
        if self.fails:
            self.fails -= 1
            raise TargetUnreachable(target=self.name)
        assert read_epoch(parcel.car)[0].cid == parcel.cid
        self.kept.append(parcel.cid)

    async def holds(self, parcel):
        return parcel.cid in self.kept

    async def mark(self, parcel):
        assert parcel.cid in self.kept

    async def claims(self, place, agent):
        return []


class Stuck(Shelf):
    async def keep(self, parcel):
        await asyncio.sleep(60)


@pytest.fixture
def log(tmp_path):
    found = open_log(tmp_path / "log.sqlite")
    yield found
    found.close()


def publisher_of(log, tmp_path, *targets, signer=None, cadence=FAST, clock=lambda: 0):
    return Publisher(
        log,
        signer or HeadSigner(),
        targets,
        cars=tmp_path / "cars",
        domain=DOMAIN,
        log_key=LOG_KEY.address,
        cadence=cadence,
        clock=clock,
    )


@asynccontextmanager
async def running(publisher):
    task = asyncio.create_task(publisher.run())
    yield task
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def until(condition):
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.01)


async def test_everything_is_sealed_written_and_sent_in_order(log, tmp_path):
    shelf = Shelf()
    publisher = publisher_of(log, tmp_path, shelf)
    for _ in range(3):
        live(log, 2)
        assert await publisher.publish()
    status = await publisher.finish(5)
    assert (status.epochs, status.unsealed, status.waiting, status.troubles) == (3, 0, 0, {})
    assert shelf.kept == [epoch.cid for epoch in log.epochs(1, 0, 9)]
    found = [
        record for file in epoch_files(tmp_path / "cars") for record in read_epoch(file.path)[1:]
    ]
    assert [block.data for block in found] == [data for _, data in log.records()]


async def test_an_epoch_is_cut_at_its_count(log, tmp_path):
    shelf = Shelf()
    async with running(publisher_of(log, tmp_path, shelf)):
        live(log, 3)
        await asyncio.sleep(0.4)
        assert log.sealed is None
        live(log, 1)
        await until(lambda: shelf.kept)
    assert log.sealed.head.size == 4


async def test_an_epoch_is_cut_at_its_age(log, tmp_path):
    live(log, 1)
    now = [log.record(0).at]
    publisher = publisher_of(log, tmp_path, cadence=Cadence(seconds=2), clock=lambda: now[0])
    async with running(publisher):
        await asyncio.sleep(0.4)
        assert log.sealed is None
        now[0] += 2000
        await until(lambda: log.sealed)


async def test_an_ending_is_cut_at_once(log, tmp_path):
    async with running(publisher_of(log, tmp_path)):
        log.append("end", {"reason": "died"}, BLOCK)
        await until(lambda: log.sealed)


async def test_a_failing_target_is_tried_again_and_holds_up_no_other(log, tmp_path):
    slow, good = Shelf("slow", fails=4), Shelf("good")
    publisher = publisher_of(log, tmp_path, slow, good)
    live(log, 4)
    async with running(publisher):
        await until(lambda: good.kept)
        status = publisher.status()
        assert (status.waiting, status.sent) == (1, {"slow": 0, "good": 1})
        assert "does not answer" in status.troubles["slow"]
        await until(lambda: slow.kept)
    assert publisher.status().troubles == {}


async def test_a_stuck_target_stops_neither_cutting_nor_the_end(log, tmp_path):
    publisher = publisher_of(log, tmp_path, Stuck("stuck"))
    async with running(publisher):
        for _ in range(3):
            live(log, 4)
            await until(lambda: not log.unsealed)
        live(log, 1)
        status = await publisher.finish(0.1)
    assert (status.epochs, status.unsealed, status.waiting) == (4, 0, 4)


async def test_progress_outlives_the_process(tmp_path):
    log = open_log(tmp_path / "log.sqlite")
    shelf, signer = Shelf(), HeadSigner()
    live(log, 2)
    await publisher_of(log, tmp_path, shelf, signer=signer).finish(5)
    live(log, 2)
    await publisher_of(log, tmp_path, Stuck(), signer=signer).finish(0.05)
    log.close()
    log = open_log(tmp_path / "log.sqlite")
    status = await publisher_of(log, tmp_path, shelf, signer=signer).finish(5)
    assert (len(shelf.kept), status.waiting) == (2, 0)
    latecomer = Shelf("latecomer")
    await publisher_of(log, tmp_path, shelf, latecomer, signer=signer).finish(5)
    assert (len(shelf.kept), len(latecomer.kept)) == (2, 2)
    log.close()


async def test_records_wait_while_the_signer_is_gone(log, tmp_path):
    signer = HeadSigner()
    signer.gone = True
    publisher = publisher_of(log, tmp_path, signer=signer)
    live(log, 3)
    assert not await publisher.publish()
    live(log, 3)
    assert publisher.status().unsealed == 6
    assert publisher.status().troubles["signer"]
    signer.gone = False
    assert await publisher.publish()
    assert publisher.status().troubles == {}
    assert [epoch.size for epoch in log.epochs(1, 0, 9)] == [3, 6]


async def test_a_refusal_by_the_signer_is_a_trouble_and_no_epoch(log, tmp_path):
    signer = HeadSigner()
    publisher = publisher_of(log, tmp_path, signer=signer)
    live(log, 1)
    await signer.checkpoint(0, 1, bytes(32), bytes(32))
    assert not await publisher.publish()
    assert publisher.status().troubles == {"signer": "refused: another-head"}
    assert log.sealed is None


async def test_another_keys_signature_is_never_sealed(log, tmp_path):
    signer = HeadSigner(Key(bytes([9]) * 32))
    publisher = publisher_of(log, tmp_path, signer=signer)
    live(log, 1)
    assert not await publisher.publish()
    assert "not the log key's" in publisher.status().troubles["signer"]
    signer.key = LOG_KEY
    assert await publisher.publish()


async def test_files_that_could_not_be_written_are_written_later(log, tmp_path):
    cars = tmp_path / "cars"
    cars.write_text("in the way")
    shelf = Shelf()
    publisher = publisher_of(log, tmp_path, shelf)
    live(log, 4)
    async with running(publisher):
        await until(lambda: "disk" in publisher.status().troubles)
        live(log, 1)
        cars.unlink()
        await until(lambda: shelf.kept)
    assert publisher.status().troubles == {}


async def test_lost_files_are_written_again(log, tmp_path):
    signer = HeadSigner()
    live(log, 2)
    await publisher_of(log, tmp_path, signer=signer).finish(5)
    (file,) = epoch_files(tmp_path / "cars")
    content = file.path.read_bytes()
    file.path.unlink()
    await publisher_of(log, tmp_path, signer=signer).finish(5)
    assert file.path.read_bytes() == content


async def test_a_cut_interrupted_before_its_signature_is_taken_up(tmp_path):
    log = open_log(tmp_path / "log.sqlite")
    signer = HeadSigner()
    live(log, 2)
    head = log.cut()
    await signer.checkpoint(head.epoch, head.size, head.root, head.prev)
    log.close()  # killed after the signer answered, before the seal
    log = open_log(tmp_path / "log.sqlite")
    live(log, 1)
    status = await publisher_of(log, tmp_path, signer=signer).finish(5)
    assert (status.epochs, status.troubles) == (2, {})
    log.close()


async def test_damage_ends_publishing_with_its_own_name(log, tmp_path, monkeypatch):
    live(log, 4)

    def damaged():
        raise LogDamaged(path="x")

    monkeypatch.setattr(log, "cut", damaged)
    with pytest.raises(LogDamaged):
        await publisher_of(log, tmp_path, Shelf()).run()


async def test_appending_goes_on_while_publishing(log, tmp_path):
    shelf = Shelf()
    async with running(publisher_of(log, tmp_path, shelf)):
        for _ in range(40):
            live(log, 1)
            await asyncio.sleep(0.005)
        await until(lambda: log.unsealed < 4 and len(shelf.kept) == log.sealed_epochs)
    log.verify()
    assert all(Record.decode(data) for _, data in log.records())


def test_waits_double_up_to_their_bound():
    pause = Pause(Cadence(retry_s=1, retry_max_s=5))
    assert [pause.longer() for _ in range(5)] == [1, 2, 4, 5, 5]
    pause.reset()
    assert pause.longer() == 1


async def test_each_epoch_has_its_file_though_two_look_for_it_at_once(log, tmp_path):
    publisher = publisher_of(log, tmp_path)
    live(log, 2)
    await asyncio.gather(publisher.publish(), publisher.publish(), publisher.publish())
    for _ in range(3):
        live(log, 2)
        assert await publisher.publish()
    assert len(epoch_files(tmp_path / "cars")) == log.sealed_epochs == 4


async def test_a_target_that_fails_in_a_new_way_ends_no_publishing(log, tmp_path):
    class Odd(Shelf):
        async def keep(self, parcel):
            raise RecursionError

    odd, shelf = Odd("odd"), Shelf()
    async with running(publisher_of(log, tmp_path, odd, shelf)) as task:
        live(log, 4)
        await until(lambda: shelf.kept)
        assert not task.done()


# A home that was restored


class Mute(Shelf):
    """Keeps and holds, and for so long does not say what it knows."""

    def __init__(self) -> None:
        super().__init__("mute")
        self.speaks = asyncio.Event()
        self.shows: list[Claim] = []

    async def claims(self, place, agent):
        if not self.speaks.is_set():
            raise TargetUnreachable(target=self.name)
        return self.shows


async def sent_one(log, tmp_path, mute, signer):
    mute.speaks.set()
    live(log, 4)
    await publisher_of(log, tmp_path, mute, signer=signer).finish(5)
    assert len(mute.kept) == 1
    mute.speaks.clear()


async def test_nothing_is_sealed_before_those_who_may_know_more_are_heard(log, tmp_path):
    mute, signer = Mute(), HeadSigner()
    await sent_one(log, tmp_path, mute, signer)
    publisher = publisher_of(log, tmp_path, mute, signer=signer)
    live(log, 4)
    async with running(publisher):
        await asyncio.sleep(0.5)
        assert not await publisher.publish()
        assert (log.sealed_epochs, list(signer.heads)) == (1, [0])
        assert "answer" in publisher.status().troubles["mute"]
        mute.speaks.set()
        await until(lambda: len(mute.kept) == 2)


async def test_who_never_speaks_is_not_waited_for_for_ever(log, tmp_path):
    mute, signer = Mute(), HeadSigner()
    await sent_one(log, tmp_path, mute, signer)
    patient = Cadence(records=4, seconds=1000, retry_s=0.01, retry_max_s=0.02, hear_s=0.5)
    live(log, 4)
    async with running(publisher_of(log, tmp_path, mute, signer=signer, cadence=patient)):
        await asyncio.sleep(0.2)
        assert log.sealed_epochs == 1
        await until(lambda: log.sealed_epochs == 2)
    assert len(mute.kept) == 1


async def test_one_who_knows_another_epoch_stops_it_all(log, tmp_path):
    mute, signer = Mute(), HeadSigner()
    await sent_one(log, tmp_path, mute, signer)
    other = open_log(tmp_path / "other.sqlite")
    for records in (4, 3):
        live(other, records)
        seal(other)
    mute.shows = [claim(other, 1)]
    mute.speaks.set()
    other.close()
    publisher = publisher_of(log, tmp_path, mute, signer=signer)
    live(log, 4)
    with pytest.raises(LogBehind):
        async with asyncio.timeout(5):
            await publisher.run()
    assert list(signer.heads) == [0]


async def test_a_clock_that_was_set_back_does_not_hold_up_an_epoch(log, tmp_path):
    live(log, 1)
    now = [log.record(0).at - 86_400_000]
    publisher = publisher_of(log, tmp_path, cadence=Cadence(seconds=2), clock=lambda: now[0])
    async with running(publisher):
        await asyncio.sleep(0.4)
        assert log.sealed is None
        now[0] += 2000
        await until(lambda: log.sealed)
