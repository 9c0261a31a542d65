"""What the two tables hold, column by column; the data card is made from these lines too."""

from __future__ import annotations

from typing import Final, NamedTuple

import pyarrow as pa

MICRO: Final = pa.int64()
WEI: Final = pa.string()
"""Decimal text: a life may hold more wei than 64 bits count."""
ACTION: Final = pa.struct([("key", pa.string()), ("params", pa.string()), ("summary", pa.string())])


class Column(NamedTuple):
    """A column, and what it means."""

    name: str
    type: pa.DataType
    meaning: str


SEEN: Final = (
    Column("seq", pa.int64(), "the decision's record in its log"),
    Column("at_ms", pa.int64(), "wall clock, in milliseconds"),
    Column("block", pa.int64(), "the block that the observation was read at"),
    Column("time", pa.int64(), "that block's time as observed, in chain seconds"),
    Column("observation", pa.string(), "the whole snapshot, as JSON"),
    Column("prompt", pa.string(), "what the model read"),
    Column("actions", pa.list_(ACTION), "the legal actions; `params` are JSON"),
    Column("logprobs", pa.list_(pa.float64()), "ln μ for each action"),
    Column("action", pa.int16(), "index of the one that was drawn"),
    Column("epsilon", pa.float64(), "the uniform share of μ"),
    Column("temperature", pa.float64(), "of the softmax"),
    Column("model", pa.string(), "SHA-256 of the GGUF that was asked, or `reflex`"),
    Column("adapter", pa.string(), "SHA-256 of its adapter, or empty"),
    Column("engine", pa.string(), "digest of the build that computed, or empty"),
    Column("vitals", pa.string(), "thriving, steady, lean, critical or starving"),
    Column("runway_h", pa.float64(), "hours until money or gas run out"),
    Column("latency_ms", pa.int64(), "how long choosing took"),
    Column("record", pa.string(), "the record's CID"),
)
"""What an epoch's own records say."""

TOLD: Final = (
    Column("life", pa.string(), "chain:registry:agent:wallet"),
    Column("t", pa.int64(), "which decision of its life this is, from 0"),
    Column("signer", pa.string(), "the log key that signed"),
    Column(
        "cost_micro",
        MICRO,
        "tokens that left until the next decision, but not home; null without a chain",
    ),
    Column(
        "income_micro",
        MICRO,
        "tokens that came in its own transactions, for what it sold, or back from its leases",
    ),
    Column("gift_micro", MICRO, "tokens that came otherwise"),
    Column("fee_wei", WEI, "what the action's transactions burnt"),
    Column("txs", pa.list_(pa.string()), "hashes of the action's transactions"),
    Column("terminated", pa.bool_(), "the life's last decision, and it died"),
    Column("truncated", pa.bool_(), "its last decision, and the rest is censored"),
)
"""What only the whole life can tell; of tokens, only its chain: they are null without one."""

LIVES: Final = (
    Column("life", pa.string(), "chain:registry:agent:wallet"),
    Column("chain", pa.int64(), "chain id"),
    Column("registry", pa.string(), "AgentRegistry"),
    Column("agent", pa.int64(), "its id there"),
    Column("wallet", pa.string(), ""),
    Column("operator", pa.string(), "who permitted the birth"),
    Column("signer", pa.string(), "the log key"),
    Column("lineage", pa.int64(), "the id of its first known ancestor; its own without parents"),
    Column("parents", pa.list_(pa.int64()), "ids"),
    Column("generation", pa.int64(), "as the genome says"),
    Column("genome", pa.string(), "SHA-256 of the genome"),
    Column("model", pa.string(), "SHA-256 of the GGUF it was born with"),
    Column("adapter", pa.string(), "SHA-256 of its adapter, or empty"),
    Column("prompt", pa.string(), "digest of the prompt's wording"),
    Column("placing", pa.string(), "embodied or remote"),
    Column("seed", pa.string(), "the birth seed, from which all choices can be redrawn"),
    Column("speed", pa.float64(), "chain seconds in a wall second"),
    Column("start_block", pa.int64(), "the block of its first record"),
    Column("start_time", pa.int64(), "birth, in chain seconds; null without a chain"),
    Column("end_block", pa.int64(), "the block of its last record"),
    Column("outcome", pa.string(), "died, horizon, halted or lost; null while it lives"),
    Column("cause", pa.string(), "in words"),
    Column("event", pa.bool_(), "whether a death was observed; otherwise it is censored"),
    Column("censored", pa.string(), "why not: alive, horizon, halted or lost; null for a death"),
    Column("halts", pa.int64(), "how often the operator halted it"),
    Column("gaps", pa.int64(), "times in which nothing was written"),
    Column("absent_ms", pa.int64(), "how long they were together"),
    Column("first_micro", MICRO, "tokens at its first decision, as observed"),
    Column("first_wei", WEI, "gas at its first decision, as observed"),
    Column("gift_micro", MICRO, "all that came unasked; null without a chain"),
    Column("paid_s", pa.int64(), "chain seconds under paid leases of record 0's market"),
    Column("own_paid_s", pa.int64(), "of these, on machines of its own operator"),
    Column("records", pa.int64(), ""),
    Column("decisions", pa.int64(), "rows in the other table"),
    Column("epochs", pa.int64(), ""),
    Column("head", pa.string(), "the newest checkpoint's CID"),
    Column("verified", pa.string(), "chain, or internal: then nobody vouches for money and time"),
)


def schema(*columns: Column) -> pa.Schema:
    return pa.schema([(column.name, column.type) for column in columns])


SEEN_SCHEMA: Final = schema(*SEEN)
TRANSITIONS: Final = (*TOLD[:2], *SEEN, *TOLD[2:])
TRANSITIONS_SCHEMA: Final = schema(*TRANSITIONS)
LIVES_SCHEMA: Final = schema(*LIVES)
