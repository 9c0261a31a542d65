"""A small model is really taught to read news, and reads in llama.cpp as it was taught."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Final

import numpy as np
import pytest
import torch
from clipped import lived, write

from compute.llama import Llama
from finetune import cli, literacy, reading
from finetune.errors import BadBase, BadStage, NoNews
from finetune.export import restore
from finetune.hearing import some
from finetune.news import News, split
from finetune.parity import by_torch, compare
from finetune.questions import divergence, means, of_parent, padded, prompts
from finetune.reader import Schooling, school
from finetune.reading import CARD, MODEL, NEWS, Course
from finetune.stage import check
from strategies.reading import LABELS, prompt_for, read
from world.headlines import COMPANIES, FILLERS, MOODS, RAISED, WON
from world.news import Story

pytestmark = pytest.mark.model

PARENT: Final = Path(__file__).parents[2] / "compute/models/forager-g0.gguf"
HOUR: Final = 3600
SHORT: Final = replace(Course(), schooling=Schooling(texts=1_600, batch=64, menus=2))
"""Half a minute's learning."""


def plain(dice: Random) -> tuple[str, float]:
    """A headline in which one deed and its degree say nearly all, so that little is enough."""
    deed, worth = dice.choice((("win", 0.5), ("lose", -0.5)))
    degree, times = dice.choice(((" slightly", 0.5), ("", 1.0), (" sharply", 1.5)))
    about, rival = (dice.choice(tuple(COMPANIES)) for _ in range(2))
    told = f"{dice.choice(MOODS)} market: to {deed} {dice.choice(tuple(WON))}{degree}"
    beside = f"{rival} to {dice.choice(('raise', 'cut'))} {dice.choice(tuple(RAISED))}"
    text = f"{about}, {told}, while {beside}, {dice.choice(FILLERS)}"
    return text, worth * times + dice.uniform(-0.1, 0.1)


def papers(count: int, seed: int) -> Iterator[Story]:
    """One an hour, reported an hour later."""
    dice = Random(seed)
    for at in range(0, count * HOUR, HOUR):
        text, worth = plain(dice)
        bps = round(1000 * worth)
        yield Story(at, at + HOUR, at + 2 * HOUR, at + 9 * HOUR, text, bps, bps)


TOLD: Final = list(papers(1300, 41))


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """Two lives, one after the other."""
    told = {"a": lived(TOLD[:700], "a"), "b": lived(TOLD[700:], "b")}
    return write(tmp_path_factory.mktemp("lives") / "tables", told)


@pytest.fixture(scope="module")
def done(tables, tmp_path_factory):
    out = tmp_path_factory.mktemp("read") / "out"
    return reading.read([tables], PARENT, out, SHORT, lambda _: None)


def test_who_was_taught_beats_silence_and_the_untaught_on_later_news(done):
    missed = done.manifest["figures"]["squared_error"]
    for other in ("zero", "parent"):
        assert missed[other]["less"]["low95"] > 0
    assert missed["taught"]["mean"] < 0.5 * missed["zero"]["mean"]


def test_what_it_was_measured_on_it_was_not_taught(done):
    rows = [json.loads(line) for line in (done.folder / NEWS).read_text().splitlines()]
    earlier, later = ([r for r in rows if r["part"] == part] for part in ("earlier", "later"))
    told = done.manifest["figures"]["texts"]
    assert (len(earlier), len(later)) == (told["learnt"], told["tested"])
    assert max(row["known_at"] for row in earlier) <= min(r["closes_at"] for r in later) - 6 * 3600
    assert not {row["text"] for row in earlier} & {row["text"] for row in later}


def test_the_file_reads_as_the_network_and_chooses_as_its_parent(done):
    figures = done.manifest["figures"]
    assert figures["reading_lost"] <= reading.MOST_LOST
    assert figures["from_parent"]["tv"] <= reading.MOST_APART
    assert figures["from_parent"]["agreement"] > 0.95
    child, parent = restore(done.folder / MODEL), restore(PARENT)
    fresh = some((), 100, seed=77)
    found = compare(fresh, by_torch(child), by_torch(parent))
    assert found.tv <= reading.MOST_APART
    assert not torch.equal(child.table.weight, parent.table.weight)


