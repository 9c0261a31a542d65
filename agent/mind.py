"""Choosing: one forward pass over one bounded prompt, mixed, drawn, and drawable again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Final

from agent.prompt import LABELS, render
from compute.errors import NoModel
from compute.port import REFLEX, LeaseState, ModelId, Scorer, Scores
from strategies.port import Action, Snapshot
from telemetry.draw import draw, log_probabilities

PAID_FOR: Final = (LeaseState.ACTIVE, LeaseState.GRACE)


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen, and what it takes to check it: how likely every entry was."""

    seq: int
    """The record that it was drawn for."""
    index: int
    logprobs: tuple[float, ...]
    prompt: str
    model: ModelId
    epsilon: float
    temperature: float
    thought: str | None
    latency_ms: float


Rule = Callable[[Snapshot, Sequence[Action]], Scores]
"""Judges a menu without a model; the same moment is always judged alike."""


class Mind:
    """A model where one can be had, else a rule: the reflex, unless the process lends another."""

    def __init__(
        self,
        scorer: Scorer | None,
        seed: bytes,
        epsilon: float,
        temperature: float,
        rule: Rule | None = None,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        self._rule = rule or reflex
        self._scorer = scorer
        self._seed = seed
        self._epsilon = epsilon
        self._temperature = temperature
        self._clock = clock

    async def choose(
        self, seen: Snapshot, menu: Sequence[Action], place: Callable[[], int]
    ) -> Choice:
        """Draw one entry. A menu of one is taken without asking a model.

        What is drawn depends on the record's place in the log, asked for when all has been thought.
        """
        began = self._clock()
        prompt = render(seen, menu)
        scores = await self._think(seen, menu, prompt) or self._rule(seen, menu)
        logprobs = log_probabilities(scores.logits, self._temperature, self._epsilon)
        seq = place()
        return Choice(
            seq=seq,
            index=draw(self._seed, seq, logprobs),
            logprobs=logprobs,
            prompt=prompt,
            model=scores.model,
            epsilon=self._epsilon,
            temperature=self._temperature,
            thought=None,
            latency_ms=1000 * (self._clock() - began),
        )

    async def _think(self, seen: Snapshot, menu: Sequence[Action], prompt: str) -> Scores | None:
        if self._scorer is None or len(menu) == 1 or not housed(seen):
            return None
        try:
            return await self._scorer.score(prompt, LABELS[: len(menu)])
        except NoModel:
            return None


def housed(seen: Snapshot) -> bool:
    """Whether a lease pays for thinking; without one there is only the reflex."""
    return seen.lease is not None and seen.lease.state in PAID_FOR


def reflex(seen: Snapshot, menu: Sequence[Action]) -> Scores:  # noqa: ARG001
    """The actions' own opinion of themselves."""
    return Scores(tuple(action.score for action in menu), REFLEX)
