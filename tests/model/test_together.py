"""However many processes train a child, it learns what one alone would have taught it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import lessons
import numpy as np
import pytest
import torch

from finetune.batching import collate
from finetune.crew import ALONE, Crew
from finetune.loss import loss

ROOT = Path(__file__).parents[2]
NEAR = 1e-4


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    """What two processes that torchrun started have learnt."""
    out = tmp_path_factory.mktemp("together")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", "2", "-m", "lessons", str(out)]
    here = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
    done = subprocess.run(
        command, check=False, env=here, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr
    return out


@pytest.mark.slow
@pytest.mark.parametrize("name", lessons.OBJECTIVES)
def test_two_processes_learn_what_one_does(together, name):
    child, alone = lessons.learnt(ALONE, kto=name == "kto")
    losses = json.loads((together / f"{name}.json").read_text())
    assert len(losses) == len(alone) == 19
    assert np.abs(np.subtract(losses, alone)).max() < NEAR
    assert not torch.allclose(child.table.weight, lessons.parent().table.weight, atol=10 * NEAR)
    first, second = (torch.load(together / f"{name}-{rank}.pt") for rank in range(2))
    for part, weight in child.state_dict().items():
        assert torch.equal(first[part], second[part])
        assert torch.allclose(first[part], weight, atol=NEAR)


@pytest.mark.parametrize(("count", "size"), [(20, 1), (20, 2), (21, 4), (3, 4), (1, 2)])
def test_shares_make_up_the_batch_whoever_takes_them(count, size):
    values = np.random.default_rng(0).normal(size=count)
    shares = [Crew(rank, size).share(np.arange(count)) for rank in range(size)]
    read = [which for which, part in shares if part]
    assert sorted(np.concatenate(read)) == list(range(count))
    assert sum(values[which].mean() * part for which, part in shares) == pytest.approx(
        values.mean()
    )
    assert all(len(which) for which, _ in shares)


def test_a_policy_reads_on_whatever_device_it_is():
    """`meta` takes no tensor of the processor's, and computes nothing."""
    device = torch.device("meta")
    told = lessons.moments(1)
    batch = collate(told, lessons.lesson(told), np.arange(3)).to(device)
    policy = lessons.parent().to(device)
    logits = policy(batch.tokens, batch.asked[:, None])
    menu = logits[:, 0, : batch.target.shape[1]]
    assert loss(menu, menu, batch, kl=1.0).all.device == device
