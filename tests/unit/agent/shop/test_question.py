"""A question is a prompt and labels that the model has; whatever else comes is none."""

from __future__ import annotations

import json

import pytest

from agent.shop.question import Question, read_question


def body(**said):
    return json.dumps({"prompt": "why?", "labels": ["A", "B"]} | said).encode()


def test_a_question_is_read_as_it_was_asked():
    assert read_question(body()) == Question("why?", ("A", "B"))


WRONG = {
    "no JSON": b"why?",
    "nothing": b"",
    "no map": b"[]",
    "no end": b"[" * 100_000,
    "no text": body(prompt=7),
    "no words": body(prompt=""),
    "half a character": body(prompt="\ud800"),
    "no labels": body(labels=[]),
    "labels in one text": body(labels="AB"),
    "a label the model does not have": body(labels=["A", "a"]),
    "a label of two letters": body(labels=["A", "BC"]),
    "a label that is none": body(labels=["A", ""]),
    "a number for a label": body(labels=["A", 1]),
    "a label twice": body(labels=["A", "A"]),
    "more labels than letters": body(labels=["A"] * 27),
    "something more": body(model="other"),
    "other bytes": b"\xff",
}


@pytest.mark.usefixtures("shallow")
@pytest.mark.parametrize("said", WRONG.values(), ids=WRONG)
def test_anything_else_is_no_question(said):
    assert read_question(said) is None


def test_questions_are_told_apart_by_their_digests():
    asked = [("why?", "AB"), ("why?", "BA"), ("why?A", "B"), ('why?","A', "AB")]
    assert len({Question(prompt, tuple(labels)).digest for prompt, labels in asked}) == 4
