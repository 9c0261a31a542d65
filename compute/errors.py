"""What can go wrong with compute, named for what the caller must do about it.

    ComputeError
    ├── NoModel           retry   nothing scores just now; the reflex chooses meanwhile
    │   └── EngineGone    retry   the engine's process died or hung; it is started again
    ├── BadModel          skip    the model can never serve (damaged, other labels): the reflex does
    ├── ProviderRefused   skip    a provider answered, and said no
    ├── BadReply          skip    a provider's answer breaks the protocol
    ├── BadRequest        skip    a tenant's question breaks the protocol
    ├── NoOffer           skip    what was asked for is not on the market
    └── BadConfig         stop    a person has to mend a file

Messages are constant; facts are fields, and never secrets.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

Consequence = Literal["retry", "skip", "halt", "stop"]


class ComputeError(Exception):
    """The root; `facts` are for logs."""

    consequence: ClassVar[Consequence] = "retry"

    def __init__(self, reason: str = "", **facts: object) -> None:
        super().__init__(reason or type(self).__name__)
        self.reason = str(self)
        self.facts: Mapping[str, object] = facts


class NoModel(ComputeError):
    """No model answered within its deadline."""

    consequence = "retry"


class EngineGone(NoModel):
    """The engine's process ended or stopped answering."""


class Unanswerable(NoModel):
    """The model runs, and cannot be asked this."""


class BadModel(ComputeError):
    """This model file will never serve: asking again cannot help."""

    consequence = "skip"


class ProviderRefused(ComputeError):
    """The provider answered with a refusal; another provider may not."""

    consequence = "skip"


class BadReply(ComputeError):
    """The provider's answer is not what the protocol says."""

    consequence = "skip"


class BadRequest(ComputeError):
    """The tenant's question is not what the protocol says."""

    consequence = "skip"


class NoOffer(ComputeError):
    """Nothing on the market fits."""

    consequence = "skip"


class BadConfig(ComputeError):
    """A file that a person wrote cannot be used as it is."""

    consequence = "stop"
