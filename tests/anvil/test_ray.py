"""Lives on a real Ray, where it is installed: the same lives as in processes of this machine."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict

import pytest
from hamlets import hamlet

from world.lived import Lived

pytest.importorskip("ray")
pytestmark = pytest.mark.anvil

PATIENCE_S = 300


def rows(path, out, engine):
    words = ("-m", "agent", "arena", str(path), "--policies", "passive,reflex", "--seeds", "1-2")
    more = ("--out", str(out), "--engine", engine, "--workers", "2", "--no-report", "--json")
    done = subprocess.run(
        [sys.executable, *words, *more],
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["lives"] == 4
    told = [Lived.from_line(line) for line in (out / "results.jsonl").read_text().splitlines()]
    return {(row.seed, row.policy): asdict(row) for row in told}


def test_on_ray_the_very_same_lives_are_lived_and_their_logs_kept(tmp_path):
    path = hamlet(tmp_path)
    there, here = (rows(path, tmp_path / engine, engine) for engine in ("ray", "local"))
    for case, row in here.items():
        for name in ("head", "wall_s"):  # hashes and the wall's time are never the same
            del row[name], there[case][name]
    assert there == here
    for seed, policy in here:
        assert list((tmp_path / "ray" / "logs" / "hamlet" / f"{seed}-{policy}").glob("*.car"))
