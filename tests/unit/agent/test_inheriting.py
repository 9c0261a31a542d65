"""Only what is wholly there, and wholly what its CID says, is inherited; else nothing is left."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from hashlib import sha256

import pytest
from aiohttp import web
from cbrrr import CID
from nursery import LARGE, Forgery, bred
from serving import Serving

from agent.bred import PART
from agent.errors import BadConfig, CannotInherit
from agent.inheriting import inherit, inherited
from agent.prompt import prompt_digest
from telemetry.blocks import Bounds
from telemetry.cid import PREFIX, RAW, cid_of, from_digest

QUICK = Bounds(request_s=1.0, silence_s=0.5, total_s=2.0)


def silent(done, whole):
    """No progress is shown."""


@pytest.fixture(scope="module")
def generation(tmp_path_factory):
    return bred(tmp_path_factory.mktemp("nursery"))


@pytest.fixture
def home(tmp_path):
    (tmp_path / "beside").mkdir()
    return tmp_path / "beside" / "home"


def taken(cid, source, home):
    """The genome, and the model's bytes; whatever happens, nothing is left beside the home."""
    try:
        with inherited(cid, str(source), home, silent) as found:
            return found.genome, found.model.read_bytes()
    finally:
        assert list(home.parent.iterdir()) == []


# Whoever has it


@pytest.mark.parametrize("source", ["folder", "car", "loose", "car alone"])
def test_a_generation_is_inherited_from_files(generation, home, tmp_path, source):
    cid = generation.manifest["figures"]["cid"]
    car = generation.folder / f"{cid}.car"
    (tmp_path / "alone").mkdir()
    (tmp_path / "alone" / car.name).write_bytes(car.read_bytes())
    place = {
        "folder": generation.folder,
        "car": car,
        "loose": generation.folder / "ipfs",
        "car alone": tmp_path / "alone",
    }[source]
    genome, model = taken(cid, place, home)
    assert model == LARGE
    assert genome.digest() == generation.manifest["figures"]["genome"]
    assert genome.generation == 1
    assert json.loads((generation.folder / "genome.json").read_text()) == genome.plain()


def served(generation, lie=None):
    """A gateway and a Kubo over a bred folder; `lie` answers for one block of it."""

    async def answer(request):
        if request.path.startswith("/api/v0/"):
            assert (request.method, request.path) == ("POST", "/api/v0/block/get")
            cid = request.query["arg"]
        else:
            assert request.query["format"] == "raw"
            cid = request.path.removeprefix("/ipfs/")
        data = (generation.folder / "ipfs" / cid).read_bytes()
        return await lie(request, cid, data) if lie else web.Response(body=data)

    return Serving(answer)


@pytest.mark.parametrize("way", ["{}", "{}/", "kubo+{}"])
async def test_a_generation_is_inherited_from_a_peer(generation, tmp_path, way):
    told = []
    async with served(generation) as url:
        found = await inherit(
            generation.manifest["figures"]["cid"],
            way.format(url),
            tmp_path,
            lambda *at: told.append(at),
        )
    assert found.model.read_bytes() == LARGE
    assert told == [(1, 3), (2, 3), (3, 3)]


# Whoever lies


async def other_bytes(request, cid, data):
    return web.Response(body=data[:-1] + bytes([data[-1] ^ 1]))


async def nothing(request, cid, data):
    return web.Response(status=404)


