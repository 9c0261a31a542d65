"""A provider is asked with a proof, and believed only when its reply is what was leased."""

import asyncio
import json

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from fakes import FakeSigner

from chain import permit
from chain.errors import SignerGone
from chain.keys import Key
from chain.types import Address, Micro, Refused
from compute import wire
from compute.endpoint import RemoteScorer
from compute.errors import BadReply, NoModel
from compute.port import Lease, LeaseState, ModelId

KEY = Key(b"\x01" * 32)
PROVIDER = Address("0x" + "2" * 40)
MODEL = ModelId("0x" + "aa" * 32, "", "")
LABELS = ("A", "B")
GOOD = {"logits": [1.5, -2], "model": {"gguf": MODEL.gguf, "adapter": "", "engine": "here"}}


def lease(uri: str) -> Lease:
    return Lease(
        network="lease-market",
        id=7,
        offer=1,
        provider=PROVIDER,
        guardian=PROVIDER,
        uri=uri,
        state=LeaseState.ACTIVE,
        rate=1,
        balance=Micro(1),
        opened_at=0,
        paid_until=1,
        ends_at=1,
        manifest="0x" + "bb" * 32,
    )


@pytest.fixture
async def ask():
    """Scores against a provider that answers as told; gives what the scorer makes of it."""
    closing = []

    async def ask(answer, signer=None, deadline_s=5.0):
        app = web.Application()
        app.router.add_post("/score", answer)
        server = TestServer(app)
        await server.start_server()
        scorer = RemoteScorer(
            signer or FakeSigner(KEY, 31337), MODEL, deadline_s, clock=lambda: 1000.9
        )
        closing.extend((scorer.close, server.close))
        scorer.move(lease(str(server.make_url("/"))))
        return await scorer.score("the prompt", LABELS)

    yield ask
    for close in closing:
        await close()


def saying(body, status=200):
    async def answer(_):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return web.Response(body=raw, status=status)

    return answer


async def test_the_question_carries_a_proof_that_names_lease_provider_time_and_body(ask):
    seen = []

    async def answer(request):
        seen.append((request.headers[wire.ACCESS], await request.read()))
        return web.json_response(GOOD)

    scores = await ask(answer)
    assert scores.logits == (1.5, -2.0)
    assert scores.model == ModelId(MODEL.gguf, "", "here")
    [(header, body)] = seen
    access = wire.parse_access(header)
    assert (access.lease, access.at) == (7, 1000)
    message = permit.Access(7, PROVIDER, 1000, wire.digest(body))
    domain = permit.Domain(31337, KEY.address)
    assert permit.signed_by(domain, message, access.signature) == KEY.address
    asked = wire.parse_request(body)
    assert (asked.prompt, asked.labels) == ("the prompt", LABELS)


async def test_no_two_questions_are_the_same_bytes(ask):
    bodies = []

    async def answer(request):
        bodies.append(await request.read())
        return web.json_response(GOOD)

    await ask(answer)
    await ask(answer)
    assert bodies[0] != bodies[1]


MODEL_JSON = GOOD["model"]
POISON = [
    b"not json",
    b"[]",
    {},
    {"logits": [1, 2]},
    {"logits": [1], "model": MODEL_JSON},
    {"logits": [1, 2, 3], "model": MODEL_JSON},
    {"logits": [1, "2"], "model": MODEL_JSON},
    {"logits": [1, True], "model": MODEL_JSON},
    {"logits": [1, None], "model": MODEL_JSON},
    {"logits": [1, float("nan")], "model": MODEL_JSON},
    {"logits": [1, float("inf")], "model": MODEL_JSON},
    {"logits": [1, 10**400], "model": MODEL_JSON},
    b'{"logits": [1, 1e999], "model": ' + json.dumps(MODEL_JSON).encode() + b"}",
    {"logits": {"0": 1, "1": 2}, "model": MODEL_JSON},
    {"logits": [1, 2], "model": {**MODEL_JSON, "gguf": "0x" + "cc" * 32}},
    {"logits": [1, 2], "model": {**MODEL_JSON, "adapter": "0x" + "cc" * 32}},
    {"logits": [1, 2], "model": {"gguf": MODEL.gguf}},
    b"[" * 10_000,
    b"\xff\xfe",
    b'{"a":"' + b"x" * wire.MAX_REPLY + b'"}',
]


@pytest.mark.parametrize("poison", POISON, ids=lambda poison: str(poison)[:40])
async def test_a_reply_that_is_not_what_was_leased_is_no_model(ask, poison):
    with pytest.raises(NoModel):
        await ask(saying(poison))


@pytest.mark.parametrize("status", [301, 401, 403, 404, 429, 500, 503])
async def test_a_refusal_is_no_model(ask, status):
    with pytest.raises(NoModel, match="refused"):
        await ask(saying({"refused": "no"}, status))


async def test_a_provider_that_takes_too_long_is_no_model(ask):
    async def answer(_):
        await asyncio.sleep(1)
        return web.json_response(GOOD)

    with pytest.raises(NoModel, match="did not answer"):
        await ask(answer, deadline_s=0.1)


async def test_a_provider_that_drips_is_given_up_at_the_deadline(ask):
    async def answer(request):
        reply = web.StreamResponse()
        await reply.prepare(request)
        for _ in range(20):
            await reply.write(b" ")
            await asyncio.sleep(0.05)
        return reply

    with pytest.raises(NoModel, match="did not answer"):
        await ask(answer, deadline_s=0.2)


async def test_without_the_signers_proof_nothing_is_asked(ask):
    class Halted(FakeSigner):
        async def access(self, lease, provider, at, digest):
            return Refused("halted", {})

    class Gone(FakeSigner):
        async def access(self, lease, provider, at, digest):
            raise SignerGone

    asked = []

    async def answer(_):
        asked.append(1)
        return web.json_response(GOOD)

    for signer in (Halted, Gone):
        with pytest.raises(NoModel):
            await ask(answer, signer(KEY, 31337))
    assert not asked


@pytest.mark.parametrize(
    "uri", ["", "nonsense", "file:///etc/passwd", "http://127.0.0.1:1", "http://[::1", "gopher://x"]
)
async def test_an_address_that_leads_nowhere_is_no_model(uri):
    scorer = RemoteScorer(FakeSigner(KEY, 31337), MODEL, 2.0, clock=lambda: 0.0)
    scorer.move(lease(uri))
    with pytest.raises(NoModel):
        await scorer.score("p", LABELS)
    scorer.move(None)
    with pytest.raises(NoModel, match="no lease"):
        await scorer.score("p", LABELS)
    await scorer.close()


def test_the_reason_names_what_broke():
    with pytest.raises(BadReply, match="another model"):
        wire.parse_reply(json.dumps(GOOD).encode(), LABELS, ModelId("0x00", "", ""))
