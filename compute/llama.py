"""A GGUF file in llama.cpp, through its low-level API: tokens in, the last token's logits out.

Only the engine's own process should hold one: model files are input to native code.
"""

from __future__ import annotations

import ctypes
import hashlib
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import llama_cpp
from llama_cpp import llama_cpp as native

from compute.errors import BadModel, NoModel
from compute.scoring import label_tokens, shared

Logits = Any
Pointer = Any
"""Of C: llama.cpp's bindings are not typed."""

LOG_ERROR: Final = 4
SEQUENCE: Final = 0
WIDE: Final = 64
"""So many tokens at once use the kernels that prompts do; fewer may use others."""


class Llama:
    """One model, one context. The cache keeps the last prompt, so a constant head costs once."""

    def __init__(
        self, model: Path, adapter: Path | None = None, context: int = 512, threads: int = 1
    ) -> None:
        self.context = context
        self.cached: list[int] = []
        silence()
        native.llama_backend_init()
        self._model = self._load(model)
        self._vocab = native.llama_model_get_vocab(self._model)
        self.width = native.llama_vocab_n_tokens(self._vocab)
        self.labels: Mapping[str, int] = label_tokens(
            lambda text: self.tokenize(text, special=False)
        )
        self._ctx = self._open(context, threads)
        self._memory = native.llama_get_memory(self._ctx)
        if adapter:
            self.adapt(adapter)

    def score(self, prompt: str, labels: Sequence[str]) -> list[float]:
        """One logit for each label, from one forward pass over the prompt."""
        logits = self.forward(self.tokenize(prompt))
        return [logits[self.labels[label]] for label in labels]

    def tokenize(self, text: str, *, special: bool = True) -> list[int]:
        raw = text.encode()
        room = len(raw) + 8
        tokens = (native.llama_token * room)()
        count = native.llama_tokenize(self._vocab, raw, len(raw), tokens, room, special, False)
        return tokens[: max(count, 0)]

    def forward(self, tokens: Sequence[int]) -> Logits:
        """Logits after the last token; they live until the next pass."""
        if not 0 < len(tokens) <= self.context:
            raise NoModel("the prompt does not fit the model's context", tokens=len(tokens))
        kept = shared(self.cached, tokens)
        if not native.llama_memory_seq_rm(self._memory, SEQUENCE, kept, -1):
            self.forget()  # this architecture cannot drop a part of its memory
            kept = 0
        fresh = (native.llama_token * (len(tokens) - kept))(*tokens[kept:])
        self.cached = []  # nothing is known of the cache should the pass fail
        if status := native.llama_decode(self._ctx, native.llama_batch_get_one(fresh, len(fresh))):
            self.forget()
            raise NoModel("the forward pass failed", status=status)
        self.cached = list(tokens)
        return native.llama_get_logits_ith(self._ctx, -1)

    def warm(self) -> None:
        """The first wide pass allocates, and shows whether this build suits the processor."""
        self.forward([self.labels["A"]] * min(self.context, WIDE))
        self.forget()

    def forget(self) -> None:
        native.llama_memory_clear(self._memory, False)
        self.cached = []

    def adapt(self, adapter: Path) -> None:
        """Lay a LoRA adapter over the weights; what the cache holds was computed without it."""
        lora = native.llama_adapter_lora_init(self._model, bytes(adapter))
        if not lora:
            raise BadModel("llama.cpp refuses the adapter", said=_said())
        adapters = (native.llama_adapter_lora_p_ctypes * 1)(lora)
        if native.llama_set_adapters_lora(self._ctx, adapters, 1, (ctypes.c_float * 1)(1.0)):
            raise BadModel("llama.cpp refuses the adapter", said=_said())
        self.forget()

    def _load(self, path: Path) -> Pointer:
        params = native.llama_model_default_params()
        params.check_tensors = True  # a flipped bit may be a NaN, and would choose for ever
        model = native.llama_model_load_from_file(bytes(path), params)
        if not model:
            raise BadModel("llama.cpp refuses the model file", said=_said())
        return model

    def _open(self, context: int, threads: int) -> Pointer:
        params = native.llama_context_default_params()
        params.n_ctx = params.n_batch = params.n_ubatch = context
        params.n_seq_max = params.n_outputs_max = 1
        params.n_threads = params.n_threads_batch = threads
        params.no_perf = True
        # On processors it halves the speed of passes under 64 tokens, which most of ours are.
        params.flash_attn_type = native.LLAMA_FLASH_ATTN_TYPE_DISABLED
        opened = native.llama_init_from_model(self._model, params)
        if not opened:
            raise BadModel("llama.cpp cannot open a context for the model", said=_said())
        return opened


def _remember(level: int, text: bytes, _: object) -> None:
    if level == LOG_ERROR:
        _complaints.append(text.decode(errors="replace").strip())


_complaints: Final[deque[str]] = deque(maxlen=16)
"""The library has one logger for the process, so these are the process's too."""
_hear: Final = native.llama_log_callback(_remember)
"""Kept for ever: the library would call a freed one."""


def silence() -> None:
    """Keep llama.cpp from printing."""
    native.llama_log_set(_hear, ctypes.c_void_p(0))
    _complaints.clear()


def _said() -> str:
    return _complaints[0][:300] if _complaints else ""


def engine_digest() -> str:
    """Names the arithmetic: equal weights give other logits on other builds and processors."""
    build = f"llama-cpp-python {llama_cpp.__version__} {native.llama_print_system_info().decode()}"
    return "0x" + hashlib.sha256(build.encode()).hexdigest()
