"""Runs decisions again: the model that a record names must give the probabilities it says.

A sample is drawn by the records' own hashes, so that nobody chooses it and everyone has the same.
Backends differ in the last digits even with equal weights, and a kept prompt's head is summed in
another order than a fresh one: what is compared is total variation, within a tolerance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from heapq import nsmallest
from math import exp
from pathlib import Path
from typing import Any, Final, NamedTuple

from agent.models import SHIPPED
from agent.prompt import LABELS, MOST_PARAMS, prompt_digest, render
from compute.engine_client import Engine, EngineConfig
from compute.errors import ComputeError
from compute.manifest import digest_file
from strategies.errors import NotPlain
from strategies.plain import from_plain
from strategies.port import Action, Snapshot
from telemetry.auditing import findings as kinds
from telemetry.auditing.epoch import Epoch, Read
from telemetry.auditing.findings import Finding, Findings
from telemetry.auditing.verdict import Replayed
from telemetry.checkpoint import Checkpoint
from telemetry.draw import log_probabilities

SAMPLE: Final = 32
SAME_BUILD: Final = 0.01
"""Total variation allowed where llama.cpp was built as the agent's was."""
OTHER_BUILD: Final = 0.05
CONTEXT: Final = 2048
DEADLINE_S: Final = 120.0


class Sampled(NamedTuple):
    """A decision to be run again; `rank` is its leaf."""

    rank: bytes
    seq: int
    body: Mapping[str, Any]


class Taken(NamedTuple):
    """What one epoch gives: sampled decisions, and in the first one how the agent was asked."""

    prompt: str | None
    sample: Sequence[Sampled]


@dataclass(frozen=True, slots=True)
class Sampler:
    """Takes the decisions with the smallest leaves; it runs where an epoch is judged."""

    count: int = SAMPLE

    def __call__(self, _: Checkpoint, records: Sequence[Read]) -> Taken:
        thought = (
            Sampled(read.leaf, read.seq, read.record.body)
            for read in records
            if read.record.kind == "decision" and read.record.body.get("model") != "reflex"
        )
        genome = records[0].record.body.get("genome") if records and not records[0].seq else None
        asked = genome.get("prompt") if isinstance(genome, dict) else None
        return Taken(asked, nsmallest(self.count, thought, key=lambda each: each.rank))


@dataclass(slots=True)
class Replay:
    """Gathers the sample while a log is audited; `run` it afterwards, if the log is sound."""

    count: int = SAMPLE
    prompt: str | None = None
    sample: list[Sampled] = field(default_factory=list)

    def gather(self, _: Epoch, taken: Taken) -> None:
        self.prompt = self.prompt or taken.prompt
        every = [*self.sample, *taken.sample]
        self.sample = nsmallest(self.count, every, key=lambda each: each.rank)

    async def run(self, models: Sequence[Path]) -> tuple[Replayed, tuple[Finding, ...]]:
        """Look for the models by digest among the shipped ones and these files."""
        found, differences = Findings(), list[float]()
        files = _by_digest(models)
        for model, decisions in self._by_model().items():
            gguf, adapter = model
            if gguf not in files or (adapter and adapter not in files):
                said = f"model {gguf} is not at hand: {len(decisions)} decisions not run again"
                found.note(kinds.REPLAY, said)
                continue
            differences += await _run(files[gguf], files.get(adapter), decisions, found)
        if self.prompt == prompt_digest():
            for each in self.sample:
                _judge_prompt(each, found)
        replayed = Replayed(len(differences), len(self.sample), max(differences, default=0.0))
        return replayed, found.all()

    def _by_model(self) -> Mapping[tuple[str, str], Sequence[Sampled]]:
        groups: dict[tuple[str, str], list[Sampled]] = {}
        for each in sorted(self.sample, key=lambda each: each.seq):
            model = each.body["model"]
            groups.setdefault((model["gguf"], model["adapter"]), []).append(each)
        return groups


def _by_digest(models: Sequence[Path]) -> Mapping[str, Path]:
    """Files, and what lies in folders, by their SHA-256; those that ship are always at hand."""
    places = [SHIPPED, *models]
    files = [
        file
        for place in places
        for file in (sorted(place.glob("*.gguf")) if place.is_dir() else [place])
    ]
    return {digest_file(file): file for file in files if file.is_file()}


async def _run(
    model: Path, adapter: Path | None, decisions: Sequence[Sampled], found: Findings
) -> list[float]:
    engine = Engine(EngineConfig(model, adapter, context=CONTEXT, deadline_s=DEADLINE_S))
    differences = []
    try:
        ours = (await engine.start()).engine
        for each in decisions:
            difference = await _again(engine, each)
            differences.append(difference)
            allowed = SAME_BUILD if each.body["model"]["engine"] == ours else OTHER_BUILD
            if difference > allowed:
                said = f"the model's probabilities differ by {difference:.4f}, {allowed} is allowed"
                found.fault(kinds.REPLAY, said, each.seq)
    except ComputeError as error:
        left = len(decisions) - len(differences)
        found.note(kinds.REPLAY, f"{model.name}: {error}; {left} decisions not run again")
    finally:
        await engine.close()
    return differences


async def _again(engine: Engine, sampled: Sampled) -> float:
    """Total variation between what a record says and what its model gives now."""
    body = sampled.body
    said = [exp(value) for value in body["logprobs"]]
    scores = await engine.score(body["prompt"], LABELS[: len(said)])
    now = log_probabilities(scores.logits, body["temperature"], body["epsilon"])
    return sum(abs(before - exp(after)) for before, after in zip(said, now, strict=True)) / 2


def _judge_prompt(sampled: Sampled, found: Findings) -> None:
    """A prompt of our own wording must be the one that its observation and menu make."""
    body = sampled.body
    try:
        seen = from_plain(Snapshot, body["observation"])
        menu = [_action(entry) for entry in body["menu"]]
        told = render(seen, menu)
    except (NotPlain, ValueError, TypeError, ArithmeticError) as error:
        found.fault(kinds.REPLAY, f"no snapshot could be this one: {error}", sampled.seq)
    else:
        if _words(told, menu) != _words(body["prompt"], menu):
            said = "the prompt is not the one that its observation and menu make"
            found.fault(kinds.REPLAY, said, sampled.seq)


def _words(prompt: str, menu: Sequence[Action]) -> Sequence[Sequence[str]]:
    """Line by line, each in no order: a record keeps a menu's params sorted, not as they were.

    Of an entry with more params than a prompt shows, which ones it showed is not known either.
    """
    lines = [line.split() for line in prompt.splitlines()]
    many = {
        label for label, each in zip(LABELS, menu, strict=False) if len(each.params) > MOST_PARAMS
    }
    return [line[:2] if line[:1] and line[0] in many else sorted(line) for line in lines]


def _action(entry: Mapping[str, Any]) -> Action:
    params = {name: int(value) for name, value in entry["params"].items()}
    return Action(entry["key"], params, entry["summary"])
