"""A bred generation goes into a real IPFS daemon and comes back by its CID, to be born from."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest
from lifetime import forager
from nursery import LARGE, bred

from finetune.errors import NotPublished
from finetune.publishing import places, publish

ADDRESS = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
CONTRACTS = dict.fromkeys(("registry", "token", "lease_market"), ADDRESS)


@pytest.fixture
def generation(tmp_path):
    return bred(tmp_path / "nursery")


def silent(line):
    """Nobody listens."""


async def born(folder, cid, source):
    """`forager init` in a folder of its own, which names neither chain nor model."""
    folder.mkdir()
    deployment = {"chain_id": 31337, "rpc": "http://127.0.0.1:9", **CONTRACTS}
    (folder / "deployment.json").write_text(json.dumps(deployment))
    (folder / "passphrase").write_text("these keys guard nothing\n")
    return await forager(
        *("init", "--home", str(folder / "home"), "--operator", ADDRESS, "--json"),
        *("--deployment", str(folder / "deployment.json")),
        *("--passphrase-file", str(folder / "passphrase"), "--genome", cid, "--from", source),
    )


async def test_it_is_imported_pinned_exported_and_born_from(generation, ipfs, tmp_path):
    figures = generation.manifest["figures"]
    assert await publish(generation, places([f"kubo+{ipfs.url}"]), silent) == [ipfs.url]
    assert ipfs.pins() == {figures["cid"]}
    ipfs.ask("repo/gc")
    car = generation.folder / f"{figures['cid']}.car"
    assert ipfs.read("dag/export", arg=figures["cid"]) == car.read_bytes()
    assert (
        ipfs.read("block/get", arg=figures["genome_cid"])
        == (generation.folder / "ipfs" / figures["genome_cid"]).read_bytes()
    )

    said = await born(tmp_path / "heir", figures["cid"], f"kubo+{ipfs.url}")
    assert said.code == 0, said
    assert said.json["genome"] == figures["genome"]
    model = Path(said.json["home"]) / "models" / f"{sha256(LARGE).hexdigest()}.gguf"
    assert model.read_bytes() == LARGE
    assert sorted(path.name for path in (tmp_path / "heir").iterdir()) == [
        *("deployment.json", "home", "passphrase")
    ]


@pytest.mark.slow
async def test_a_node_that_has_it_not_is_one_line_and_no_home(generation, ipfs, tmp_path):
    """A real node that is offline says so, or looks for it until it is given up."""
    said = await born(tmp_path / "heir", generation.manifest["figures"]["cid"], f"kubo+{ipfs.url}")
    assert said.code == 2
    assert said.err.startswith("forager: ")
    assert said.err.count("\n") == 1
    assert sorted(path.name for path in (tmp_path / "heir").iterdir()) == [
        *("deployment.json", "passphrase")
    ]


async def test_what_is_cut_short_is_not_taken_for_kept(generation, ipfs):
    car = generation.folder / f"{generation.manifest['figures']['cid']}.car"
    car.write_bytes(car.read_bytes()[: -(2 << 20)])
    with pytest.raises(NotPublished):
        await publish(generation, places([f"kubo+{ipfs.url}"]), silent)
    assert ipfs.pins() == set()
