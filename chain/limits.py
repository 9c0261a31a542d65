"""The operator's limits and the judgement on one intent: pure, no clock and no disk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from chain.errors import BadRequest
from chain.halt import Who, pays_operator
from chain.types import WALLET, Address, Call, Fees, Intent, Json, Refused
from chain.wire import Fields

WEI: Final = "wei"
"""The name of ether among the assets; tokens go by their address."""
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
WHOLE: Final = frozenset({"anchor", "end", "drain"})
"""Purposes that may use the reserve: what a life needs to end well."""


@dataclass(frozen=True, slots=True)
class Caps:
    """What may leave of one asset; `reserve` is the part of hour and day kept for the ending."""

    per_action: int
    per_hour: int
    per_day: int
    reserve: int


@dataclass(frozen=True, slots=True)
class Token:
    """A token the wallet may spend, with the EIP-712 name its authorizations are signed for."""

    name: str
    version: str
    caps: Caps


@dataclass(frozen=True, slots=True)
class Rule:
    """A function that may be called, and which of its arguments are a payee and an amount."""

    payee: int | None = None
    payees: frozenset[Address] | None = None
    """Who may be paid by it; None for those of all rules."""
    token: Address | None = None
    amount: int | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """What the operator signed, parsed."""

    version: int
    digest: bytes
    wallet: Address
    agent: int
    chain_id: int
    registry: Address
    operator: Address
    rules: Mapping[tuple[Address, str], Rule]
    payees: frozenset[Address]
    """Whom rules may pay that name none of their own."""
    tokens: Mapping[Address, Token]
    wei: Caps
    gas_max: int
    fee_max: int

    def caps(self, asset: str) -> Caps:
        return self.wei if asset == WEI else self.tokens[Address(asset)].caps


@dataclass(frozen=True, slots=True)
class Spent:
    """One worst case that was counted, at the ledger's time in milliseconds."""

    at: int
    asset: str
    amount: int


Spend = Mapping[str, int]
"""What an intent may cost at worst, by asset: value, and gas limit times fee cap."""


def judge(
    intent: Intent, fees: Fees, spent: Iterable[Spent], now: int, limits: Limits, *, who: Who
) -> Refused | Spend:
    """Whether an intent fits the limits, and what it counts as at worst."""
    if refusal := _fits_rules(intent, limits, who) or _fits_fees(intent, fees, limits):
        return refusal
    spend = worst_case(intent, fees, limits, who)
    return over(intent.purpose, spend, spent, now, limits) or spend


def over(
    purpose: str, spend: Spend, spent: Iterable[Spent], now: int, limits: Limits
) -> Refused | None:
    """The first cap that this spend would break. A window is half open: (now − length, now]."""
    rows = [row for row in spent if row.at > now - DAY_MS]
    for asset, amount in spend.items():
        if refusal := over_action(asset, amount, limits):
            return refusal
        caps = limits.caps(asset)
        day = sum(row.amount for row in rows if row.asset == asset)
        hour = sum(r.amount for r in rows if r.asset == asset and r.at > now - HOUR_MS)
        held = 0 if purpose in WHOLE else caps.reserve
        for name, total, cap in (
            ("per_hour", hour + amount, caps.per_hour - held),
            ("per_day", day + amount, caps.per_day - held),
        ):
            if total > cap:
                return Refused(
                    name,
                    {"asset": asset, "amount": str(amount), "total": str(total), "cap": str(cap)},
                )
    return None


def over_action(asset: str, amount: int, limits: Limits) -> Refused | None:
    """Whether one action would cost more than any may, whatever the windows hold."""
    cap = limits.caps(asset).per_action
    if amount <= cap:
        return None
    told = str(amount)
    return Refused("per_action", {"asset": asset, "amount": told, "total": told, "cap": str(cap)})


def worst_case(intent: Intent, fees: Fees, limits: Limits, who: Who) -> Spend:
    """Money to the operator itself is not counted: it is what limits protect. Its gas is."""
    call, home = intent.call, pays_operator(intent, who)
    spend = {WEI: call.gas * fees.max_fee + (0 if home else call.value)}
    rule = limits.rules.get((call.to, call.function), Rule())
    if call.pull:
        spend[call.pull.token] = int(call.pull.value)
    if rule.token is not None and rule.amount is not None and not home:
        spend[rule.token] = spend.get(rule.token, 0) + (_uint(call.args[rule.amount]) or 0)
    return spend


def _fits_rules(intent: Intent, limits: Limits, who: Who) -> Refused | None:
    call = intent.call
    if pays_operator(intent, who):
        named = {*limits.tokens, *(to for to, _ in limits.rules)}
        known = not call.function or call.to in named
        return None if known else Refused("token", {"token": call.to})
    if intent.purpose != "act":
        return None
    rule = limits.rules.get((call.to, call.function))
    if rule is None:
        return Refused("target", {"to": call.to, "function": call.function})
    return _fits_rule(call, rule, limits, who)


def _fits_rule(call: Call, rule: Rule, limits: Limits, who: Who) -> Refused | None:
    args = dict(enumerate(call.args))
    payees = limits.payees if rule.payees is None else rule.payees
    if rule.payee is not None and _payee(args.get(rule.payee), who) not in payees:
        return Refused("payee", {"payee": args.get(rule.payee)})
    if rule.amount is not None and _uint(args.get(rule.amount)) is None:
        return Refused("arguments", {"index": rule.amount})
    if call.pull and call.pull.token not in limits.tokens:
        return Refused("token", {"token": call.pull.token})
    return None


def _fits_fees(intent: Intent, fees: Fees, limits: Limits) -> Refused | None:
    if intent.call.gas > limits.gas_max:
        return Refused("gas_max", {"gas": intent.call.gas, "cap": limits.gas_max})
    return fits_fees(fees, limits)


def fits_fees(fees: Fees, limits: Limits) -> Refused | None:
    if fees.priority > fees.max_fee:
        return Refused("fees", {"max_fee": str(fees.max_fee), "priority": str(fees.priority)})
    if fees.max_fee > limits.fee_max:
        return Refused("fee_max", {"max_fee": str(fees.max_fee), "cap": str(limits.fee_max)})
    return None


def _payee(value: Json, who: Who) -> str:
    """An argument as a payee; the wallet itself is one only if the limits list it."""
    if value == WALLET:
        return who.wallet
    fields = Fields({"payee": value})
    try:
        return fields.address("payee")
    except BadRequest:
        return ""


def _uint(value: Json) -> int | None:
    whole = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return value if whole and isinstance(value, int) else None
