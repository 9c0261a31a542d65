"""What a lease promises to run: one digest over the model, its adapter and its context."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

DIGITS: Final = 64
NONE: Final = "0x" + DIGITS * "0"
"""Stands for a file that is not there."""


def digest_file(path: Path) -> str:
    """SHA-256 of a file as 0x-text."""
    with path.open("rb") as file:
        return "0x" + hashlib.file_digest(file, "sha256").hexdigest()


def manifest(gguf_digest: str, adapter_digest: str, context: int) -> str:
    """SHA-256 of gguf ‖ adapter (zeros when there is none) ‖ uint64be context, as 0x-text."""
    parts = [bytes.fromhex(_digits(digest)) for digest in (gguf_digest, adapter_digest)]
    return "0x" + hashlib.sha256(b"".join(parts) + context.to_bytes(8, "big")).hexdigest()


def _digits(digest: str) -> str:
    digits = (digest or NONE).removeprefix("0x")
    if len(digits) != DIGITS:
        raise ValueError("a digest has 32 bytes")
    return digits
