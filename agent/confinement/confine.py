"""Shuts this process in, layer by layer, and proves it before anybody else's code is run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from agent.confinement import landlock, limits, namespaces, proof, seccomp


@dataclass(frozen=True, slots=True)
class Confinement:
    """Which layers hold, what is still not refused, and why a layer was not to be had."""

    layers: tuple[str, ...]
    lacks: tuple[str, ...]
    reasons: Mapping[str, str]

    def told(self) -> str:
        """In one line, for the operator."""
        held = ", ".join(self.layers) or "no layer"
        if not self.lacks:
            return held
        why = "; ".join(f"{name}: {reason}" for name, reason in self.reasons.items())
        return f"{held}, which leaves open: {', '.join(self.lacks)} ({why or 'it was tried'})"


def confine(readable: Sequence[str], settle: Callable[[], None]) -> Confinement:
    """No way back. `settle` is called once the root is the new one, and may still read everything.

    Files need one of two layers, everything else needs seccomp; each takes what the others leave.
    """
    before = proof.openable()
    layers: list[str] = []
    reasons: dict[str, str] = {}

    def enter(name: str, layer: Callable[[], str]) -> None:
        try:
            layers.append(layer())
        except OSError as fault:
            reasons[name] = fault.strerror or type(fault).__name__

    limits.offer_first()
    enter("namespaces", lambda: namespaces.enter(readable))
    settle()
    enter("unprivileged", limits.drop_capabilities)
    enter("limits", limits.enter)
    enter("landlock", lambda: landlock.enter(readable))
    enter("seccomp", seccomp.enter)
    return Confinement(tuple(layers), proof.lacking(before, readable), reasons)
