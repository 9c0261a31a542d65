"""The breed stage: a promoted child becomes a generation that others can be born from, by its CID.

DIR/{cid}.car      all of it, root first
DIR/ipfs/{cid}     the same blocks, one a file: a web server of files in DIR is a gateway for them
DIR/genome.json    what an agent's home will hold
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from agent import genome
from agent.bred import FILES, MODEL, Bred, File, cut, decode
from agent.errors import AgentError
from agent.genome import Genome
from agent.models import FIRST, resolve
from agent.prompt import prompt_digest
from finetune.errors import BadStage, NotPromoted
from finetune.stage import MANIFEST, Done, check, digest, stage
from telemetry.blocks import LOOSE, Link
from telemetry.car import car_pieces, write_whole
from telemetry.cid import PREFIX, RAW

GENOME: Final = "genome.json"
USUAL: Final = ("thrift", "keeper")
"""What an agent uses of whom nobody says otherwise."""

Tell = Callable[[str], None]


def breed(trained: Path, verdict: Path, out: Path, parent: Path | None, tell: Tell) -> Done:
    """Refuse who was not promoted; else lay out genome, model and papers as blocks."""
    known = check(trained)
    if known.get("stage") != "train":
        raise BadStage("this is no finished training", folder=trained, holds=known.get("stage"))
    model = str(known["outputs"].get(MODEL))
    _promoted(verdict, model)
    try:
        child = _child(parent, str(known["inputs"].get("parent")), model)
    except AgentError as fault:
        raise BadStage("nobody can be told what it inherits", why=fault) from None
    inputs = {
        "trained": digest(trained / MANIFEST),
        "verdict": digest(verdict),
        "parents": list(child.parents),
    }
    settings = {"generation": child.generation, "prompt": child.prompt}
    done = stage(out, "breed", inputs, settings, lambda part: _work(trained, known, child, part))
    tell(f"{done.manifest['figures']['cid']} is in {out}")
    return done


def _promoted(path: Path, model: str) -> None:
    """A verdict is plain JSON; whose it is must be this child's, where it says so."""
    try:
        verdict = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as fault:
        raise NotPromoted("the verdict cannot be read", file=path, why=fault) from None
    if not isinstance(verdict, dict) or verdict.get("promoted") is not True:
        raise NotPromoted(file=path)
    if (verdict.get("child") or model) != model:
        raise NotPromoted("the verdict is another child's", file=path, child=verdict["child"])


def _child(parent: Path | None, parents_model: str, model: str) -> Genome:
    """What it inherits but for the model; a parent that is not named must be the one that ships."""
    if parent is None:
        if digest(resolve(FIRST)) != parents_model:
            raise BadStage("its parent is not generation 0 that ships: name it with --parent")
        strategies = {name: dict[str, Any]() for name in USUAL}
        return Genome(1, model, "", prompt_digest(), strategies)
    path = parent / GENOME if parent.is_dir() else parent
    try:
        before = genome.load(path)
        before = replace(
            before,
            strategies={
                name: genome.figures(options) for name, options in before.strategies.items()
            },
        )
        genome.decode(before.encode())
    except (AgentError, AttributeError, TypeError, ValueError) as fault:
        raise BadStage("the parent's genome cannot be read", file=path, why=fault) from None
    if before.gguf != parents_model:
        raise BadStage("it was taught from another model than this parent's", file=path)
    return replace(
        before,
        generation=before.generation + 1,
        gguf=model,
        prompt=prompt_digest(),
        parents=(genome.load(path).cid,),
    )


def _work(trained: Path, known: Mapping[str, Any], child: Genome, part: Path) -> Mapping[str, Any]:
    loose = part / LOOSE
    loose.mkdir()
    files = {name: _laid(loose, trained / name) for name in sorted(FILES, key=_order)}
    for name, promised in known["outputs"].items():
        if name in files and files[name].sha256 != promised:
            raise BadStage("a file was changed meanwhile", file=trained / name)
    block = child.encode()
    born_as = _put(loose, block)
    bred = Bred(born_as.digest, files, tuple(child.parents), _made(known))
    root = _put(loose, _readable(bred.encode(), block))
    write_whole(part / f"{root.cid}.car", car_pieces(root.cid, _blocks(loose, root, bred, born_as)))
    genome.save(part / GENOME, child)
    return {
        "cid": root.cid,
        "genome": child.digest(),
        "genome_cid": born_as.cid,
        "generation": child.generation,
        "model": child.gguf,
        "bytes": sum(file.size for file in files.values()),
    }


def _readable(root: bytes, born_as: bytes) -> bytes:
    """The root's block, if those who are to be born of it will take it."""
    try:
        decode(root)
        genome.decode(born_as)
    except AgentError as fault:
        raise BadStage("nobody could be born of this", why=fault) from None
    return root


def _made(known: Mapping[str, Any]) -> dict[str, str]:
    """In short; the whole of it is in the manifest that goes with it."""
    inputs, aim = known["inputs"], known["settings"].get("aim") or {}
    return {
        "code": str(known.get("code", "")),
        "dataset": str(inputs.get("dataset", "")),
        "objective": str(aim.get("name", "")),
        "parent": str(inputs.get("parent", "")),
    }


def _laid(loose: Path, path: Path) -> File:
    """One part at a time in memory."""
    parts, size, whole = list[bytes](), 0, sha256()
    with path.open("rb") as file:
        for part in cut(file):
            parts.append(_put(loose, part, RAW).digest)
            size += len(part)
            whole.update(part)
    return File(size, "0x" + whole.hexdigest(), tuple(parts))


def _put(loose: Path, data: bytes, kind: bytes = PREFIX) -> Link:
    link = Link(sha256(data).digest(), kind)
    (loose / link.cid).write_bytes(data)
    return link


def _blocks(loose: Path, root: Link, bred: Bred, born_as: Link) -> Iterator[tuple[bytes, bytes]]:
    """In the order in which links are followed, each once."""
    parts = (Link(part, RAW) for file in bred.files.values() for part in file.parts)
    for link in dict.fromkeys((root, *parts, born_as)):
        yield link.kind, (loose / link.cid).read_bytes()


def _order(name: str) -> tuple[int, str]:
    """DAG-CBOR's, of keys."""
    return len(name), name
