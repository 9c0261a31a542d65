"""A gateway that proves what it serves, an archive that refuses what contradicts it."""

from __future__ import annotations

import asyncio
import io
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl

import aiohttp
import pytest
from cbrrr import CID, decode_dag_cbor
from logs import DOMAIN, LOG_KEY, live, open_log, parcel, seal

from chain.keys import Key
from telemetry.car import Block, car_bytes, car_name, read_car, write_car
from telemetry.checkpoint import Checkpoint
from telemetry.cid import cid_of, to_binary
from telemetry.errors import BadImport, LogHeld
from telemetry.kubo import Kubo
from telemetry.negotiate import matches, wanted
from telemetry.node import CONNECTIONS, Node
from telemetry.store import Archive
from telemetry.wanted import CAR, RAW, Declined

UNKNOWN = cid_of(b"nobody has this")


@pytest.fixture
def log(tmp_path):
    found = open_log(tmp_path / "log.sqlite")
    for records in (3, 2):
        live(found, records)
        seal(found)
    live(found, 1)
    yield found
    found.close()


@pytest.fixture
def archive(tmp_path):
    found = Archive(tmp_path / "archive.sqlite", DOMAIN)
    yield found
    found.close()


@pytest.fixture
async def served(log):
    """The agent's own gateway, and a client of it."""
    node = Node(log, DOMAIN)
    async with aiohttp.ClientSession(await node.start("127.0.0.1", 0)) as client:
        yield client
    await node.stop()


@pytest.fixture
async def rpc(archive):
    """An archive's address."""
    node = Node(archive, DOMAIN, writable=archive)
    yield await node.start("127.0.0.1", 0)
    await node.stop()


def blocks_of(log, epoch):
    return [Block(cid_of(data), data) for data in log.epoch_blocks(epoch)[1]]


def car_of(log, epoch, folder):
    cid, blocks = log.epoch_blocks(epoch)
    path = folder / car_name(epoch, cid)
    write_car(path, cid, blocks)
    return cid, path


# The gateway


async def test_a_block_is_served_raw_and_for_ever(log, served):
    cid, blocks = log.epoch_blocks(0)
    async with served.get(f"/ipfs/{cid}?format=raw") as answer:
        assert await answer.read() == blocks[0]
        assert answer.headers["Content-Type"] == RAW
        assert answer.headers["ETag"] == f'"{cid}.raw"'
        assert answer.headers["Cache-Control"] == "public, max-age=29030400, immutable"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Disposition"] == f'attachment; filename="{cid}.bin"'
        assert "Content-Location" not in answer.headers
    async with served.get(f"/ipfs/{cid_of(blocks[2])}", headers={"Accept": RAW}) as answer:
        assert await answer.read() == blocks[2]
        assert answer.headers["Content-Location"].endswith("?format=raw")


async def test_an_epoch_is_served_as_the_very_file_that_is_published(log, served, tmp_path):
    cid, path = car_of(log, 1, tmp_path)
    async with served.get(f"/ipfs/{cid}", headers={"Accept": f"{CAR};version=1;order=dfs"}) as it:
        assert await it.read() == path.read_bytes()
        assert it.headers["Content-Type"] == f"{CAR}; version=1; order=dfs; dups=n"
        assert it.headers["ETag"].startswith("W/")


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("dag-scope=block", 1),
        ("dag-scope=entity", 1),
        ("dag-scope=all", 4),
        ("entity-bytes=0:9", 1),
    ],
)
async def test_the_scope_says_how_much_of_an_epoch_comes(log, served, query, count):
    cid, blocks = log.epoch_blocks(0)
    async with served.get(f"/ipfs/{cid}?format=car&{query}") as answer:
        root, found = read_car(io.BytesIO(await answer.read()))
        assert root == cid
        assert [block.data for block in found] == blocks[:count]


async def test_a_records_car_is_that_record(log, served):
    record = log.epoch_blocks(0)[1][1]
    async with served.get(f"/ipfs/{cid_of(record)}?format=car") as answer:
        assert [b.data for b in read_car(io.BytesIO(await answer.read()))[1]] == [record]


