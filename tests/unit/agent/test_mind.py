from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import exp, fsum

import pytest

from agent.mind import Mind, housed
from agent.prompt import render
from compute.errors import BadModel, NoModel
from compute.port import REFLEX, LeaseState, ModelId, Scores
from strategies import samples
from strategies.hold import WAIT
from strategies.port import Action
from telemetry.draw import could_be, draw, log_probabilities

SEED = bytes(range(32))
MODEL = ModelId("0x11", "", "0x22")
MENU = [WAIT, Action("a.b", {}, "", score=2.0), Action("a.c", {}, "", score=-1.0)]


class Oracle:
    """Scores what it is told to, and remembers what it was asked."""

    def __init__(self, logits: Sequence[float], fault: Exception | None = None) -> None:
        self.asked: list[tuple[str, str]] = []
        self._logits = tuple(logits)
        self._fault = fault

    async def score(self, prompt: str, labels: Sequence[str]) -> Scores:
        self.asked.append((prompt, "".join(labels)))
        if self._fault:
            raise self._fault
        return Scores(self._logits, MODEL)

    async def close(self) -> None: ...


def mind(oracle: Oracle | None) -> Mind:
    return Mind(oracle, SEED, epsilon=0.05, temperature=1.0)


async def test_the_model_is_asked_once_about_the_labels_of_the_menu() -> None:
    oracle = Oracle([0.0, 3.0, 1.0])
    seen = samples.snapshot()
    choice = await mind(oracle).choose(seen, MENU, lambda: 5)
    assert oracle.asked == [(render(seen, MENU), "ABC")]
    assert choice.model == MODEL
    assert choice.prompt == render(seen, MENU)


async def test_what_is_recorded_is_the_public_formula_of_the_logits() -> None:
    choice = await mind(Oracle([0.0, 3.0, 1.0])).choose(samples.snapshot(), MENU, lambda: 5)
    assert choice.logprobs == log_probabilities([0.0, 3.0, 1.0], 1.0, 0.05)
    assert fsum(map(exp, choice.logprobs)) == pytest.approx(1)
    assert could_be(SEED, 5, choice.logprobs, choice.index)


async def test_the_draw_depends_on_seed_and_record_alone() -> None:
    oracle = Oracle([0.0, 0.0, 0.0])
    drawn = [
        (await mind(oracle).choose(samples.snapshot(), MENU, lambda seq=seq: seq)).index
        for seq in range(50)
    ]
    uniform = log_probabilities([0.0, 0.0, 0.0], 1.0, 0.05)
    assert drawn == [draw(SEED, seq, uniform) for seq in range(50)]
    assert set(drawn) == {0, 1, 2}


@pytest.mark.parametrize("oracle", [None, Oracle([], NoModel("hung"))], ids=["absent", "hung"])
async def test_without_an_answer_the_reflex_chooses_and_the_record_says_so(
    oracle: Oracle | None,
) -> None:
    choice = await mind(oracle).choose(samples.snapshot(), MENU, lambda: 1)
    assert choice.model == REFLEX
    assert choice.logprobs == log_probabilities([0.0, 2.0, -1.0], 1.0, 0.05)


async def test_no_lease_no_thought() -> None:
    oracle = Oracle([9.0, 0.0, 0.0])
    choice = await mind(oracle).choose(samples.snapshot(lease=None), MENU, lambda: 1)
    assert choice.model == REFLEX
    assert oracle.asked == []


@pytest.mark.parametrize("state", LeaseState)
def test_only_a_living_lease_houses_a_mind(state: LeaseState) -> None:
    seen = samples.snapshot(lease=replace(samples.lease(), state=state))
    assert housed(seen) == (state in (LeaseState.ACTIVE, LeaseState.GRACE))


async def test_a_menu_of_one_is_certain_and_asks_nobody() -> None:
    oracle = Oracle([0.0])
    choice = await mind(oracle).choose(samples.snapshot(), [WAIT], lambda: 1)
    assert choice.index == 0
    assert choice.logprobs == pytest.approx((0.0,))
    assert oracle.asked == []


async def test_a_model_that_can_never_serve_is_the_daemons_to_handle() -> None:
    with pytest.raises(BadModel):
        await mind(Oracle([], BadModel("damaged"))).choose(samples.snapshot(), MENU, lambda: 1)


async def test_latency_is_measured_by_the_clock_it_is_given() -> None:
    ticks = iter((10.0, 10.25))
    timed = Mind(None, SEED, 0.05, 1.0, clock=lambda: next(ticks))
    assert (await timed.choose(samples.snapshot(), MENU, lambda: 1)).latency_ms == 250
