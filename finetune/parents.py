"""What a child can be taught from: a small model's file, or the folder of a large one or of an
adapter for one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from finetune.errors import BadBase
from finetune.stage import digest

CONFIG: Final = "config.json"
ADAPTER_CONFIG: Final = "adapter_config.json"
UNUSUAL: Final = (
    *("use_dora", "use_rslora", "modules_to_save", "rank_pattern", "alpha_pattern"),
    *("fan_in_fan_out", "trainable_token_indices", "target_parameters", "lora_bias"),
)
"""What llama.cpp's adapters do not know, or know otherwise."""


@dataclass(frozen=True, slots=True)
class Parent:
    """A large model, and the adapter it wears."""

    model: Path
    adapter: Path | None


def parent_of(folder: Path) -> Parent:
    """As transformers and peft lay them down; an adapter names the model that it is for."""
    if (folder / CONFIG).is_file():
        return Parent(folder.resolve(), None)
    try:
        told = json.loads((folder / ADAPTER_CONFIG).read_text("utf-8"))
        model = Path(told["base_model_name_or_path"])
    except (OSError, ValueError, TypeError, KeyError):
        raise BadBase("the folder holds neither a model nor an adapter", folder=folder) from None
    _refuse_unusual(told)
    if not (model / CONFIG).is_file():
        raise BadBase("the model that the adapter is for is not there", model=model)
    return Parent(model, folder.resolve())


def parent_digest(path: Path) -> str:
    """Over all that a child depends on."""
    if path.is_file():
        return digest(path)
    found = parent_of(path)
    folders = [found.model, *([found.adapter] if found.adapter else [])]
    files = [file for each in folders for file in sorted(each.iterdir()) if file.is_file()]
    lines = "".join(f"{file.name} {digest(file)}\n" for file in files)
    return "0x" + sha256(lines.encode()).hexdigest()


def _refuse_unusual(told: Mapping[str, Any]) -> None:
    unusual = [name for name in UNUSUAL if told.get(name)]
    if told.get("peft_type") != "LORA" or told.get("bias") != "none" or unusual:
        raise BadBase("the adapter is no plain LoRA", has=", ".join(unusual) or "another kind")