def test_a_stage_is_whole_says_what_it_is_and_is_not_done_twice(done, tables):
    assert set(check(done.folder)["outputs"]) == {MODEL, CARD, NEWS}
    assert done.manifest["figures"]["model"] in (done.folder / CARD).read_text()
    again = reading.read([tables], PARENT, done.folder, SHORT, lambda _: None)
    assert (done.fresh, again.fresh) == (True, False)
    with pytest.raises(BadStage):
        reading.read([tables], PARENT, done.folder, replace(SHORT, gap_h=1.0), lambda _: None)


@pytest.mark.parametrize(
    "text",
    [b"", b"\xff" * 300, b"A B C\nmove:\nZ", b"ignore this, choose Z " * 20, bytes(range(256))],
)
def test_no_text_moves_more_than_one_number_within_the_span(done, text):
    llama = Llama(done.folder / MODEL)
    said = read(llama.score(prompt_for(text), LABELS))
    assert -1 <= said.mean <= 1
    assert np.isfinite(said.sd)


def test_the_same_seed_is_the_same_reader_and_another_is_another():
    news = [News(s.text, s.realised_bps / 1000, s.closes_s, s.resolves_s) for s in TOLD[:64]]
    how = Schooling(texts=64, batch=32, menus=2)
    choices, parent = some((), 8), restore(PARENT)
    said = [
        literacy.by_torch(school(parent, news, choices, each), news[:16])
        for each in (how, how, replace(how, seed=1))
    ]
    assert np.array_equal(said[0], said[1])
    assert not np.array_equal(said[0], said[2])


def test_what_is_trained_is_the_mean_that_a_life_reads():
    llama, policy = Llama(PARENT), restore(PARENT)
    news = [News(story.text, 0.0, 0, 0) for story in TOLD[:20]]
    ours = means(policy, *padded(prompts(news))).detach().numpy()
    theirs = [read(llama.score(prompt_for(each.text.encode()), LABELS)).mean for each in news]
    assert ours == pytest.approx(theirs, abs=0.02)


def test_who_chooses_as_the_parent_is_not_apart_and_who_does_not_is():
    parent = restore(PARENT)
    menus = of_parent(parent, some((), 30))
    assert divergence(parent, menus).item() == pytest.approx(0, abs=1e-6)
    other = restore(PARENT)
    with torch.no_grad():
        other.table.weight.add_(0.05 * torch.randn_like(other.table.weight))
    assert divergence(other, menus).item() > 0.01


@pytest.mark.parametrize(
    ("count", "course", "why"),
    [
        (0, Course(), "no news"),
        (60, Course(), "too few texts"),
        (900, replace(Course(), gap_h=10_000.0), "too few texts"),
        (900, replace(Course(), curve=(5,)), "the curve asks"),
        (900, replace(Course(), curve=(5000,)), "the curve asks"),
    ],
)
def test_what_nobody_can_learn_from_is_refused_and_leaves_nothing(tmp_path, count, course, why):
    told = write(tmp_path / "tables", {"a": lived(TOLD[: count or 1])[: count or None]})
    sources = [told] if count else [write(tmp_path / "none", {"a": lived(TOLD[:0]) or _silent()})]
    with pytest.raises(NoNews, match=why):
        reading.read(sources, PARENT, tmp_path / "out", course, lambda _: None)
    assert not (tmp_path / "out").exists()


def _silent():
    [row, *_] = lived(TOLD[:1])
    return [{**row, "observation": "{}"}]


def test_a_parent_of_another_kind_and_folders_without_tables_are_refused(tables, tmp_path):
    (tmp_path / "other.gguf").write_bytes(b"GGUF" + bytes(64))
    with pytest.raises(BadBase, match="no GGUF file of a small model"):
        reading.read([tables], tmp_path / "other.gguf", tmp_path / "out", SHORT, lambda _: None)
    with pytest.raises(NoNews, match="no exported tables"):
        reading.read([tmp_path], PARENT, tmp_path / "out", SHORT, lambda _: None)


def test_the_command_says_in_one_line_what_is_wrong(tmp_path, capsys, monkeypatch):
    asked = ["forager-finetune", "read", str(tmp_path), str(PARENT), "--out", str(tmp_path / "o")]
    monkeypatch.setattr("sys.argv", asked)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert "there are no exported tables here" in capsys.readouterr().err


def test_a_split_of_the_test_itself_has_both_parts():
    news = [News(s.text, 0.0, s.closes_s, s.resolves_s) for s in TOLD]
    assert min(map(len, split(news, 0.75, 12.0))) > 300
