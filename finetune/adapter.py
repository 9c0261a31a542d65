"""From peft to the GGUF adapter that llama.cpp lays over a model. The same weights, the same bytes.

Its tensors bear the model's own names. Where llama.cpp turns queries and keys in neighbouring
pairs, its model files hold their rows in another order than transformers does; so must these.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import gguf
from peft import get_peft_model_state_dict
from torch import Tensor

from finetune.errors import BadBase

KINDS: Final = {"llama": "llama", "mistral": "llama", "qwen2": "qwen2", "qwen3": "qwen3"}
"""transformers' name of an architecture, and llama.cpp's; the ones whose adapters were checked."""
PAIRED: Final = ("llama",)
"""Those that turn neighbouring pairs."""
OUTER: Final = "base_model.model."
PARTS: Final = {"lora_A": ("lora_a", 1, 0), "lora_B": ("lora_b", 0, 1)}
"""llama.cpp's name; which side of it, and of the model's matrix, must be of one length."""
CHILD: Final = "default"
"""peft's name for the adapter that is taught."""


def export_adapter(tuned: Any, base: Path, path: Path) -> None:
    """Write the adapter that a model wears, for the file that agents run it with."""
    reader = _reader(base)
    kind = _kind(reader)
    held = {tensor.name: tuple(map(int, tensor.shape)) for tensor in reader.tensors}
    heads = {
        "attn_q": int(_field(reader, f"{kind}.attention.head_count")),
        "attn_k": int(_field(reader, f"{kind}.attention.head_count_kv")),
    }
    named = _names(kind, int(_field(reader, f"{kind}.block_count")))
    writer = gguf.GGUFWriter(path, kind)
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, float(tuned.peft_config[CHILD].lora_alpha))
    for key, weight in sorted(get_peft_model_state_dict(tuned, adapter_name=CHILD).items()):
        module, part, _weight = key.removeprefix(OUTER).rsplit(".", 2)
        name = named(f"{module}.weight")
        side, of_weight, of_model = PARTS[part]
        if name not in held or weight.shape[of_weight] != held[name][of_model]:
            raise BadBase("the GGUF file is of another model", differs=module)
        count = heads.get(name.split(".")[2]) if kind in PAIRED and side == "lora_b" else None
        rows = _paired(weight, count) if count else weight
        writer.add_tensor(f"{name}.{side}", rows.float().cpu().contiguous().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def check_kind(told: str, base: Path) -> None:
    """The folder and the GGUF file must hold the same kind of model, and one that was checked."""
    if told not in KINDS:
        known = ", ".join(KINDS)
        raise BadBase("no adapter for this kind of model was checked yet", kind=told, known=known)
    if (kind := _kind(_reader(base))) != KINDS[told]:
        raise BadBase("the GGUF file is of another kind of model", kind=kind, wanted=KINDS[told])


def is_four_bits(base: Path) -> bool:
    found = _reader(base).get_field("general.file_type")
    return found is not None and found.contents() == gguf.LlamaFileType.MOSTLY_Q4_K_M


def _reader(base: Path) -> Any:
    try:
        return gguf.GGUFReader(base)
    except (OSError, ValueError, IndexError) as fault:
        raise BadBase("the GGUF file cannot be read", gguf=base) from fault


def _kind(reader: Any) -> str:
    return str(_field(reader, "general.architecture"))


def _field(reader: Any, key: str) -> Any:
    found = reader.get_field(key)
    if found is None:
        raise BadBase("the GGUF file does not say what it must", lacks=key)
    return found.contents()


def _names(kind: str, layers: int) -> Callable[[str], str]:
    """llama.cpp's name for a weight of transformers, or nothing."""
    ids = {name: number for number, name in gguf.MODEL_ARCH_NAMES.items()}
    known = gguf.get_tensor_name_map(ids[kind], layers)
    return lambda name: known.get_name(name, try_suffixes=(".weight",)) or ""


def _paired(weight: Tensor, heads: int) -> Tensor:
    """Rows of each head, its two halves interleaved."""
    rows, rank = weight.shape
    halves = weight.reshape(heads, 2, rows // heads // 2, rank)
    return halves.transpose(1, 2).reshape(rows, rank)
