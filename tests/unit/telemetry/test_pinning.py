"""A pinning service is asked once for each epoch, and until it says `pinned` nothing is kept."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress

import aiohttp
import pytest
from aiohttp import web
from logs import DOMAIN, LOG_KEY, HeadSigner, live, open_log, parcel, seal
from pinservice import PinService
from serving import Serving, never
from targets import PLACE, TargetConformance, epochs, kept

from telemetry.cadence import Cadence
from telemetry.errors import TargetBusy, TargetRefused, TargetUnreachable
from telemetry.multiaddr import multiaddr_of
from telemetry.node import Node
from telemetry.pinning import Origin, Pinning
from telemetry.publisher import Publisher

TOKEN = "a token"
FAST = Cadence(records=4, seconds=1000, retry_s=0.01, retry_max_s=0.05)


@pytest.fixture
def log(tmp_path):
    found = open_log(tmp_path / "log.sqlite")
    live(found, 3)
    seal(found)
    yield found
    found.close()


@pytest.fixture
def one(log, tmp_path):
    return parcel(log, 0, tmp_path / "cars")


@pytest.fixture
def token(tmp_path):
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    return path


@pytest.fixture
async def gateway(log):
    """Where the log is served."""
    node = Node(log, DOMAIN)
    yield await node.start("127.0.0.1", 0)
    await node.stop()


@pytest.fixture
async def service():
    found = PinService(TOKEN)
    async with found as url:
        found.url = url
        yield found


@pytest.fixture
async def target(service, gateway, token):
    found = Pinning(service.url, token, Origin(gateway, (multiaddr_of(gateway),)))
    yield found
    await found.close()


class TestPinning(TargetConformance):
    @pytest.fixture
    def target(self, target, service):
        self.service = service
        return target

    async def lose(self, target, parcel):
        self.service.lose(parcel.cid)


async def test_the_service_has_fetched_every_block(log, service, target, one):
    await kept(target, one)
    assert list(service.blocks[one.cid].values()) == log.epoch_blocks(0)[1]
    (request,) = service.requests.values()
    assert request.pin == {
        "cid": one.cid,
        "name": f"forager/{PLACE}/1/000000",
        "origins": [multiaddr_of(target._origin.gateway)],
        "meta": {"gateway": target._origin.gateway} | one.claim.texts(),
    }


async def test_while_it_is_queued_it_is_asked_after_and_not_asked_for_again(service, target, one):
    service.go.clear()
    for status in ("queued", "queued", "pinning"):
        for request in service.requests.values():
            request.status = status
        with pytest.raises(TargetBusy, match=f"status={status}"):
            await target.keep(one)
    assert not await target.holds(one)
    assert await target.claims(PLACE, 1) == [one.claim]
    service.go.set()
    await kept(target, one)
    assert service.posted == [one.cid]


async def test_a_service_that_lists_late_is_asked_by_the_number_it_gave(token, one):
    pin = {"requestid": "a/b", "status": "queued", "pin": {"cid": one.cid}}
    asked = []

    async def late(request):
        asked.append((request.method, request.raw_path.partition("?")[0]))
        if request.path == "/pins" and request.method == "GET":
            return web.json_response({"count": 0, "results": []})
        return web.json_response(pin, status=202)

    async with Serving(late) as url:
        target = Pinning(url, token, Origin("http://x"))
        for _ in range(3):
            with pytest.raises(TargetBusy):
                await target.keep(one)
        await target.close()
    assert asked == [("GET", "/pins"), ("POST", "/pins"), *[("GET", "/pins/a%2Fb")] * 2]


async def test_another_life_of_the_daemon_finds_its_request_by_the_cid(service, target, token, one):
    service.go.clear()
    with pytest.raises(TargetBusy):
        await target.keep(one)
    again = Pinning(service.url, token, Origin("http://elsewhere"))
    with pytest.raises(TargetBusy):
        await again.keep(one)
    service.go.set()
    await kept(again, one)
    await again.close()
    assert service.posted == [one.cid]


async def test_a_failed_pin_is_a_refusal_and_is_asked_for_once_more_in_its_place(
    service, token, one, gateway
):
    target = Pinning(service.url, token, Origin("http://nowhere", ("/ip4/127.0.0.1/tcp/9/http",)))
    with pytest.raises(TargetRefused, match="Cannot connect"):
        await kept(target, one)
    await target.close()
    assert [r.pin["cid"] for r in service.requests.values()] == [one.cid]
    mended = Pinning(service.url, token, Origin(gateway, (multiaddr_of(gateway),)))
    async with asyncio.timeout(5):
        while not await mended.holds(one):
            with suppress(TargetBusy, TargetRefused):
                await mended.keep(one)
            await asyncio.sleep(0.02)
    await mended.close()
    assert len(service.requests) == 1


async def test_a_request_that_the_service_forgot_is_made_anew(service, target, one):
    service.go.clear()
    with pytest.raises(TargetBusy):
        await target.keep(one)
    service.lose(one.cid)
    service.go.set()
    await kept(target, one)
    assert service.posted == [one.cid, one.cid]


async def test_of_several_requests_the_one_nearest_to_done_counts(service, target, one):
    await kept(target, one)
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {TOKEN}"}) as client:
        for _ in range(3):
            async with client.post(f"{service.url}/pins", json={"cid": one.cid}) as answer:
                assert answer.status == 202
    await target.keep(one)


async def test_the_token_is_read_each_time(service, target, token, one):
    token.write_text("another")
    with pytest.raises(TargetRefused, match=r"UNAUTHORIZED.*status=401") as refused:
        await target.keep(one)
    assert "another" not in str(refused.value)
    token.write_text(f"{TOKEN}\n")
    await kept(target, one)
    token.unlink()
    with pytest.raises(TargetRefused, match="token cannot be read"):
        await target.holds(one)


async def test_only_pins_of_that_name_and_with_a_head_are_shown(service, target, one):
    texts = one.claim.texts()
    pins = {
        f"forager/{PLACE}/1/000007": texts,
        f"forager/{PLACE}/1/000008": {},
        f"forager/{PLACE}/1/000009": texts | {"sig": "0x"},
        f"forager/{PLACE}/11/000010": texts,
    }
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {TOKEN}"}) as client:
        for name, meta in pins.items():
            pin = {"cid": "bafkqaaa", "name": name, "meta": meta}
            async with client.post(f"{service.url}/pins", json=pin) as answer:
                assert answer.status == 202
    assert await target.claims(PLACE, 1) == [one.claim]


@pytest.mark.parametrize("status", [400, 404, 422, 501])
async def test_a_service_that_lists_none_by_name_gets_epochs_all_the_same(
    service, target, token, one, status
):
    async def picky(request):
        if "match" in request.query:
            return web.json_response({"error": {"reason": "BAD_REQUEST"}}, status=status)
        return web.json_response({"count": 0, "results": []})

    async with Serving(picky) as url:
        picked = Pinning(url, token, Origin("http://x"))
        assert await picked.claims(PLACE, 1) == []
        await picked.close()


@pytest.mark.parametrize(
    "text",
    [
        *("", "nonsense", "[]", "{}", '{"results": 7}', '{"count": 1, "results": {}}', "[" * 9_000),
        "x" * 2_000_000,
    ],
    ids=lambda text: text[:9],
)
async def test_an_answer_that_lists_no_pins_is_a_refusal(token, one, text, shallow):
    async def answer(request):
        return web.Response(text=text)

    async with Serving(answer) as url:
        target = Pinning(url, token, Origin("http://x"))
        for question in (target.keep(one), target.holds(one), target.claims(PLACE, 1)):
            with pytest.raises(TargetRefused):
                await question
        await target.close()


@pytest.mark.parametrize(
    "pin",
    [
        *({}, {"requestid": "1"}, {"requestid": 1, "status": "pinned"}, None, 7),
        {"requestid": "1", "status": "done", "pin": {"cid": "{cid}"}},
        {"requestid": "1", "status": "pinned", "pin": {"cid": "another"}},
        {"requestid": "1", "status": "pinned", "pin": "{cid}"},
    ],
    ids=str,
)
async def test_a_pin_of_another_form_or_of_something_else_is_none(token, one, pin):
    told = json.loads(json.dumps(pin).replace("{cid}", one.cid))
    posts = []

    async def answer(request):
        if request.method == "POST":
            posts.append(await request.json())
            return web.json_response(told, status=202)
        return web.json_response({"count": 1, "results": [told]})

    async with Serving(answer) as url:
        target = Pinning(url, token, Origin("http://x"))
        assert not await target.holds(one)
        with pytest.raises(TargetRefused, match="does not confirm"):
            await target.keep(one)
        await target.close()
    assert [post["cid"] for post in posts] == [one.cid]


async def test_a_silent_or_missing_service_is_unreachable(token, one):
    target = Pinning("http://127.0.0.1:9", token, Origin("http://x"))
    with pytest.raises(TargetUnreachable):
        await target.keep(one)
    await target.close()
    async with Serving(never) as url:
        target = Pinning(url, token, Origin("http://x"), deadline_s=0.1)
        with pytest.raises(TargetUnreachable, match="deadline"):
            await target.keep(one)
        await target.close()


async def test_the_token_goes_to_nobody_else(token, one):
    heard = []

    async def thief(request):
        heard.append(request.headers)
        return web.json_response({"count": 0, "results": []})

    async with Serving(thief) as elsewhere:

        async def redirect(request):
            raise web.HTTPTemporaryRedirect(elsewhere)

        async with Serving(redirect) as url:
            target = Pinning(url, token, Origin("http://x"))
            with pytest.raises(TargetRefused, match="status=307"):
                await target.keep(one)
            await target.close()
    assert heard == []


async def test_a_life_is_pinned_epoch_by_epoch(tmp_path, service, token):
    log = open_log(tmp_path / "life.sqlite")
    node = Node(log, DOMAIN)
    gateway = await node.start("127.0.0.1", 0)
    target = Pinning(service.url, token, Origin(gateway, (multiaddr_of(gateway),)))
    publisher = Publisher(
        log,
        HeadSigner(),
        [target],
        cars=tmp_path / "cars",
        domain=DOMAIN,
        log_key=LOG_KEY.address,
        cadence=FAST,
        clock=lambda: 0,
    )
    for _ in range(4):
        live(log, 3)
        assert await publisher.publish()
    status = await publisher.finish(10)
    assert (status.epochs, status.waiting, status.troubles) == (4, 0, {})
    assert service.posted == [epoch.cid for epoch in log.epochs(1, 0, 9)]
    assert set(service.blocks) == set(service.posted)
    assert await epochs(target) == [0, 1, 2, 3]
    await target.close()
    await node.stop()
    log.close()
