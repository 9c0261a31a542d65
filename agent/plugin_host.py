"""The child in which a stranger's strategy runs: `python -m agent.plugin_host`.

One JSON line in, one out. It holds no key, no socket of ours and no file of the agent's home, and
shuts itself in before the stranger's first line is run.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Mapping, Sequence
from importlib.metadata import EntryPoint
from typing import Any, BinaryIO

from agent import plugins
from agent.confinement import kernel, libraries, limits
from agent.confinement.confine import Confinement, confine
from chain.errors import Reverted
from chain.types import Address, Block, Call, Json, Simulation, Wei
from strategies.plain import from_plain, to_plain
from strategies.port import Snapshot, Strategy, Tools


class Wire:
    """The two pipes to the agent; what is said carries the mark of what was heard last."""

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        self._source = source
        self._sink = sink
        self._mark = ""

    def hear(self) -> Any:
        line = self._source.readline()
        if not line:
            return None
        heard = json.loads(line)
        self._mark = heard.pop("mark")
        return heard

    def say(self, line: Mapping[str, Any]) -> None:
        self._sink.write(json.dumps({**line, "mark": self._mark}).encode() + b"\n")
        self._sink.flush()

    def ask(self, **question: Any) -> Any:
        self.say({"read": question})
        answer = self.hear()
        if answer is None:
            raise EOFError
        if "fault" in answer:
            raise Reverted(answer["fault"])
        return answer["value"]


class Proxy:
    """A reader whose every question is asked by the agent."""

    def __init__(self, wire: Wire, block: Block) -> None:
        self._wire = wire
        self.block = block

    async def call(self, to: Address, signature: str, args: Sequence[Json] = ()) -> Sequence[Json]:
        found: Sequence[Json] = self._wire.ask(call=[to, signature, list(args)])
        return found

    async def balance(self, of: Address) -> Wei:
        return Wei(self._wire.ask(balance=of))

    async def base_fee(self) -> Wei:
        return Wei(self._wire.ask(base_fee=None))

    async def simulate(self, call: Call, sender: Address) -> Simulation:
        return from_plain(Simulation, self._wire.ask(simulate=[to_plain(call), sender]))


class Host:
    """Answers the agent's questions, one after the other."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._points: tuple[EntryPoint, EntryPoint] | None = None
        self._strategy: Strategy | None = None
        self._loop = asyncio.Runner()

    def answer(self, line: Mapping[str, Any]) -> Json:
        match line:
            case {"confine": about}:
                return to_plain(self._confine(about["compute"], about["name"]))
            case {"make": born} if self._points is not None:
                self._strategy = make(*self._points, born)
                return None
            case {"survey": plain} if self._strategy is not None:
                seen = from_plain(Snapshot, plain)
                read = Proxy(self._wire, seen.block)
                return dict(self._loop.run(_alone(self._strategy, read, seen)))
            case {"propose": plain} if self._strategy is not None:
                seen = from_plain(Snapshot, plain)
                return [to_plain(action) for action in self._strategy.propose(seen)]
        raise ValueError("no such question")

    def _confine(self, compute: str, name: str) -> Confinement:
        """All that is ours is loaded before; the stranger's module is found, and not run."""
        network, point = plugins.points(compute, name)
        network.load()
        self._loop.get_loop()  # wakes itself through sockets, which cannot be made later
        self._points = (network, point)
        return confine(libraries.readable(point.module), lambda: libraries.look_again(point.module))


async def _alone(strategy: Strategy, read: Proxy, seen: Snapshot) -> Mapping[str, Json]:
    """What it leaves running does not run on into the next question."""
    try:
        return await strategy.survey(read, seen)
    finally:
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()


def make(network: EntryPoint, point: EntryPoint, born: Mapping[str, Any]) -> Strategy:
    """Here the stranger's code begins."""
    tools = born["tools"]
    compute = network.load()(tools["market"], tools["token"], tools["guardian"])
    made: Strategy = point.load()(born["options"], Tools(compute))
    return made


def end_with_parent() -> None:
    """However busy a strategy keeps this process, and however the agent ends."""
    with contextlib.suppress(OSError):
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)


def main() -> None:
    # What a strategy prints must not reach the wire, nor may it read from it.
    heard, said = os.dup(0), os.dup(1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    limits.keep_only(0, 1, 2, heard, said)
    wire = Wire(os.fdopen(heard, "rb"), os.fdopen(said, "wb"))
    end_with_parent()
    host = Host(wire)
    while (line := wire.hear()) is not None:
        try:
            wire.say({"ok": host.answer(line)})
        except EOFError:
            return
        except Exception as fault:  # noqa: BLE001  # whatever it is, the agent skips this strategy
            wire.say({"fault": f"{type(fault).__name__}: {fault}"[:500]})


if __name__ == "__main__":
    main()
