"""`make bench`: every figure beside its floor, written to results.json; a missed target is exit 1.

Rates and times depend on who else uses the machine; each floor was measured in the same minute, so
ratios depend on it far less. `--only NAME …` runs a few and leaves the other results as they are.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Final

from result import Result

RESULTS: Final = Path(__file__).parent / "results.json"
MEASUREMENTS: Final = (
    "decision",
    "log_append",
    "publish",
    "audit_log",
    "export_log",
    "transactions",
    "start",
    "memory",
    "worlds",
    "learning",
)
"""Files of this folder, each with a `measure()`."""


@dataclass(frozen=True, slots=True)
class Target:
    """A bound on the figure itself or on its ratio to the floor."""

    of: str
    least: float = float("-inf")
    most: float = float("inf")

    def met(self, result: Result) -> bool:
        return self.least <= getattr(result, self.of) <= self.most

    def __str__(self) -> str:
        bound = f"≤ {self.most:g}" if self.most < float("inf") else f"≥ {self.least:g}"
        return f"{self.of} {bound}"


TARGETS: Final[Mapping[str, Target]] = {
    "decision": Target("ratio", most=1.3),
    "append": Target("ratio", least=0.8),
    "publish": Target("value", most=100),
    "audit": Target("ratio", least=0.4),
    "audit_growth": Target("ratio", most=1.25),
    "audit_memory": Target("ratio", most=1.5),
    "export": Target("ratio", least=1.0),
    "transactions": Target("ratio", least=0.5),
    "start": Target("value", most=0.6),
    "start_first_decision": Target("value", most=3.0),
    "memory": Target("value", most=300),
    "memory_growth": Target("value", most=6),  # why: memory.py
    "world": Target("value", least=60),
    "dataset": Target("ratio", least=0.5),
    "learn": Target("value", most=20),
}
"""All other figures are for information."""


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure, and say whether the targets are met.")
    parser.add_argument("--only", nargs="+", choices=MEASUREMENTS, default=MEASUREMENTS)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that children are ended as well
    busy = os.getloadavg()[0]
    if busy > (os.cpu_count() or 1) / 2:
        print(f"— the machine is busy (load {busy:.1f}): times will be longer than they need be")
    missed = [name for part in parser.parse_args().only for name in _run(part)]
    print(f"— {RESULTS}; " + (f"missed: {', '.join(missed)}" if missed else "every target is met"))
    return 1 if missed else 0


def _run(part: str) -> list[str]:
    """Measure one file's figures and keep them; gives the names of those that miss."""
    print(f"— {part}", flush=True)
    began = time.monotonic()
    results = import_module(part).measure()
    for name, result in results.items():
        print(f"  {_line(name, result)}", flush=True)
    print(f"  ({time.monotonic() - began:.0f} s)", flush=True)
    _keep({name: _plain(result) for name, result in results.items()})
    return [
        name
        for name, result in results.items()
        if name in TARGETS and not TARGETS[name].met(result)
    ]


def _line(name: str, result: Result) -> str:
    figures = f"{result.value:10.3f} {result.unit:4} floor {result.floor:9.3f}"
    target = TARGETS.get(name)
    verdict = "" if target is None else f"  {target}: {'met' if target.met(result) else 'MISSED'}"
    return f"{name:21} {figures}  ratio {result.ratio:7.3f}{verdict}"


def _plain(result: Result) -> dict[str, float | str]:
    return {
        "value": round(result.value, 4),
        "unit": result.unit,
        "floor": round(result.floor, 4),
        "ratio": round(result.ratio, 4),
    }


def _keep(new: Mapping[str, object]) -> None:
    known = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    text = json.dumps({**known, **new}, indent=1, sort_keys=True)
    RESULTS.write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
