"""The train stage: a dataset and a parent in, a model file that agents can run out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import numpy as np

from finetune.crew import ALONE, Crew
from finetune.critic import CriticCourse, advantages, learn
from finetune.dataset import load
from finetune.errors import BadData
from finetune.moments import Moments
from finetune.objective import Aim, Lesson, lesson
from finetune.parents import parent_digest
from finetune.parting import hash_of, part_of
from finetune.raising import MODEL, raised, refuse
from finetune.stage import Done, check, digest, stage
from finetune.teach import Improving, Progress, Tuning
from finetune.trying import Trial, try_critic

__all__ = ["MODEL", "Course", "assist", "bred_on", "part_of", "train"]

CARD: Final = "README.md"
UNSEEN: Final = 5
"""One of so many worlds is kept from the critic that is tried."""


@dataclass(frozen=True, slots=True)
class Course:
    """Everything that may be set; part of the manifest."""

    aim: Aim = field(default_factory=Aim)
    critic: CriticCourse = field(default_factory=CriticCourse)
    policy: Improving = field(default_factory=Improving)
    trial: bool = True
    """Whether the critic is tried on unseen lives: it takes as long as learning."""


def bred_on(course: Course) -> Course:
    """For a parent that was bred itself: it is better than most that is in the data.

    Generation 0 knows nothing of lives, so its child begins with what others did in theirs. From
    then on a child begins with its parent's choices, which are sure enough to be left as they are:
    logits that are large already want small steps.
    """
    policy = course.policy
    return replace(
        course,
        aim=replace(course.aim, start="parent", beta=0.15),
        policy=replace(
            policy,
            kl=0.0,
            surer=1.0,
            matrix_lr=policy.matrix_lr / 3,
            table_lr=policy.table_lr / 3,
        ),
    )


def train(
    data: Path,
    parent: Path,
    out: Path,
    course: Course,
    tell: Callable[[str], None],
    crew: Crew = ALONE,
) -> Done:
    """Learn a critic, teach the child, write and check its file; the others of a crew `assist`."""
    inputs = _inputs(data, parent)
    settings = asdict(course) | ({"lora": asdict(Tuning())} if parent.is_dir() else {})
    done = stage(
        out,
        "train",
        inputs,
        settings,
        lambda part: _work(data, parent, part, course, tell, inputs, crew),
    )
    if not done.fresh:
        crew.hear(None)
    return done


def assist(data: Path, parent: Path, course: Course, crew: Crew) -> None:
    """Teach the first process's lesson with it, unless it finds that all was done before."""
    heard: tuple[Mapping[str, str], Lesson] | None = crew.hear()
    if heard is None:
        return
    inputs, taught = heard
    if inputs != _inputs(data, parent):
        raise BadData("another process reads other files", rank=crew.rank)
    kto = course.aim.name == "kto"
    raised(parent, load(data)[0], taught, course.policy, lambda _: None, crew, kto=kto)


def _inputs(data: Path, parent: Path) -> Mapping[str, str]:
    check(data)
    return {"dataset": digest(data / "manifest.json"), "parent": parent_digest(parent)}


def _work(
    data: Path,
    parent: Path,
    part: Path,
    course: Course,
    tell: Callable[[str], None],
    inputs: Mapping[str, str],
    crew: Crew,
) -> Mapping[str, Any]:
    began = perf_counter()
    refuse(parent)
    moments, told = load(data)
    if len(moments) < course.policy.batch:
        raise BadData("too few moments to learn from", moments=len(moments))
    trial = _trial(moments, told, course, tell) if course.trial else None
    worth, worlds = _worth(moments, course, tell), worlds_of(told)
    taught = lesson(moments, worth, course.aim, worlds, generations_of(told))
    crew.hear((inputs, taught))
    child = raised(
        parent,
        moments,
        taught,
        course.policy,
        lambda at: _tell_policy(at, tell),
        crew,
        kto=course.aim.name == "kto",
    )
    written = child.write(part)
    figures = {
        "lives": len(told),
        "transitions": len(moments),
        "train_minutes": round((perf_counter() - began) / 60, 2),
        "parity": asdict(written.parity),
        "critic": asdict(trial) if trial else None,
        "processes": crew.size,
        **written.figures,
    }
    (part / CARD).write_text(_card(figures, inputs["parent"], course), "utf-8")
    if not written.holds:
        apart = asdict(written.parity)
        raise BadData("the exported file does not choose as the network does", **apart)
    return _plain(figures)


def _worth(moments: Moments, course: Course, tell: Callable[[str], None]) -> np.ndarray[Any, Any]:
    """What a critic says of every line, where the objective asks for one."""
    if not course.aim.needs_critic:
        return np.zeros(len(moments.lines), dtype=np.float32)
    critic = learn(moments, course.critic, _telling("critic", course.critic.steps, tell))
    return advantages(critic, moments, course.critic.doubt)


def _trial(
    moments: Moments, told: Sequence[Mapping[str, Any]], course: Course, tell: Callable[[str], None]
) -> Trial | None:
    """Kept apart by the world they lived in: its seed is in the head of no life but its own."""
    tell("trying the critic on worlds it has not seen")
    unseen = np.asarray([hash_of(world) % UNSEEN == 0 for world in worlds_of(told)])
    if not unseen.any() or unseen.all():
        return None
    return try_critic(
        part_of(moments, ~unseen), part_of(moments, unseen), replace(course.critic, members=2)
    )


def worlds_of(told: Sequence[Mapping[str, Any]]) -> list[str]:
    """In which world each life was: all that were born of one seed had the same luck."""
    return [str(each.get("world") or each.get("life")) for each in told]


def generations_of(told: Sequence[Mapping[str, Any]]) -> list[int]:
    return [int(each.get("generation") or 0) for each in told]


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


def _card(figures: Mapping[str, Any], parent: str, course: Course) -> str:
    same = figures["parity"]
    worn = f"| adapter | `{figures['adapter']}` |\n" if "adapter" in figures else ""
    return f"""# A generation

| | |
| --- | --- |
| SHA-256 | `{figures["model"]}` |
{worn}| parent | `{parent}` |
| objective | {course.aim.name}, beta {course.aim.beta} |
| learnt from | {figures["transitions"]:,} decisions of {figures["lives"]} lives |
| in llama.cpp | total variation {same["tv"]:.4f}, same favourite {same["agreement"]:.1%} |

It reads the prompts of `agent/prompt.py` and nothing else.
"""
