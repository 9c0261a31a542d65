"""Clients that trust no gateway read ours, and find out one that lies."""

from __future__ import annotations

import asyncio
import json

import pytest
from aiohttp import web
from ipfsd import HERE, node
from logs import DOMAIN, live, open_log, seal
from serving import Serving

from telemetry.car import car_bytes
from telemetry.cid import cid_of
from telemetry.node import Node

UNKNOWN = cid_of(b"nobody has this")


@pytest.fixture
def log(tmp_path):
    found = open_log(tmp_path / "log.sqlite")
    live(found, 5)
    seal(found)
    yield found
    found.close()


@pytest.fixture
async def gateway(log):
    found = Node(log, DOMAIN)
    yield await found.start("127.0.0.1", 0)
    await found.stop()


async def client(gateway, *jobs):
    """What the client found, job by job: names and sizes of blocks, or a complaint."""
    process = await asyncio.create_subprocess_exec(
        node(), str(HERE / "client.mjs"), gateway, *jobs, stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(30):
        output, _ = await process.communicate()
    assert process.returncode == 0
    lines = [json.loads(line) for line in output.splitlines()]
    return [
        [(block["cid"], block["size"]) for block in line["found"]]
        if "found" in line
        else line["error"]
        for line in lines
    ]


def named(blocks):
    return [(cid_of(data), len(data)) for data in blocks]


async def test_helia_follows_every_link_of_an_epoch(log, gateway):
    cid, blocks = log.epoch_blocks(0)
    assert await client(gateway, f"walk:{cid}") == [named(blocks)]


async def test_cars_hold_what_their_scope_says(log, gateway):
    cid, blocks = log.epoch_blocks(0)
    asked = {
        f"/ipfs/{cid}?format=car": blocks,
        f"/ipfs/{cid}?format=car&dag-scope=all": blocks,
        f"/ipfs/{cid}?format=car&dag-scope=entity": blocks[:1],
        f"/ipfs/{cid}?format=car&dag-scope=entity&entity-bytes=0:*": blocks[:1],
        f"/ipfs/{cid}?format=car&dag-scope=block": blocks[:1],
        f"/ipfs/{cid}/records/3?format=car&dag-scope=block": [blocks[0], blocks[4]],
        f"/ipfs/{cid}/records/3/body/n?format=car": [blocks[0], blocks[4]],
        f"/ipfs/{cid_of(blocks[2])}?format=car": [blocks[2]],
        "/ipfs/bafkqaaa?format=car": [],
    }
    found = await client(gateway, *(f"car:{path}" for path in asked))
    assert found == [named(blocks) for blocks in asked.values()]


async def test_what_is_not_there_is_refused(log, gateway):
    found = await client(
        gateway,
        f"walk:{UNKNOWN}",
        f"car:/ipfs/{UNKNOWN}?format=car",
        "car:/ipfs/nonsense?format=car",
        f"car:/ipfs/{log.sealed.cid}/records/9?format=car",
    )
    assert "Unable to fetch raw block" in found[0]
    assert found[1:] == ["Error: HTTP 404", "Error: HTTP 400", "Error: HTTP 404"]


async def test_a_lie_is_found_out(log):
    cid, blocks = log.epoch_blocks(0)
    lies = [*blocks[:3], blocks[3][:-1] + b"x", *blocks[4:]]
    car = b"".join(car_bytes(cid, blocks)).replace(blocks[3], lies[3])
    asked = []

    async def lie(request):
        if request.query["format"] == "car":
            return web.Response(body=car)
        asked.append(request.path.removeprefix("/ipfs/"))
        return web.Response(body=dict(zip(map(cid_of, blocks), lies, strict=True))[asked[-1]])

    async with Serving(lie) as url:
        by_block, by_car, honest = await client(
            url, f"walk:{cid}", f"car:/ipfs/{cid}?format=car", f"walk:{cid_of(blocks[1])}"
        )
    lied_of = cid_of(blocks[3])
    assert lied_of in by_block  # it was served, and thrown away
    assert asked == [cid_of(data) for data in blocks[:4]]  # the true ones it keeps
    assert by_car == f"Error: {lied_of} is a lie"
    assert honest == named(blocks[1:2])


async def test_a_car_cut_short_is_found_out(log):
    cid, blocks = log.epoch_blocks(0)
    car = b"".join(car_bytes(cid, blocks))[:-9]

    async def cut(_):
        return web.Response(body=car)

    async with Serving(cut) as url:
        (found,) = await client(url, f"car:/ipfs/{cid}?format=car")
    assert "Unexpected end of data" in found
