"""What a replay foretells of many lives: the same policies and seeds, on all cores.

A foretold life costs a hundredth of a lived one and is evidence of nothing; see docs/worlds.md.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agent.mind import Rule, housed, reflex
from agent.prompt import LABELS, render
from compute.port import REFLEX, Scores
from world.arena.plan import Case, Policy
from world.backtest.imagining import imagined
from world.backtest.replay import replay
from world.baselines import RULES
from world.clairvoyant import foreseen
from world.family import end_with_asker
from world.scenario import Scenario, load_scenario
from world.settling import CONTEXT

if TYPE_CHECKING:
    from collections.abc import Callable

    from strategies.port import Action, Snapshot
    from world.backtest.record import Record

AT_A_TIME: Final = 8


def can_foretell(case: Case) -> bool:
    """Where jobs are all there is to earn, and the model that chose is still at hand."""
    at_hand = Path(case.model).is_file() if case.model else _rule_of(case) is not None
    return at_hand and foreseen(_scenario(case.scenario))


def foretell(cases: Sequence[Case], workers: int) -> Iterator[tuple[Case, float]]:
    """Each with its paid hours, in the order asked."""
    if workers == 1 or len(cases) <= AT_A_TIME:
        yield from zip(cases, map(foretold_h, cases), strict=True)
        return
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    with ProcessPoolExecutor(workers, context, initializer=end_with_asker) as pool:
        yield from zip(cases, pool.map(foretold_h, cases, chunksize=AT_A_TIME), strict=True)


def foretold_h(case: Case) -> float:
    scenario = _scenario(case.scenario)
    rule = _rule_of(case) if case.chooses or not case.model else thinking(case.model)
    if rule is None:
        raise LookupError(case.policy)
    record = _record(case.scenario, case.seed)
    return replay(scenario, record, rule, epsilon=case.epsilon, without=case.without).paid_h


def thinking(model: str) -> Rule:
    """A model's scores where a lease pays for thinking, else the reflex's: as a life chooses."""
    score = _scorer(model)

    def rule(seen: Snapshot, menu: Sequence[Action]) -> Scores:
        if len(menu) == 1 or not housed(seen):
            return reflex(seen, menu)
        return Scores(tuple(score(render(seen, menu), LABELS[: len(menu)])), REFLEX)

    return rule


def _rule_of(case: Case) -> Rule | None:
    return RULES.get(Policy(case.policy, chooses=case.chooses).rule)


@cache
def _scorer(model: str) -> Callable[[str, Sequence[str]], Sequence[float]]:
    from compute.llama import Llama

    return Llama(Path(model), None, CONTEXT, 1).score


@cache
def _scenario(path: str) -> Scenario:
    return load_scenario(Path(path))


@lru_cache(maxsize=4)
def _record(path: str, seed: int) -> Record:
    """World after world is asked for: the last few are enough."""
    return imagined(_scenario(path), seed)
