"""A model from elsewhere, as it lies in its folder: read as agents will read it, and never altered.

The folder holds what transformers loads and, beside it, the same model as the one GGUF file that
agents run. Labels are tokens that its vocabulary has; a tokenizer that splits them, or joins one
to the prompt's last word, is refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils.logging import disable_progress_bar

from agent.prompt import HEAD, TAIL
from compute.errors import BadModel
from compute.scoring import LABELS, label_tokens
from finetune.adapter import check_kind
from finetune.crew import CPU
from finetune.errors import BadBase
from finetune.moments import Moments
from finetune.parents import CONFIG
from finetune.vocab import entries

Encode = Callable[[str], list[int]]


@dataclass(frozen=True, slots=True)
class Base:
    """How it reads; its weights are loaded when they are needed."""

    folder: Path
    gguf: Path
    encode: Encode
    labels: tuple[int, ...]


def open_base(folder: Path) -> Base:
    """Everything that can be refused before gigabytes are read."""
    files = sorted(folder.glob("*.gguf"))
    if len(files) != 1:
        raise BadBase("not one GGUF file lies beside the model", folder=folder, files=len(files))
    check_kind(_kind(folder), files[0])
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError) as fault:
        raise BadBase("the tokenizer cannot be read", folder=folder, said=_first(fault)) from fault
    encode = _encoder(tokenizer)
    return Base(folder, files[0], encode, labels(encode, _encoder(tokenizer, special=False)))


def load(base: Base, device: torch.device) -> Any:
    """Its weights, without dropout: what is learnt is what will choose."""
    disable_progress_bar()
    try:
        model = AutoModelForCausalLM.from_pretrained(
            base.folder,
            local_files_only=True,
            attention_dropout=0.0,
            dtype=torch.float32 if device == CPU else torch.bfloat16,
        )
    except (OSError, ValueError) as fault:
        raise BadBase("the model cannot be read", folder=base.folder, said=_first(fault)) from fault
    return model.to(device)


def labels(encode: Encode, bare: Encode) -> tuple[int, ...]:
    """One token each, by themselves and where a prompt ends."""
    try:
        tokens = label_tokens(bare)
    except BadModel as bad:
        raise BadBase(bad.reason, **bad.facts) from bad
    prompt = f"{HEAD} lean\nA hold.wait{TAIL}"
    read = encode(prompt)
    merged = "".join(each for each in LABELS if encode(prompt + each) != [*read, tokens[each]])
    if merged:
        raise BadBase("labels are read otherwise where a prompt ends", labels=merged)
    return tuple(tokens[label] for label in LABELS)


def text_of(tokens: Sequence[int]) -> str:
    """A prompt, as it was written."""
    known = _entries()
    return b"".join(known[token] for token in tokens).decode()


def reread(moments: Moments, encode: Encode) -> Moments:
    """The same moments in another model's tokens."""
    prompts = [encode(text_of(moments.prompt(i))) for i in range(len(moments))]
    starts = np.asarray(list(accumulate(map(len, prompts), initial=0)))
    return replace(moments, token_starts=starts, tokens=np.concatenate(prompts).astype(np.int32))


def _kind(folder: Path) -> str:
    try:
        return str(json.loads((folder / CONFIG).read_text("utf-8"))["model_type"])
    except (OSError, ValueError, TypeError, KeyError):
        raise BadBase("the folder does not say what model it holds", folder=folder) from None


_entries = cache(entries)


def _encoder(tokenizer: Any, *, special: bool = True) -> Encode:
    def encode(text: str) -> list[int]:
        found: list[int] = tokenizer.encode(text, add_special_tokens=special)
        return found

    return encode


def _first(fault: Exception) -> str:
    return str(fault).strip().split("\n", 1)[0][:200]