async def test_head_answers_without_a_body(log, served):
    cid, blocks = log.epoch_blocks(0)
    for form in ("raw", "car"):
        async with served.head(f"/ipfs/{cid}?format={form}") as answer:
            assert answer.status == 200
            assert await answer.read() == b""
            assert cid in answer.headers["ETag"]
    async with served.head(f"/ipfs/{cid}?format=raw") as answer:
        assert answer.headers["Content-Length"] == str(len(blocks[0]))


async def test_who_has_it_is_not_sent_it_again(log, served):
    cid = log.sealed.cid
    for tag in (f'"{cid}.raw"', f'W/"{cid}.raw"', "*", f'"other", "{cid}.raw"'):
        url = f"/ipfs/{cid}?format=raw"
        async with served.get(url, headers={"If-None-Match": tag}) as answer:
            assert answer.status == 304
            assert await answer.read() == b""
    async with served.get(
        f"/ipfs/{cid}?format=car", headers={"If-None-Match": f'"{cid}.raw"'}
    ) as answer:
        assert answer.status == 200


async def test_refusals_have_their_own_statuses(log, served):
    cid = log.sealed.cid
    unsealed = cid_of(log.record(5).encode())
    for path, status in {
        f"/ipfs/{UNKNOWN}?format=raw": 404,
        f"/ipfs/{unsealed}?format=raw": 404,
        "/ipfs/QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG?format=raw": 404,
        "/ipfs/bafkqaaa/x?format=car": 404,
        "/ipfs/nonsense?format=raw": 400,
        f"/ipfs/{cid}": 400,
        f"/ipfs/{cid}?format=json": 406,
        f"/ipfs/{cid}/records/0?format=raw": 400,
        f"/ipfs/{cid}/records/9?format=car": 404,
        f"/ipfs/{cid}/records/0/body/zzz?format=car": 404,
        f"/ipfs/{cid}?format=car&car-version=2": 400,
        f"/ipfs/{cid}?format=car&dag-scope=some": 400,
        f"/ipfs/{cid}?format=car&entity-bytes=some": 400,
        f"/ipns/{cid}?format=raw": 404,
        "/api/v0/version": 404,
    }.items():
        async with served.get(path) as answer:
            assert answer.status == status, path
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
    headers = {"Cache-Control": "only-if-cached"}
    async with served.get(f"/ipfs/{UNKNOWN}?format=raw", headers=headers) as answer:
        assert answer.status == 412
    async with served.get(f"/ipfs/{cid}", headers={"Accept": "text/html"}) as answer:
        assert answer.status == 406
    async with served.post("/api/v0/dag/import", data=b"") as answer:
        assert answer.status == 404


async def test_a_probe_for_the_empty_block_is_answered(served):
    async with served.get("/ipfs/bafkqaaa?format=raw") as answer:
        assert (answer.status, await answer.read()) == (200, b"")
    async with served.get("/ipfs/bafkqaaa?format=car") as answer:
        car = await answer.read()
        assert car[0] == len(car) - 1
        root = CID(bytes.fromhex("01550000"))
        assert decode_dag_cbor(car[1:]) == {"roots": [root], "version": 1}
    for form in ("raw", "car"):
        async with served.head(f"/ipfs/bafkqaaa?format={form}") as answer:
            assert (answer.status, await answer.read()) == (200, b"")


async def test_a_range_of_a_block_is_served(log, served):
    cid, blocks = log.epoch_blocks(0)
    url, size = f"/ipfs/{cid}?format=raw", len(blocks[0])
    async with served.get(url, headers={"Range": "bytes=6-16"}) as answer:
        assert (answer.status, await answer.read()) == (206, blocks[0][6:17])
        assert answer.headers["Content-Range"] == f"bytes 6-16/{size}"
        assert (answer.headers["Content-Type"], answer.headers["ETag"]) == (RAW, f'"{cid}.raw"')
    async with served.get(url, headers={"Range": f"bytes={size}-"}) as answer:
        assert (answer.status, answer.headers["Content-Range"]) == (416, f"bytes */{size}")
        assert "Cache-Control" not in answer.headers
    for headers in ({"Range": "bytes=0-1,3-4"}, {"Range": "bytes=0-1", "If-Range": '"other"'}):
        async with served.get(url, headers=headers) as answer:
            assert (answer.status, await answer.read()) == (200, blocks[0])
            assert answer.headers["Accept-Ranges"] == "bytes"
    async with served.head(url, headers={"Range": "bytes=0-1"}) as answer:
        assert (answer.status, answer.headers["Content-Length"]) == (200, str(size))
    async with served.get(f"/ipfs/{cid}?format=car", headers={"Range": "bytes=0-1"}) as answer:
        assert (answer.status, answer.headers["Accept-Ranges"]) == (200, "none")


