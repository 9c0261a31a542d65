"""What an agent is born as: model, prompt, strategies, parents. Its digest goes on chain."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cbrrr import encode_dag_cbor

from agent.errors import BadConfig


@dataclass(frozen=True, slots=True)
class Genome:
    """Everything that is inherited; digests are 0x-text, empty for none."""

    generation: int
    gguf: str
    adapter: str
    prompt: str
    strategies: Mapping[str, Mapping[str, Any]]
    parents: Sequence[int] = ()
    v: int = 1

    def plain(self) -> dict[str, Any]:
        return {**asdict(self), "parents": list(self.parents)}

    def digest(self) -> str:
        """SHA-256 of the DAG-CBOR form, so that the digest is also its name on IPFS."""
        return "0x" + hashlib.sha256(encode_dag_cbor(self.plain())).hexdigest()


def load(path: Path) -> Genome:
    try:
        return Genome(**json.loads(path.read_text("utf-8")))
    except (OSError, TypeError, ValueError) as fault:
        raise BadConfig(
            f"{path} is not a genome ({fault})", "make a new home with forager init"
        ) from None


def save(path: Path, genome: Genome) -> None:
    path.write_text(json.dumps(genome.plain(), indent=1) + "\n", "utf-8")
