from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256

import pytest

from agent import genome
from agent.errors import BadConfig
from agent.genome import Genome
from telemetry.cid import cid_of, digest_of

GENOME = Genome(
    generation=0,
    gguf="0x" + "11" * 32,
    adapter="",
    prompt="0x" + "22" * 32,
    strategies={"thrift": {"extend_h": [4, 8]}, "keeper": {}},
)
PINNED = "0xb4fdf6ace2c3151be23045dabd87daedaea5916748d8387f6160df5527e80274"


def test_a_genome_comes_back_as_it_was(tmp_path):
    path = tmp_path / "genome.json"
    genome.save(path, GENOME)
    found = genome.load(path)
    assert found.plain() == GENOME.plain()
    assert found.digest() == GENOME.digest()


def test_the_digest_is_sha_256_and_does_not_depend_on_the_order_of_keys():
    turned = replace(GENOME, strategies=dict(reversed(GENOME.strategies.items())))
    assert turned.digest() == GENOME.digest()
    assert len(GENOME.digest()) == 2 + 2 * sha256().digest_size


def test_the_digest_is_pinned():
    """It goes on chain: another form would make every permit that was given a lie."""
    assert GENOME.digest() == PINNED


@pytest.mark.parametrize(
    "change",
    [
        {"generation": 1},
        {"gguf": "0x" + "12" * 32},
        {"adapter": "0x" + "33" * 32},
        {"prompt": ""},
        {"strategies": {}},
        {"strategies": {"thrift": {"extend_h": [4, 9]}, "keeper": {}}},
        {"parents": ("bafyrei",)},
        {"v": 2},
    ],
)
def test_everything_inherited_is_in_the_digest(change):
    assert replace(GENOME, **change).digest() != GENOME.digest()


@pytest.mark.parametrize("text", ["", "{", "[]", "7", "{}", '{"generation": 0, "odd": 1}', "\xff"])
def test_what_is_no_genome_is_one_line(tmp_path, text):
    path = tmp_path / "genome.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(BadConfig, match="is not a genome"):
        genome.load(path)


def test_a_home_without_a_genome_is_one_line(tmp_path):
    with pytest.raises(BadConfig, match="is not a genome"):
        genome.load(tmp_path / "genome.json")


def test_a_genome_is_plain_json():
    assert json.loads(json.dumps(GENOME.plain())) == GENOME.plain()


def test_its_digest_is_its_name_on_ipfs():
    assert digest_of(GENOME.cid).hex() == GENOME.digest()[2:]
    assert GENOME.cid == cid_of(GENOME.encode())


def test_a_block_is_read_as_it_was_written():
    """What else may be in one: tests/unit/agent/test_inheriting.py."""
    assert genome.decode(GENOME.encode()).plain() == GENOME.plain()


def test_only_figures_are_inherited():
    options = {"n": 1, "part": 0.5, "on": True, "hours": [4, 8], "home": "0x12", "who": ["0x12"]}
    assert genome.figures(options) == {"n": 1, "part": 0.5, "on": True, "hours": [4, 8]}
