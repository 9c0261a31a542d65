"""A stranger's strategy, kept in a child process: plain data in, plain data out.

One that fails or hangs is skipped, started again, and left alone for longer each time it goes on
so; nothing it does holds up the life.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from agent import bounds, quarantine
from agent.child import Child
from agent.confinement.confine import Confinement
from agent.errors import PluginFailed
from agent.quarantine import GOOD, Standing
from agent.reads import Reads
from chain.port import Reader
from chain.types import Json
from strategies.errors import NotPlain
from strategies.plain import from_plain, to_plain
from strategies.port import Action, Snapshot

ANSWER_S: Final = 5.0
START_S: Final = 30.0
"""Waking may take longer than an answer: whoever asks too early asks again at the next tick."""
T = TypeVar("T")


class Apart:
    """Looks like a strategy; each question goes to the child, started again after it failed."""

    def __init__(
        self,
        name: str,
        options: Mapping[str, Any],
        tools: Mapping[str, str],
        *,
        may_lack: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`may_lack` is the operator's word that it may run where it cannot be confined."""
        self.name = name
        self._compute = tools["compute"]
        self._born = {"name": name, "options": dict(options), "tools": dict(tools)}
        self._may_lack = may_lack
        self._clock = clock
        self._child: Child | None = None
        self._waking: asyncio.Task[Child] | None = None
        self._turn = asyncio.Lock()
        self._standing: dict[str, Standing] = {}

    async def survey(self, read: Reader, seen: Snapshot) -> Mapping[str, Json]:
        return await self._ask("survey", seen, Reads(read), bounds.survey)

    async def propose(self, seen: Snapshot) -> Sequence[Action]:
        return await self._ask("propose", seen, None, self._actions)

    async def confinement(self) -> Confinement:
        """How it would be confined here; none of its own code is run to find out."""
        child = await Child.start(self.name)
        try:
            async with asyncio.timeout(START_S):
                return await self._confine(child, may_lack=True)
        except (*_SILENCE, ValueError, NotPlain) as fault:
            raise PluginFailed(f"{self.name} cannot be tried: {type(fault).__name__}") from fault
        finally:
            await child.end()

    async def close(self) -> None:
        """End the child and whatever it started in its session."""
        waking, self._waking = self._waking, None
        if waking is not None:
            waking.cancel()
            await asyncio.wait([waking])
            if not waking.cancelled() and waking.exception() is None:
                self._child = waking.result()
        child, self._child = self._child, None
        if child is not None:
            await child.end()

    def _actions(self, said: Any) -> Sequence[Action]:
        if not isinstance(said, list) or len(said) > bounds.MOST_ACTIONS:
            raise PluginFailed(f"{self.name} proposed something that is no short list")
        return list(bounds.actions(self.name, [from_plain(Action, action) for action in said]))

    async def _ask(
        self, what: str, seen: Snapshot, reads: Reads | None, judge: Callable[[Any], T]
    ) -> T:
        async with self._turn:
            self._refuse_while_alone(what)
            try:
                child = await self._awake()
                said = judge(await self._answer(child, {what: to_plain(seen)}, reads))
            except asyncio.CancelledError:
                if self._child is not None:  # else it is still waking, which is no fault of its
                    await self.close()  # its late answer would meet the next question
                    self._note_failure(what)
                raise
            except PluginFailed as fault:
                if reads is None or not reads.failed_us:
                    raise PluginFailed(f"{fault}{self._note_failure(what)}") from fault
                raise
            except Exception as fault:
                await self.close()
                word = "did not answer" if isinstance(fault, _SILENCE) else "spoke nonsense"
                told = f"{self.name} {word}: {type(fault).__name__}{self._note_failure(what)}"
                raise PluginFailed(told) from fault
            self._standing.pop(what, None)
            return said

    async def _answer(
        self, child: Child, question: Mapping[str, Any], reads: Reads | None
    ) -> object:
        async with asyncio.timeout(ANSWER_S):
            return await child.ask(question, reads)

    async def _awake(self) -> Child:
        """The child, started if need be; one who is tired of waiting does not stop the start."""
        if self._child is None:
            if self._waking is None:
                self._waking = asyncio.ensure_future(self._start())
            try:
                self._child = await asyncio.shield(self._waking)
            finally:
                if self._waking is not None and self._waking.done():
                    self._waking = None
        return self._child

    async def _start(self) -> Child:
        """Confined first, and only then with the stranger's code in it."""
        child = await Child.start(self.name)
        try:
            async with asyncio.timeout(START_S):
                await self._confine(child, may_lack=self._may_lack)
                await child.ask({"make": self._born})
        except BaseException:
            await child.end()  # a child that made no strategy has nothing to answer with
            raise
        return child

    async def _confine(self, child: Child, *, may_lack: bool) -> Confinement:
        about = {"name": self.name, "compute": self._compute}
        found = from_plain(Confinement, await child.ask({"confine": about}))
        if found.lacks and not may_lack:
            raise PluginFailed(refusal(self.name, found), ALLOW)
        return found

    def _refuse_while_alone(self, what: str) -> None:
        standing = self._standing.get(what, GOOD)
        left = quarantine.left_s(standing, self._clock())
        if left > 0:
            times = f"it failed {standing.failures} times in a row"
            raise PluginFailed(f"{self.name} is left alone for {left:.0f} s more: {times}")

    def _note_failure(self, what: str) -> str:
        """What to add to the words about it: when it is asked again."""
        standing = quarantine.failed(self._standing.get(what, GOOD), self._clock())
        self._standing[what] = standing
        pause = quarantine.pause_s(standing.failures)
        return f"; left alone for {pause:.0f} s" if pause else ""


_SILENCE: Final = (TimeoutError, OSError, EOFError)


ALLOW: Final = "list it in plugins.allow_unconfined if you trust it with all that is yours"


def refusal(name: str, found: Confinement) -> str:
    """Why a stranger's strategy is not loaded here."""
    return f"{name} is not run: it cannot be confined here; {found.told()}"
