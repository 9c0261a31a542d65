"""Whose question the model answers next: the life's own goes first, then one stranger's at a time.

A forward pass that has begun is not broken off, for that would end the engine. So the mind waits
for one stranger's pass at most, however many queue.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from compute.port import Scorer, Scores


class OwnFirst:
    """The mind's scorer as it was, and `ask` for everybody else."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self._turn = asyncio.Lock()
        self._own = 0
        self._calm = asyncio.Event()
        self._calm.set()

    async def score(self, prompt: str, labels: Sequence[str]) -> Scores:
        self._own += 1
        self._calm.clear()
        try:
            async with self._turn:
                return await self._scorer.score(prompt, labels)
        finally:
            self._own -= 1
            if not self._own:
                self._calm.set()

    async def ask(self, prompt: str, labels: Sequence[str]) -> Scores:
        """A stranger's question, once the life itself has none."""
        while True:
            await self._calm.wait()
            async with self._turn:
                if not self._own:
                    return await self._scorer.score(prompt, labels)

    async def close(self) -> None:
        await self._scorer.close()
