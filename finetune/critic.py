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

from finetune.features import ACTION_N, STATE_N
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
    discount: float = 0.99
    shaping_h: float = 4.0
    """What a doubling of one's runway (over one hour) is worth beforehand."""
    beta: float = 1.0
    """Hours of advantage by which the improved choice grows e times likelier."""
    follow: float = 0.01
    """How fast the slow copy follows."""
    share: float = 0.7
    """Of the lives, so many teach each member."""


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
    critic, slow = (Critic(course.members, course.width) for _ in range(2))
    _scale(critic, moments)
    slow.load_state_dict(critic.state_dict())
    lives = int(moments.life.max(initial=0)) + 1
    mask = torch.from_numpy(dice.random((course.members, lives)) < course.share).float()
    optimizer = torch.optim.Adam(critic.parameters(), lr=course.lr)
    hours = moments.hours if reward is None else reward
    potential = course.shaping_h * np.log2(1 + np.minimum(moments.runway, 1000.0))
    mean = 0.0
    for step, which in zip(
        range(course.steps), batches(len(moments), course.batch, dice), strict=False
    ):
        for group in optimizer.param_groups:
            group["lr"] = course.lr * min(1.0, 2 * (1 - step / course.steps))
        target = _target(slow, moments, which, hours, potential, course)
        rows = moments.starts[which] + moments.chosen[which]
        taken = torch.cat(
            (torch.from_numpy(moments.states[which]), torch.from_numpy(moments.lines[rows])), -1
        )
        apart = critic(taken) - target
        weight = mask[:, torch.from_numpy(moments.life[which]).long()]
        loss = (_huber(apart) * weight).sum() / weight.sum().clamp_min(1)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch has no types here
        nn.utils.clip_grad_norm_(critic.parameters(), 10.0)
        optimizer.step()
        with torch.no_grad():
            for ours, theirs in zip(slow.parameters(), critic.parameters(), strict=True):
                ours.lerp_(theirs, course.follow)
        mean += (loss.item() - mean) * (0.02 if step else 1)
        tell(step + 1, mean)
    return critic.eval()


@torch.no_grad()
def _target(
    slow: Critic,
    moments: Moments,
    which: np.ndarray[Any, Any],
    hours: np.ndarray[Any, Any],
    potential: np.ndarray[Any, Any],
    course: CriticCourse,
) -> Tensor:
    """Reward, shaped, and what follows it.

    A death is followed by nothing, a censored end by more of the same: its own value.
    """
    following = moments.following[which]
    over = following == LAST
    died = over & moments.died[which]
    after = np.where(over, which, following)
    menu = menus(moments, after)
    least = values(slow, menu).amin(0)
    worth = (improved(menu, least, course.beta) * least).sum(-1).numpy()
    worth = np.where(died, 0.0, worth)
    ahead = np.where(died, 0.0, potential[after])
    shaped = course.discount * ahead - potential[which]
    found = hours[which] + shaped + course.discount * worth
    return torch.from_numpy(found.astype(np.float32))


@torch.no_grad()
def judged(critic: Critic, moments: Moments, size: int = 4096) -> np.ndarray[Any, Any]:
    """The least optimistic value of every line of every menu, in the order of `lines`."""
    found = np.zeros(len(moments.lines), dtype=np.float32)
    for at in range(0, len(moments), size):
        which = np.arange(at, min(at + size, len(moments)))
        menu = menus(moments, which)
        least = values(critic, menu).amin(0)
        found[moments.starts[which[0]] : moments.starts[which[-1] + 1]] = least[menu.there].numpy()
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
