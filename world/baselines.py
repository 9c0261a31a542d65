"""Policies to be compared with: rules that choose from the same menus, without a model. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from agent.mind import Rule, reflex
from compute.port import REFLEX, Scores
from strategies.port import Action, Snapshot
from world.heuristic import heuristic

SURE: Final = 100.0
"""So far apart in logits there is no other choice."""


def passive(seen: Snapshot, menu: Sequence[Action]) -> Scores:  # noqa: ARG001
    """Waits, whatever comes: what a life is worth that nobody works for."""
    return _always(0, menu)


def random_legal(seen: Snapshot, menu: Sequence[Action]) -> Scores:  # noqa: ARG001
    """Any of the legal actions, each as likely as the others."""
    return Scores((0.0,) * len(menu), REFLEX)


def careful(seen: Snapshot, menu: Sequence[Action]) -> Scores:
    """The hand-written heuristic's first choice."""
    return _always(heuristic(seen, menu), menu)


def _always(index: int, menu: Sequence[Action]) -> Scores:
    return Scores(tuple(SURE if i == index else 0.0 for i in range(len(menu))), REFLEX)


RULES: Final[Mapping[str, Rule]] = {
    "passive": passive,
    "random": random_legal,
    "reflex": reflex,
    "heuristic": careful,
}
