"""The demo's live view: the world in one line, the agent's own status below it."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import Any, Final

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from agent import life
from agent.control import ask
from agent.errors import AgentError
from agent.home import Home
from agent.life import Phase
from agent.view import render
from world.actors import Actors
from world.settling import Ground

LOOK_S: Final = 0.5
LINE_S: Final = 5.0
HOUR_S: Final = 3600


class Show:
    """Looks at the agent until it has ended."""

    def __init__(self, home: Path, ground: Ground, actors: Actors, *, quiet: bool) -> None:
        self._home = Home(home)
        self._ground = ground
        self._actors = actors
        self._quiet = quiet
        self._start = ground.devnet.head
        self._seen: dict[str, Any] = {}

    async def until_ended(self, most_s: float) -> dict[str, Any]:
        """The last status seen; gives up after so many wall seconds."""
        until = time.monotonic() + most_s
        if self._quiet or not sys.stderr.isatty():
            await self._in_lines(until)
            return self._seen
        with Live(console=Console(stderr=True), refresh_per_second=4, transient=False) as screen:
            while await self._look() and time.monotonic() < until:
                screen.update(Group(self._sky(), render(self._seen)) if self._seen else self._sky())
                await asyncio.sleep(LOOK_S)
        return self._seen

    async def _in_lines(self, until: float) -> None:
        due = time.monotonic()
        while await self._look() and time.monotonic() < until:
            if not self._quiet and time.monotonic() >= due:
                sys.stderr.write(f"{self._sky().plain}{_line(self._seen)}\n")
                due += LINE_S
            await asyncio.sleep(LOOK_S)

    async def _look(self) -> bool:
        """Whether the life goes on."""
        try:
            found = await asyncio.to_thread(ask, self._home.run, {"op": "status"})
        except AgentError:
            found = None  # busy with something; the next look will tell
        if found is not None:
            self._seen = found
        return life.load(self._home.notes).phase is not Phase.ENDED

    def _sky(self) -> Text:
        head, counts = self._ground.devnet.head, self._actors.counts
        hours = (head.at - self._start.at) / HOUR_S
        return Text(
            f" {self._ground.scenario.name} seed {self._ground.seed}  hour {hours:5.1f}  "
            f"block {head.number}  base fee {self._ground.devnet.base_fee / 1e9:.1f} gwei  "
            f"jobs: {counts['posted']} posted, {counts['taken']} taken by the rival",
            style="dim",
        )


def _line(seen: dict[str, Any]) -> str:
    if not seen:
        return "  waiting for the birth"
    chosen = [d["menu"][d["chosen"]]["key"] for d in seen["decisions"][-3:]]
    return (
        f"  {seen['vitals']}, runway {seen['runway_h']:.1f} h, {int(seen['micro']) / 1e6:.2f} USD, "
        f"{seen['records']} records, {' '.join(chosen)}"
    )
