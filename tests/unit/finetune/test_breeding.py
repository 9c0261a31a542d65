"""Only a promoted child is bred from; what is bred is whole, its own, and the same each time."""

from __future__ import annotations

import json
from hashlib import sha256

import pytest
from cbrrr import CID, decode_dag_cbor
from nursery import G0, LARGE, bred, trained, verdict
from typer.testing import CliRunner

from agent import genome
from agent.bred import PART, decode
from agent.genome import Genome
from agent.prompt import prompt_digest
from finetune import cli
from finetune.breeding import breed
from finetune.errors import BadStage, NotPromoted
from finetune.stage import check, digest
from telemetry.car import car_places
from telemetry.cid import PREFIX, RAW, cid_of, digest_of, from_digest

MODEL = "0x" + sha256(LARGE).hexdigest()


@pytest.fixture(scope="module")
def generation(tmp_path_factory):
    return bred(tmp_path_factory.mktemp("nursery"))


def silent(line):
    """Nobody listens."""


def car_of(done):
    return done.folder / f"{done.manifest['figures']['cid']}.car"


def blocks_of(car):
    """Every block by its binary name, checked, in the CAR's order."""
    with car.open("rb") as file:
        root, places = car_places(file, 100)
        blocks = {}
        for name, (at, size) in places.items():
            file.seek(at)
            blocks[name] = file.read(size)
            assert sha256(blocks[name]).digest() == name[len(PREFIX) :]
    return root, blocks


def test_the_car_holds_all_that_hangs_on_its_root_and_nothing_else(generation):
    root, blocks = blocks_of(car_of(generation))
    names = list(blocks)
    assert names[0] == PREFIX + digest_of(root)
    reached, waiting = [], [names[0]]
    while waiting:
        reached.append(waiting.pop())
        if reached[-1].startswith(PREFIX):
            waiting += [link.cid_bytes for link in reversed(links(blocks[reached[-1]]))]
    assert reached == names  # depth first, as an export of it would be


def links(block):
    found, waiting = [], [decode_dag_cbor(block)]
    while waiting:
        value = waiting.pop(0)
        if isinstance(value, CID):
            found.append(value)
        elif isinstance(value, dict):
            waiting = [*value.values(), *waiting]
        elif isinstance(value, list):
            waiting = [*value, *waiting]
    return found


def test_files_come_back_from_their_parts(generation):
    root, blocks = blocks_of(car_of(generation))
    found = decode(blocks[PREFIX + digest_of(root)])
    source = generation.folder.parent / "trained"
    for name, file in found.files.items():
        whole = b"".join(blocks[RAW + part] for part in file.parts)
        assert whole == (source / name).read_bytes()
        assert (file.size, file.sha256) == (len(whole), digest(source / name))
    assert [len(blocks[RAW + part]) for part in found.files["model.gguf"].parts] == [
        *(PART, PART, 321)
    ]


def test_the_genomes_block_carries_the_digest_that_goes_on_chain(generation):
    figures = generation.manifest["figures"]
    root, blocks = blocks_of(car_of(generation))
    born_as = genome.load(generation.folder / "genome.json")
    found = decode(blocks[PREFIX + digest_of(root)])
    assert "0x" + found.genome.hex() == figures["genome"] == born_as.digest()
    assert from_digest(bytes.fromhex(figures["genome"][2:])) == figures["genome_cid"]
    assert genome.decode(blocks[PREFIX + found.genome]).plain() == born_as.plain()
    assert born_as.plain() == {
        "v": 1,
        "generation": 1,
        "gguf": MODEL,
        "adapter": "",
        "prompt": prompt_digest(),
        "strategies": {"thrift": {}, "keeper": {}},
        "parents": [],
    }


def test_the_root_says_what_it_was_made_of(generation):
    root, blocks = blocks_of(car_of(generation))
    made = decode(blocks[PREFIX + digest_of(root)]).made
    told = json.loads((generation.folder.parent / "trained" / "manifest.json").read_text())
    assert made == {
        "code": told["code"],
        "dataset": "0x" + "da" * 32,
        "objective": "awrq",
        "parent": digest(G0),
    }


def test_the_same_blocks_lie_loose_where_a_web_server_finds_them(generation):
    _, blocks = blocks_of(car_of(generation))
    loose = {path.name: path.read_bytes() for path in (generation.folder / "ipfs").iterdir()}
    assert loose == {
        from_digest(name[len(PREFIX) :], name[: len(PREFIX)]): data for name, data in blocks.items()
    }


def test_what_was_bred_is_not_bred_again_and_is_the_same_elsewhere(generation, tmp_path):
    folder = generation.folder.parent
    again = breed(folder / "trained", folder / "verdict.json", generation.folder, None, silent)
    assert not again.fresh
    other = breed(folder / "trained", folder / "verdict.json", tmp_path / "other", None, silent)
    assert other.fresh
    assert car_of(other).read_bytes() == car_of(generation).read_bytes()
    assert check(other.folder)["stage"] == "breed"


