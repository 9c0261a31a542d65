"""From torch to a GGUF file that llama.cpp runs, and back. The same weights, the same bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import gguf
import torch
from llama_cpp import llama_cpp as native

from compute.llama import silence
from finetune.errors import BadBase
from finetune.policy import Policy, Shape
from finetune.vocab import entries

ARCHITECTURE: Final = "llama"
TENSORS: Final = {
    "before": "attn_norm",
    "query": "attn_q",
    "key": "attn_k",
    "value": "attn_v",
    "out": "attn_output",
    "between": "ffn_norm",
    "gate": "ffn_gate",
    "up": "ffn_up",
    "down": "ffn_down",
}
"""Our names of a layer's parts, and llama.cpp's."""


class ExportFailed(RuntimeError):
    """llama.cpp would not quantize what was written."""


def export(policy: Policy, path: Path, name: str) -> None:
    """Write weights in full precision, the shape and the vocabulary."""
    writer = gguf.GGUFWriter(path, ARCHITECTURE)
    shape = policy.shape
    writer.add_name(name)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_feed_forward_length(shape.inner)
    writer.add_block_count(shape.layers)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.heads)
    writer.add_rope_dimension_count(shape.width // shape.heads)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_layer_norm_rms_eps(shape.eps)
    writer.add_vocab_size(shape.vocab)
    _add_vocabulary(writer)
    for key, weight in policy.state_dict().items():
        writer.add_tensor(_named(key), weight.float().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def quantize(source: Path, target: Path, kind: int = native.LLAMA_FTYPE_MOSTLY_Q8_0) -> None:
    """All but the table, which is small, and whose rounding would move every choice."""
    silence()
    params = native.llama_model_quantize_default_params()
    params.ftype = kind
    params.token_embedding_type = params.output_tensor_type = native.GGML_TYPE_F16
    params.nthread = 1
    if native.llama_model_quantize(bytes(source), bytes(target), params):
        raise ExportFailed(str(target))


def restore(path: Path) -> Policy:
    """The policy that an exported file holds, with its weights as quantizing left them.

    Raises `BadBase` for a file that is none of ours: damaged, or with other words.
    """
    try:
        reader = gguf.GGUFReader(path)
        tensors = {tensor.name: tensor for tensor in reader.tensors}
        words = reader.fields["tokenizer.ggml.tokens"].contents()
    except (OSError, ValueError, KeyError, IndexError) as fault:
        raise BadBase("this is no GGUF file of a small model", file=path, why=fault) from None
    if words != written():
        raise BadBase("it reads other words than are taught here", file=path)
    policy = Policy(Shape(layers=sum(name.endswith("attn_q.weight") for name in tensors)))
    try:
        policy.load_state_dict({key: _weight(tensors[_named(key)]) for key in policy.state_dict()})
    except (KeyError, RuntimeError):
        raise BadBase("it has another shape than is taught here", file=path) from None
    return policy.eval()


def _weight(tensor: gguf.ReaderTensor) -> torch.Tensor:
    return torch.from_numpy(gguf.quants.dequantize(tensor.data, tensor.tensor_type).copy())


def written() -> list[str]:
    """The vocabulary as its file has it: bytes that are not plain text in hex."""
    return ["".join(map(_escaped, entry)) for entry in entries()]


def _add_vocabulary(writer: gguf.GGUFWriter) -> None:
    """Greedy matching of whole words."""
    known = written()
    writer.add_tokenizer_model("rwkv")
    writer.add_token_list(known)
    writer.add_token_types([gguf.TokenType.NORMAL] * len(known))
    writer.add_add_bos_token(False)
    writer.add_add_eos_token(False)


def _escaped(byte: int) -> str:
    text = chr(byte)
    return text if text.isascii() and text.isprintable() and text != "\\" else f"\\x{byte:02x}"


def _named(key: str) -> str:
    if key == "table.weight":
        return "token_embd.weight"
    if key == "norm.weight":
        return "output_norm.weight"
    _layers, number, part, kind = key.split(".")
    return f"blk.{number}.{TENSORS[part]}.{kind}"
