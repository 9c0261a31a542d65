"""`forager run`: be born if need be, then live."""

from __future__ import annotations

import sys
from pathlib import Path

from agent.commands.said import DEFAULT_HOME, HomeOption, JsonOption, say, tell


def run(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Live in HOME until the end, SIGTERM or Ctrl-C; run again, the same life goes on."""
    import asyncio

    from agent.config import load
    from agent.home import Home

    place = Home(Path(home))
    config = load(place.root)
    place.make_folders()
    with place.hold():
        _log_to(place.logs / "agent.log")
        from agent.wiring import live

        tell(f"forager: living in {place.root} (stop with Ctrl-C, halt with forager halt)")
        notes = asyncio.run(live(place, config))
    say(
        {
            "agent": notes.agent,
            "phase": str(notes.phase),
            "reason": notes.reason,
            "cause": notes.cause,
        },
        as_json=as_json,
    )
    sys.stdout.flush()


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
