"""What an agent is born as: model, prompt, strategies, parents. Its digest goes on chain."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from cbrrr import decode_dag_cbor, encode_dag_cbor

from agent.errors import BadConfig, CannotInherit
from telemetry.cid import Cid, digest_of, from_digest
from telemetry.errors import BadCid

VERSION: Final = 1
MOST_PARENTS: Final = 8
MOST_GENERATION: Final = 1 << 32
_DIGEST: Final = re.compile("0x[0-9a-f]{64}")
_NAME: Final = re.compile("[A-Za-z0-9_-]{1,64}")
"""What may name a table or a key of TOML as it is: strangers' genomes become a config."""
_FIGURES: Final = (int, float, bool)


@dataclass(frozen=True, slots=True)
class Genome:
    """Everything that is inherited; digests are 0x-text, empty for none."""

    generation: int
    gguf: str
    adapter: str
    prompt: str
    strategies: Mapping[str, Mapping[str, Any]]
    parents: Sequence[str] = ()
    """CIDs of the genomes that it was bred from; agents on a chain are no business of it."""
    v: int = VERSION

    def plain(self) -> dict[str, Any]:
        return {**asdict(self), "parents": list(self.parents)}

    def encode(self) -> bytes:
        """Its block on IPFS."""
        return encode_dag_cbor(self.plain())

    def digest(self) -> str:
        """SHA-256 of the DAG-CBOR form, so that the digest is also its name on IPFS."""
        return "0x" + hashlib.sha256(self.encode()).hexdigest()

    @property
    def cid(self) -> Cid:
        return from_digest(bytes.fromhex(self.digest()[2:]))


def load(path: Path) -> Genome:
    try:
        return Genome(**json.loads(path.read_text("utf-8")))
    except (OSError, TypeError, ValueError) as fault:
        raise BadConfig(
            f"{path} is not a genome ({fault})", "make a new home with forager init"
        ) from None


def save(path: Path, genome: Genome) -> None:
    path.write_text(json.dumps(genome.plain(), indent=1) + "\n", "utf-8")


def decode(data: bytes) -> Genome:
    """Read the block of a bred genome, which a stranger may have written."""
    try:
        fields: Any = decode_dag_cbor(data)
    except ValueError as fault:
        raise CannotInherit(f"the genome is not DAG-CBOR: {fault}") from None
    if not isinstance(fields, dict) or type(version := fields.get("v")) is not int:
        raise CannotInherit("the genome is none: it has no version")
    if version != VERSION:
        raise CannotInherit(f"the genome is of form {version}, this is {VERSION}", NEWER)
    if fields.keys() != set(Genome.__dataclass_fields__):
        raise CannotInherit("the genome has other fields than a genome has")
    found = Genome(**fields)
    if type(found.generation) is not int or not 0 <= found.generation < MOST_GENERATION:
        raise CannotInherit("the genome's generation is no number of one")
    if not _is_digest(found.gguf) or not _is_digest(found.prompt):
        raise CannotInherit("the genome does not name its model and its prompt by SHA-256")
    if found.adapter != "":
        raise CannotInherit("the genome has an adapter, and nobody can be born with one yet")
    judge_parents(found.parents)
    judge_strategies(found.strategies)
    return found


NEWER: Final = "it was bred by a newer forager: use that one"


def judge_parents(parents: object) -> None:
    """Raises `CannotInherit` unless they are names of genomes, and few."""
    if not isinstance(parents, list) or len(parents) > MOST_PARENTS:
        raise CannotInherit("the parents are no list, or too many")
    for parent in parents:
        try:
            digest_of(parent if isinstance(parent, str) else "")
        except BadCid:
            raise CannotInherit("a parent is not named by its genome's CID") from None


def judge_strategies(strategies: object) -> None:
    """Raises `CannotInherit` unless they are names with figures.

    Texts, where something stands and with whom it is dealt, are the operator's to say: whoever
    breeds could else have him permit payments to a stranger.
    """
    if not isinstance(strategies, dict):
        raise CannotInherit("the strategies are no map")
    for name, options in strategies.items():
        if not _NAME.fullmatch(name) or not isinstance(options, dict):
            raise CannotInherit(f"{name[:64]!r} is no strategy with options")
        for key, value in options.items():
            if not _NAME.fullmatch(key) or not _is_figure(value):
                raise CannotInherit(f"the option {key[:64]!r} of {name} is no figure")


def figures(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that are inherited: how, not where and with whom."""
    return {key: value for key, value in options.items() if _is_figure(value)}


def _is_figure(value: object) -> bool:
    return isinstance(value, _FIGURES) or (
        isinstance(value, (list, tuple)) and all(isinstance(each, _FIGURES) for each in value)
    )


def _is_digest(value: object) -> bool:
    return isinstance(value, str) and _DIGEST.fullmatch(value) is not None
