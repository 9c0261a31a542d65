"""An epoch is sent when a node has pinned it and says so; anything less is sent again."""

from __future__ import annotations

import json
from dataclasses import replace

import aiohttp
import pytest
from aiohttp import web
from logs import DOMAIN, live, open_log, parcel, seal
from serving import Bytes, Serving, never
from targets import TargetConformance

from telemetry.cid import digest_of
from telemetry.errors import TargetRefused, TargetUnreachable
from telemetry.kubo import Kubo
from telemetry.node import Node
from telemetry.store import Archive
from telemetry.target import place_of

PLACE = place_of(DOMAIN)


@pytest.fixture
def log(tmp_path):
    found = open_log(tmp_path / "log.sqlite")
    for records in (3, 2):
        live(found, records)
        seal(found)
    yield found
    found.close()


@pytest.fixture
def one(log, tmp_path):
    """The first epoch, on its way."""
    return parcel(log, 0, tmp_path / "cars")


@pytest.fixture
def archive(tmp_path):
    found = Archive(tmp_path / "archive.sqlite", DOMAIN)
    yield found
    found.close()


@pytest.fixture
async def target(archive):
    """An archive, spoken to as one speaks to Kubo."""
    node = Node(archive, DOMAIN, writable=archive)
    found = Kubo(await node.start("127.0.0.1", 0))
    yield found
    await found.close()
    await node.stop()


class TestArchive(TargetConformance):
    @pytest.fixture
    def target(self, target):
        return target

    @pytest.fixture(autouse=True)
    def _archive(self, archive):
        self.archive = archive

    async def lose(self, target, parcel):
        self.archive._db.execute("DELETE FROM epochs WHERE digest = ?", (digest_of(parcel.cid),))


class Told:
    """A node that answers as it was told, and remembers what it was asked."""

    def __init__(self, one, **answers):
        root = {"Root": {"Cid": {"/": one.cid}, "PinErrorMsg": ""}}
        self.answers = {
            "dag/import": json.dumps(root),
            "pin/ls": json.dumps({"Keys": {one.cid: {"Type": "recursive"}}}),
            "files/read": (500, '{"Message":"file does not exist","Code":0,"Type":"error"}'),
            "files/write": "",
        } | {name.replace("_", "/"): answer for name, answer in answers.items()}
        self.asked = []

    async def __call__(self, request):
        command = request.path.removeprefix("/api/v0/")
        self.asked.append((command, dict(request.query), await request.read()))
        answer = self.answers[command]
        status, text = answer if isinstance(answer, tuple) else (200, answer)
        return web.Response(status=status, text=text)

    @property
    def commands(self):
        return [command for command, *_ in self.asked]


async def keep(told, one, **more):
    async with Serving(told) as url:
        target = Kubo(url, **more)
        try:
            await target.keep(one)
            await target.mark(one)
        finally:
            await target.close()


async def shown(told):
    async with Serving(told) as url:
        target = Kubo(url)
        try:
            return await target.claims(PLACE, 1)
        finally:
            await target.close()


# What it asks


async def test_an_epoch_is_imported_pinned_looked_at_and_marked(one):
    told = Told(one)
    await keep(told, one)
    assert told.commands == ["dag/import", "pin/ls", "files/write"]
    sent, looked, marked = told.asked
    assert sent[1] == {"pin-roots": "true", "cid-base": "base32"}
    assert one.car.read_bytes() in sent[2]
    assert looked[1] == {"arg": one.cid, "type": "recursive", "cid-base": "base32"}
    assert marked[1]["arg"] == f"/forager/{PLACE}/1/newest"
    assert {marked[1][name] for name in ("create", "parents", "truncate")} == {"true"}
    assert json.dumps(one.claim.texts()).encode() in marked[2]


async def test_lines_it_does_not_need_are_passed_over(one):
    root = {"Root": {"Cid": {"/": one.cid}, "PinErrorMsg": ""}}
    lines = ({"Stats": {"BlockCount": 4}}, {"Root": {"Cid": {"/": "other"}}}, 7, None, root)
    await keep(Told(one, dag_import="\n".join(map(json.dumps, lines))), one)


@pytest.mark.parametrize("text", ["", "x", "3", "[]", "{", "null", '{"epoch": "9"}', "[" * 9_000])
async def test_what_is_no_marker_shows_nothing(one, text, shallow):
    assert await shown(Told(one, files_read=text)) == []


async def test_a_marker_is_read_as_it_was_written(one):
    assert await shown(Told(one, files_read=json.dumps(one.claim.texts()))) == [one.claim]


@pytest.mark.parametrize("status", [403, 404, 405])
async def test_a_node_that_lets_no_files_in_keeps_epochs_all_the_same(one, status):
    told = Told(one, files_read=(status, "no"), files_write=(status, "no"))
    await keep(told, one)
    assert await shown(told) == []


async def test_a_marker_that_cannot_be_read_or_written_is_no_answer(one):
    broken = (500, '{"Message":"the disk is full","Code":0,"Type":"error"}')
    with pytest.raises(TargetRefused, match="disk is full"):
        await shown(Told(one, files_read=broken))
    with pytest.raises(TargetRefused, match="disk is full"):
        await keep(Told(one, files_write=broken), one)


# What it is answered


