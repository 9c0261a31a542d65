"""The critic: what each action of a menu is worth, learnt by temporal difference from all lives.

Five small networks, each from a random half of the lives, judge (moment, action) in discounted paid
hours. What follows a moment is valued by the ensemble's least optimistic view of an improved choice
among the menu that was there: chosen as before, but the more often the better it is. Money shapes
the reward by a potential, which changes no advantage between the actions of one moment. It is the
worker's alone and never shipped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from finetune.features import ACTION_N, AGE, STATE_N
from finetune.moments import LAST, Moments, batches

NEVER: Final = -1e9


@dataclass(frozen=True, slots=True)
class CriticCourse:
    """How to learn; one step is one tick."""

    seed: int = 0
    members: int = 5
    width: int = 64
    steps: int = 3000
    batch: int = 256
    threads: int = 1
    lr: float = 1e-3
    discount: float = 0.98
    """Of an hour from now, against one now."""
    beta: float = 1.0
    """Hours of advantage by which the improved choice grows e times likelier."""
    trace: float = 0.3
    """How far what a life really met counts before what is foretold of it takes over."""
    looks: int = 30
    """How often the targets of all moments are reckoned anew."""
    share: float = 0.7
    """Of the lives, so many teach each member."""
    doubt: float = 0.5
    """Of the members' spread, what an advantage has to be more than."""


class Critic(nn.Module):
    """All members at once; lines in, one value a member out."""

    def __init__(self, members: int, width: int) -> None:
        super().__init__()
        sizes = ((STATE_N + ACTION_N, width), (width, width), (width, 1))
        self.weights = nn.ParameterList(
            nn.Parameter(torch.randn(members, a, b) * (2 / a) ** 0.5 * (1 if b > 1 else 0.1))
            for a, b in sizes
        )
        self.biases = nn.ParameterList(nn.Parameter(torch.zeros(members, 1, b)) for _, b in sizes)
        self.register_buffer("mean", torch.zeros(STATE_N + ACTION_N))
        self.register_buffer("spread", torch.ones(STATE_N + ACTION_N))
        self.mean: Tensor
        self.spread: Tensor

    def forward(self, rows: Tensor) -> Tensor:
        """Rows of moment and action; members in front."""
        x = ((rows - self.mean) / self.spread).expand(len(self.weights[0]), -1, -1)
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = torch.baddbmm(bias, x, weight)
            if i < len(self.weights) - 1:
                x = nn.functional.silu(x)
        return x[..., 0]


@dataclass(frozen=True)
class Menus:
    """Some moments' menus, padded: rows of (moment, action), what was likely, and what is there."""

    rows: Tensor
    mu: Tensor
    there: Tensor


def menus(moments: Moments, which: np.ndarray[Any, Any]) -> Menus:
    """A table of menus; lines that are not there repeat the first one and weigh nothing."""
    starts = moments.starts[which]
    lengths = moments.starts[which + 1] - starts
    most = int(lengths.max(initial=1))
    place = np.arange(most)[None]
    there = place < lengths[:, None]
    index = np.where(there, starts[:, None] + place, starts[:, None])
    lines = torch.from_numpy(moments.lines[index])
    states = torch.from_numpy(moments.states[which])[:, None].expand(-1, most, -1)
    mu = torch.from_numpy(np.where(there, moments.mu[index], 0.0).astype(np.float32))
    return Menus(torch.cat((states, lines), -1), mu, torch.from_numpy(there))


def values(critic: Critic, menu: Menus) -> Tensor:
    """Every member's value of every line: (members, moments, lines)."""
    count, most, width = menu.rows.shape
    flat: Tensor = critic(menu.rows.reshape(count * most, width))
    return flat.reshape(-1, count, most)


def improved(menu: Menus, value: Tensor, beta: float) -> Tensor:
    """Chosen as before, but e times as often for each `beta` that an action is worth more."""
    logits = menu.mu.clamp_min(1e-4).log() + value / beta
    return logits.masked_fill(~menu.there, NEVER).softmax(-1)


