"""The mind never waits for more than the one stranger whose question has begun."""

from __future__ import annotations

import asyncio

import pytest
from fakes import FakeScorer

from agent.shop.turns import OwnFirst
from compute.errors import NoModel
from compute.port import ModelId

MODEL = ModelId("a", "", "b")


class Gated(FakeScorer):
    """Each answer waits until the test lets it go."""

    def __init__(self):
        super().__init__(MODEL)
        self.gate = asyncio.Semaphore(0)

    async def score(self, prompt, labels):
        found = await super().score(prompt, labels)
        await self.gate.acquire()
        return found


async def settled():
    for _ in range(10):
        await asyncio.sleep(0)


async def test_the_lifes_own_question_goes_before_all_strangers_that_wait():
    inner = Gated()
    turns = OwnFirst(inner)
    asked = [asyncio.create_task(turns.ask(f"stranger {n}", "A")) for n in range(3)]
    await settled()
    own = [asyncio.create_task(turns.score(f"own {n}", "A")) for n in range(2)]
    for _ in range(5):
        await settled()
        inner.gate.release()
    await asyncio.gather(*asked, *own)
    first, *others = inner.prompts
    assert first == "stranger 0"
    assert others == ["own 0", "own 1", "stranger 1", "stranger 2"]


async def test_one_question_is_asked_at_a_time():
    inner = Gated()
    turns = OwnFirst(inner)
    asked = [asyncio.create_task(turns.ask(f"{n}", "A")) for n in range(3)]
    for so_far in (1, 2, 3):
        await settled()
        assert len(inner.prompts) == so_far
        inner.gate.release()
    await asyncio.gather(*asked)


@pytest.mark.parametrize("own", [True, False])
async def test_a_model_that_fails_leaves_nobody_waiting(own):
    inner = FakeScorer(MODEL, NoModel("away"))
    turns = OwnFirst(inner)
    with pytest.raises(NoModel):
        await (turns.score if own else turns.ask)("x", "A")
    inner.fault = None
    assert (await turns.ask("y", "A")).logits == (0.0,)
    assert (await turns.score("z", "A")).logits == (0.0,)


async def test_a_mind_that_gives_up_lets_strangers_in_again():
    inner = Gated()
    turns = OwnFirst(inner)
    own = asyncio.create_task(turns.score("own", "A"))
    await settled()
    own.cancel()
    await asyncio.gather(own, return_exceptions=True)
    inner.gate.release()
    assert (await turns.ask("stranger", "A")).logits == (0.0,)
