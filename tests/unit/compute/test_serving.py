"""Scores are for tenants of active leases, and for each proof once."""

import json
from dataclasses import dataclass

import pytest
from aiohttp.test_utils import TestClient, TestServer
from fakes import FakeScorer

from chain import permit
from chain.keys import Key
from chain.types import Address
from compute import wire
from compute.errors import NoModel
from compute.gate import FRESH_S, MOST_PROOFS, STALE_S, Denied, Gate, Granted, Standing
from compute.port import LeaseState, ModelId
from compute.serving import Serving

TENANT, STRANGER = Key(b"\x01" * 32), Key(b"\x02" * 32)
PROVIDER = Address("0x" + "2" * 40)
DOMAIN = permit.Domain(31337, Address("0x" + "3" * 40))
MANIFEST = "0x" + "bb" * 32
MODEL = ModelId("0x" + "aa" * 32, "", "here")
NOW = 1_000_000


@dataclass
class Clock:
    now: float = NOW

    def __call__(self) -> float:
        return self.now


def recover(access: wire.Access, digest: bytes) -> Address | None:
    message = permit.Access(access.lease, PROVIDER, access.at, digest)
    return permit.signed_by(DOMAIN, message, access.signature)


def header(body: bytes, *, key=TENANT, lease=7, at=NOW, provider=PROVIDER, domain=DOMAIN) -> str:
    message = permit.Access(lease, provider, at, wire.digest(body))
    return wire.Access(lease, at, permit.sign(key, domain, message)).header()


def body(once="1", model=MANIFEST, labels=("A", "B")) -> bytes:
    return wire.ScoreRequest("prompt", labels, model, once).body()


def standings(state=LeaseState.ACTIVE):
    return {7: Standing(7, TENANT.address, state)}


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def gate(clock):
    gate = Gate(recover, clock)
    gate.show(1, standings())
    return gate


@pytest.fixture
def scorer():
    return FakeScorer(MODEL)


@pytest.fixture
async def client(gate, scorer):
    app = Serving(gate, scorer, MANIFEST).app()
    async with TestClient(TestServer(app)) as client:
        yield client


async def post(client, raw, proof):
    headers = {wire.ACCESS: proof} if proof is not None else {}
    async with client.post("/score", data=raw, headers=headers) as reply:
        return reply.status, json.loads(await reply.read())


async def test_the_tenant_of_an_active_lease_is_answered(client):
    status, reply = await post(client, body(), header(body()))
    assert status == 200
    assert reply == {
        "logits": [0.0, -1.0],
        "model": {"gguf": MODEL.gguf, "adapter": "", "engine": "here"},
    }


TAMPERED = header(body()).replace("7.", "8.", 1)
PROOFS = {
    "none": (None, 401),
    "empty": ("", 401),
    "nonsense": ("x", 401),
    "short signature": ("7.1000000.0x00", 401),
    "no hex": ("7.1000000.0x" + "zz" * 65, 401),
    "huge numbers": ("9" * 400 + ".1.0x" + "00" * 65, 401),
    "zero signature": (f"7.{NOW}.0x" + "00" * 65, 403),
    "a stranger's": (header(body(), key=STRANGER), 403),
    "of another lease": (TAMPERED, 403),
    "for another provider": (header(body(), provider=Address("0x" + "9" * 40)), 403),
    "on another chain": (header(body(), domain=permit.Domain(1, DOMAIN.contract)), 403),
    "of another body": (header(body("2")), 403),
    "too old": (header(body(), at=NOW - FRESH_S - 1), 403),
    "from the future": (header(body(), at=NOW + FRESH_S + 1), 403),
}


@pytest.mark.parametrize("proof", PROOFS)
async def test_everyone_else_is_told_no_in_one_line(client, scorer, proof):
    given, expected = PROOFS[proof]
    status, reply = await post(client, body(), given)
    assert status == expected
    assert list(reply) == ["refused"]
    assert "\n" not in reply["refused"]
    assert not scorer.prompts


@pytest.mark.parametrize(
    "state", [s for s in LeaseState if s not in (LeaseState.ACTIVE, LeaseState.GRACE)]
)
async def test_a_lease_that_is_not_active_opens_nothing(client, gate, state):
    gate.show(2, standings(state))
    assert (await post(client, body(), header(body())))[0] == 403


async def test_a_proof_is_good_once(client):
    assert (await post(client, body(), header(body())))[0] == 200
    assert (await post(client, body(), header(body())))[0] == 403
    assert (await post(client, body("2"), header(body("2"))))[0] == 200


async def test_without_news_of_the_chain_nobody_is_let_in(client, clock, gate):
    clock.now += STALE_S + 1
    proof = header(body(), at=int(clock.now))
    assert (await post(client, body(), proof))[0] == 503
    gate.confirm()
    assert (await post(client, body(), proof))[0] == 200


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"not json", 400),
        (b"{}", 400),
        (b"[" * 10_000, 400),
        (body(labels=()), 400),
        (body(labels=tuple("A" * 27)), 400),
        (body(labels=("A", "?")), 400),
        (body(labels=("A", "a")), 400),
        (body(labels=("A", "BC")), 400),
        (body(labels=("A", "")), 400),
        (body(labels=("A", 7)), 400),
        (body().replace(b'"prompt":"prompt"', b'"prompt":"half \\ud83d"'), 400),
        (body(model="0x00"), 404),
    ],
)
async def test_a_question_that_breaks_the_protocol_is_refused(client, scorer, raw, expected):
    assert (await post(client, raw, header(raw)))[0] == expected
    assert not scorer.prompts


async def test_a_body_is_bounded(client):
    raw = b"x" * (wire.MAX_REQUEST + 1)
    status, reply = await post(client, raw, header(raw))
    assert status == 413
    assert list(reply) == ["refused"]


async def test_a_model_that_fails_is_said_to_fail(client, scorer):
    scorer.fault = NoModel("gone")
    assert (await post(client, body(), header(body())))[0] == 503


async def test_health_and_models_are_for_everyone(client):
    async with client.get("/health") as reply:
        assert await reply.json() == {"ok": True, "block": 1}
    async with client.get(f"/models/{MANIFEST}") as reply:
        assert await reply.json() == {"digest": MANIFEST, "state": "ready"}
    async with client.get("/models/0x00") as reply:
        assert reply.status == 404
    async with client.get("/elsewhere") as reply:
        assert reply.status == 404
        assert await reply.json() == {"refused": "not found"}


def test_memory_of_proofs_is_bounded_and_forgets_what_is_stale(clock):
    gate = Gate(lambda _access, _digest: TENANT.address, clock)
    gate.show(1, standings())
    proof = f"7.{NOW}.0x" + "00" * 65
    verdicts = [gate.judge(proof, str(i).encode()) for i in range(MOST_PROOFS + 1)]
    assert all(isinstance(verdict, Granted) for verdict in verdicts[:-1])
    assert verdicts[-1] == Denied(429, "too many requests")
    gate.show(1, {**standings(), 8: Standing(8, TENANT.address, LeaseState.ACTIVE)})
    neighbour = f"8.{NOW}.0x" + "00" * 65
    assert isinstance(gate.judge(neighbour, b"0"), Granted)
    clock.now += 2 * FRESH_S + 1
    gate.show(2, standings())
    later = f"7.{int(clock.now)}.0x" + "00" * 65
    assert isinstance(gate.judge(later, b"0"), Granted)
