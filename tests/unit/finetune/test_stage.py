"""A stage is whole or is not there, is not done twice, and says what it was made of."""

from __future__ import annotations

import json

import pytest

from finetune.errors import BadStage
from finetune.stage import MANIFEST, check, digest, stage


def work(part):
    (part / "made.txt").write_text("made")
    return {"count": 1}


def test_what_was_done_is_not_done_again(tmp_path):
    asked = []

    def once(part):
        asked.append(part)
        return work(part)

    first = stage(tmp_path / "out", "sample", {"in": "0x1"}, {"seed": 0}, once)
    again = stage(tmp_path / "out", "sample", {"in": "0x1"}, {"seed": 0}, once)
    assert (first.fresh, again.fresh, len(asked)) == (True, False, 1)
    assert again.manifest["figures"] == {"count": 1}
    assert again.manifest["outputs"] == {"made.txt": digest(tmp_path / "out" / "made.txt")}


def test_other_inputs_or_settings_do_not_pass_for_the_same(tmp_path):
    stage(tmp_path / "out", "sample", {"in": "0x1"}, {}, work)
    with pytest.raises(BadStage):
        stage(tmp_path / "out", "sample", {"in": "0x2"}, {}, work)
    with pytest.raises(BadStage):
        stage(tmp_path / "out", "sample", {"in": "0x1"}, {"seed": 1}, work)


def test_a_killed_stage_leaves_nothing_that_passes_for_whole(tmp_path):
    def killed(part):
        work(part)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stage(tmp_path / "out", "sample", {}, {}, killed)
    assert not (tmp_path / "out").exists()
    assert stage(tmp_path / "out", "sample", {}, {}, work).fresh


def test_a_folder_of_somebody_else_is_left_alone(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "diary.txt").write_text("mine")
    with pytest.raises(BadStage):
        stage(tmp_path / "out", "sample", {}, {}, work)
    assert (tmp_path / "out" / "diary.txt").read_text() == "mine"


def test_a_changed_or_missing_file_is_noticed_by_who_builds_on_it(tmp_path):
    done = stage(tmp_path / "out", "sample", {}, {}, work)
    assert check(done.folder)["stage"] == "sample"
    (done.folder / "made.txt").write_text("other")
    with pytest.raises(BadStage):
        check(done.folder)
    (done.folder / "made.txt").unlink()
    with pytest.raises(BadStage):
        check(done.folder)


@pytest.mark.parametrize("text", ["", "{", "[]"])
def test_a_damaged_manifest_is_no_manifest(tmp_path, text):
    done = stage(tmp_path / "out", "sample", {}, {}, work)
    (done.folder / MANIFEST).write_text(text)
    with pytest.raises(BadStage):
        check(done.folder)


def test_a_manifest_is_json_that_every_reader_takes(tmp_path):
    done = stage(tmp_path / "out", "sample", {}, {}, work)
    json.loads((done.folder / MANIFEST).read_text(), parse_constant=pytest.fail)
