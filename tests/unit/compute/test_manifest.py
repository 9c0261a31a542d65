from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from compute.manifest import digest_file, manifest

GGUF, ADAPTER = "0x" + 64 * "1", "0x" + 64 * "2"


def test_a_file_is_named_by_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"weights")
    assert digest_file(path) == "0x" + sha256(b"weights").hexdigest()


def test_a_manifest_is_one_digest_over_model_adapter_and_context() -> None:
    expected = sha256(bytes.fromhex(64 * "1" + 64 * "2") + (512).to_bytes(8, "big")).hexdigest()
    assert manifest(GGUF, ADAPTER, 512) == "0x" + expected


def test_any_change_changes_the_manifest() -> None:
    variants = {
        manifest(GGUF, ADAPTER, 512),
        manifest(GGUF, "", 512),
        manifest(ADAPTER, GGUF, 512),
        manifest(GGUF, ADAPTER, 1024),
    }
    assert len(variants) == 4


def test_no_adapter_is_zeros() -> None:
    assert manifest(GGUF, "", 512) == manifest(GGUF, "0x" + 64 * "0", 512)


def test_half_a_digest_is_no_digest() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        manifest("0x11", "", 512)
