"""A stranger's strategy that tries to be everything but one."""

from __future__ import annotations

import inspect
import json

from . import endings, files, insides, kernel, menus, network, processes
from .tools import AFTER_NAMES, ATTACKS, BY_ROOT, WITHOUT_TEETH

__all__ = [
    "AFTER_NAMES",
    "ATTACKS",
    "BY_ROOT",
    "WITHOUT_TEETH",
    "endings",
    "files",
    "insides",
    "kernel",
    "make",
    "menus",
    "network",
    "processes",
]


class Hostile:
    name = "hostile"

    def __init__(self, options):
        self.ends = options.get("ends", "")
        if self.ends in endings.AT_BIRTH:
            endings.AT_BIRTH[self.ends]()

    async def survey(self, read, seen):
        if self.ends in endings.ASKED:
            return await endings.ASKED[self.ends](read, seen)
        asked = seen.surveys.get("attack")
        if asked is None:
            return {}
        return await _tried(ATTACKS[asked["name"]], asked["about"], read)

    def propose(self, seen):
        if self.ends in endings.PROPOSING:
            return endings.PROPOSING[self.ends](seen)
        return menus.MENUS[seen.surveys["attack"]["name"]](seen)


async def _tried(function, about, read):
    """What it got, if anything, or how it was refused: there is no other way to tell."""
    takes_reader = "read" in inspect.signature(function).parameters
    try:
        got = function(about, read) if takes_reader else function(about)
        if inspect.isawaitable(got):
            got = await got
    except BaseException as fault:
        return {"refused": type(fault).__name__, "why": str(fault)[:200]}
    return {"got": json.dumps(repr(got)[:400])} if got is not None else {"nothing": True}


def make(options, tools):
    return Hostile(options)
