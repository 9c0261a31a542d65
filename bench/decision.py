"""A whole decision, from snapshot to chosen action, against llama.cpp's bare forward pass.

Ours renders the prompt, asks the engine's process, mixes and draws. The floor is one
`llama_decode` of the very same tokens from an empty cache, and a look at the logits, in this
process; it knows neither text nor menus. Both run in turns over moments that follow one another
as in a life. The engine keeps what a prompt has in common with the last one, above all its
constant head, so it computes fewer tokens than the floor does. How much that helps depends on the
model: to one with a whole-word vocabulary the head is a few tokens of some seventy, to a large one
it is half the prompt. Two more figures tell: `decision_uncached` is the same decision right after
the engine has thought of something else, `decision_kept` has a floor that keeps what we keep.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from statistics import median
from time import perf_counter
from typing import Final

from llama_cpp import llama_cpp as native
from result import Result, Results

import compute
from agent.mind import Mind
from agent.prompt import render
from compute.engine_client import Engine, EngineConfig
from compute.llama import SEQUENCE, Llama
from compute.port import REFLEX
from compute.scoring import shared
from strategies import hold, keeper, samples, thrift
from strategies.port import Action, Holdings, Snapshot

MODEL = Path(compute.__file__).parent / "models" / "forager-g0.gguf"
ROUNDS = 300
ELSEWHERE: Final = "choose"
STRATEGIES = tuple(part.make({}, samples.TOOLS) for part in (hold, thrift, keeper))
Moment = tuple[Snapshot, Sequence[Action]]


def measure() -> Results:
    """Milliseconds for one decision: medians of all rounds."""
    return asyncio.run(_measure())


async def _measure() -> Results:
    engine = Engine(EngineConfig(MODEL))
    await engine.start()
    mind = Mind(engine, bytes(32), epsilon=0.05, temperature=1.0)
    llama, ours, cold, floor, kept = Llama(MODEL), [], [], [], []
    before: Sequence[int] = []
    for seq, (seen, menu) in enumerate(_life(ROUNDS)):
        tokens = llama.tokenize(render(seen, menu))
        ours.append(await _decide(mind, seen, menu, seq))
        await engine.score(ELSEWHERE, "A")
        cold.append(await _decide(mind, seen, menu, seq))
        floor.append(_pass(llama, tokens, 0))
        kept.append(_pass(llama, tokens, shared(before, tokens)))
        before = tokens
    await engine.close()
    bare = 1000 * median(floor)
    return {
        "decision": Result(1000 * median(ours), "ms", bare),
        "decision_uncached": Result(1000 * median(cold), "ms", bare),
        "decision_kept": Result(1000 * median(ours), "ms", 1000 * median(kept)),
    }


async def _decide(mind: Mind, seen: Snapshot, menu: Sequence[Action], seq: int) -> float:
    began = perf_counter()
    choice = await mind.choose(seen, menu, lambda: seq)
    took = perf_counter() - began
    if choice.model == REFLEX:
        raise RuntimeError("the reflex chose: there is nothing to measure")
    return took


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
    print(measure())
