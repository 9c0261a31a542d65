"""Models as others make them: transformers' folder, a tokenizer trained on prompts, a GGUF file.

Random weights, real formats. The GGUF side is written as llama.cpp's own converter does it.
"""

from __future__ import annotations

import json

import gguf
import lessons
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoModelForCausalLM,
    LlamaConfig,
    MistralConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen3Config,
)

from finetune.base import text_of
from finetune.export import quantize

CONFIGS = {
    "llama": LlamaConfig,
    "mistral": MistralConfig,
    "qwen2": Qwen2Config,
    "qwen3": Qwen3Config,
}
HEADS, KEYS, LAYERS, WIDTH = 8, 4, 2, 256


def tokenizer(prompts, *, split=True, size=600):
    """Byte-level pieces, as GPT-2 reads; unless it is not to split words, which joins anything."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=split)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(
        prompts, trainers.BpeTrainer(vocab_size=size, initial_alphabet=sorted(alphabet))
    )
    return PreTrainedTokenizerFast(tokenizer_object=made)


def prompts():
    told = lessons.moments(5)
    return [text_of(told.prompt(i)) for i in range(len(told))]


def make(folder, kind="llama", *, inner=512, quantized=True):
    """The folder of a model that nobody trained, and its GGUF file in it."""
    torch.manual_seed(0)
    reads = tokenizer(prompts())
    config = CONFIGS[kind](
        vocab_size=len(reads),
        hidden_size=WIDTH,
        intermediate_size=inner,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=KEYS,
        head_dim=WIDTH // HEADS,
        max_position_embeddings=1024,
        rms_norm_eps=1e-5,
        initializer_range=0.06,
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=0,
    )
    model = AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.dim() == 1:
                weight.add_(0.2 * torch.randn_like(weight))
            assert weight.abs().sum() > 0, name
    model.save_pretrained(folder)
    reads.save_pretrained(folder)
    write_gguf(model, reads, kind, folder / "full.gguf")
    if quantized:
        quantize(folder / "full.gguf", folder / "base.gguf")
        (folder / "full.gguf").unlink()
    return folder


def write_gguf(model, reads, kind, path):
    config, kind = model.config, "llama" if kind == "mistral" else kind
    writer = gguf.GGUFWriter(path, kind)
    writer.add_context_length(1024)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KEYS)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    pieces = json.loads(reads.backend_tokenizer.to_str())["model"]
    tokens = sorted(pieces["vocab"], key=pieces["vocab"].get)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2" if kind == "qwen2" else "gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.NORMAL] * len(tokens))
    writer.add_token_merges([" ".join(pair) for pair in pieces["merges"]])
    writer.add_add_bos_token(False)
    arch = next(k for k, name in gguf.MODEL_ARCH_NAMES.items() if name == kind)
    names = gguf.get_tensor_name_map(arch, config.num_hidden_layers)
    for key, weight in model.state_dict().items():
        name = names.get_name(key, try_suffixes=(".weight", ".bias"))
        heads = {"attn_q": HEADS, "attn_k": KEYS}.get(name.split(".")[-2])
        data = weight.float().numpy()
        if kind == "llama" and heads:  # what its converter calls permute
            parts = data.reshape(heads, 2, data.shape[0] // heads // 2, *data.shape[1:])
            data = parts.swapaxes(1, 2).reshape(data.shape)
        writer.add_tensor(name, data)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
