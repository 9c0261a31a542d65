"""How well readers read: squared misses on later news, with intervals by resampling the texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from compute.llama import Llama
from finetune import bags, parity
from finetune.news import News, Split
from finetune.policy import Policy
from finetune.questions import means, padded, prompts
from finetune.situations import Example
from strategies.reading import LABELS, prompt_for, read

RESAMPLED: Final = 2000
AT_A_TIME: Final = 128

Array = np.ndarray[Any, np.dtype[np.float64]]


def by_llama(path: Path, news: Sequence[News]) -> Array:
    """As a life reads: the file, its own runtime, and the strategy's lines."""
    llama = Llama(path)
    said = [read(llama.score(prompt_for(each.text.encode()), LABELS)).mean for each in news]
    return np.asarray(said)


@torch.inference_mode()
def by_torch(policy: Policy, news: Sequence[News]) -> Array:
    asked = prompts(news)
    parts = [asked[at : at + AT_A_TIME] for at in range(0, len(asked), AT_A_TIME)]
    said = torch.cat([means(policy, *padded(part)) for part in parts])
    return np.asarray(said, dtype=np.float64)


def measured(
    child: Policy, parent: Path, model: Path, parts: Split, held: Sequence[Example]
) -> Mapping[str, Any]:
    """Of the file that was written, not of the network that it was written from."""
    said, bag = by_llama(model, parts.later), bags.learn(parts.earlier)
    readers = {
        "taught": said,
        "parent": by_llama(parent, parts.later),
        "bag": bag.read([each.text for each in parts.later]),
        "zero": np.zeros(len(said)),
    }
    ours = parity.by_llama(Llama(model))
    return {
        "squared_error": figures(readers, _realised(parts.later)),
        "bag_penalty": bag.penalty,
        "parity": asdict(parity.compare(held, parity.by_torch(child), ours)),
        "reading_lost": _apart(said, by_torch(child, parts.later)),
        "from_parent": asdict(parity.compare(held, ours, parity.by_llama(Llama(parent)))),
    }


def curve(
    parts: Split, counts: Sequence[int], teach: Callable[[Sequence[News]], Policy]
) -> list[Mapping[str, Any]]:
    """Of the earlier texts so many, drawn at random: a network taught from them, and the bag."""
    found: list[Mapping[str, Any]] = []
    for count in counts:
        dice = np.random.default_rng(count)
        drawn = np.sort(dice.choice(len(parts.earlier), count, replace=False))
        few = [parts.earlier[i] for i in drawn]
        said = {
            "taught": by_torch(teach(few), parts.later),
            "bag": bags.learn(few).read([each.text for each in parts.later]),
        }
        found.append({"texts": count, "squared_error": figures(said, _realised(parts.later))})
    return found


def figures(said: Mapping[str, Array], truth: Array) -> dict[str, Any]:
    """Mean squared error of each, in shares of the span, and its interval; `less` is by how much
    the first one's is smaller on the very same texts.
    """
    drawn = np.random.default_rng(0).integers(len(truth), size=(RESAMPLED, len(truth)))
    missed = {name: (each - truth) ** 2 for name, each in said.items()}
    first, *others = missed
    return {
        name: _interval(each, drawn)
        | ({"less": _interval(each - missed[first], drawn)} if name in others else {})
        for name, each in missed.items()
    }


def _apart(said: Array, other: Array) -> float:
    """The root of the mean square, as a share of the span."""
    return round(float(((said - other) ** 2).mean() ** 0.5), 5)


def _realised(news: Sequence[News]) -> Array:
    return np.asarray([each.realised for each in news])


def _interval(values: Array, drawn: np.ndarray[Any, Any]) -> dict[str, Any]:
    low, high = np.quantile(values[drawn].mean(1), (0.025, 0.975))
    return {
        "mean": round(float(values.mean()), 5),
        "low95": round(float(low), 5),
        "high95": round(float(high), 5),
    }
