"""A child of a large model: an adapter for peft and one for llama.cpp, held against each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from compute.errors import BadModel
from compute.llama import Llama
from finetune.adapter import export_adapter, is_four_bits
from finetune.base import Base, open_base, reread, text_of
from finetune.crew import Crew
from finetune.errors import BadBase
from finetune.lora import tune
from finetune.moments import Moments
from finetune.objective import Lesson
from finetune.parents import parent_of
from finetune.parity import FOUR_BITS, Judge, Parity, by_llama, compare, sample
from finetune.raising import Written
from finetune.situations import Example
from finetune.stage import digest
from finetune.teach import Improving, Progress, Tuning

ADAPTER: Final = "adapter.gguf"
PEFT: Final = "adapter"
"""The folder to go on from: the next child's parent."""
SPARE: Final = 64
"""Tokens of context beyond the longest prompt."""


@dataclass(frozen=True)
class Larger:
    """Taught, and not yet written; only the process that writes has llama.cpp's side."""

    base: Base
    told: Moments
    tuned: Any
    llama: Llama | None

    def write(self, part: Path) -> Written:
        """Both adapters, and how far apart they choose."""
        if self.llama is None:
            raise RuntimeError("only the first process writes")
        self.tuned.save_pretrained(part / PEFT)
        export_adapter(self.tuned, self.base.gguf, part / ADAPTER)
        self.llama.adapt(part / ADAPTER)
        labels = torch.tensor(self.base.labels, device=self.tuned.device)
        found = compare(sample(self.told), by_tuned(self.tuned, labels), by_llama(self.llama))
        figures = {
            "model": digest(self.base.gguf),
            "adapter": digest(part / ADAPTER),
            "longest_prompt": _longest(self.told),
        }
        return Written(figures, found, _holds(found, self.base.gguf))


def rear(
    folder: Path,
    moments: Moments,
    lesson: Lesson,
    how: Improving,
    tell: Callable[[Progress], None],
    crew: Crew,
    *,
    kto: bool,
) -> Larger:
    """Whatever can be refused is refused before anything is taught."""
    parent = parent_of(folder)
    base = open_base(parent.model)
    told = reread(moments, base.encode)
    llama = _reading_alike(base, moments, told) if crew.leads else None
    tuned = tune(base, parent.adapter, told, lesson, how, Tuning(), tell, crew, kto=kto)
    return Larger(base, told, tuned, llama)


def by_tuned(tuned: Any, labels: Tensor) -> Judge:
    @torch.inference_mode()
    def judge(example: Example) -> Tensor:
        tokens = torch.tensor([example.tokens], device=labels.device)
        said = tuned(input_ids=tokens, logits_to_keep=1, use_cache=False)
        menu: Tensor = said.logits[0, -1, labels[: len(example.scores)]]
        return menu.float().cpu().softmax(0)

    return judge


def _reading_alike(base: Base, moments: Moments, told: Moments) -> Llama:
    """The GGUF file's tokenizer must read prompts and labels as the folder's does."""
    try:
        llama = Llama(base.gguf, context=_longest(told) + SPARE)
    except BadModel as bad:
        raise BadBase(bad.reason, **bad.facts) from bad
    if tuple(llama.labels.values()) != base.labels:
        raise BadBase("the GGUF file has other tokens for the labels", gguf=base.gguf)
    for written, read in zip(sample(moments), sample(told), strict=True):
        if llama.tokenize(text_of(written.tokens)) != read.tokens:
            raise BadBase("llama.cpp reads prompts in other tokens", gguf=base.gguf)
    return llama


def _holds(found: Parity, file: Path) -> bool:
    return found.within(*FOUR_BITS) if is_four_bits(file) else found.holds


def _longest(told: Moments) -> int:
    return int(np.diff(told.token_starts).max())
