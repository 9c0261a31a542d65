"""Auditing over HTTP: an honest gateway passes, a dishonest one costs little and is named."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from lives import CHAIN, REGISTRY, FakeWitness, deeds, registered, whole_life
from served import Honest, serving

from telemetry.auditing import audit as audit_module
from telemetry.auditing import findings as kinds
from telemetry.auditing.audit import audit
from telemetry.auditing.source import Bounds
from telemetry.car import read_epoch
from telemetry.checkpoint import Domain
from telemetry.cid import cid_of
from telemetry.errors import SourceError, TelemetryError
from telemetry.node import Node
from telemetry.store import Archive

QUICK = Bounds(epoch_bytes=100_000, request_s=1.5, silence_s=1.0, total_s=6.0, redirects=2)


def faults(verdict):
    return {finding.kind for finding in verdict.findings if finding.level == "fault"}


async def test_an_honest_gateway_gives_the_whole_life():
    async with serving(Honest(whole_life())) as url:
        for address, agent in ((url, 1), (f"{url}/agents/1", None), (f"{url}/", 1)):
            verdict = await audit(address, agent=agent, bounds=QUICK)
            assert verdict.ok
            assert (verdict.epochs, verdict.records) == (3, 11)


async def several(_):
    return web.json_response({"agents": [1, 2]})


async def test_a_gateway_of_several_agents_needs_a_name():
    async with serving(Honest(whole_life(), {"/agents": several})) as url:
        with pytest.raises(SourceError, match="name one"):
            await audit(url)


async def test_our_own_node_serves_what_the_auditor_reads(tmp_path):
    teller = whole_life()
    domain = Domain(CHAIN, REGISTRY)
    archive = Archive(tmp_path / "archive.sqlite", domain)
    for path in sorted(teller.write(tmp_path / "cars").iterdir()):
        archive.keep(read_epoch(path))
    node = Node(archive, domain)
    url = await node.start("127.0.0.1", 0)
    try:
        verdict = await audit(url)
    finally:
        await node.stop()
        archive.close()
    assert verdict.ok
    assert verdict.records == 11


async def nothing(_):
    return web.Response(status=500)


async def hang(_):
    await asyncio.sleep(30)


async def endless(request):
    reply = web.StreamResponse()
    await reply.prepare(request)
    while True:
        await reply.write(b"\0" * 65536)


async def loop(request):
    raise web.HTTPFound(request.path_qs)


async def other_block(_):
    return web.Response(body=whole_life().epochs[1][1][0])


@pytest.mark.parametrize("lie", [nothing, hang, endless, loop, other_block])
@pytest.mark.parametrize("part", ["/agents/1", "format=raw", "format=car"])
async def test_a_gateway_that_fails_is_found_within_bounds(lie, part):
    began = asyncio.get_running_loop().time()
    async with serving(Honest(whole_life(), {part: lie})) as url:
        if part == "/agents/1":
            with pytest.raises(SourceError):
                await audit(url, agent=1, bounds=QUICK)
        else:
            verdict = await audit(url, agent=1, bounds=QUICK)
            assert faults(verdict) & {kinds.MISSING, kinds.DAMAGED}
    assert asyncio.get_running_loop().time() - began < 5


async def test_everything_together_has_an_end():
    async with serving(Honest(whole_life(), {"format=car": hang})) as url:
        with pytest.raises(SourceError, match="takes too long"):
            await audit(url, agent=1, bounds=Bounds(total_s=0.5))


HEADS = [b"[]", b"{}", b'{"head": 3}', b'{"head": "Qm"}', b"[" * 60_000, b"\xff", b'{"head": null}']


@pytest.mark.parametrize("head", HEADS)
async def test_nonsense_for_a_head_is_no_log(head):
    async def lie(_):
        return web.Response(body=head)

    async with serving(Honest(whole_life(), {"/agents/1": lie})) as url:
        with pytest.raises(SourceError):
            await audit(url, agent=1, bounds=QUICK)


async def test_an_epoch_withheld_is_missed():
    teller = whole_life()
    withheld = {f"{teller.epochs[1][0].cid}?format=car": nothing}
    async with serving(Honest(teller, withheld)) as url:
        assert kinds.MISSING in faults(await audit(url, agent=1, bounds=QUICK))


async def test_another_agents_log_is_not_taken():
    gateway = Honest(whole_life())
    async with serving(gateway) as url:
        gateway.head["head"] = cid_of(b"elsewhere")
        verdict = await audit(url, agent=1, bounds=QUICK)
        assert faults(verdict) == {kinds.MISSING, kinds.ENDING, kinds.ORDER}
        assert verdict.records == 0


# Peers that know no agents


async def unknown(_):
    return web.Response(status=404)


async def test_any_gateway_will_do_where_the_head_is_known():
    teller = whole_life()
    async with serving(Honest(teller, {"/agents": unknown})) as url:
        verdict = await audit(url, head=teller.epochs[-1][0].cid, bounds=QUICK)
        assert (verdict.ok, verdict.agent, verdict.records) == (True, 1, 11)
        earlier = await audit(url, head=teller.epochs[1][0].cid, bounds=QUICK)
        assert (earlier.records, faults(earlier)) == (10, {kinds.ENDING})
        with pytest.raises(SourceError):
            await audit(url, agent=1, bounds=QUICK)


@pytest.mark.parametrize("head", ["", "Qm", cid_of(b"x") + "a", "bafkqaaa"])
async def test_a_head_is_a_name_that_this_format_uses(head):
    with pytest.raises(TelemetryError):
        await audit("http://127.0.0.1:1", head=head, bounds=QUICK)


async def test_a_head_that_nobody_has_is_no_log():
    async with serving(Honest(whole_life())) as url:
        with pytest.raises(SourceError):
            await audit(url, head=cid_of(b"elsewhere"), bounds=QUICK)


@pytest.fixture
def on_chain(monkeypatch):
    def stand(teller, uri=""):
        @asynccontextmanager
        async def witness(*_):
            yield FakeWitness(registered(teller), deeds(teller), uri)

        monkeypatch.setattr(audit_module, "_witness", witness)
        return {"rpc": "http://chain", "registry": REGISTRY, "bounds": QUICK}

    return stand


async def test_the_chain_names_the_head_where_the_peer_does_not(on_chain):
    teller = whole_life()
    async with serving(Honest(teller, {"/agents": unknown})) as url:
        verdict = await audit(url, agent=1, **on_chain(teller))
    assert (verdict.ok, verdict.verified, verdict.records) == (True, "chain", 11)


async def test_a_registry_and_an_id_are_enough(on_chain):
    teller = whole_life()
    async with serving(Honest(teller)) as url:
        verdict = await audit(None, agent=1, **on_chain(teller, url))
    assert (verdict.ok, verdict.verified, verdict.records) == (True, "chain", 11)


@pytest.mark.parametrize("uri", ["", "/etc", "file:///etc", "ftp://x", "kubo+http://x"])
async def test_the_registry_sends_nobody_but_to_a_gateway(on_chain, uri):
    with pytest.raises(SourceError, match="names no address"):
        await audit(None, agent=1, **on_chain(whole_life(), uri))


async def test_without_a_source_all_three_are_needed():
    for known in ({}, {"agent": 1}, {"agent": 1, "rpc": "http://chain"}):
        with pytest.raises(SourceError, match="name a source"):
            await audit(None, **known)


@asynccontextmanager
async def archived(tmp_path, teller):
    domain = Domain(CHAIN, REGISTRY)
    archive = Archive(tmp_path / "archive.sqlite", domain)
    for path in sorted(teller.write(tmp_path / "cars").iterdir()):
        archive.keep(read_epoch(path))
    node = Node(archive, domain, archive)
    try:
        yield await node.start("127.0.0.1", 0)
    finally:
        await node.stop()
        archive.close()


async def test_a_kubo_node_serves_a_log_too(tmp_path, on_chain):
    teller = whole_life()
    async with archived(tmp_path, teller) as url:
        alone = await audit(f"kubo+{url}", head=teller.epochs[-1][0].cid, bounds=QUICK)
        assert (alone.ok, alone.records) == (True, 11)
        with pytest.raises(SourceError, match="knows no heads"):
            await audit(f"kubo+{url}", agent=1, bounds=QUICK)
        anchored = await audit(f"kubo+{url}", agent=1, **on_chain(teller))
        assert (anchored.ok, anchored.verified, anchored.records) == (True, "chain", 11)


async def test_nothing_is_left_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    async with serving(Honest(whole_life())) as url:
        assert (await audit(url, agent=1, bounds=QUICK)).ok
    assert list(tmp_path.iterdir()) == []
