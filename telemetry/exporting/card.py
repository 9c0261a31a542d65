"""The data card that lies beside the tables: what they hold, how sure it is, what to beware of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from telemetry.exporting.schema import LIVES, TRANSITIONS, Column
from telemetry.others_words import tame

Row = Mapping[str, Any]

_HEAD = """---
license: other
configs:
- config_name: lives
  data_files: lives/*.parquet
- config_name: transitions
  data_files: transitions/*.parquet
  default: true
---

# Lives of agents that pay for themselves

Each row of `transitions` is one decision: what the agent saw, what it could do, how probable each
action was, which one was drawn, and what came of it. Each row of `lives` is one agent from birth to
its end, or to where its log stands. Every log was audited before it was written here.

```python
from datasets import load_dataset
transitions = load_dataset(".", "transitions", split="train")
```
"""

_NOTES = """
## What to know
- **μ** is the behaviour policy, (1 − ε) · softmax(z / T) + ε / |actions|, as the runtime had it
  when it drew: `logprobs` are its logarithms. The draw can be repeated from `seed` and `seq`.
- **Censoring.** `event` is an observed death. A life that was halted, lost, reached its horizon or
  goes on is right-censored; `censored` says which. Halted lives are no failures.
- **Gifts** are tokens that neither a transaction of the agent's own brought in nor the buyer of an
  answer, at a price that it had named. Deduct them: begging is not earning. Ether that arrives
  unasked is not listed anywhere.
- **Time** is chain time: `speed` says how many chain seconds passed in a wall second.
- **Costs** are the tokens that left between one decision and the next, whatever caused it, but for
  what went home to the operator; deposits count when they leave. Fees are those of the action
  itself, as far as they had settled.
- **No split** is made here: split by lineage, time and seed, and seal it before training.
- **Known biases.** Lives choose their own states; rare actions have few rows; lives that go on are
  cut at different ages; agents of one operator, one lineage or one world are not independent.
- **Licence.** The logs are their operators'; who publishes this set says under which terms.
"""
_REFUSED = """
## Refused
These could not be verified; `refused.json` has the findings. A life whose own key signed what is
not sound has left the tables; one that only could not be had, came damaged, or that others or a
lagging node may have spoilt, stays as it was verified before.
"""


def card(lives: Sequence[Row], refusals: Sequence[Row]) -> str:
    """Markdown, with the header by which data libraries find the tables."""
    return "\n".join(
        [
            _HEAD,
            *_counts(lives, refusals),
            _NOTES,
            "## Columns of `transitions`",
            *_columns(TRANSITIONS),
            "\n## Columns of `lives`",
            *_columns(LIVES),
            "\n## The logs",
            "Each is named by the CID of its newest checkpoint, and signed by its log key.\n",
            "| life | records | head | signer | verified |",
            "| --- | --- | --- | --- | --- |",
            *(_log(life) for life in lives),
            *_refused(refusals),
            "",
        ]
    )


def _counts(lives: Sequence[Row], refusals: Sequence[Row]) -> list[str]:
    ends = Counter(life["censored"] or "died" for life in lives)
    sure = Counter(life["verified"] for life in lives)
    rows = [
        ("lives", len(lives)),
        ("transitions", sum(life["decisions"] for life in lives)),
        *((f"lives that {_ended(end)}", count) for end, count in sorted(ends.items())),
        *((f"verified: {how}", count) for how, count in sorted(sure.items())),
        ("refused", len(refusals)),
    ]
    return ["| what | how many |", "| --- | --- |", *(f"| {name} | {n:,} |" for name, n in rows)]


def _ended(end: str) -> str:
    said = {
        "died": "died",
        "alive": "go on (censored)",
        "horizon": "reached their horizon (censored)",
        "halted": "were halted (censored)",
        "lost": "were lost (censored)",
    }
    return said.get(end, end)


def _columns(columns: Sequence[Column]) -> list[str]:
    rows = [f"| `{each.name}` | {each.type} | {each.meaning} |" for each in columns]
    return ["| column | type | meaning |", "| --- | --- | --- |", *rows]


def _log(life: Row) -> str:
    return (
        f"| `{life['life']}` | {life['records']:,} | `{life['head']}` | `{life['signer']}` |"
        f" {life['verified']} |"
    )


def _refused(refusals: Sequence[Row]) -> list[str]:
    if not refusals:
        return []
    return [
        _REFUSED,
        *(f"- {_source(each)}: {_quoted(each['why'])}" for each in refusals),
    ]


def _source(refusal: Row) -> str:
    parts = (refusal["source"], refusal["agent"])
    return " ".join(_quoted(part) for part in parts if part is not None)


def _quoted(words: object) -> str:
    """Others' words, of which none is Markdown."""
    shown = tame(str(words)).replace("`", "'")
    return f"`{shown or ' '}`"
