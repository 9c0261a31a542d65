"""A finished training that never was one, the gate's word on it, and what is bred of both."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

from cbrrr import CID, encode_dag_cbor

from agent.bred import PART
from agent.models import resolve
from agent.prompt import prompt_digest
from finetune.breeding import breed
from finetune.stage import Done, digest, stage
from telemetry.cid import PREFIX, RAW, Cid, cid_of, from_digest

G0 = resolve("builtin:g0")
LARGE = Random(7).randbytes(2 * PART + 321)
"""Three parts, the last one short."""


def trained(folder: Path, model: bytes = LARGE, parent: str | None = None) -> Path:
    """What `train` leaves, with any bytes for a model."""

    def work(part: Path) -> dict[str, str]:
        (part / "model.gguf").write_bytes(model)
        (part / "README.md").write_text("# A generation\n", "utf-8")
        return {"model": digest(part / "model.gguf")}

    inputs = {"dataset": "0x" + "da" * 32, "parent": parent or digest(G0)}
    return stage(folder, "train", inputs, {"aim": {"name": "awrq"}}, work).folder


def verdict(path: Path, child: str | None = None, **changes: Any) -> Path:
    said = {"promoted": True, "e": 31.0, "against": [], **({"child": child} if child else {})}
    path.write_text(json.dumps(said | changes), "utf-8")
    return path


def bred(folder: Path, model: bytes = LARGE, parent: Path | None = None) -> Done:
    """A generation, by the stage's own code."""
    child = "0x" + sha256(model).hexdigest()
    before = json.loads((parent / "genome.json").read_text())["gguf"] if parent else None
    folder.mkdir(parents=True, exist_ok=True)
    done = trained(folder / "trained", model, before)
    word = verdict(folder / "verdict.json", child)
    return breed(done, word, folder / "bred", parent, lambda _: None)


class Forgery:
    """A small generation in plain values, to be spoilt at will and laid out as blocks."""

    def __init__(self, model: bytes = b"GGUF small") -> None:
        self.parts = [model]
        self.genome: dict[str, Any] = {
            "v": 1,
            "generation": 1,
            "gguf": "0x" + sha256(model).hexdigest(),
            "adapter": "",
            "prompt": prompt_digest(),
            "strategies": {"thrift": {"low_h": 5}, "keeper": {}},
            "parents": [],
        }
        paper = b"paper"
        self.root: dict[str, Any] = {
            "v": 1,
            "files": {
                "model.gguf": self.file(*self.parts),
                "README.md": self.file(paper),
                "manifest.json": self.file(paper),
            },
            "parents": [],
            "made": {"code": "0"},
        }

    @staticmethod
    def file(*parts: bytes) -> dict[str, Any]:
        whole = b"".join(parts)
        links = [CID(RAW + sha256(part).digest()) for part in parts]
        return {"size": len(whole), "sha256": "0x" + sha256(whole).hexdigest(), "parts": links}

    @property
    def model(self) -> dict[str, Any]:
        found: dict[str, Any] = self.root["files"]["model.gguf"]
        return found

    def lay(self, folder: Path, root: bytes | None = None, genome: bytes | None = None) -> Cid:
        """Write its blocks; `root` or `genome` stand in for what the values would be."""
        folder.mkdir(exist_ok=True)
        block = encode_dag_cbor(self.genome) if genome is None else genome
        link = CID(PREFIX + sha256(block).digest())
        top = encode_dag_cbor({"genome": link, **self.root}) if root is None else root
        for part in self.parts:
            (folder / from_digest(sha256(part).digest(), RAW)).write_bytes(part)
        for data in (block, top):
            (folder / cid_of(data)).write_bytes(data)
        return cid_of(top)
