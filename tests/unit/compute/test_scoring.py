from __future__ import annotations

import pytest

from compute.errors import BadModel, NoModel
from compute.scoring import LABELS, label_tokens, shared, sound


def test_each_label_has_a_token_of_its_own() -> None:
    tokens = label_tokens(lambda text: [ord(text)])
    assert tokens == {label: ord(label) for label in LABELS}


@pytest.mark.parametrize("split", ["A", "QZ"])
def test_a_model_that_splits_labels_is_refused_by_name(split: str) -> None:
    with pytest.raises(BadModel, match="not single tokens") as refusal:
        label_tokens(lambda text: [1, ord(text)] if text in split else [ord(text)])
    assert refusal.value.facts == {"labels": split}


def test_a_model_that_reads_all_labels_alike_is_refused() -> None:
    with pytest.raises(BadModel, match="share tokens"):
        label_tokens(lambda _: [0])


@pytest.mark.parametrize(
    ("cached", "wanted", "kept"),
    [
        ([], [1, 2], 0),
        ([1, 2, 3], [1, 2, 9], 2),
        ([1, 2, 3], [1, 2, 3], 2),
        ([1, 2, 3, 4], [1, 2], 1),
        ([1, 2], [1, 2, 3], 2),
        ([9], [1], 0),
    ],
)
def test_what_was_read_before_is_kept_but_the_last_token_is_read_again(
    cached: list[int], wanted: list[int], kept: int
) -> None:
    assert shared(cached, wanted) == kept


def test_sound_logits_pass() -> None:
    assert sound([1, 2.5], "AB") == (1.0, 2.5)


@pytest.mark.parametrize("logits", [[1.0], [1.0, float("nan")], [1.0, float("inf")]])
def test_anything_but_one_finite_number_for_each_label_is_no_score(logits: list[float]) -> None:
    with pytest.raises(NoModel):
        sound(logits, "AB")
