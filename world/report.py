"""What the demo tells at its end: where everything lies, what came of it, how to audit it again."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Any

from telemetry.auditing.findings import MISSING, Finding
from telemetry.auditing.verdict import Verdict
from telemetry.others_words import printable
from world.anvil import find_anvil


def words(report: dict[str, Any]) -> str:
    audit = report["audit"]
    faults = [finding for finding in audit["findings"] if finding["level"] == "fault"]
    verdict = "no faults found" if audit["ok"] else f"{len(faults)} faults found"
    lines = [
        "",
        f"agent {report['agent']}: {report['outcome']} ({report['cause']})",
        "  {ticks} ticks, {records} records in {epochs} epochs, {transactions} transactions".format(
            **report
        ),
        f"  audit against the chain: {verdict}",
        *(f"    {f['kind']} record {f['record']}: {f['detail']}" for f in faults[:10]),
        "",
        f"  everything   {report['home']}",
        f"  epoch files  {report['cars']}",
        f"  chain state  {report['chain_state']}",
        f"  to look at   {report['page']}",
        "",
        "audit it again:",
        *(f"  {line}" for line in report["again"]),
        "",
    ]
    return "\n".join(map(printable, lines))


def nothing(why: str, agent: int | None) -> Verdict:
    """The verdict on a life that left no log."""
    found = (Finding(MISSING, "fault", None, why),)
    return Verdict(
        ok=False,
        verified="chain",
        findings=found,
        agent=agent,
        records=0,
        epochs=0,
        head=None,
        outcome="lost",
        cause=None,
    )


def again(state: Path, cars: Path, chain_id: int, registry: str) -> list[str]:
    """Lines to paste into any shell: the chain from its saved state, the audit, the chain's end."""
    anvil = shlex.quote(find_anvil(os.environ))
    forager = shlex.quote(str(Path(sys.executable).with_name("forager")))
    load, folder = shlex.quote(str(state)), shlex.quote(str(cars))
    rpc = "http://127.0.0.1:8545"
    return [
        f"{anvil} --quiet --port 8545 --chain-id {chain_id} --load-state {load} & sleep 3",
        f"{forager} audit {folder} --rpc {rpc} --registry {registry}",
        "kill $!",
    ]
