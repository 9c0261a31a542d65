"""A stage of the work: a folder that is whole or is not there, and a manifest to repeat it by.

The manifest names what went in and what came out by their digests, the code and the seeds. A stage
whose manifest names the same inputs is done and not done again; one that was killed left only a
folder beside it that the next run throws away.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from finetune.errors import BadStage

MANIFEST: Final = "manifest.json"
CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Done:
    """A finished stage."""

    folder: Path
    manifest: Mapping[str, Any]
    fresh: bool
    """Whether it was done now."""


def stage(
    folder: Path,
    name: str,
    inputs: Mapping[str, Any],
    settings: Mapping[str, Any],
    work: Callable[[Path], Mapping[str, Any]],
) -> Done:
    """Do the work in a folder beside, and move it into place; `work` gives figures to remember."""
    asked = {"stage": name, "inputs": dict(inputs), "settings": dict(settings)}
    known = _known(folder)
    if known is not None:
        if {key: known.get(key) for key in asked} == json.loads(json.dumps(asked)):
            return Done(folder, known, fresh=False)
        raise BadStage(folder=folder, holds=known.get("stage"), wanted=name)
    if folder.exists() and any(folder.iterdir()):
        raise BadStage("the folder holds something without a manifest", folder=folder)
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    figures = work(part)
    outputs = {
        str(path.relative_to(part)): digest(path)
        for path in sorted(part.rglob("*"))
        if path.is_file()
    }
    manifest = {**asked, "code": code(), "outputs": outputs, "figures": dict(figures)}
    (part / MANIFEST).write_text(json.dumps(manifest, indent=1, allow_nan=False) + "\n", "utf-8")
    if folder.exists():
        folder.rmdir()
    part.rename(folder)
    return Done(folder, manifest, fresh=True)


def put(path: Path, told: Any) -> None:
    """A small file of findings: whole or not there."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(json.dumps(told, indent=1, allow_nan=False) + "\n", "utf-8")
    part.replace(path)


def check(folder: Path) -> Mapping[str, Any]:
    """A stage that others build on: its manifest, once every file is what it says."""
    known = _known(folder)
    if known is None:
        raise BadStage("there is no finished stage here", folder=folder)
    for name, promised in known["outputs"].items():
        path = folder / name
        if not path.is_file() or digest(path) != promised:
            raise BadStage("a file is missing or was changed", file=path)
    return known


def digest(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            found.update(chunk)
    return "0x" + found.hexdigest()


def code() -> str:
    """The distribution's version, and the commit where there is one."""
    try:
        commit = subprocess.run(
            ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short=12", "HEAD"],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return version("forager")
    return f"{version('forager')}+{commit}"


def _known(folder: Path) -> dict[str, Any] | None:
    try:
        found = json.loads((folder / MANIFEST).read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        raise BadStage("the manifest is damaged", folder=folder) from None
    return found if isinstance(found, dict) else None
