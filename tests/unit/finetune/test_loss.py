"""The one loss: least where the child's choices are what the lesson asks for."""

from __future__ import annotations

import pytest
import torch

from finetune.loss import NEVER, Batch, loss

BEFORE = torch.tensor([[1.0, 0.0, -1.0], [0.5, 0.5, 0.0]])


def batch(target, bends):
    there = torch.tensor([[True, True, True], [True, True, False]])
    ones = torch.ones(2)
    return Batch(
        tokens=torch.zeros(2, 1, dtype=torch.long),
        asked=torch.zeros(2, dtype=torch.long),
        target=torch.tensor(target),
        there=there,
        weight=ones,
        sign=ones,
        bends=torch.tensor(bends),
    )


def least(asked):
    """Where it is led to by nothing but the loss."""
    after = BEFORE.clone().requires_grad_()
    optimizer = torch.optim.Adam([after], lr=0.05)
    for _ in range(600):
        optimizer.zero_grad()
        loss(after, BEFORE, asked, kl=0.0).all.backward()
        optimizer.step()
    return after.masked_fill(~asked.there, NEVER).softmax(-1).detach()


def test_a_share_is_what_a_line_is_to_be_chosen_with():
    found = least(batch([[0.2, 0.5, 0.3], [0.9, 0.1, 0.0]], [0.0, 0.0]))
    assert found.tolist()[0] == pytest.approx([0.2, 0.5, 0.3], abs=0.01)
    assert found.tolist()[1] == pytest.approx([0.9, 0.1, 0.0], abs=0.01)


def test_where_it_bends_a_line_is_chosen_so_many_times_more_often_than_by_the_parent():
    asked = batch([[1.0, 4.0, 1.0], [1.0, 3.0, 0.0]], [1.0, 1.0])
    found, parent = least(asked), BEFORE.masked_fill(~asked.there, NEVER).softmax(-1)
    wanted = asked.target * parent
    wanted = wanted / wanted.sum(-1, keepdim=True)
    assert torch.allclose(found, wanted, atol=0.01)


def test_what_is_worth_the_same_as_everything_else_is_left_as_the_parent_has_it():
    found = least(batch([[2.0, 2.0, 2.0], [1.0, 1.0, 0.0]], [1.0, 1.0]))
    assert torch.allclose(found[0], BEFORE[0].softmax(-1), atol=0.01)
