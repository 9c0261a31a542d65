"""Proofs against a real registry: what it has anchored is proven, by this package and on chain."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from lives import GENOME, LOG_KEY, SEED, Teller

import contracts
from chain.contracts import BIRTH, constructor, signature
from chain.errors import ChainError
from chain.keys import Key
from chain.permit import Birth, Domain, birth_args, sign
from chain.purse import Purse
from chain.reader import BlockReader
from chain.types import Address, Call
from telemetry.anchor import anchor_call, end_call
from telemetry.car import car_bytes
from telemetry.checkpoint import Head
from telemetry.proving.proof import NotProven, Proven
from telemetry.proving.prove import Chain, Growth, RecordUnder, prove, recheck
from telemetry.proving.written import written

pytestmark = pytest.mark.anvil

ROOT = Path(__file__).parents[2]
IS_ANCHORED = signature("LogWitness", "isAnchored")


@dataclass
class Lived:
    """A wallet with a log of four epochs, of which the registry has the first and the third."""

    client: object
    purse: Purse
    chain: Chain
    witness: Address
    teller: Teller
    folder: Path

    async def witnessed(self, proof, record=None, agent=1) -> bool:
        nodes = ["0x" + node.hex() for node in proof.path]
        args = [agent, "0x" + (record or proof.record).hex(), proof.seq, nodes]
        reader = await BlockReader.latest(self.client)
        [said] = await reader.call(self.witness, IS_ANCHORED, args)
        return said

    async def prove(self, claim, **what):
        return (await prove(str(self.folder), claim, chain=self.chain, **what)).verdict


async def create(maker: Purse, name: str, *args: str) -> Address:
    return await maker.deploy(contracts.artifact(name)["bytecode"], constructor(name), args)


async def born(client, registry: Address, operator: Key, wallet: Key, nonce: int) -> Purse:
    permit = Birth(
        wallet=wallet.address,
        operator=operator.address,
        log_key=LOG_KEY.address,
        genome=GENOME,
        parents=(),
        seed=SEED,
        nonce=nonce,
        deadline=2**40,
    )
    signed = sign(operator, Domain(client.chain_id, registry), permit)
    purse = Purse(client, wallet)
    await purse.send(Call(registry, BIRTH, birth_args(permit, signed)))
    return purse


@pytest.fixture
async def lived(client, devnet, tmp_path) -> Lived:
    maker, operator, wallet, neighbour = Purse(client, devnet.keys[0]), *devnet.keys[1:4]
    registry = await create(maker, "AgentRegistry")
    witness = await create(maker, "LogWitness", registry)
    purse = await born(client, registry, operator, wallet, 1)
    beside = await born(client, registry, operator, neighbour, 2)
    await beside.send(anchor_call(registry, Head(2, 0, 1, b"\1" * 32, bytes(32)), b"\2" * 32))
    teller = Teller(
        chain=devnet.chain_id, registry=registry, wallet=wallet.address, operator=operator.address
    )
    teller.birth()
    for epoch in range(4):
        for _ in range(5):
            teller.beat()
        head = teller.seal().head
        if epoch in {0, 2}:
            await purse.send(anchor_call(registry, head, teller.prev))
    folder = teller.write(tmp_path / "cars")
    return Lived(client, purse, Chain(devnet.url, registry), witness, teller, folder)


def why(verdict) -> str:
    assert isinstance(verdict, NotProven)
    return verdict.why


async def test_what_is_anchored_is_proven_here_and_on_the_chain(lived):
    answer = await prove(str(lived.folder), RecordUnder(9, "anchored"), chain=lived.chain)
    assert answer.verdict == Proven((2,))
    assert answer.proof.seal.head.size == 16
    assert await recheck(written(answer.proof).encode(), lived.chain) == answer
    assert await lived.witnessed(answer.proof)
    bent = bytearray(answer.proof.record)
    bent[-1] ^= 1
    assert not await lived.witnessed(answer.proof, bytes(bent))
    assert not await lived.witnessed(answer.proof, agent=2)

    # The next anchor moves the root: the registry still vouches for the old one, by its event.
    head = lived.teller.epochs[3][0].head
    end = end_call(lived.chain.registry, "horizon", head, lived.teller.prev)
    await lived.purse.send(end)
    assert not await lived.witnessed(answer.proof)
    assert await recheck(written(answer.proof).encode(), lived.chain) == answer
    anew = await prove(str(lived.folder), RecordUnder(9, "anchored"), chain=lived.chain)
    assert anew.verdict == Proven((3,))
    assert await lived.witnessed(anew.proof)


async def test_earlier_anchors_count_and_mere_signatures_do_not(lived):
    assert await lived.prove(RecordUnder(3, 0)) == Proven((0,))
    assert await lived.prove(RecordUnder(3, 2)) == Proven((2,))
    for claim in (RecordUnder(3), RecordUnder(3, 3), RecordUnder(3, 1)):
        assert "is not anchored" in why(await lived.prove(claim))
    assert await lived.prove(Growth(0, 2)) == Proven((0, 2))
    assert await lived.prove(Growth(0, 3)) == Proven((0,))
    assert await lived.prove(Growth(1, 2)) == Proven((2,))
    assert "checkpoint 1 or 3 is not anchored" in why(await lived.prove(Growth(1, 3)))


async def test_another_tale_of_an_anchored_epoch_is_told_apart(lived, tmp_path):
    forked = Teller(chain=lived.teller.chain, registry=lived.chain.registry)
    forked.birth()
    for _ in range(3):
        forked.beat("lean")
        forked.seal()
    folder = forked.write(tmp_path / "forked")
    for claim in (RecordUnder(1), RecordUnder(1, "anchored"), Growth(0, 1)):
        verdict = (await prove(str(folder), claim, chain=lived.chain)).verdict
        assert "has anchored another checkpoint" in why(verdict)


async def test_a_log_that_names_another_key_is_not_the_agents(lived, tmp_path):
    other = Key(b"\7" * 32)

    def renamed(fields):
        return fields | {"body": fields["body"] | {"log_key": other.address}}

    teller = Teller({0: renamed}, other, chain=lived.teller.chain, registry=lived.chain.registry)
    teller.birth()
    teller.seal()
    folder = str(teller.write(tmp_path / "other"))
    assert (await prove(folder, RecordUnder(0))).verdict == Proven(None)
    verdict = (await prove(folder, RecordUnder(0), chain=lived.chain)).verdict
    assert f"the registry's log key is {LOG_KEY.address}" in why(verdict)


async def test_another_registry_knows_nothing(lived, devnet):
    empty = await create(Purse(lived.client, devnet.keys[0]), "AgentRegistry")
    chain = Chain(lived.chain.rpc, empty)
    for epoch, said in ((0, "knows no agent 1"), ("anchored", "has anchored anything of agent 1")):
        verdict = (await prove(str(lived.folder), RecordUnder(0, epoch), chain=chain)).verdict
        assert said in why(verdict)
    for nobody in (lived.witness, LOG_KEY.address):
        with pytest.raises(ChainError):
            await prove(str(lived.folder), RecordUnder(0), chain=Chain(lived.chain.rpc, nobody))


async def test_a_stranger_that_knows_no_heads_is_told_by_the_chain(lived):
    blocks = {}
    for checkpoint, records in lived.teller.epochs:
        block = checkpoint.encode()
        blocks[checkpoint.cid, "raw"] = block
        blocks[checkpoint.cid, "car"] = b"".join(car_bytes(checkpoint.cid, [block, *records]))

    async def answer(request):
        body = blocks.get((request.match_info["cid"], request.query.get("format")))
        return web.Response(status=404) if body is None else web.Response(body=body)

    app = web.Application()
    app.router.add_get("/ipfs/{cid}", answer)
    async with TestServer(app) as server:
        url = str(server.make_url("")).rstrip("/")
        made = await prove(url, RecordUnder(9, "anchored"), agent=1, chain=lived.chain)
    assert made.verdict == Proven((2,))


async def command(*args: object) -> tuple[int, str]:
    run = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "agent", "prove", *map(str, args)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await run.communicate()
    assert run.returncode is not None
    return run.returncode, said.decode()


async def test_the_command_says_so(lived, tmp_path):
    file, chain = tmp_path / "proof.json", ("--rpc", lived.chain.rpc, "--registry")
    chain = (*chain, lived.chain.registry.lower())
    code, said = await command(lived.folder, "--record", 9, "--anchored", *chain, "--out", file)
    assert code == 0
    assert said.splitlines()[-1] == (
        "PROVEN: record 9 is one of the 16 under checkpoint 2; "
        "the agent's log key signed it, and checkpoint 2 is anchored"
    )
    code, said = await command("--check", file, *chain, "--json")
    assert code == 0
    answer = json.loads(said)
    assert (answer["verified"], answer["anchored"]) == ("chain", [2])
    code, said = await command(lived.folder, "--record", 9, *chain)
    assert code == 1
    assert said.splitlines()[-1].endswith("checkpoint 3 is not anchored")