async def short(request, cid, data):
    reply = web.StreamResponse(headers={"Content-Length": str(len(data))})
    await reply.prepare(request)
    await reply.write(data[: len(data) // 2])
    request.transport.abort()
    return reply


async def hang(request, cid, data):
    await asyncio.sleep(30)


async def drip(request, cid, data):
    """Never silent for long, and never done."""
    reply = web.StreamResponse()
    await reply.prepare(request)
    for byte in data:
        await reply.write(bytes([byte]))
        await asyncio.sleep(0.2)
    return reply


async def endless(request, cid, data):
    reply = web.StreamResponse()
    await reply.prepare(request)
    while True:
        await reply.write(b"\0" * 65536)


async def elsewhere(request, cid, data):
    raise web.HTTPFound("http://127.0.0.1:9/")


async def round_about(request, cid, data):
    raise web.HTTPFound(request.path_qs)


async def longer(request, cid, data):
    return web.Response(body=data + b"!")


LIES = [other_bytes, nothing, short, hang, drip, endless, elsewhere, round_about, longer]


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.__name__)
@pytest.mark.parametrize("which", ["root", "genome", "first part", "last part"])
async def test_a_peer_that_lies_is_one_line_and_soon(generation, tmp_path, lie, which):
    figures = generation.manifest["figures"]
    parts = [LARGE[at : at + PART] for at in range(0, len(LARGE), PART)]
    about = {"root": figures["cid"], "genome": figures["genome_cid"]}
    digests = {"first part": sha256(parts[0]).digest(), "last part": sha256(parts[-1]).digest()}
    wanted = about.get(which) or from_digest(digests[which], RAW)

    async def once(request, cid, data):
        honest = web.Response(body=data)
        return await lie(request, cid, data) if cid == wanted else honest

    began = asyncio.get_running_loop().time()
    async with served(generation, once) as url:
        with pytest.raises(CannotInherit, match="is not to be had") as fault:
            await inherit(figures["cid"], url, tmp_path, silent, QUICK)
    assert asyncio.get_running_loop().time() - began < 4
    assert "\n" not in str(fault.value)


async def test_all_together_has_an_end(generation, tmp_path):
    async def slow(request, cid, data):
        await asyncio.sleep(0.3)
        return web.Response(body=data)

    async with served(generation, slow) as url:
        with pytest.raises(CannotInherit, match="takes too long"):
            await inherit(
                generation.manifest["figures"]["cid"],
                url,
                tmp_path,
                silent,
                replace(QUICK, total_s=0.7),
            )


@pytest.mark.parametrize("source", ["http://127.0.0.1:9", "http://[", "kubo+nonsense", "", "/no"])
def test_a_source_that_is_none_is_one_line(generation, home, source):
    with pytest.raises(CannotInherit, match="is not to be had"):
        taken(generation.manifest["figures"]["cid"], source, home)


@pytest.mark.parametrize(
    "cid", ["", "Qm", "bafyrei", from_digest(bytes(32), RAW), "bafkqaaa", "../../etc/passwd"]
)
def test_a_name_that_is_none_of_ours_is_one_line(generation, home, cid):
    with pytest.raises(CannotInherit, match="is not to be had"):
        taken(cid, generation.folder, home)


def spoilt(car, how):
    data = car.read_bytes()
    return {
        "empty": b"",
        "no CAR": b"nonsense" * 100,
        "cut short": data[: len(data) // 2],
        "a part changed": data.replace(LARGE[:50], LARGE[50:100]),
        "another root": data.replace(data[18:50], bytes(32), 1),
        "only the header": data[:59],
    }[how]


@pytest.mark.parametrize(
    "how", ["empty", "no CAR", "cut short", "a part changed", "another root", "only the header"]
)
def test_a_spoilt_car_is_one_line(generation, home, tmp_path, how):
    cid = generation.manifest["figures"]["cid"]
    car = tmp_path / "spoilt.car"
    whole = generation.folder / f"{cid}.car"
    car.write_bytes(spoilt(whole, how))
    assert car.read_bytes() != whole.read_bytes()
    with pytest.raises(CannotInherit, match="is not to be had"):
        taken(cid, car, home)


def test_a_folder_without_a_block_is_one_line(home, tmp_path):
    cid = Forgery().lay(tmp_path / "blocks")
    [part] = (tmp_path / "blocks").glob("bafkrei*")
    part.unlink()
    with pytest.raises(CannotInherit, match="this block is missing"):
        taken(cid, tmp_path / "blocks", home)


# Whoever writes


def test_a_small_generation_is_inherited(home, tmp_path):
    """So that each refusal below is for what was spoilt."""
    genome, model = taken(Forgery().lay(tmp_path / "blocks"), tmp_path / "blocks", home)
    assert model == b"GGUF small"
    assert genome.strategies == {"thrift": {"low_h": 5}, "keeper": {}}


def link(kind):
    return CID(kind + bytes(32))


PARENT = cid_of(b"parent")
SPOILT = {
    "a later form": (lambda f: f.root.update(v=2), "is of form 2"),
    "a form that is no number": (lambda f: f.root.update(v=True), "not a generation's"),
    "no form": (lambda f: f.root.pop("v"), "not a generation's"),
    "more than it has": (lambda f: f.root.update(odd=1), "not a generation's"),
    "less than it has": (lambda f: f.root.pop("made"), "not a generation's"),
    "no model": (lambda f: f.root["files"].pop("model.gguf"), "has these files"),
    "another file": (lambda f: f.root["files"].update(x=f.model), "has these files"),
    "files in a list": (lambda f: f.root.update(files=[]), "has these files"),
    "made of numbers": (lambda f: f.root.update(made={"code": 1}), "not told in texts"),
    "a file of no form": (lambda f: f.model.pop("size"), "not told of as a file"),
    "a size in words": (lambda f: f.model.update(size="10"), "not told of as a file"),
    "a size of nothing": (lambda f: f.model.update(size=0, parts=[]), "0 parts"),
    "a size below nothing": (lambda f: f.model.update(size=-1), "1 parts"),
    "a size beyond all": (lambda f: f.model.update(size=2**63), "1 parts"),
    "a size too large": (lambda f: f.model.update(size=11), "has 10 bytes of 11"),
    "a size too small": (lambda f: f.model.update(size=9), "more than this block may have"),
    "more parts than size": (lambda f: f.model["parts"].append(link(RAW)), "2 parts"),
    "fewer parts than size": (lambda f: f.model.update(parts=[]), "0 parts"),
    "a part of another kind": (lambda f: f.model.update(parts=[link(PREFIX)]), "another form"),
    "a part that is no link": (lambda f: f.model.update(parts=["x"]), "another form"),
    "a short link": (lambda f: f.model.update(parts=[CID(b"\x01\x55\x00\x00")]), "another form"),
    "a digest of another": (lambda f: f.model.update(sha256="0x" + "00" * 32), "another model"),
    "a digest of no form": (lambda f: f.model.update(sha256="00" * 33), "not named by its SHA"),
    "a raw genome": (lambda f: f.root.update(genome=link(RAW)), "another form"),
    "parents that it has not": (lambda f: f.root.update(parents=[PARENT]), "different parents"),
    "a parent as a link": (lambda f: f.root.update(parents=[link(PREFIX)]), "not named by"),
    "too many parents": (lambda f: f.root.update(parents=[PARENT] * 9), "or too many"),
    "a genome of a later form": (lambda f: f.genome.update(v=2), "the genome is of form 2"),
    "a genome of no form": (lambda f: f.genome.pop("v"), "it has no version"),
    "a genome with more": (lambda f: f.genome.update(odd=1), "other fields"),
    "a genome without a prompt": (lambda f: f.genome.pop("prompt"), "other fields"),
    "a number of no generation": (lambda f: f.genome.update(generation=-1), "no number of one"),
    "a generation in words": (lambda f: f.genome.update(generation="1"), "no number of one"),
    "a generation too far": (lambda f: f.genome.update(generation=2**40), "no number of one"),
    "another model": (lambda f: f.genome.update(gguf="0x" + "00" * 32), "another model"),
    "a model of no digest": (lambda f: f.genome.update(gguf="x"), "by SHA-256"),
    "an adapter": (lambda f: f.genome.update(adapter="0x" + "00" * 32), "has an adapter"),
    "another prompt": (lambda f: f.genome.update(prompt="0x" + "00" * 32), "another prompt"),
    "a prompt of no digest": (lambda f: f.genome.update(prompt=""), "by SHA-256"),
    "strategies in a list": (lambda f: f.genome.update(strategies=[]), "are no map"),
    "a strategy without options": (lambda f: f.genome.update(strategies={"x": 1}), "no strategy"),
    "a place to pay to": (
        lambda f: f.genome["strategies"]["thrift"].update(home="0x" + "12" * 20),
        "'home' of thrift is no figure",
    ),
    "places to pay to": (
        lambda f: f.genome["strategies"]["thrift"].update(sponsors=["0x12"]),
        "'sponsors' of thrift is no figure",
    ),
    "options in options": (
        lambda f: f.genome["strategies"]["thrift"].update(low_h={"x": 1}),
        "'low_h' of thrift is no figure",
    ),
    "a name that is more TOML": (
        lambda f: f.genome.update(strategies={"thrift]\n[keys": {}}),
        "no strategy with options",
    ),
    "an option that is more TOML": (
        lambda f: f.genome["strategies"]["thrift"].update({"a = 1\nb": 2}),
        "is no figure",
    ),
}


@pytest.mark.parametrize("how", SPOILT)
def test_a_generation_of_no_form_is_one_line(home, tmp_path, how):
    forgery = Forgery()
    spoil, says = SPOILT[how]
    spoil(forgery)
    with pytest.raises(CannotInherit, match=says) as fault:
        taken(forgery.lay(tmp_path / "blocks"), tmp_path / "blocks", home)
    assert "\n" not in str(fault.value)


def test_a_strategy_that_is_not_installed_is_named(home, tmp_path):
    forgery = Forgery()
    forgery.genome["strategies"] = {"thirft": {}}
    with pytest.raises(BadConfig, match=r"nothing called thirft .* did you mean thrift"):
        taken(forgery.lay(tmp_path / "blocks"), tmp_path / "blocks", home)


def test_another_prompt_is_refused_with_both_digests(home, tmp_path):
    forgery = Forgery()
    forgery.genome["prompt"] = "0x" + "ab" * 32
    with pytest.raises(CannotInherit, match=f"0x{'ab' * 32}.*{prompt_digest()}"):
        taken(forgery.lay(tmp_path / "blocks"), tmp_path / "blocks", home)


@pytest.mark.parametrize("which", ["root", "genome"])
@pytest.mark.parametrize(
    "block",
    [b"", b"\xff", b"\x81" * 60_000 + b"\x00", b"\xa1\x61v", b"\x9b" + b"\x7f" * 8, b"\xf6"],
    ids=["nothing", "nonsense", "deep", "cut short", "huge", "null"],
)
def test_cbor_that_is_deep_huge_or_none_is_one_line(home, tmp_path, which, block):
    cid = Forgery().lay(tmp_path / "blocks", **{which: block})
    with pytest.raises(CannotInherit):
        taken(cid, tmp_path / "blocks", home)


@pytest.mark.parametrize(("which", "most"), [("root", 1 << 20), ("genome", 64 << 10)])
def test_a_block_over_its_limit_is_not_read(home, tmp_path, which, most):
    cid = Forgery().lay(tmp_path / "blocks", **{which: b"\x00" * (most + 1)})
    with pytest.raises(CannotInherit, match="more than this block may have"):
        taken(cid, tmp_path / "blocks", home)


def test_a_part_over_the_limit_is_not_read(home, tmp_path):
    """Its size and digest agree, and it is one part all the same."""
    large = b"x" * (PART + 1)
    forgery = Forgery(large)
    with pytest.raises(CannotInherit, match="1 parts of at most"):
        taken(forgery.lay(tmp_path / "blocks"), tmp_path / "blocks", home)
    forgery.model["parts"] *= 2
    with pytest.raises(CannotInherit, match="more than this block may have"):
        taken(forgery.lay(tmp_path / "blocks"), tmp_path / "blocks", home)


def test_parts_in_another_order_are_another_file(home, tmp_path):
    forgery = Forgery()
    forgery.parts = [b"a" * PART, b"b" * PART]
    forgery.root["files"]["model.gguf"] = forgery.file(*forgery.parts)
    forgery.genome["gguf"] = forgery.model["sha256"]
    assert taken(forgery.lay(tmp_path / "blocks"), tmp_path / "blocks", home)[1][:1] == b"a"
    forgery.model["parts"].reverse()
    with pytest.raises(CannotInherit, match="are not the file"):
        taken(forgery.lay(tmp_path / "blocks"), tmp_path / "blocks", home)


def test_a_model_without_room_is_not_begun(home, tmp_path, monkeypatch):
    class Full:
        free = 9

    monkeypatch.setattr("shutil.disk_usage", lambda _: Full)
    with pytest.raises(CannotInherit, match="takes 10 bytes, 9 are free"):
        taken(Forgery().lay(tmp_path / "blocks"), tmp_path / "blocks", home)