async def test_a_refused_epoch_is_a_refusal_with_its_reason(log, archive, target, one, tmp_path):
    await target.keep(one)
    other = open_log(tmp_path / "other.sqlite")
    live(other, 2)
    seal(other)
    wrong = parcel(other, 0, tmp_path / "other")
    other.close()
    with pytest.raises(TargetRefused, match="another checkpoint") as found:
        await target.keep(wrong)
    assert found.value.consequence == "retry"
    wrong.car.write_bytes(wrong.car.read_bytes()[:-3])
    with pytest.raises(TargetRefused, match="cut short"):
        await target.keep(wrong)
    assert archive.head(1).cid == one.cid


async def test_a_pin_that_failed_is_a_refusal_with_its_reason(one):
    failed = {"Root": {"Cid": {"/": one.cid}, "PinErrorMsg": "block not found"}}
    told = Told(one, dag_import=json.dumps(failed))
    with pytest.raises(TargetRefused, match="block not found"):
        await keep(told, one)
    assert told.commands == ["dag/import"]


@pytest.mark.parametrize(
    "text",
    [
        *("", "nonsense", "[]", '{"Root":{}}', '{"Root":{"Cid":{"/":"x"}}}', '{"Root":[]}'),
        *("x" * 2_000_000, "[" * 9_000),
    ],
    ids=lambda text: text[:9],
)
async def test_an_answer_that_confirms_nothing_is_a_refusal(one, text, shallow):
    with pytest.raises(TargetRefused):
        await keep(Told(one, dag_import=text), one)


@pytest.mark.parametrize("text", ["", "{}", '{"Keys":{}}', '{"Keys":{"zdpu":{}}}', '{"Keys":[]}'])
async def test_what_is_not_pinned_after_all_is_a_refusal(one, text):
    with pytest.raises(TargetRefused, match="pinned"):
        await keep(Told(one, pin_ls=text), one)


async def test_an_error_on_the_way_is_no_confirmation(one):
    """Kubo's status is sent before the pin fails; what is wrong comes after the body."""
    answer = (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTrailer: X-Stream-Error\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
        b"0\r\nX-Stream-Error: pinning failed\r\n\r\n"
    )
    async with Bytes(answer) as url:
        target = Kubo(url)
        with pytest.raises(TargetRefused, match="does not confirm"):
            await target.keep(one)
        await target.close()


async def test_an_answer_cut_short_is_no_answer(one):
    root = json.dumps({"Root": {"Cid": {"/": one.cid}, "PinErrorMsg": ""}}).encode()
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n" % (
        len(root),
        root,
    )
    async with Bytes(answer) as url:
        target = Kubo(url)
        with pytest.raises(TargetUnreachable):
            await target.keep(one)
        await target.close()


async def test_nobody_is_asked_in_its_place(one):
    async def elsewhere(_):
        raise web.HTTPTemporaryRedirect("http://127.0.0.1:9/")

    with pytest.raises(TargetRefused, match="status=307"):
        await keep(elsewhere, one)


async def test_a_silent_or_missing_target_is_unreachable(one):
    target = Kubo("http://127.0.0.1:9")
    for question in (
        target.keep(one),
        target.holds(one),
        target.claims(PLACE, 1),
        target.mark(one),
    ):
        with pytest.raises(TargetUnreachable):
            await question
    await target.close()
    async with Serving(never) as url:
        target = Kubo(url, deadline_s=0.2)
        for question in (
            target.keep(one),
            target.holds(one),
            target.claims(PLACE, 1),
            target.mark(one),
        ):
            with pytest.raises(TargetUnreachable, match="deadline"):
                await question
        await target.close()


async def test_a_file_that_is_gone_is_not_the_targets_fault(one):
    told = Told(one)
    with pytest.raises(FileNotFoundError):
        await keep(told, replace(one, car=one.car.with_name("gone.car")))
    assert told.commands == []


# The archive's side


async def test_an_archive_is_read_through_the_same_commands(log, archive, target, tmp_path):
    for epoch in (0, 1):
        await target.keep(parcel(log, epoch, tmp_path))
    assert archive.head(1).cid == log.sealed.cid
    async with aiohttp.ClientSession(target.name) as client:
        async with client.get("/agents/1") as answer:
            assert (await answer.json())["head"] == log.sealed.cid
        async with client.post("/api/v0/pin/ls") as answer:
            assert len((await answer.json())["Keys"]) == 2
        async with client.post(f"/api/v0/block/stat?arg={log.sealed.cid}") as answer:
            assert (await answer.json())["Key"] == log.sealed.cid


async def test_an_archive_has_no_files_but_the_markers(archive, target, one):
    await target.keep(one)
    async with aiohttp.ClientSession(target.name) as client:
        for where in (f"/forager/{PLACE}/1/newest", f"/forager/{PLACE.lower()}/1/newest"):
            async with client.post("/api/v0/files/read", params={"arg": where}) as answer:
                assert await answer.json() == one.claim.texts()
        for where in ("", "/", f"/forager/{PLACE}/2/newest", "/forager/0x1/1/newest"):
            async with client.post("/api/v0/files/read", params={"arg": where}) as answer:
                assert (answer.status, "does not exist" in await answer.text()) == (500, True)
        lie = {"arg": f"/forager/{PLACE}/1/newest"}
        async with client.post("/api/v0/files/write", params=lie, data=b"9 x") as answer:
            assert answer.status == 200
        async with client.post("/api/v0/files/write?arg=/etc/passwd", data=b"x") as answer:
            assert answer.status == 500
    assert await target.claims(PLACE, 1) == [one.claim]
