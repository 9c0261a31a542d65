"""The train stage: a dataset and a parent in, a model file that agents can run out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, Final

import numpy as np

from compute.llama import Llama
from finetune.critic import CriticCourse, judged, learn
from finetune.dataset import load
from finetune.errors import BadData
from finetune.export import export, quantize, restore
from finetune.improve import Improving, Progress, improve
from finetune.moments import Moments
from finetune.objective import Aim, lesson
from finetune.parity import Parity, by_llama, by_torch, compare
from finetune.situations import Example
from finetune.stage import Done, check, digest, stage
from finetune.trying import Trial, try_critic

MODEL: Final = "model.gguf"
CARD: Final = "README.md"
UNSEEN: Final = 5
"""One of so many worlds is kept from the critic that is tried."""
CHECKED: Final = 300
"""Prompts on which the exported file is compared with the network."""


@dataclass(frozen=True, slots=True)
class Course:
    """Everything that may be set; part of the manifest."""

    aim: Aim = field(default_factory=Aim)
    critic: CriticCourse = field(default_factory=CriticCourse)
    policy: Improving = field(default_factory=Improving)
    trial: bool = True
    """Whether the critic is tried on unseen lives: it takes as long as learning."""


def train(data: Path, parent: Path, out: Path, course: Course, tell: Callable[[str], None]) -> Done:
    """Learn a critic, teach the child, write and check its file."""
    check(data)
    inputs = {"dataset": digest(data / "manifest.json"), "parent": digest(parent)}
    return stage(
        out, "train", inputs, asdict(course), lambda part: _work(data, parent, part, course, tell)
    )


def _work(
    data: Path, parent: Path, part: Path, course: Course, tell: Callable[[str], None]
) -> Mapping[str, Any]:
    began = perf_counter()
    moments, told = load(data)
    if len(moments) < course.policy.batch:
        raise BadData("too few moments to learn from", moments=len(moments))
    trial = _trial(moments, told, course, tell) if course.trial else None
    critic = learn(moments, course.critic, _telling("critic", course.critic.steps, tell))
    taught = lesson(moments, judged(critic, moments), course.aim)
    policy = improve(
        restore(parent),
        moments,
        taught,
        course.policy,
        lambda at: _tell_policy(at, tell),
        kto=course.aim.name == "kto",
    )
    with TemporaryDirectory() as folder:
        full = Path(folder) / "full.gguf"
        export(policy, full, "forager")
        quantize(full, part / MODEL)
    parity = check_export(policy, part / MODEL, moments)
    figures = {
        "lives": len(told),
        "transitions": len(moments),
        "train_minutes": round((perf_counter() - began) / 60, 2),
        "parity": asdict(parity),
        "critic": asdict(trial) if trial else None,
        "model": digest(part / MODEL),
    }
    (part / CARD).write_text(_card(figures, parent, course), "utf-8")
    if not parity.holds:
        raise BadData("the exported file does not choose as the network does", tv=parity.tv)
    return _plain(figures)


def check_export(policy: Any, path: Path, moments: Moments) -> Parity:
    """The same prompts through torch and llama.cpp."""
    llama = Llama(path)
    which = np.linspace(0, len(moments) - 1, min(CHECKED, len(moments))).astype(int)
    examples = [
        Example(list(map(int, moments.prompt(i))), [0.0] * (int(np.diff(moments.starts)[i])))
        for i in which
        if np.diff(moments.starts)[i] > 1
    ]
    return compare(examples, by_torch(policy), by_llama(llama))


def _trial(
    moments: Moments, told: Sequence[Mapping[str, Any]], course: Course, tell: Callable[[str], None]
) -> Trial | None:
    """Kept apart by the world they lived in: its seed is in the head of no life but its own."""
    tell("trying the critic on worlds it has not seen")
    worlds = [str(each.get("world") or each.get("life")) for each in told]
    unseen = np.asarray([hash_of(world) % UNSEEN == 0 for world in worlds])
    if not unseen.any() or unseen.all():
        return None
    return try_critic(
        part_of(moments, ~unseen), part_of(moments, unseen), replace(course.critic, members=2)
    )


def hash_of(text: str) -> int:
    """The same in every process, unlike `hash`."""
    from hashlib import sha256

    return int.from_bytes(sha256(text.encode()).digest()[:4], "big")


def part_of(moments: Moments, lives: np.ndarray[Any, Any]) -> Moments:
    """Only the moments of some lives."""
    keep = np.flatnonzero(lives[moments.life])
    at = np.full(len(moments) + 1, -1, dtype=np.int64)
    at[keep] = np.arange(len(keep))
    lines = np.concatenate([np.arange(moments.starts[i], moments.starts[i + 1]) for i in keep])
    tokens = np.concatenate(
        [np.arange(moments.token_starts[i], moments.token_starts[i + 1]) for i in keep]
    )
    numbers = np.cumsum(lives) - 1
    return Moments(
        life=numbers[moments.life[keep]].astype(np.int32),
        states=moments.states[keep],
        starts=np.concatenate(([0], np.cumsum(np.diff(moments.starts)[keep]))),
        lines=moments.lines[lines],
        mu=moments.mu[lines],
        chosen=moments.chosen[keep],
        hours=moments.hours[keep],
        runway=moments.runway[keep],
        following=at[moments.following[keep]],
        died=moments.died[keep],
        remaining=moments.remaining[keep],
        token_starts=np.concatenate(([0], np.cumsum(np.diff(moments.token_starts)[keep]))),
        tokens=moments.tokens[tokens],
    )


def _telling(what: str, steps: int, tell: Callable[[str], None]) -> Callable[[int, float], None]:
    def told(step: int, loss: float) -> None:
        if step % max(1, steps // 10) == 0:
            tell(f"{what}: {step} of {steps} steps, loss {loss:.3f}")

    return told


def _tell_policy(at: Progress, tell: Callable[[str], None]) -> None:
    if at.step % max(1, at.steps // 10) == 0:
        tell(
            f"policy: {at.step} of {at.steps} steps, loss {at.loss:.4f}, "
            f"{at.apart:.3f} nats from its parent, {at.seconds:.0f} s"
        )


def _plain(figures: Mapping[str, Any]) -> Mapping[str, Any]:
    """What is no number is nothing, so that the manifest is JSON."""
    text = json.dumps(figures)
    plain: Mapping[str, Any] = json.loads(text, parse_constant=lambda _: None)
    return plain


def _card(figures: Mapping[str, Any], parent: Path, course: Course) -> str:
    same = figures["parity"]
    return f"""# A generation

| | |
| --- | --- |
| SHA-256 | `{figures["model"]}` |
| parent | `{digest(parent)}` |
| objective | {course.aim.name}, beta {course.aim.beta} |
| learnt from | {figures["transitions"]:,} decisions of {figures["lives"]} lives |
| in llama.cpp | total variation {same["tv"]:.4f}, same favourite {same["agreement"]:.1%} |

It reads the prompts of `agent/prompt.py` and nothing else.
"""
