"""Each kind of target in the config has its adapter."""

from __future__ import annotations

import pytest
from aiohttp import web
from logs import live, open_log, parcel, seal
from serving import Serving

from agent.config import KuboTarget, PinningTarget
from agent.home import Home
from agent.publishing import target_of
from telemetry.errors import TargetRefused
from telemetry.kubo import Kubo

NODE = "/dns/node.example/tcp/4001/p2p/12D3KooW"


def test_a_kubo_is_spoken_to_as_one(tmp_path):
    target = target_of(KuboTarget(url="http://a/"), Home(tmp_path), "http://us")
    assert (type(target), target.name) == (Kubo, "http://a")


@pytest.fixture
def one_epoch(tmp_path):
    log = open_log(tmp_path / "log.sqlite")
    live(log, 1)
    seal(log)
    yield parcel(log, 0, tmp_path)
    log.close()


@pytest.mark.parametrize(
    ("serves", "origins"),
    [
        ("https://us", ["/dns/us/tcp/443/tls/http", NODE]),
        ("ipns://us", [NODE]),
    ],
)
async def test_a_service_is_told_where_the_blocks_are(tmp_path, serves, origins, one_epoch):
    (tmp_path / "token").write_text("secret")
    heard = []

    async def hear(request):
        if request.method == "GET":
            return web.json_response({"count": 0, "results": []})
        heard.append((request.headers["Authorization"], await request.json()))
        return web.json_response({}, status=202)

    async with Serving(hear) as url:
        section = PinningTarget(url=url, token_file="token", origins=(NODE, NODE))
        target = target_of(section, Home(tmp_path), serves)
        with pytest.raises(TargetRefused):
            await target.keep(one_epoch)
        await target.close()
    ((token, order),) = heard
    assert token == "Bearer secret"
    assert (order["origins"], order["meta"]["gateway"]) == (origins, serves)
