"""A model file is used only if it is the one that was promised."""

import hashlib

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from compute.download import Wanted, obtain
from compute.errors import BadModel, NoModel

MODEL = b"GGUF and so on" * 1000
DIGEST = "0x" + hashlib.sha256(MODEL).hexdigest()


@pytest.fixture
async def gateway():
    """Has one file, and one that it sends damaged."""

    async def answer(request):
        files = {"bafygood": MODEL, "bafybad": MODEL[:-1] + b"!"}
        if (cid := request.match_info["cid"]) not in files:
            raise web.HTTPNotFound
        return web.Response(body=files[cid])

    app = web.Application()
    app.router.add_get("/ipfs/{cid}", answer)
    async with TestServer(app) as server:
        yield str(server.make_url("/"))


async def test_a_file_is_fetched_checked_and_kept(gateway, tmp_path):
    wanted = Wanted(tmp_path / "deep" / "m.gguf", DIGEST, "bafygood")
    assert await obtain(wanted, gateway) == DIGEST
    assert wanted.path.read_bytes() == MODEL
    assert await obtain(wanted, "http://127.0.0.1:1") == DIGEST


async def test_a_damaged_file_is_not_kept(gateway, tmp_path):
    with pytest.raises(BadModel):
        await obtain(Wanted(tmp_path / "m.gguf", DIGEST, "bafybad"), gateway)
    assert not list(tmp_path.iterdir())


async def test_a_file_that_nobody_has_may_come_later(gateway, tmp_path):
    with pytest.raises(NoModel):
        await obtain(Wanted(tmp_path / "m.gguf", DIGEST, "bafynone"), gateway)
    assert not list(tmp_path.iterdir())


async def test_another_file_in_its_place_is_refused(tmp_path):
    (tmp_path / "m.gguf").write_bytes(b"another")
    with pytest.raises(BadModel):
        await obtain(Wanted(tmp_path / "m.gguf", DIGEST), "")
    with pytest.raises(BadModel):
        await obtain(Wanted(tmp_path / "none.gguf"), "")