async def test_a_path_brings_the_blocks_that_prove_it(log, served):
    cid, blocks = log.epoch_blocks(0)
    for path, found in {
        "records/1": [blocks[0], blocks[2]],
        "records/1/body": [blocks[0], blocks[2]],
        "records": blocks,
    }.items():
        async with served.get(f"/ipfs/{cid}/{path}?format=car") as answer:
            root, read = read_car(io.BytesIO(await answer.read()))
            assert (root, [block.data for block in read]) == (cid, found)
            assert answer.headers["X-Ipfs-Path"] == f"/ipfs/{cid}/{path}"
            assert answer.headers["X-Ipfs-Roots"].split(",")[0] == cid
        async with served.get(
            f"/ipfs/{cid}?format=car", headers={"If-None-Match": answer.headers["ETag"]}
        ) as whole:
            assert whole.status == 200


async def test_a_block_has_one_name_in_many_spellings(log, served):
    cid, blocks = log.epoch_blocks(0)
    spelt = "f" + to_binary(cid).hex()
    async with served.get(f"/ipfs/{spelt}?format=raw") as answer:
        assert await answer.read() == blocks[0]
        assert answer.headers["ETag"] == f'"{cid}.raw"'


async def test_a_file_is_called_what_the_client_wants(log, served):
    cid = log.sealed.cid
    for name, said in {
        "epoch.car": 'attachment; filename="epoch.car"',
        "Эпоха.car": 'attachment; filename="_____.car"; '
        "filename*=UTF-8''%D0%AD%D0%BF%D0%BE%D1%85%D0%B0.car",
        'a"b\r\n.car': "attachment; filename=\"a_b__.car\"; filename*=UTF-8''a%22b%0D%0A.car",
    }.items():
        params = {"format": "car", "filename": name}
        async with served.get(f"/ipfs/{cid}", params=params) as answer:
            assert answer.headers["Content-Disposition"] == said


def test_every_scope_and_range_of_a_car_has_its_own_tag():
    asked = ({}, {"dag-scope": "block"}, {"dag-scope": "entity"}, {"entity-bytes": "0:*"})
    more = ({"entity-bytes": "-9:-3"}, {"car-dups": "y"}, {"dag-scope": "all", "car-dups": "y"})
    tags = [wanted(UNKNOWN, "", {"format": "car"} | each, "").etag for each in (*asked, *more)]
    tags += [wanted(UNKNOWN, path, {"format": "car"}, "").etag for path in ("/a", "/a/b", "/b")]
    assert len(set(tags)) == len(tags) - 1  # all of it with duplicates was asked for twice
    assert all(tag.startswith(f'W/"{UNKNOWN}.') for tag in tags)


@pytest.mark.parametrize(
    ("query", "accept", "location"),
    [
        ("format=raw", "", None),
        ("format=raw", RAW, None),
        ("format=raw", "text/html", None),
        ("", RAW, "format=raw"),
        ("filename=x", RAW, "filename=x&format=raw"),
        ("format=raw", CAR, "format=raw"),
        ("format=car", CAR, None),
        (
            "dag-scope=block",
            CAR,
            "dag-scope=block&format=car&car-version=1&car-order=dfs&car-dups=n",
        ),
        ("format=car", f"{CAR};dups=y", "format=car&car-version=1&car-order=dfs&car-dups=y"),
        (
            "format=car&car-dups=n",
            f"{CAR};dups=y",
            "format=car&car-dups=n&car-version=1&car-order=dfs",
        ),
    ],
)
def test_an_answer_names_the_address_that_needs_no_headers(query, accept, location):
    found = wanted(UNKNOWN, "", dict(parse_qsl(query)), accept).content_location
    assert found == (location and f"/ipfs/{UNKNOWN}?{location}")