def test_a_killed_breeding_leaves_nothing_that_passes_for_whole(tmp_path, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("finetune.breeding.write_whole", killed)
        with pytest.raises(KeyboardInterrupt):
            bred(tmp_path)
    assert not (tmp_path / "bred").exists()
    assert bred(tmp_path).fresh


# Who may be bred from


@pytest.mark.parametrize(
    "text",
    [
        *('{"promoted": false}', '{"promoted": 1}', '{"promoted": "yes"}', "{}", "[]", "", "{"),
        json.dumps({"promoted": True, "child": "0x" + "00" * 32}),
        json.dumps({"promoted": False, "child": MODEL}),
    ],
)
def test_who_was_not_promoted_is_not_bred_from(tmp_path, text):
    done, said = trained(tmp_path / "trained"), tmp_path / "verdict.json"
    said.write_text(text)
    with pytest.raises(NotPromoted):
        breed(done, said, tmp_path / "bred", None, silent)
    assert not (tmp_path / "bred").exists()


def test_without_a_verdict_nobody_is(tmp_path):
    done = trained(tmp_path / "trained")
    with pytest.raises(NotPromoted, match="cannot be read"):
        breed(done, tmp_path / "none.json", tmp_path / "bred", None, silent)


def test_an_older_verdict_says_not_whose_it_is(tmp_path):
    done = trained(tmp_path / "trained")
    assert breed(done, verdict(tmp_path / "v.json"), tmp_path / "bred", None, silent).fresh


def test_another_verdict_makes_it_another_stage(tmp_path):
    done = trained(tmp_path / "trained")
    breed(done, verdict(tmp_path / "v.json"), tmp_path / "bred", None, silent)
    with pytest.raises(BadStage):
        breed(done, verdict(tmp_path / "v.json", e=99.0), tmp_path / "bred", None, silent)


@pytest.mark.parametrize("spoil", ["model.gguf", "README.md", "manifest.json", "all"])
def test_a_training_that_is_not_whole_is_refused(tmp_path, spoil):
    done = trained(tmp_path / "trained")
    if spoil == "all":
        done = tmp_path
    elif spoil == "manifest.json":
        (done / spoil).unlink()
    else:
        (done / spoil).write_bytes(b"other")
    with pytest.raises(BadStage):
        breed(done, verdict(tmp_path / "v.json"), tmp_path / "bred", None, silent)
    assert not (tmp_path / "bred").exists()


def test_another_stage_is_no_training(generation, tmp_path):
    with pytest.raises(BadStage, match="no finished training"):
        breed(generation.folder, verdict(tmp_path / "v.json"), tmp_path / "bred", None, silent)


@pytest.mark.parametrize("model", [b"", b"x" * (3 << 20)], ids=["empty", "too many parts"])
def test_what_nobody_could_read_is_not_bred(tmp_path, monkeypatch, model):
    monkeypatch.setattr("agent.bred.MOST_ROOT", 550)
    with pytest.raises(BadStage, match="nobody could be born of this"):
        bred(tmp_path, model)
    assert not (tmp_path / "bred").exists()


# Whose child it is


def test_a_childs_child_names_its_parent_and_is_a_generation_on(generation, tmp_path):
    child = bred(tmp_path, b"GGUF grandchild", generation.folder)
    born_as = genome.load(child.folder / "genome.json")
    assert born_as.generation == 2
    assert list(born_as.parents) == [generation.manifest["figures"]["genome_cid"]]
    root, blocks = blocks_of(car_of(child))
    assert decode(blocks[PREFIX + digest_of(root)]).parents == tuple(born_as.parents)
    assert cid_of(blocks[PREFIX + digest_of(root)]) == root


def test_it_inherits_figures_and_not_where_or_with_whom(tmp_path):
    before = Genome(
        *(4, digest(G0), "", "0x" + "11" * 32),
        {"thrift": {"low_h": 7, "home": "0x" + "12" * 20}, "saver": {"vault": "0x" + "13" * 20}},
    )
    genome.save(tmp_path / "genome.json", before)
    done = trained(tmp_path / "trained")
    child = breed(done, verdict(tmp_path / "v.json"), tmp_path / "bred", tmp_path, silent)
    born_as = genome.load(child.folder / "genome.json")
    assert born_as.strategies == {"thrift": {"low_h": 7}, "saver": {}}
    assert (born_as.generation, list(born_as.parents)) == (5, [before.cid])


def test_a_parent_that_did_not_teach_it_is_refused(generation, tmp_path):
    done = trained(tmp_path / "trained")
    with pytest.raises(BadStage, match="from another model"):
        breed(done, verdict(tmp_path / "v.json"), tmp_path / "b", generation.folder, silent)


def test_a_parent_that_nobody_names_must_be_the_one_that_ships(tmp_path):
    done = trained(tmp_path / "trained", parent="0x" + "77" * 32)
    with pytest.raises(BadStage, match="name it with --parent"):
        breed(done, verdict(tmp_path / "v.json"), tmp_path / "bred", None, silent)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"generation": 0}'])
def test_a_parent_of_no_form_is_refused(tmp_path, text):
    (tmp_path / "genome.json").write_text(text)
    done = trained(tmp_path / "trained")
    with pytest.raises(BadStage, match="parent's genome cannot be read"):
        breed(done, verdict(tmp_path / "v.json"), tmp_path / "bred", tmp_path, silent)


# As it is asked for


def test_the_command_prints_the_cid_to_be_born_by(tmp_path):
    done, said = trained(tmp_path / "trained"), verdict(tmp_path / "v.json", MODEL)
    words = ["breed", str(done), "--out", str(tmp_path / "bred"), "--verdict", str(said), "--json"]
    told = CliRunner().invoke(cli.app, words)
    assert told.exit_code == 0, told
    figures = json.loads(told.stdout)
    assert figures["kept_by"] == []
    assert (tmp_path / "bred" / f"{figures['cid']}.car").is_file()


def test_the_command_needs_a_verdict(tmp_path):
    words = ["breed", str(trained(tmp_path / "trained")), "--out", str(tmp_path / "bred")]
    told = CliRunner().invoke(cli.app, words)
    assert told.exit_code == 2
    assert not (tmp_path / "bred").exists()
