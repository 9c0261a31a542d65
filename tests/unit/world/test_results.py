"""An arena's folder: gone on with after any end, and never mixed with another question's."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from evaluated import one
from hamlets import hamlet

from world.arena.plan import Case
from world.arena.results import Results
from world.errors import WorldError
from world.lived import BadRow

ROWS = [one(seed=seed) for seed in (1, 2, 3)]


def begun(folder, *files, cases=()):
    results = Results(folder / "out")
    results.begin(files, cases)
    return results


def test_rows_are_kept_in_order_and_there_when_it_begins_again(tmp_path):
    path = hamlet(tmp_path)
    results = begun(tmp_path, path)
    assert results.rows() == []
    for row in ROWS:
        results.add(row.to_line())
    assert begun(tmp_path, path).rows() == ROWS


@pytest.mark.parametrize("left", [1, 10, 0.5, -1])
def test_half_a_line_is_taken_off_and_what_follows_is_whole(tmp_path, left):
    path = hamlet(tmp_path)
    results = begun(tmp_path, path)
    for row in ROWS[:2]:
        results.add(row.to_line())
    line = ROWS[2].to_line()
    part = line[: int(len(line) * left) if left == 0.5 else left]
    with (results.out / "results.jsonl").open("a", encoding="utf-8") as file:
        file.write(part)
    again = begun(tmp_path, path)
    assert again.rows() == ROWS[:2]
    again.add(line)
    assert again.rows() == ROWS


def test_a_first_line_that_was_never_whole_leaves_nothing(tmp_path):
    results = begun(tmp_path, hamlet(tmp_path))
    (results.out / "results.jsonl").write_text("{", "utf-8")
    assert begun(tmp_path, hamlet(tmp_path)).rows() == []


def test_a_line_in_the_middle_that_is_no_row_is_not_passed_over(tmp_path):
    results = begun(tmp_path, hamlet(tmp_path))
    results.add("{}\n")
    results.add(ROWS[0].to_line())
    with pytest.raises(BadRow):
        results.rows()


def test_another_world_under_the_same_name_is_refused_and_nothing_changes(tmp_path):
    path = hamlet(tmp_path)
    results = begun(tmp_path, path)
    asked = (results.out / "arena.json").read_bytes()
    hamlet(tmp_path, ("micro = 8_000_000", "micro = 9_000_000"))
    with pytest.raises(WorldError, match="other worlds of this name") as refused:
        begun(tmp_path, path)
    assert refused.value.facts["name"] == "hamlet"
    assert (results.out / "arena.json").read_bytes() == asked
    hamlet(tmp_path, ("micro = 8_000_000", "micro   =   8000000 # the same"))
    begun(tmp_path, path)


def test_another_policy_under_the_same_name_is_refused(tmp_path):
    path, model = hamlet(tmp_path), tmp_path / "mine.gguf"
    model.write_bytes(b"one model")

    def asked(**changes):
        case = {"scenario": str(path), "seed": 1, "policy": "mine", "model": str(model)}
        return [Case(**(case | changes))]

    begun(tmp_path, path, cases=asked())
    begun(tmp_path, path, cases=asked(seed=2))
    begun(tmp_path, path, cases=asked(policy="other", epsilon=0.1))
    with pytest.raises(WorldError, match="other policies of this name"):
        begun(tmp_path, path, cases=asked(epsilon=0.1))
    with pytest.raises(WorldError, match="other policies of this name"):
        begun(tmp_path, path, cases=asked(chooses="reflex"))
    model.write_bytes(b"another model")
    with pytest.raises(WorldError, match="other policies of this name"):
        begun(tmp_path, path, cases=asked())


def test_a_folder_learns_of_more_worlds_and_forgets_none(tmp_path):
    first, second = hamlet(tmp_path), hamlet(tmp_path, name="thorp")
    begun(tmp_path, first)
    results = begun(tmp_path, second)
    assert set(json.loads((results.out / "arena.json").read_text())["worlds"]) == {
        "hamlet",
        "thorp",
    }
    hamlet(tmp_path, ("micro = 8_000_000", "micro = 9_000_000"))
    with pytest.raises(WorldError, match="other worlds"):
        begun(tmp_path, second, first)


def test_each_file_is_told_what_its_world_is_called_and_two_cannot_share_a_name(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    first = hamlet(tmp_path)
    second = hamlet(tmp_path / "elsewhere", ("micro = 8_000_000", "micro = 9_000_000"))
    assert Results(tmp_path / "out").begin([first], []) == {str(first): "hamlet"}
    with pytest.raises(WorldError, match="go by one name"):
        Results(tmp_path / "other").begin([first, second], [])


def test_two_arenas_do_not_write_one_folder_at_once(tmp_path):
    first, second = Results(tmp_path / "out"), Results(tmp_path / "out")
    with first.held(), pytest.raises(WorldError, match="another arena"), second.held():
        pass
    with second.held():
        pass


def test_a_folder_that_cannot_be_is_refused_in_words(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(WorldError, match="cannot be kept there"):
        Results(tmp_path / "file")


@pytest.mark.parametrize("raw", [b"\xff\xfe\n", b'{"scenario": "\xe9"}\n', b"\x00\n", b"\n"])
def test_a_row_that_is_no_text_is_refused_in_one_line(tmp_path, raw):
    results = begun(tmp_path, hamlet(tmp_path))
    results.add(ROWS[0].to_line())
    with (results.out / "results.jsonl").open("ab") as file:
        file.write(raw)
    with pytest.raises(BadRow) as refused:
        begun(tmp_path, hamlet(tmp_path)).rows()
    assert len(str(refused.value).splitlines()) == 1


def test_a_row_that_is_there_twice_counts_once(tmp_path):
    results = begun(tmp_path, hamlet(tmp_path))
    for row in (*ROWS, ROWS[1], ROWS[0]):
        results.add(row.to_line())
    assert results.rows() == ROWS


def test_two_lives_of_one_case_are_refused(tmp_path):
    results = begun(tmp_path, hamlet(tmp_path))
    for row in (ROWS[0], replace(ROWS[0], paid_h=99.0)):
        results.add(row.to_line())
    with pytest.raises(BadRow, match="Two lives of one case") as refused:
        results.rows()
    assert refused.value.facts == {"scenario": "steady", "seed": 1, "policy": "reflex"}


@pytest.mark.parametrize(
    "raw",
    [b"", b"rubbish", b"\xff\xfe", b"[]", b"null", b'"worlds"', b'{"worlds": []}', b"[" * 2_000],
)
def test_what_no_arena_wrote_is_refused_and_left_as_it_is(tmp_path, raw):
    path = hamlet(tmp_path)
    asked = begun(tmp_path, path).out / "arena.json"
    asked.write_bytes(raw)
    with pytest.raises(WorldError, match="no arena wrote this") as refused:
        begun(tmp_path, path)
    assert refused.value.facts == {"file": asked}
    assert asked.read_bytes() == raw


@pytest.mark.parametrize("name", ["lock", "results.jsonl", "arena.json", "arena.part"])
def test_a_folder_where_a_file_should_be_is_refused_in_words(tmp_path, name):
    path, results = hamlet(tmp_path), Results(tmp_path / "out")
    (results.out / name).mkdir()

    def gone_on_with():
        with results.held():
            results.begin([path], [])
            results.rows()

    with pytest.raises(WorldError, match="cannot be kept there") as refused:
        gone_on_with()
    assert refused.value.facts["why"] == "Is a directory"
