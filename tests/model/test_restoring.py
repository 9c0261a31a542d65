"""A file that is none of ours is refused in words, before anything is learnt for it."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")

import gguf

from finetune.errors import BadBase
from finetune.export import export, restore
from finetune.generation0 import MODEL
from finetune.policy import Policy, Shape

pytestmark = pytest.mark.model


@pytest.mark.parametrize("kept", [0, 3, 1000, 100_000, -1])
def test_a_damaged_file(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "damaged.gguf"
    path.write_bytes(MODEL.read_bytes()[:kept])
    with pytest.raises(BadBase, match="no GGUF file"):
        restore(path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(BadBase, match="no GGUF file"):
        restore(tmp_path / "none.gguf")


def test_other_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "other.gguf"
    with monkeypatch.context() as patched:
        patched.setattr("finetune.export.written", lambda: [f"word {n}" for n in range(1152)])
        export(Policy(Shape()), path, "other")
    with pytest.raises(BadBase, match="other words"):
        restore(path)


def test_another_shape(tmp_path: Path) -> None:
    path = tmp_path / "wide.gguf"
    export(Policy(Shape(inner=512)), path, "narrow")
    with pytest.raises(BadBase, match="another shape"):
        restore(path)


def test_a_file_without_a_vocabulary(tmp_path: Path) -> None:
    path = tmp_path / "mute.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(BadBase, match="no GGUF file"):
        restore(path)
