"""`world.arena.run`: one genome, one scenario, one life, from Python."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest
from hamlets import hamlet

from agent.genome import Genome
from agent.models import resolve
from agent.prompt import prompt_digest
from compute.manifest import digest_file
from telemetry.car import epoch_files, read_epoch
from telemetry.record import Record
from world import arena
from world.errors import BadScenario, WorldError
from world.scenario import load_scenario

pytestmark = pytest.mark.anvil

MODEL = resolve("builtin:g0")
CHILD = Genome(
    generation=3,
    gguf=digest_file(MODEL),
    adapter="",
    prompt=prompt_digest(),
    strategies={"thrift": {}, "keeper": {"offer_n": 2}},
    parents=[Genome(2, digest_file(MODEL), "", prompt_digest(), {}).cid],
)


def test_a_genome_lives_a_whole_life_in_a_file_from_outside_and_is_what_it_was_born_as(tmp_path):
    path = hamlet(tmp_path, ("version = 2", "version = 2\nstrategies.keeper.offer_n = 1"))
    row = arena.run(path, CHILD, seed=2, logs=tmp_path / "log")
    assert (row.scenario, row.seed, row.policy) == ("hamlet", 2, "g3")
    assert (row.audit_ok, row.faults) == (True, 0)
    assert row.genome == CHILD.digest()  # as the chain has it
    assert row.ticks > 0 < row.transactions
    records = [
        Record.decode(block.data)
        for file in epoch_files(tmp_path / "log")
        for block in read_epoch(file.path)[1:]
    ]
    assert records[0].body["genome"] == CHILD.plain()
    assert len(records) == row.records
    work = [
        sum(action["key"] == "keeper.work" for action in record.body["menu"])
        for record in records
        if record.kind == "decision"
    ]
    assert max(work) == 2  # its own figure, not the world's

    again = arena.run(load_scenario(path), CHILD, seed=2, model=MODEL)
    for told in (first := asdict(row), second := asdict(again)):
        del told["head"], told["wall_s"]
    assert first == second


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"gguf": "0x" + "00" * 32}, "the genome is of another model"),
        ({"prompt": "0x" + "00" * 32}, "reads another prompt"),
        ({"adapter": "0x" + "00" * 32}, "has an adapter"),
    ],
)
def test_what_this_version_cannot_think_as_is_refused(tmp_path, change, told):
    with pytest.raises(WorldError, match=told):
        arena.run(hamlet(tmp_path), replace(CHILD, **change))


def test_what_is_not_there_or_is_there_already_is_refused(tmp_path):
    path = hamlet(tmp_path)
    with pytest.raises(BadScenario):
        arena.run(tmp_path / "none.toml", CHILD)
    with pytest.raises(WorldError, match="the model is missing"):
        arena.run(path, CHILD, model=tmp_path / "none.gguf")
    with pytest.raises(WorldError, match="something is there already"):
        arena.run(path, CHILD, logs=tmp_path)
    assert list(tmp_path.iterdir()) == [path]
