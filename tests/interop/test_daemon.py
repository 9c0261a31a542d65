"""Epochs in a real IPFS daemon: pinned, byte for byte the same, and in order whatever happens."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import ipfshttpclient
import pytest
from logs import DOMAIN, LOG_KEY, HeadSigner, live, open_log, parcel, seal
from targets import PLACE, TargetConformance, epochs, kept

from telemetry.cadence import Cadence
from telemetry.car import car_bytes
from telemetry.checkpoint import Checkpoint
from telemetry.delivery import Delivery
from telemetry.kubo import Kubo
from telemetry.node import Node
from telemetry.publisher import Publisher
from telemetry.store import Archive

FAST = Cadence(records=4, seconds=1000, retry_s=0.05, retry_max_s=0.1)
EPOCHS = 5


@pytest.fixture
def log(tmp_path):
    found = open_log(tmp_path / "log.sqlite")
    yield found
    found.close()


@pytest.fixture
async def target(ipfs):
    found = Kubo(ipfs.url, deadline_s=10)
    yield found
    await found.close()


class Noted:
    """The same target, which remembers in what order it kept epochs."""

    def __init__(self, target):
        self.target, self.name = target, target.name
        self.kept, self.marked = [], 0

    async def keep(self, parcel):
        await self.target.keep(parcel)
        self.kept.append(parcel.epoch)

    async def holds(self, parcel):
        return await self.target.holds(parcel)

    async def mark(self, parcel):
        await self.target.mark(parcel)
        self.marked = parcel.epoch + 1

    async def claims(self, place, agent):
        return await self.target.claims(place, agent)


def publisher_of(log, tmp_path, *targets, signer=None):
    return Publisher(
        log,
        signer or HeadSigner(),
        targets,
        cars=tmp_path / "cars",
        domain=DOMAIN,
        log_key=LOG_KEY.address,
        cadence=FAST,
        clock=lambda: 0,
    )


@asynccontextmanager
async def running(publisher):
    task = asyncio.create_task(publisher.run())
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def until(condition, seconds=15):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


def cids(log):
    return [epoch.cid for epoch in log.epochs(1, 0, 99)]


class TestIpfs(TargetConformance):
    @pytest.fixture
    def target(self, target, ipfs):
        self.ipfs = ipfs
        return target

    async def lose(self, target, parcel):
        self.ipfs.ask("pin/rm", arg=parcel.cid)
        self.ipfs.ask("repo/gc")


@pytest.mark.filterwarnings("ignore:The 'strict' parameter:FutureWarning")  # the client's own
@pytest.mark.filterwarnings("ignore::ipfshttpclient.exceptions.VersionMismatch")  # it knows 0.5–0.8
async def test_an_epoch_comes_back_as_it_was_through_a_client_that_is_not_ours(
    log, ipfs, target, tmp_path
):
    live(log, 3)
    seal(log)
    await target.keep(parcel(log, 0, tmp_path))
    cid, blocks = log.epoch_blocks(0)

    def read_back():
        address = ipfs.url.replace("http://127.0.0.1:", "/ip4/127.0.0.1/tcp/") + "/http"
        with ipfshttpclient.connect(address) as client:
            links = Checkpoint.decode(client.block.get(cid)).records
            assert cid in client.pin.ls(type="recursive", opts={"cid-base": "base32"})["Keys"]
            assert client.block.stat(cid)["Size"] == len(blocks[0])
            return [client.block.get(name) for name in [cid, *links]], client.dag.export(cid)

    found, exported = await asyncio.to_thread(read_back)
    assert found == blocks
    assert exported == b"".join(car_bytes(cid, blocks))


async def test_a_node_and_an_archive_get_the_same_epochs_in_the_same_order(
    log, ipfs, target, tmp_path
):
    archive = Archive(tmp_path / "archive.sqlite", DOMAIN)
    node = Node(archive, DOMAIN, writable=archive)
    second = Kubo(await node.start("127.0.0.1", 0))
    both = Noted(target), Noted(second)
    async with running(publisher_of(log, tmp_path, *both)):
        for _ in range(EPOCHS):
            live(log, 4)
            await asyncio.sleep(0.05)
        await until(lambda: all(one.marked == log.sealed_epochs for one in both))
    assert [one.kept for one in both] == [list(range(log.sealed_epochs))] * 2
    assert ipfs.pins() == set(cids(log)) == set(archive.roots())
    assert await target.claims(PLACE, 1) == await second.claims(PLACE, 1) != []
    await second.close()
    await node.stop()
    archive.close()


@pytest.mark.parametrize("away", ["frozen", "stopped"])
async def test_what_waited_while_the_node_was_away_comes_in_order(log, ipfs, tmp_path, away):
    noted = Noted(Kubo(ipfs.url, deadline_s=0.5))
    publisher = publisher_of(log, tmp_path, noted)
    async with running(publisher):
        live(log, 4)
        await until(lambda: noted.marked == 1)
        (ipfs.freeze if away == "frozen" else ipfs.stop)()
        try:
            for epoch in range(1, EPOCHS):
                live(log, 4)
                await until(lambda sealed=epoch + 1: log.sealed_epochs == sealed)
            await until(lambda: publisher.status().troubles)
            status = publisher.status()
            assert (status.epochs, status.waiting, noted.kept) == (EPOCHS, EPOCHS - 1, [0])
            before = cids(log)
        finally:
            await asyncio.to_thread(ipfs.thaw if away == "frozen" else ipfs.start)
        await until(lambda: publisher.status().waiting == 0)
    await noted.target.close()
    assert noted.kept == list(range(EPOCHS))
    assert publisher.status().troubles == {}
    assert ipfs.pins() == set(before) == set(cids(log))


async def test_an_epoch_without_one_of_its_blocks_is_not_sent_and_nothing_overtakes_it(
    log, ipfs, tmp_path
):
    for records in (3, 3):
        live(log, records)
        seal(log)
    parcels = [parcel(log, epoch, tmp_path) for epoch in range(2)]
    torn = replace(parcels[0], car=tmp_path / "torn.car")
    cid, blocks = log.epoch_blocks(0)
    torn.car.write_bytes(b"".join(car_bytes(cid, blocks[:-1])))
    offered = [torn, parcels[1]]

    async def parcel_of(epoch):
        return offered[epoch]

    target = Kubo(ipfs.url, deadline_s=0.5)
    delivery = Delivery(log, target, parcel_of, FAST, DOMAIN, LOG_KEY.address)
    task = asyncio.create_task(delivery.run())
    await until(lambda: delivery.trouble)
    await asyncio.sleep(1)
    # js-ipfs looks for the block until the deadline, an offline Kubo says that it is not there
    assert any(words in delivery.trouble for words in ("deadline", "not found"))
    assert (delivery.sent, ipfs.pins()) == (0, set())
    assert await target.claims(PLACE, 1) == []
    offered[0] = parcels[0]
    await until(lambda: delivery.sent == 2)
    assert ipfs.pins() == set(cids(log))
    task.cancel()
    await target.close()


async def test_the_nodes_garbage_collection_keeps_what_was_sent(log, ipfs, target, tmp_path):
    for records in (3, 2):
        live(log, records)
        seal(log)
        await kept(target, parcel(log, log.sealed_epochs - 1, tmp_path))
    for cid in cids(log):
        car = parcel(log, cids(log).index(cid), tmp_path).car
        ipfs.ask("repo/gc")
        assert ipfs.read("dag/export", arg=cid) == car.read_bytes()
    assert await epochs(target) == [1]


async def test_what_the_node_has_lost_is_sent_again_after_a_start(log, ipfs, target, tmp_path):
    signer = HeadSigner()
    publisher = publisher_of(log, tmp_path, target, signer=signer)
    for _ in range(EPOCHS):
        live(log, 2)
        await publisher.publish()
    await publisher.finish(10)
    for lost in (1, 3):
        ipfs.ask("pin/rm", arg=cids(log)[lost])
    ipfs.ask("repo/gc")
    assert len(ipfs.pins()) == EPOCHS - 2
    noted = Noted(target)
    status = await publisher_of(log, tmp_path, noted, signer=signer).finish(10)
    assert (noted.kept, status.waiting) == ([1, 3], 0)
    assert ipfs.pins() == set(cids(log))
