"""Born of a bred generation by the commands that a person gives; the chain says of which one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from lifetime import SPEED, Life, World, forager, small, until, world
from nursery import G0, bred

from agent import genome
from chain.contracts import TRANSFER, life_of
from chain.keys import Key
from chain.purse import Purse
from chain.reader import BlockReader
from chain.types import Address, Call, Micro, Wei
from finetune.stage import Done
from telemetry.cid import from_digest
from world import settling
from world.deploy import RICH, mint
from world.settling import Settlement

pytestmark = [pytest.mark.anvil, pytest.mark.model, pytest.mark.slow]

SETTINGS = f"""
[chain]
chain_seconds_per_wall_second = {SPEED}.0
[life]
tick_s = 0.5
heartbeat_s = 2.0
horizon_h = 60
will_s = 3.0
[mind]
epsilon = 1.0
[telemetry]
epoch_s = 2.0
gateway_port = 0
"""


async def settle(place: World, generation: Done) -> Life:
    """By `forager init --genome` and `forager permit`, with money and a first lease."""
    homes, at = Settlement(place.folder / "heir"), place.ground.deployment
    homes.root.mkdir()
    operator = settling.make_operator(homes)
    at.save(homes.root / "deployment.json")
    (homes.root / "settings.toml").write_text(SETTINGS)
    said = await forager(
        *("init", "--home", str(homes.agent), "--operator", operator.address, "--json"),
        *("--deployment", str(homes.root / "deployment.json"), "--rpc", place.devnet.url),
        *("--passphrase-file", str(homes.passphrase)),
        *("--settings", str(homes.root / "settings.toml")),
        *("--genome", generation.manifest["figures"]["cid"], "--from", str(generation.folder)),
    )
    assert said.code == 0, said
    assert said.json["genome"] == generation.manifest["figures"]["genome"]
    assert said.json["generation"] == 1
    signer = homes.agent / "signer.toml"  # it asks the chain often: time is fast here
    signer.write_text(signer.read_text().replace("ask_s = 30.0", "ask_s = 1.0"))
    wallet = Address(said.json["wallet"])
    purse = await endow(place, operator, wallet)
    said = await forager(
        *("permit", "--home", str(homes.agent), "--keystore", str(homes.operator / "key.json")),
        *("--passphrase-file", str(homes.passphrase), "--valid-h", "1000", "--json"),
        *("--usd-per-action", "100", "--usd-per-hour", "1000", "--usd-per-day", "1000"),
        *("--eth-per-hour", "0.5", "--eth-per-day", "0.5"),
    )
    assert said.code == 0, said
    assert said.json["genome"] == generation.manifest["figures"]["genome"]
    return Life(homes, place, wallet, operator, purse)


async def endow(place: World, operator: Key, wallet: Address) -> Purse:
    grant, token = place.ground.scenario.endowment, place.ground.deployment.token
    purse = Purse(place.devnet.client, operator)
    async with place.mining():
        await place.devnet.give_wei(operator.address, RICH)
        await mint(purse, token, operator.address, Micro(10**9))
        await purse.send(Call(wallet, "", value=Wei(grant.wei)))
        await purse.send(Call(token, TRANSFER, (wallet, grant.micro)))
        await settling.open_first_lease(place.ground, purse, wallet)
    return purse


async def test_a_life_is_born_of_a_bred_genome_and_the_chain_and_the_audit_say_so(
    tmp_path: Path,
) -> None:
    generation = bred(tmp_path / "nursery", G0.read_bytes())
    figures = generation.manifest["figures"]
    async with world(tmp_path, small()) as place:
        life = await settle(place, generation)
        place.go()
        await life.start()
        await life.born()
        seen = await life.alive()
        await until(lambda: decided(life, 3), 60, life.said)
        registered = await life_of(
            await BlockReader.latest(place.devnet.client), place.registry, seen["agent"]
        )
        said = await life.command("drain", "--json")
        assert said.code == 0, said
        assert await life.ended() == 0, life.said()
        verdict = await life.audit()
        await place.pause()

    assert registered is not None
    assert registered.genome == figures["genome"]
    assert [finding for finding in verdict.findings if finding.level == "fault"] == []
    assert (verdict.ok, verdict.verified) == (True, "chain")

    # Who knows the chain alone finds the genome by the digest on it, whoever serves the blocks.
    named = from_digest(bytes.fromhex(registered.genome.removeprefix("0x")))
    block = (generation.folder / "ipfs" / named).read_bytes()
    born_as = genome.decode(block)

    told = life.records()
    assert told[0].body["genome"] == born_as.plain()
    assert told[0].body["genome_digest"] == figures["genome"]
    assert {model["gguf"] for model in thought(life)} == {born_as.gguf} == {figures["model"]}
    config = (life.home.root / "forager.toml").read_text()
    assert json.dumps(str(life.home.models / f"{born_as.gguf[2:]}.gguf")) in config


async def decided(life: Life, least: int) -> bool:
    return len(thought(life)) >= least


def thought(life: Life) -> list[dict[str, str]]:
    """The model of each published choice that one has made."""
    models = [r.body["model"] for r in life.records() if r.kind == "decision"]
    return [model for model in models if model != "reflex"]
