"""An independent IPFS client takes our epochs to an archive and reads them back, block by block."""

from __future__ import annotations

import asyncio
import io

import ipfshttpclient
import pytest
from logs import DOMAIN, live, open_log, seal

from telemetry.car import car_bytes, read_car
from telemetry.checkpoint import Checkpoint
from telemetry.cid import cid_of
from telemetry.node import Node
from telemetry.store import Archive


@pytest.fixture
def epoch(tmp_path):
    log = open_log(tmp_path / "log.sqlite")
    live(log, 3)
    seal(log)
    yield log.epoch_blocks(0)
    log.close()


@pytest.fixture
def archive(tmp_path):
    found = Archive(tmp_path / "archive.sqlite", DOMAIN)
    yield found
    found.close()


def exchange(url: str, cid: str, blocks: list[bytes]) -> tuple[str, list[bytes], bytes]:
    address = url.replace("http://127.0.0.1:", "/ip4/127.0.0.1/tcp/") + "/http"
    with ipfshttpclient.connect(address) as client:
        root = client.dag.imprt(io.BytesIO(b"".join(car_bytes(cid, blocks))))["Root"]["Cid"]["/"]
        links = Checkpoint.decode(client.block.get(cid)).records
        found = [client.block.get(name) for name in [cid, *links]]
        assert cid in client.pin.ls(type="recursive")["Keys"]
        assert client.block.stat(cid)["Size"] == len(blocks[0])
        return root, found, client.dag.export(cid)


@pytest.mark.filterwarnings("ignore:The 'strict' parameter:FutureWarning")  # the client's own
async def test_an_epoch_travels_through_a_client_that_is_not_ours(epoch, archive):
    cid, blocks = epoch
    node = Node(archive, DOMAIN, writable=archive)
    url = await node.start("127.0.0.1", 0)
    try:
        root, found, exported = await asyncio.to_thread(exchange, url, cid, blocks)
    finally:
        await node.stop()
    assert root == cid
    assert found == blocks
    read, back = read_car(io.BytesIO(exported))
    assert (read, [block.data for block in back]) == (cid, blocks)
    assert archive.head(1).cid == cid == cid_of(blocks[0])
