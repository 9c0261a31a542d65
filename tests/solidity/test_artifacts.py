"""The committed artifacts are what the sources say, and the sources do what they promise."""

import subprocess

import pytest

import contracts
from contracts import build


@pytest.fixture(scope="module")
def built() -> dict[str, str]:
    return build.compiled()


@pytest.mark.slow
def test_the_artifacts_rebuild_bit_for_bit(built):
    assert build.differing(built) == []


@pytest.mark.slow
def test_every_contract_that_can_be_deployed_has_a_name(built):
    assert sorted(built) == [f"{name}.json" for name in contracts.NAMES]


def test_a_changed_missing_or_stray_artifact_is_named(tmp_path):
    build.write({"A.json": "a", "B.json": "b"}, tmp_path)
    assert build.differing({"A.json": "a", "B.json": "b"}, tmp_path) == []
    assert build.differing({"A.json": "x", "C.json": "c"}, tmp_path) == [
        "A.json",
        "B.json",
        "C.json",
    ]
    build.write({"C.json": "c"}, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["C.json"]


@pytest.mark.parametrize("name", contracts.NAMES)
def test_an_artifact_is_abi_and_bytecode_and_nothing_else(name):
    artifact = contracts.artifact(name)
    assert sorted(artifact) == ["abi", "bytecode", "contractName"]
    assert artifact["contractName"] == name
    assert artifact["abi"] == contracts.abi(name)
    bytes.fromhex(artifact["bytecode"].removeprefix("0x"))


def test_an_unknown_contract_is_a_key_error():
    with pytest.raises(KeyError):
        contracts.artifact("../secrets")


def test_a_forge_that_fails_says_so():
    """The launcher from npm does not, and would let every failing test pass."""
    failing = subprocess.run([build.FORGE, "no-such-command"], capture_output=True, check=False)
    assert failing.returncode != 0


@pytest.mark.slow
def test_forge_finds_nothing_wrong():
    forge = subprocess.run(
        [build.FORGE, "test"], cwd=build.HERE, capture_output=True, text=True, check=False
    )
    assert forge.returncode == 0, forge.stdout + forge.stderr
