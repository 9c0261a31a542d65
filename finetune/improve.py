"""Teaches the small policy its lesson: the next generation from its parent.

A run is repeatable: the same inputs and seed give the same file, on one thread of one process.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor

from finetune.batching import collate
from finetune.crew import ALONE, CPU, Crew
from finetune.loss import Batch
from finetune.moments import Moments
from finetune.muon import Muon
from finetune.objective import Lesson
from finetune.parity import FIRST_LABEL
from finetune.policy import Policy
from finetune.teach import Improving, Progress, Student, prepare, teach

__all__ = ["Batch", "Improving", "Progress", "collate", "improve"]


def improve(
    parent: Policy,
    moments: Moments,
    lesson: Lesson,
    how: Improving,
    tell: Callable[[Progress], None] = lambda _: None,
    *,
    kto: bool = False,
    crew: Crew = ALONE,
) -> Policy:
    """The child; its parent stays as it was."""
    prepare(how, crew)
    child = copy.deepcopy(parent).train().to(crew.device)
    before = copy.deepcopy(parent).eval().to(crew.device)
    matrices = [weight for weight in child.layers.parameters() if weight.dim() == 2]
    others = [child.table.weight, *(w for w in child.parameters() if w.dim() == 1)]
    student = Student(
        after=lambda batch: _asked(child, batch),
        before=lambda batch: _asked(before, batch),
        weights=list(child.parameters()),
        optimizers=[
            Muon(matrices, lr=how.matrix_lr),
            torch.optim.AdamW(others, lr=how.table_lr, betas=(0.9, 0.98), weight_decay=0),
        ],
    )
    teach(student, moments, lesson, how, tell, crew, kto=kto)
    with torch.no_grad():
        child.norm.weight.mul_(how.surer)
    return child.eval().to(CPU)


def _asked(policy: Policy, batch: Batch) -> Tensor:
    """Logits of the labels, where each menu was to be chosen from."""
    logits: Tensor = policy(batch.tokens, batch.asked[:, None])[:, 0]
    return logits[:, FIRST_LABEL : FIRST_LABEL + batch.target.shape[1]]
