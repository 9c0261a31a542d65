"""Runs decisions again: the model that a record names must give the probabilities it says.

Each audit draws its own sample: what a log could compute, its writer could steer.
Backends differ in the last digits even with equal weights, and a kept prompt's head is summed in
another order than a fresh one: what is compared is total variation, within a tolerance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from heapq import nsmallest
from math import exp
from pathlib import Path
from random import random
from typing import Any, Final, NamedTuple

from agent.models import SHIPPED
from agent.prompt import LABELS, MOST_PARAMS, prompt_digest, render
from compute.engine_client import Engine, EngineConfig
from compute.errors import ComputeError, NoModel, Unanswerable
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
MOST_CONTEXT: Final = 8192
"""Tokens: what a longer prompt would be is no decision of ours, and a model could not hold it."""
DEADLINE_S: Final = 120.0


class Sampled(NamedTuple):
    """A decision to be run again, if its rank is small enough."""

    rank: float
    seq: int
    body: Mapping[str, Any]


class Taken(NamedTuple):
    """What one epoch gives: sampled decisions, and in the first one how the agent was asked."""

    prompt: str | None
    sample: Sequence[Sampled]


def sampler(_: Checkpoint) -> Sampler:
    """The harvest: some of each epoch's decisions."""
    return Sampler()


@dataclass(slots=True)
class Sampler:
    """Takes those of the smallest ranks, which are drawn anew each time."""

    prompt: str | None = None
    sample: list[Sampled] = field(default_factory=list)

    def take(self, records: Sequence[Read]) -> None:
        for seq, _, _, record in records:
            if record.kind == "decision" and record.body.get("model") != "reflex":
                self.sample.append(Sampled(random(), seq, record.body))  # noqa: S311 - by the system
            elif not seq and isinstance(genome := record.body.get("genome"), dict):
                self.prompt = genome.get("prompt")
        self.sample = nsmallest(SAMPLE, self.sample)

    def done(self) -> Taken:
        return Taken(self.prompt, self.sample)


@dataclass(slots=True)
class Replay:
    """Gathers the sample while a log is audited; `run` it afterwards, if the log is sound."""

    prompt: str | None = None
    sample: list[Sampled] = field(default_factory=list)

    def gather(self, _: Epoch, taken: Taken) -> None:
        self.prompt = self.prompt or taken.prompt
        self.sample = nsmallest(SAMPLE, [*self.sample, *taken.sample])

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
    longest = max(len(each.body["prompt"]) for each in decisions)
    context = min(max(longest, CONTEXT), MOST_CONTEXT)
    engine = Engine(EngineConfig(model, adapter, context=context, deadline_s=DEADLINE_S))
    differences, silent = list[float](), list[str]()
    try:
        ours = (await engine.start()).engine
        for each in decisions:
            allowed = SAME_BUILD if each.body["model"]["engine"] == ours else OTHER_BUILD
            try:
                differences.append(await _again(engine, each))
            except (Unanswerable, ArithmeticError, ValueError) as error:
                said = f"the model cannot have been asked this: {error}"
                found.fault(kinds.REPLAY, said, each.seq)
            except NoModel as error:
                silent.append(str(error))
            else:
                _judge_difference(differences[-1], allowed, each.seq, found)
    except ComputeError as error:
        silent = [str(error)] * len(decisions)
    finally:
        await engine.close()
    if silent:
        said = f"{model.name}: {silent[0]}; {len(silent)} decisions not run again"
        found.note(kinds.REPLAY, said)
    return differences


def _judge_difference(difference: float, allowed: float, seq: int, found: Findings) -> None:
    if not difference <= allowed:
        said = f"the model's probabilities differ by {difference:.4f}, {allowed} is allowed"
        found.fault(kinds.REPLAY, said, seq)


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
