"""What can go wrong with the worker; it owns no wallet, so nothing is ever at stake but time.

    WorkError
    ├── BadData        lives or tables that nothing can be learnt from
    ├── BadBase        a large model, or its GGUF file, that cannot be taught or run here
    ├── BadLaunch      an engine that is not there, or whose processes failed
    ├── NoNews         tables from which nobody can learn to read
    ├── Spoilt         a child that lost what its parent could while it learnt
    ├── BadStage       a stage's folder holds something else than this stage would write
    ├── NoPromise      a gate without a pre-registration on chain
    ├── NotPromoted    a child that the gate did not let through is bred from
    ├── NotPublished   a generation is here whole, and some target does not keep it
    └── AnchorDrifted  a policy that never changes lived otherwise than before: the round is void

Messages are constant; facts are fields; `advice` is for the person.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


class WorkError(Exception):
    """The root; `facts` say what about."""

    advice: ClassVar[str] = ""

    def __init__(self, reason: str = "", **facts: object) -> None:
        super().__init__(reason or (type(self).__doc__ or "").rstrip("."))
        self.facts: Mapping[str, object] = facts

    def __str__(self) -> str:
        told = ", ".join(f"{name} {fact}" for name, fact in self.facts.items())
        return f"{super().__str__()}: {told}" if told else super().__str__()


class BadData(WorkError):
    """Nothing can be learnt from this."""

    advice = "look into quarantine.json: it lists each life that was left out, and why"


class BadBase(WorkError):
    """This model cannot be taught here."""

    advice = "docs/learning.md, larger models, says which can, and what must lie in the folder"


class BadLaunch(WorkError):
    """Training could not be started so."""

    advice = "--engine local trains in this process, or in all that torchrun or accelerate started"


class NoNews(WorkError):
    """Nobody can learn to read from this."""

    advice = "let more lives live where there is news, like forager arena herald --tables"


class Spoilt(WorkError):
    """What was learnt cost what the parent could."""

    advice = "teach from fewer texts, or from more lives: their choices are what is kept"


class BadStage(WorkError):
    """The folder is not this stage's."""

    advice = "name another folder, or remove that one"


class NoPromise(WorkError):
    """Nothing was promised on chain before."""

    advice = "forager-finetune gate --register first, before anything is evaluated"


class NotPromoted(WorkError):
    """The gate has not promoted this child."""

    advice = "name its verdict.json with --verdict; who was rejected is not born from"


class NotPublished(WorkError):
    """The generation is not kept everywhere."""

    advice = "what was bred is whole: see to the target and run the same again"


class AnchorDrifted(WorkError):
    """A policy that never changes has changed: the round is void."""

    advice = "find out what changed in the world before anything is evaluated again"
