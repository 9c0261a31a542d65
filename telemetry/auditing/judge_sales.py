"""Judges sales: each was paid, by the authorization that its record names, by somebody else.

What the payer got for it no chain knows; that its price was named before, the log itself says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from chain.authorized import Authorized
from telemetry.auditing import findings as kinds
from telemetry.auditing.epoch import LAG
from telemetry.auditing.facts import Witness
from telemetry.auditing.judge_spending import Case
from telemetry.auditing.shelf import SoldAt

HONOURED_S: Final = 24 * 3600
"""No price stands for longer once another was chosen; those who obey it stay well below."""


async def judge_sales(case: Case, witness: Witness) -> None:
    """Call it after the log was heard to its end: what it sold lies on the shelf."""
    seen = witness.authorized(at.said.tx for at in case.shelf.sales())
    for at in case.shelf.sales():
        if why := await _untrue(case, witness, at, await anext(seen)):
            said = f"{at.said.amount} of {at.said.token} from {at.said.payer}: {why}"
            case.found.fault(kinds.SALE, said, at.seq)


async def _untrue(
    case: Case, witness: Witness, at: SoldAt, seen: Sequence[Authorized]
) -> str | None:
    sold, wallet = at.said, case.life.wallet
    if sold.payer in (wallet, case.life.operator):
        return "nobody sells to himself, nor to his operator"
    due = (sold.token, sold.payer, sold.nonce, wallet, sold.amount)
    paid = next((each for each in seen if each[:5] == due), None)
    if paid is None:
        return f"{sold.tx} pays nothing of the kind by authorization {sold.nonce}"
    later = case.shelf.priced_after(sold.because)
    if later is None or later.seq > at.seq or paid.block <= later.block + LAG:
        return None
    stood_s = await witness.time(paid.block) - await witness.time(later.block)
    if stood_s > HONOURED_S:
        return f"paid {stood_s} s after record {later.seq} named another price"
    return None
