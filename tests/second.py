"""The second verifier, installed as a stranger would: a copy beside npm packages, run by Node."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

from ipfsd import HERE, MODULES, node

from telemetry.auditing.audit import audit

EXAMPLES: Final = HERE.parents[1] / "examples"


class Second:
    """One process for many logs, as starting it takes longer than most of them do."""

    def __init__(self, folder: Path) -> None:
        self.program = folder / "verify.mjs"
        shutil.copy(EXAMPLES / "verify.mjs", self.program)
        (folder / "node_modules").symlink_to(MODULES)
        self._process = subprocess.Popen(
            [node(), HERE / "verifying.mjs", self.program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def verify(self, source: object, agent: int | None = None) -> dict[str, Any]:
        asked, answers = self._process.stdin, self._process.stdout
        assert asked is not None
        assert answers is not None
        named = [] if agent is None else ["--agent", str(agent)]
        asked.write(json.dumps([str(source), *named]) + "\n")
        asked.flush()
        found: dict[str, Any] = json.loads(answers.readline())
        assert "error" not in found, found
        return found

    def close(self) -> None:
        self._process.communicate()

    def run(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        """As the command it is."""
        command = [node(), self.program, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


async def judged(second: Second, folder: Path) -> tuple[set[str], set[str]]:
    """What either verifier finds in the log itself: the kinds of the faults."""
    first = await audit(str(folder))
    other = second.verify(folder)
    ours = {finding.kind for finding in first.findings if finding.level == "fault"}
    theirs = {finding["kind"] for finding in other["findings"]}
    assert first.ok is not bool(ours)
    assert other["ok"] is not bool(theirs)
    return ours, theirs
