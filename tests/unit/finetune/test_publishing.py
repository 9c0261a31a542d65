"""A generation goes to the targets that keep logs too, and is here whole whatever they do."""

from __future__ import annotations

import json

import pytest
from aiohttp import web
from nursery import LARGE, bred
from pinservice import PinService
from serving import Serving

from agent.inheriting import inherit
from finetune import publishing
from finetune.errors import NotPublished
from finetune.publishing import places, publish
from telemetry.cadence import Cadence

TOKEN = "a token"


@pytest.fixture(scope="module")
def generation(tmp_path_factory):
    return bred(tmp_path_factory.mktemp("nursery"))


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    monkeypatch.setattr(publishing, "CADENCE", Cadence(retry_s=0.02, retry_max_s=0.05))


def silent(line):
    """Nobody listens."""


class Node:
    """As much of Kubo's RPC as is needed, over the CARs that it was given."""

    def __init__(self, cid, complaint=""):
        self.cid, self.complaint = cid, complaint
        self.pinned = False
        self.asked = []

    async def __call__(self, request):
        command = request.path.removeprefix("/api/v0/")
        self.asked.append(command)
        if command == "dag/import":
            self.car = await request.read()
            self.pinned = not self.complaint
            root = {"Root": {"Cid": {"/": self.cid}, "PinErrorMsg": self.complaint}}
            return web.Response(text=json.dumps(root))
        if not self.pinned:
            return web.Response(status=500, text='{"Message": "not pinned"}')
        return web.json_response({"Keys": {self.cid: {"Type": "recursive"}}})


async def test_a_node_gets_it_once(generation):
    node = Node(generation.manifest["figures"]["cid"])
    async with Serving(node) as url:
        for _ in range(2):
            kept = await publish(generation, places([f"kubo+{url}"]), silent)
            assert kept == [url]
    assert node.asked == ["pin/ls", "dag/import", "pin/ls", "pin/ls"]
    [car] = generation.folder.glob("*.car")
    assert car.read_bytes() in node.car


def written(folder, *targets, **telemetry):
    """A forager.toml with targets, or as much of one as is read."""
    lines = ['use = ["thrift"]', "[telemetry]"]
    lines += [f"{name} = {json.dumps(value)}" for name, value in telemetry.items()]
    for target in targets:
        lines.append("[[telemetry.targets]]")
        lines += [f"{name} = {json.dumps(value)}" for name, value in target.items()]
    path = folder / "forager.toml"
    path.write_text("\n".join(lines) + "\n")
    return str(path)


async def test_a_service_fetches_it_from_here_and_nothing_is_served_afterwards(
    generation, tmp_path
):
    figures = generation.manifest["figures"]
    (tmp_path / "pins.token").write_text(TOKEN + "\n")
    service, lines = PinService(TOKEN), []
    service.go.clear()

    def heard(line):
        lines.append(line)
        if "queued" in line:
            service.go.set()

    async with service as url:
        target = {"kind": "pinning", "url": url, "token_file": "pins.token"}
        named = written(tmp_path, target, gateway_port=0)
        assert await publish(generation, places([named]), heard) == [url]
        assert await publish(generation, places([named]), heard) == [url]
    assert service.posted == [figures["cid"]]
    assert any("queued" in line for line in lines)
    loose = {path.name: path.read_bytes() for path in (generation.folder / "ipfs").iterdir()}
    assert service.blocks[figures["cid"]] == loose
    [request] = service.requests.values()
    assert request.pin["name"] == f"forager/genome/{figures['genome']}"
    said = request.pin["meta"]
    assert (said["genome"], said["generation"]) == (figures["genome"], "1")
    with pytest.raises(Exception, match="is not to be had"):
        await inherit(figures["cid"], said["gateway"], tmp_path, lambda *_: None)


async def test_what_is_served_meanwhile_is_a_gateway(generation, tmp_path):
    [(_, telemetry)] = places([written(tmp_path, {"url": "http://x"}, gateway_port=0)])
    told = publishing.Generation.of(generation)
    async with publishing._lent(telemetry=telemetry, generation=told) as url:
        found = await inherit(told.cid, url, tmp_path, lambda *_: None)
        assert found.model.read_bytes() == LARGE


async def test_one_that_fails_keeps_no_other_from_it_and_is_asked_again(generation, tmp_path):
    cid = generation.manifest["figures"]["cid"]
    full, good = Node(cid, "the disk is full"), Node(cid)
    async with Serving(full) as first, Serving(good) as second:
        named = written(tmp_path, {"url": first}, {"url": second})
        where = places([named, "kubo+http://127.0.0.1:9"])
        with pytest.raises(NotPublished) as fault:
            await publish(generation, where, silent)
        assert "the disk is full" in str(fault.value)
        assert "http://127.0.0.1:9" in str(fault.value)
        assert f"kept {second}" in str(fault.value)
        full.complaint = ""
        assert await publish(generation, places([named]), silent) == [first, second]
    assert good.asked.count("dag/import") == 1


async def test_a_service_without_its_token_is_one_line(generation, tmp_path):
    async with PinService(TOKEN) as url:
        target = {"kind": "pinning", "url": url, "token_file": "none"}
        with pytest.raises(NotPublished, match="its token cannot be read"):
            await publish(generation, places([written(tmp_path, target, gateway_port=0)]), silent)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[", "no targets can be read here"),
        ("", "has no"),
        ("[telemetry]\ntargets = []", "has no"),
        ('[[telemetry.targets]]\nurl = "ftp://x"', "not an http address"),
        ('[[telemetry.targets]]\nkind = "kubbo"\nurl = "http://x"', "did you mean kubo"),
        ('[[telemetry.targets]]\nurl = "http://x"\ntoken = "t"', "unknown key"),
        ("[telemetry]\ntargetz = []", "unknown key telemetry.targetz"),
    ],
)
def test_a_file_that_names_no_target_is_one_line(tmp_path, text, says):
    (tmp_path / "forager.toml").write_text(text)
    with pytest.raises(NotPublished, match=says) as fault:
        places([str(tmp_path / "forager.toml")])
    assert "\n" not in str(fault.value)


@pytest.mark.parametrize("named", ["kubo+ftp://x", "kubo+", "/no/such/file", "http://x"])
def test_a_name_of_no_target_is_one_line(named):
    with pytest.raises(NotPublished):
        places([named])
