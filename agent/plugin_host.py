"""The child in which a stranger's strategy runs: `python -m agent.plugin_host`.

One JSON line in, one out. It holds no key, no socket of ours and no file of the agent's home.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from typing import Any, BinaryIO, Final

from agent.plugins import COMPUTE, STRATEGIES
from chain.errors import Reverted
from chain.types import Address, Block, Call, Json, Simulation, Wei
from strategies.plain import from_plain, to_plain
from strategies.port import Snapshot, Strategy, Tools

PR_SET_PDEATHSIG: Final = 1


class Wire:
    """The two pipes to the agent."""

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        self._source = source
        self._sink = sink

    def hear(self) -> Any:
        line = self._source.readline()
        return json.loads(line) if line else None

    def say(self, line: Mapping[str, Any]) -> None:
        self._sink.write(json.dumps(line).encode() + b"\n")
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


def make(born: Mapping[str, Any]) -> Strategy:
    tools = born["tools"]
    [network] = entry_points(group=COMPUTE, name=tools["compute"])
    [point] = entry_points(group=STRATEGIES, name=born["name"])
    compute = network.load()(tools["market"], tools["token"], tools["guardian"])
    made: Strategy = point.load()(born["options"], Tools(compute))
    return made


def answer(wire: Wire, strategy: Strategy, line: Mapping[str, Any]) -> Json:
    if "survey" in line:
        seen = from_plain(Snapshot, line["survey"])
        found = asyncio.run(_survey(strategy, Proxy(wire, seen.block), seen))
        return dict(found)
    seen = from_plain(Snapshot, line["propose"])
    return [to_plain(action) for action in strategy.propose(seen)]


async def _survey(strategy: Strategy, read: Proxy, seen: Snapshot) -> Mapping[str, Json]:
    return await strategy.survey(read, seen)


def end_with_parent() -> None:
    """However busy a strategy keeps this process, and however the agent ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def main() -> None:
    end_with_parent()
    # What a strategy prints must not reach the wire, nor may it read from it.
    wire = Wire(os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb"))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    strategy: Strategy | None = None
    while (line := wire.hear()) is not None:
        try:
            if "make" in line:
                strategy = make(line["make"])
                wire.say({"ok": None})
            elif strategy is not None:
                wire.say({"ok": answer(wire, strategy, line)})
        except EOFError:
            return
        except Exception as fault:  # noqa: BLE001  # whatever it is, the agent skips this strategy
            wire.say({"fault": f"{type(fault).__name__}: {fault}"[:500]})


if __name__ == "__main__":
    main()
