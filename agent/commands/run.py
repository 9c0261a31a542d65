"""`forager run`: be born if need be, then live."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from agent.commands.said import DEFAULT_HOME, HomeOption, JsonOption, say, tell

if TYPE_CHECKING:
    from agent.config import Config
    from agent.home import Home
    from agent.life import Phase


def run(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Live in HOME until the end, SIGTERM or Ctrl-C; run again, the same life goes on."""
    import asyncio
    import contextlib
    from dataclasses import replace

    from agent import halting, life
    from agent.config import load
    from agent.home import Home
    from agent.life import Phase

    place = Home(Path(home))
    config = load(place.root)
    place.make_folders()
    with place.hold():
        halting.remember(place.halt_asked)
        notes = life.load(place.notes)
        if notes.phase is Phase.ENDED:
            waiting = asyncio.run(_owe(place, config, notes.agent))
            life.save(place.notes, replace(notes, waiting=waiting))
        else:
            with contextlib.suppress(asyncio.CancelledError):
                asyncio.run(_live(place, config, notes.phase))
        notes = life.load(place.notes)
    if notes.phase is Phase.ENDED and notes.waiting:
        tell(f"forager: {notes.waiting} epochs wait for a target; run again to send them")
    say(
        {
            "agent": notes.agent,
            "phase": str(notes.phase),
            "reason": notes.reason,
            "cause": notes.cause,
            "waiting_epochs": notes.waiting,
        },
        as_json=as_json,
    )
    sys.stdout.flush()


async def _live(place: Home, config: Config, phase: Phase) -> None:
    """The children wake while this process imports the rest of itself."""
    import asyncio
    import signal

    from agent import ports
    from agent.waking import waking

    def awake() -> None:
        tell(f"forager: living in {place.root} (stop with Ctrl-C, halt with forager halt)")

    if task := asyncio.current_task():  # until the daemon listens, a stop gives up the start
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    ports.check(config.telemetry.gateway_host, config.telemetry.gateway_port)
    if phase is phase.UNBORN:
        from agent.preflight import preflight

        await preflight(place, config)
    async with waking(place, config) as children:
        from agent.wiring import hosted, live

        _log_to(place.logs / "agent.log")
        await live(place, config, hosted(place, config, children), awake)


async def _owe(place: Home, config: Config, agent: int) -> int:
    from agent import owed

    return await owed.settle(place, config, agent, lambda line: tell(f"forager: {line}"))


def _log_to(path: Path) -> None:
    import structlog

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.dict_tracebacks,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.WriteLoggerFactory(path.open("a", buffering=1, encoding="utf-8")),
    )