def learn(
    moments: Moments,
    course: CriticCourse,
    tell: Callable[[int, float], None] = lambda *_: None,
    *,
    reward: np.ndarray[Any, Any] | None = None,
) -> Critic:
    """Train on all moments; `reward` takes the place of paid hours in a control."""
    torch.manual_seed(course.seed)
    torch.set_num_threads(course.threads)
    dice = np.random.default_rng(course.seed)
    critic = Critic(course.members, course.width)
    _scale(critic, moments)
    lives = int(moments.life.max(initial=0)) + 1
    mask = torch.from_numpy(dice.random((course.members, lives)) < course.share).float()
    optimizer = torch.optim.Adam(critic.parameters(), lr=course.lr)
    hours = moments.hours if reward is None else reward
    rows = moments.starts[:-1] + moments.chosen
    every, target, mean = max(1, course.steps // course.looks), torch.empty(0), 0.0
    for step, which in zip(
        range(course.steps), batches(len(moments), course.batch, dice), strict=False
    ):
        if step % every == 0:
            target = torch.from_numpy(targets(critic, moments, hours, course))
        for group in optimizer.param_groups:
            group["lr"] = course.lr * min(1.0, 2 * (1 - step / course.steps))
        taken = torch.cat(
            (
                torch.from_numpy(moments.states[which]),
                torch.from_numpy(moments.lines[rows[which]]),
            ),
            -1,
        )
        apart = critic(taken) - target[torch.from_numpy(which)]
        weight = mask[:, torch.from_numpy(moments.life[which]).long()]
        loss = (_huber(apart) * weight).sum() / weight.sum().clamp_min(1)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch has no types here
        nn.utils.clip_grad_norm_(critic.parameters(), 10.0)
        optimizer.step()
        mean += (loss.item() - mean) * (0.02 if step else 1)
        tell(step + 1, mean)
    return critic.eval()


def targets(
    critic: Critic, moments: Moments, hours: np.ndarray[Any, Any], course: CriticCourse
) -> np.ndarray[Any, Any]:
    """For each moment what its life met from there on, passing over to what is foretold.

    A death is followed by nothing, a censored end by more of the same: its own value.
    """
    worth = _worth(critic, moments, course.beta)
    potential, fading = beforehand(moments, course.discount), discounts(moments, course.discount)
    found = np.zeros(len(moments), dtype=np.float64)
    for i in range(len(moments) - 1, -1, -1):
        after = moments.following[i]
        if after != LAST:
            ahead = course.trace * found[after] + (1 - course.trace) * worth[after]
            ahead += potential[after]
        else:
            ahead = 0.0 if moments.died[i] else worth[i] + potential[i]
        found[i] = hours[i] + fading[i] * ahead - potential[i]
    return found.astype(np.float32)


def beforehand(moments: Moments, discount: float) -> np.ndarray[Any, Any]:
    """What the money in hand pays for by itself: a potential, which favours no action."""
    found: np.ndarray[Any, Any] = (1 - discount**moments.runway) / -np.log(discount)
    return found


def discounts(moments: Moments, discount: float) -> np.ndarray[Any, Any]:
    """From each moment to the one that follows it, by the hours between them."""
    age_h = np.expm1(moments.states[:, AGE])
    after = np.where(moments.following == LAST, np.arange(len(moments)), moments.following)
    found: np.ndarray[Any, Any] = discount ** np.maximum(age_h[after] - age_h, 0.0)
    return found


@torch.no_grad()
def _worth(critic: Critic, moments: Moments, beta: float, size: int = 4096) -> np.ndarray[Any, Any]:
    """Every moment's value, at least, under choices a little better than those made there."""
    found = np.zeros(len(moments), dtype=np.float64)
    for at in range(0, len(moments), size):
        which = np.arange(at, min(at + size, len(moments)))
        menu = menus(moments, which)
        least = values(critic, menu).amin(0)
        found[which] = (improved(menu, least, beta) * least).sum(-1).numpy()
    return found


@torch.no_grad()
def advantages(
    critic: Critic, moments: Moments, doubt: float, size: int = 4096
) -> np.ndarray[Any, Any]:
    """How much more every line is worth than what was likely, as far as the members agree.

    Their mean, less `doubt` times their spread, and nothing where that is more than all of it.
    """
    found = np.zeros(len(moments.lines), dtype=np.float32)
    for at in range(0, len(moments), size):
        which = np.arange(at, min(at + size, len(moments)))
        menu = menus(moments, which)
        value = values(critic, menu)
        apart = value - (value * menu.mu).sum(-1, keepdim=True)
        mean, spread = apart.mean(0), apart.std(0)
        agreed = mean.sign() * (mean.abs() - doubt * spread).clamp_min(0)
        lines = slice(moments.starts[which[0]], moments.starts[which[-1] + 1])
        found[lines] = agreed[menu.there].numpy()
    return found


def _huber(apart: Tensor) -> Tensor:
    nothing = torch.zeros_like(apart)
    return nn.functional.huber_loss(apart, nothing, reduction="none", delta=4.0)


def _scale(critic: Critic, moments: Moments) -> None:
    rows = moments.starts[:-1] + moments.chosen
    states, lines = moments.states, moments.lines[rows]
    critic.mean[:] = torch.from_numpy(np.concatenate((states.mean(0), lines.mean(0))))
    spread = np.concatenate((states.std(0), lines.std(0)))
    critic.spread[:] = torch.from_numpy(np.where(spread < 1e-3, 1.0, spread))
