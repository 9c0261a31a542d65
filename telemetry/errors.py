"""Everything that can go wrong with telemetry, and what the daemon must do about it.

TelemetryError
├── BadRecord        skip    one record is not what the format says
├── BadCheckpoint    skip    a checkpoint block is malformed, unsigned or signed by another
├── BadCid           skip    an identifier is not a CIDv1 dag-cbor sha2-256
├── BadCar           skip    an epoch file or an upload is damaged or too large
├── BadImport        skip    an archive will not take these blocks: they contradict what it holds
├── BadLog           skip    a source's own blocks contradict one another: they prove nothing
├── BadProof         skip    a file is not a proof at all, whatever it would prove
├── LogHeld          stop    another process lives in this home
├── LogDamaged       halt    the log contradicts itself; acting on would leave a hole in it
│   └── LogBehind    halt    more of this life is known elsewhere than is stored here
├── LogUnwritable    retry   the disk did not take it; nothing was appended, so nothing may be done
├── LogMoved         retry   a gap had to be written first; what was made for its place was not
├── LogClosed        stop    the log has its ending, nothing may follow
├── BadKept          stop    what an earlier audit left to go on with is damaged
├── SourceError      stop    what an auditor was pointed at cannot be read as a log
└── TargetError              a place that should keep the log …
    ├── TargetUnreachable  retry   … did not answer in time
    ├── TargetBusy         retry   … has taken the request, and has not got the epoch yet
    └── TargetRefused      retry   … answered, but did not keep the epoch
"""

from __future__ import annotations

from typing import ClassVar, Literal

Consequence = Literal["retry", "skip", "halt", "stop"]


class TelemetryError(Exception):
    """A constant message, the facts as fields, and one line of advice."""

    consequence: ClassVar[Consequence] = "skip"
    message: ClassVar[str] = "telemetry failed"
    advice: ClassVar[str] = "look at the facts given with this error"

    def __init__(self, **facts: object) -> None:
        super().__init__(self.message)
        self.facts = facts

    def __str__(self) -> str:
        facts = ", ".join(f"{name}={value}" for name, value in self.facts.items())
        return f"{self.message} ({facts})" if facts else self.message


class BadRecord(TelemetryError):
    """A record is not what the format says."""

    message = "not a valid record"
    advice = "the writer must be fixed or the source distrusted: a valid log holds no such record"


class BadCheckpoint(TelemetryError):
    """A checkpoint block is malformed, unsigned or signed by another key."""

    message = "not a valid checkpoint"
    advice = "ask another source for this epoch and compare it with the chain's anchor"


class BadCid(TelemetryError):
    """Not one of the identifiers that this format uses."""

    message = "not a CIDv1 of dag-cbor and sha2-256 in base32"
    advice = "give the identifier as it is printed: it begins with bafyrei"


class BadCar(TelemetryError):
    """A CAR is damaged, too large, or holds other blocks than it names."""

    message = "not a valid CAR"
    advice = "fetch the file again: its blocks no longer match their names"


class BadImport(TelemetryError):
    """An archive will not take a checkpoint that contradicts what it holds."""

    message = "the epoch contradicts the log kept here"
    advice = "an epoch has one checkpoint: find out which of the two is anchored"


class BadLog(TelemetryError):
    """A source's own blocks contradict one another, or are not all there."""

    message = "this log proves nothing"
    advice = "audit the source, or ask another one"


class BadProof(TelemetryError):
    """Not of the form that proofs are written in."""

    message = "not a proof"
    advice = "ask for the file again; forager prove writes one with --out"


class LogHeld(TelemetryError):
    """Another process has this log open."""

    consequence = "stop"
    message = "another process holds this log"
    advice = "stop the other agent of this home first; one home is one life"


class LogDamaged(TelemetryError):
    """The log's database contradicts itself."""

    consequence = "halt"
    message = "the log is damaged"
    advice = "copy the home away and look at the disk; see Backups in docs/operating.md"


class LogBehind(LogDamaged):
    """More of this life is known elsewhere than is stored here: a backup was restored."""

    message = "this is not the newest log of this life"
    advice = "restore the newest log.sqlite, or see Backups in docs/operating.md"


class LogUnwritable(TelemetryError):
    """The disk did not take it; nothing was appended."""

    consequence = "retry"
    message = "the log could not be written"
    advice = "free some space where the home is, or look for a failing disk"


class LogMoved(TelemetryError):
    """A record was made for a place that a `gap` has taken meanwhile; it was not appended."""

    consequence = "retry"
    message = "the log went on without this record"
    advice = "nothing is lost: it is made anew at the next bell"


class LogClosed(TelemetryError):
    """The log has its ending; nothing may follow it."""

    consequence = "stop"
    message = "the log has ended"
    advice = "this life is over; a new one needs a new birth"


class BadKept(TelemetryError):
    """What an earlier audit left to go on with cannot be read."""

    consequence = "stop"
    message = "the state of an earlier audit is damaged"
    advice = "remove it, and the log is read again from its beginning"


class SourceError(TelemetryError):
    """An auditor was pointed at something that cannot be read as a log."""

    consequence = "stop"
    message = "no log can be read here"
    advice = "name a folder of epoch files, or a gateway's address and the agent"


class TargetError(TelemetryError):
    """A telemetry target did not take an epoch; epochs wait and are sent again."""

    consequence = "retry"
    message = "the telemetry target failed"
    advice = "nothing is lost: epochs wait in order; check the target's address and health"


class TargetUnreachable(TargetError):
    """The target did not answer in time."""

    message = "the telemetry target does not answer"


class TargetBusy(TargetError):
    """The target has taken the request; it is asked again, and not anew."""

    message = "the telemetry target has not got the epoch yet"
    advice = "nothing is lost: see that the target reaches the gateway named in telemetry.serve_uri"


class TargetRefused(TargetError):
    """The target answered, but did not keep the epoch."""

    message = "the telemetry target did not keep the epoch"
