"""What can go wrong in a daemon, and what the daemon must do about it.

AgentError                 base; `advice` is what the operator should do, in one line
├── UsedWrongly            the command cannot begin: nothing was changed; exit code 2
│   ├── BadConfig          a key is unknown or a value cannot be
│   ├── HomeHeld           another daemon lives in this home
│   ├── CannotBeBorn       no permit, or too little money
│   ├── CannotInherit      a genome by CID is not to be had, or none to be born from here
│   └── PortTaken          the gateway's port is in use
├── NotesUnwritable        the disk did not take the notes: retry
├── ShopFailed             the shop's book cannot be read or written: sell nothing, live on
├── IntegrityFault         our own code found the life inconsistent: halt
└── PluginFailed           a strategy raised, hung, spoke nonsense or cannot be confined: skip it

Faults of the layers below keep their own trees; each names its consequence in the same words:
retry, skip, halt, stop.
"""

from __future__ import annotations

from typing import ClassVar


class AgentError(Exception):
    """Base of this package's faults."""

    consequence: ClassVar[str] = "stop"

    def __init__(self, what: str, advice: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.what}; {self.advice}" if self.advice else self.what


class UsedWrongly(AgentError):
    """The command cannot begin; nothing was changed."""


class BadConfig(UsedWrongly):
    """A key is unknown or a value cannot be."""


class HomeHeld(UsedWrongly):
    """Another daemon lives in this home."""


class CannotBeBorn(UsedWrongly):
    """No permit, or too little money."""


class CannotInherit(UsedWrongly):
    """A genome by CID is not to be had, or none to be born from here."""


class PortTaken(UsedWrongly):
    """The gateway's port is in use."""


class NotesUnwritable(AgentError):
    """The disk did not take the notes."""

    consequence = "retry"


class ShopFailed(AgentError):
    """The shop's book cannot be read or written; nothing is sold until it can."""

    consequence = "skip"


class IntegrityFault(AgentError):
    """Our own code found the life inconsistent with itself."""

    consequence = "halt"


class PluginFailed(AgentError):
    """A strategy raised, hung, spoke nonsense or cannot be confined."""

    consequence = "skip"
