"""Holding still: always the first entry of every menu, so that there is always a choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from chain.port import Reader
from chain.types import Json
from strategies.options import read_options
from strategies.port import Action, Snapshot, Tools

WAIT: Final = Action(key="hold.wait", params={}, summary="wait and watch")


@dataclass(frozen=True, slots=True)
class Options:
    """None: there is one way to wait."""


class Hold:
    """Offers to do nothing, whatever is seen."""

    name = "hold"

    async def survey(self, read: Reader, seen: Snapshot) -> Mapping[str, Json]:  # noqa: ARG002
        return {}

    def propose(self, seen: Snapshot) -> Sequence[Action]:  # noqa: ARG002
        return (WAIT,)


def make(options: Mapping[str, Json], tools: Tools) -> Hold:  # noqa: ARG001
    read_options(Options, options)
    return Hold()
