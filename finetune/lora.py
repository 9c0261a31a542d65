"""Teaches a large model its lesson by LoRA: small matrices beside the weights, which stay.

The parent is the model itself, or the model with an earlier adapter; the loss, the course and the
crew are those of the small policy.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from warnings import catch_warnings

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import Tensor

from finetune.adapter import CHILD
from finetune.base import Base, load
from finetune.crew import Crew
from finetune.loss import Batch
from finetune.moments import Moments
from finetune.objective import Lesson
from finetune.teach import Improving, Progress, Student, Tuning, prepare, teach

PARENT: Final = "parent"
TARGETS: Final = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
"""Every matrix of a layer, by transformers' names."""


def tune(
    base: Base,
    before: Path | None,
    moments: Moments,
    lesson: Lesson,
    how: Improving,
    tuning: Tuning,
    tell: Callable[[Progress], None],
    crew: Crew,
    *,
    kto: bool,
) -> Any:
    """The model with the child's adapter on; `moments` are in its tokens, `before` is a parent's
    adapter.
    """
    prepare(how, crew)
    model = wearing(load(base, crew.device), before, tuning)
    model.activation_checkpointing_enable({"use_reentrant": False})  # memory is what lacks first
    model.train()
    labels = torch.tensor(base.labels, device=crew.device)
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    student = Student(
        after=lambda batch: _asked(model, labels, batch),
        before=lambda batch: _as_parent(model, labels, batch, alone=before is None),
        weights=weights,
        optimizers=[torch.optim.AdamW(weights, lr=tuning.lr, betas=(0.9, 0.98), weight_decay=0)],
    )
    teach(student, moments, lesson, how, tell, crew, kto=kto)
    return model.eval()


def wearing(model: Any, before: Path | None, tuning: Tuning) -> Any:
    if before is None:
        config = LoraConfig(
            r=tuning.rank,
            lora_alpha=tuning.alpha,
            target_modules=list(TARGETS),
            task_type="CAUSAL_LM",
        )
        with catch_warnings(action="ignore", category=FutureWarning):  # of names that peft asks for
            return get_peft_model(model, config)
    with catch_warnings(action="ignore", category=FutureWarning):
        tuned = PeftModel.from_pretrained(model, before, adapter_name=CHILD, is_trainable=True)
    tuned.load_adapter(before, PARENT)
    tuned.set_adapter(CHILD)
    return tuned


def _as_parent(model: Any, labels: Tensor, batch: Batch, *, alone: bool) -> Tensor:
    if alone:
        with model.disable_adapter():
            return _asked(model, labels, batch)
    model.base_model.set_adapter(PARENT, inference_mode=True)
    try:
        return _asked(model, labels, batch)
    finally:
        model.base_model.set_adapter(CHILD)


def _asked(model: Any, labels: Tensor, batch: Batch) -> Tensor:
    """Logits of the labels alone, where each menu was to be chosen from."""
    places, which = torch.unique(batch.asked, return_inverse=True)
    read = torch.arange(batch.tokens.shape[1], device=labels.device) <= batch.asked[:, None]
    said = model(
        input_ids=batch.tokens, attention_mask=read, logits_to_keep=places, use_cache=False
    )
    rows = torch.arange(len(which), device=labels.device)
    asked: Tensor = said.logits[rows, which][:, labels[: batch.target.shape[1]]]
    return asked.float()