async def test_a_life_is_found_by_its_number(log, served):
    async with served.get("/agents/1") as answer:
        found = await answer.json()
        tag = answer.headers["ETag"]
    assert found == {
        "agent": 1,
        "head": log.sealed.cid,
        "chain": DOMAIN.chain_id,
        "registry": DOMAIN.contract,
        "epochs": [
            {"epoch": 0, "cid": log.epoch_blocks(0)[0], "size": 3},
            {"epoch": 1, "cid": log.sealed.cid, "size": 5},
        ],
    }
    async with served.get("/agents/1", headers={"If-None-Match": tag}) as answer:
        assert answer.status == 304
    async with served.get("/agents/1?from=1") as answer:
        assert [epoch["epoch"] for epoch in (await answer.json())["epochs"]] == [1]
    async with served.get("/agents") as answer:
        assert await answer.json() == {"agents": [1]}
    for missing in ("/agents/2", "/agents/x"):
        async with served.get(missing) as answer:
            assert answer.status == 404


def test_the_best_acceptable_form_is_chosen():
    cid = str(UNKNOWN)
    assert wanted(cid, "", {}, f"text/html, {RAW};q=0.5, {CAR};q=0.9").form == "car"
    assert wanted(cid, "", {"format": "raw"}, CAR).form == "raw"
    assert wanted(cid, "", {}, f"{CAR};dups=y").dups == "y"
    assert wanted(cid, "", {"car-dups": "n"}, f"{CAR};dups=y").dups == "n"
    for accept in (f"{RAW};q=0", f"{RAW};q=x", "image/png"):
        assert isinstance(wanted(cid, "", {}, accept), Declined)
    assert wanted(cid, "", {}, f"{CAR};version=2") == Declined(400, "only CAR version 1 is served")
    assert not matches("", '"x"')


# The archive


def test_an_archive_learns_heads_from_the_epochs_it_takes(log, archive):
    for epoch in (1, 0, 1):
        archive.keep(blocks_of(log, epoch))
        assert archive.head(1).epoch == 1
    assert archive.epochs(1, 0, 9) == log.epochs(1, 0, 9)
    assert (archive.agents(), archive.head(2)) == ([1], None)
    for block in blocks_of(log, 0) + blocks_of(log, 1):
        assert archive.block(block.cid) == block.data


def test_an_archive_is_held_by_one_and_keeps_what_it_has(log, archive, tmp_path):
    archive.keep(blocks_of(log, 0))
    with pytest.raises(LogHeld):
        Archive(tmp_path / "archive.sqlite", DOMAIN)
    archive.close()
    again = Archive(tmp_path / "archive.sqlite", DOMAIN)
    assert again.head(1).size == 3
    again.close()


def forged(log, epoch, **change):
    """The epoch with another head, signed by the log key all the same."""
    from chain.permit import digest

    old = Checkpoint.decode(log.epoch_blocks(epoch)[1][0])
    head = replace(old.head, **change)
    block = replace(old, head=head, sig=LOG_KEY.sign(digest(DOMAIN, head))).encode()
    return [Block(cid_of(block), block), *blocks_of(log, epoch)[1:]]


def test_an_archive_refuses_what_contradicts_it(log, archive, tmp_path):
    first, second = blocks_of(log, 0), blocks_of(log, 1)
    archive.keep(first)
    other = open_log(tmp_path / "other.sqlite")
    live(other, 2)
    seal(other, Key(bytes([7]) * 32))
    seal_again = blocks_of(other, 0)
    other.close()
    for wrong in (
        [],
        first[1:],
        first[:-1],
        [first[0], *second[1:]],
        [first[0], first[2], first[1], first[3]],
        forged(log, 0, root=bytes(32)),
        forged(log, 1, prev=bytes([1]) * 32),
        forged(log, 1, size=6),
        forged(log, 1, agent=2),
        [Block(first[1].cid, b"\xa0"), *first[1:]],
        seal_again,
    ):
        with pytest.raises(BadImport):
            archive.keep(wrong)
    archive.keep(second)
    with pytest.raises(BadImport):
        archive.keep(forged(log, 0, root=bytes([2]) * 32))
    assert archive.epochs(1, 0, 9) == log.epochs(1, 0, 9)


