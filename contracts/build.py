"""Rebuilds the committed artifacts from source, or with --check says which of them differ.

The compiler is pinned and writes no metadata, so the same sources give the same bytes anywhere.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).resolve().parent
FORGE: Final = HERE / "forge"
ARTIFACTS: Final = HERE / "artifacts"
SOURCES: Final = HERE / "src"


def compiled() -> dict[str, str]:
    """Artifact texts by file name, built from scratch and away from forge's own cache."""
    with tempfile.TemporaryDirectory() as scratch:
        out, cache = Path(scratch, "out"), Path(scratch, "cache")
        subprocess.run(
            [FORGE, "build", "src", "--force", "--quiet", "--out", out, "--cache-path", cache],
            cwd=HERE,
            check=True,
        )
        names = sorted(source.stem for source in SOURCES.glob("*.sol"))
        forged = {n: json.loads((out / f"{n}.sol" / f"{n}.json").read_text()) for n in names}
    return {f"{n}.json": _text(n, forged[n]) for n in names if _deployable(forged[n])}


def differing(built: dict[str, str], folder: Path = ARTIFACTS) -> list[str]:
    """Names of files in the folder that are not what was built, missing and stray ones included."""
    present = {path.name: path.read_text("utf-8") for path in folder.glob("*.json")}
    return sorted(
        name for name in built.keys() | present.keys() if built.get(name) != present.get(name)
    )


def write(built: dict[str, str], folder: Path = ARTIFACTS) -> None:
    """Make the folder hold what was built and nothing else."""
    folder.mkdir(exist_ok=True)
    for stray in {path.name for path in folder.glob("*.json")} - built.keys():
        (folder / stray).unlink()
    for name, text in built.items():
        (folder / name).write_text(text, "utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Rebuild, or check; 1 if a check found differences."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="change nothing, exit 1 on differences"
    )
    options = parser.parse_args(arguments)

    built = compiled()
    differences = differing(built)
    if not differences:
        print(f"{len(built)} artifacts are up to date")
        return 0
    for name in differences:
        print(f"artifacts/{name} {'differs from its source' if options.check else 'rebuilt'}")
    if options.check:
        return 1
    write(built)
    return 0


def _deployable(forged: dict[str, Any]) -> bool:
    """Abstract contracts have no bytecode, and libraries that live in others have no ABI."""
    return bool(forged["abi"]) and forged["bytecode"]["object"] != "0x"


def _text(name: str, forged: dict[str, Any]) -> str:
    entries = sorted(forged["abi"], key=lambda e: (e["type"], e.get("name", ""), json.dumps(e)))
    artifact = {
        "contractName": name,
        "abi": entries,
        "bytecode": forged["bytecode"]["object"],
    }
    return json.dumps(artifact, indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    sys.exit(main())
