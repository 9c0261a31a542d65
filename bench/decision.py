"""A whole decision, from snapshot to chosen action, against llama.cpp's bare forward pass.

Ours renders the prompt, asks the engine's process, mixes and draws. The floor is one
`llama_decode` of the very same tokens from an empty cache, and a look at the logits, in this
process; it knows neither text nor menus. Both run in turns over moments that follow one another
as in a life. The engine keeps what a prompt has in common with the last one, so it computes fewer
tokens than the floor does: `ratio_kept` compares with a floor that keeps as much.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from statistics import median
from time import perf_counter
from typing import Any

from llama_cpp import llama_cpp as native

import compute
from agent.mind import Mind
from agent.prompt import render
from compute.engine_client import Engine, EngineConfig
from compute.llama import SEQUENCE, Llama
from compute.scoring import shared
from strategies import hold, keeper, samples, thrift
from strategies.port import Action, Holdings, Snapshot

MODEL = Path(compute.__file__).parent / "models" / "forager-g0.gguf"
ROUNDS = 400
STRATEGIES = tuple(part.make({}, samples.TOOLS) for part in (hold, thrift, keeper))
Moment = tuple[Snapshot, Sequence[Action]]


def measure() -> dict[str, Any]:
    """Milliseconds for one decision: medians of all rounds."""
    return asyncio.run(_measure())


async def _measure() -> dict[str, Any]:
    engine = Engine(EngineConfig(MODEL))
    model = await engine.start()
    mind = Mind(engine, bytes(32), epsilon=0.05, temperature=1.0)
    llama, ours, floor, kept = Llama(MODEL), [], [], []
    lengths, spared, before = [], [], []
    for seq, (seen, menu) in enumerate(_life(ROUNDS)):
        tokens = llama.tokenize(render(seen, menu))
        began = perf_counter()
        choice = await mind.choose(seen, menu, seq)
        ours.append(perf_counter() - began)
        if choice.model != model:
            raise RuntimeError("the engine did not answer")
        common = shared(before, tokens)
        floor.append(_pass(llama, tokens, 0))
        kept.append(_pass(llama, tokens, common))
        lengths.append(len(tokens))
        spared.append(common)
        before = tokens
    await engine.close()
    return {
        "value": 1000 * median(ours),
        "unit": "ms",
        "floor": 1000 * median(floor),
        "ratio": median(ours) / median(floor),
        "floor_kept": 1000 * median(kept),
        "ratio_kept": median(ours) / median(kept),
        "tokens": median(lengths),
        "tokens_kept": median(spared),
    }


def _pass(llama: Llama, tokens: Sequence[int], common: int) -> float:
    """Seconds for what is left of a prompt after `common` tokens, which the cache already holds."""
    ctx, memory = llama._ctx, llama._memory  # noqa: SLF001  # barer than its methods
    fresh = (native.llama_token * (len(tokens) - common))(*tokens[common:])
    began = perf_counter()
    native.llama_memory_seq_rm(memory, SEQUENCE, common, -1)
    native.llama_decode(ctx, native.llama_batch_get_one(fresh, len(fresh)))
    float(native.llama_get_logits_ith(ctx, -1)[0])
    return perf_counter() - began


def _life(length: int) -> Sequence[Moment]:
    """Ticks a few minutes apart: time passes, money moves, jobs come and go, gas prices change."""
    dice, moments = Random(1), []
    for tick in range(length):
        paid_h = 12 - tick % 40 * 0.25
        jobs = [
            samples.job(n, reward=dice.randrange(10**5, 10**7)) for n in range(dice.randrange(4))
        ]
        seen = samples.snapshot(
            age_s=3600 + 300 * tick,
            horizon_s=400 * 3600,
            holdings=Holdings(samples.snapshot().holdings.wei, dice.randrange(10**6, 10**8)),
            lease=samples.lease(paid_h=paid_h),
            runway_h=paid_h + dice.random() * 20,
            gas_price=dice.randrange(10**8, 10**10),
        )
        seen = replace(seen, surveys={**seen.surveys, "keeper": {"jobs": jobs}})
        moments.append((seen, [a for part in STRATEGIES for a in part.propose(seen)]))
    return [moment for moment in moments if len(moment[1]) > 1]


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