def test_an_archive_takes_a_life_from_one_key_only(log, archive, tmp_path):
    archive.keep(blocks_of(log, 0))
    other = open_log(tmp_path / "other.sqlite")
    for records in (1, 1, 1):
        live(other, records)
        seal(other, Key(bytes([7]) * 32))
    with pytest.raises(BadImport):
        archive.keep(blocks_of(other, 2))
    other.close()


# Over the wire


async def test_the_rpc_is_not_for_web_pages(rpc):
    async with aiohttp.ClientSession(rpc) as client:
        for headers, status in (({}, 200), ({"Origin": "http://evil"}, 403)):
            async with client.post("/api/v0/version", headers=headers) as answer:
                assert answer.status == status
        async with client.get("/api/v0/version") as answer:
            assert answer.status == 405


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no multipart",
        b"".join(car_bytes(UNKNOWN, [b"another"])),
        b"".join(car_bytes(UNKNOWN, [])),
        bytes([0x80, 0x80, 0x80, 0x10]) + bytes(1000),
    ],
    ids=len,
)
async def test_uploads_that_are_no_epoch_are_answered_and_forgotten(rpc, archive, body):
    async with aiohttp.ClientSession(rpc) as client:
        async with client.post("/api/v0/dag/import", data=body) as answer:
            assert answer.status == 500
            assert (await answer.json())["Type"] == "error"
        form = aiohttp.FormData()
        form.add_field("file", body, filename="x.car")
        async with client.post("/api/v0/dag/import", data=form) as answer:
            assert answer.status == 500
        for command in ("block/stat", "block/get", "pin/ls", "dag/export"):
            for arg in (UNKNOWN, "nonsense"):
                async with client.post(f"/api/v0/{command}?arg={arg}") as answer:
                    assert answer.status == 500
    assert archive.agents() == []


# Those who connect and say nothing


def descriptors():
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


async def test_silent_connections_keep_nobody_out_and_take_few_descriptors(log):
    node = Node(log, DOMAIN)
    url = await node.start("127.0.0.1", 0)
    host, port = url.removeprefix("http://").split(":")
    before = descriptors()
    silent = [await asyncio.open_connection(host, int(port)) for _ in range(3 * CONNECTIONS)]
    for _, writer in silent:
        writer.write(b"GET /agents HTTP/1.1\r\nHost: x\r\n")
    await asyncio.sleep(0.1)
    held = descriptors() - before - len(silent)  # ours are the other ends
    assert held <= CONNECTIONS
    async with aiohttp.ClientSession(url) as client, client.get("/agents") as answer:
        assert (await answer.json())["agents"] == [1]
    for _, writer in silent:
        writer.close()
    await node.stop()


async def test_a_stalled_upload_holds_up_no_other(log, rpc, tmp_path):
    host, port = rpc.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    head = "Content-Type: multipart/form-data; boundary=X\r\nContent-Length: 100000\r\n\r\n"
    part = "--X\r\nContent-Disposition: form-data; name=f\r\n\r\n"
    writer.write(f"POST /api/v0/dag/import HTTP/1.1\r\nHost: x\r\n{head}{part}".encode())
    await asyncio.sleep(0.1)
    target = Kubo(rpc, deadline_s=2)
    await target.keep(parcel(log, 0, tmp_path))
    await target.close()
    writer.close()


@pytest.mark.parametrize(
    "body",
    [
        b"--X\r\nContent-Length: zz\r\n\r\nabc\r\n--X--\r\n",
        b"--X\r\nA" * 100,
        b"--X\r\nContent-Encoding: gzip\r\n\r\nabc\r\n--X--\r\n",
        b"garbage",
    ],
    ids=lambda body: body[:12],
)
async def test_an_upload_of_another_form_is_an_error_as_kubo_tells_it(rpc, body):
    headers = {"Content-Type": "multipart/form-data; boundary=X"}
    async with (
        aiohttp.ClientSession(rpc) as client,
        client.post("/api/v0/dag/import", data=body, headers=headers) as answer,
    ):
        assert answer.status == 500
        assert (await answer.json())["Type"] == "error"
