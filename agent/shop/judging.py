"""Whether a payment is exactly what was asked for, before anybody is asked about it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from agent.shop.prices import Priced
from agent.shop.wire import Payment, Terms
from chain import permit

SETTLING_S: Final = 6
"""So much of its time an authorization must still have: it has to reach a block."""
SKEW_S: Final = 600
"""A buyer's clock may be wrong by so much."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An HTTP status, a constant word, and after how many seconds to ask again, if at all."""

    status: int
    reason: str
    again_s: int = 0


def genuine(payment: Payment, asked: Terms) -> Refusal | None:
    """Whether its payer signed it, for us and on our terms; `asked` counts but for the amount."""
    if payment.accepted != replace(asked, amount=payment.accepted.amount):
        return _no("invalid_payment_requirements")
    if payment.value != payment.accepted.amount:
        return _no("invalid_exact_evm_payload_authorization_value")
    if payment.to != asked.pay_to:
        return _no("invalid_exact_evm_payload_recipient_mismatch")
    if payment.payer == asked.pay_to:
        return _no("invalid_payer")
    return None if _is_signed(payment) else _no("invalid_exact_evm_payload_signature")


def judge(payment: Payment, prices: Sequence[Priced], now: int) -> Priced | Refusal:
    """Which of the prices that stand a genuine payment pays, in time."""
    paid = [each for each in prices if each.price == payment.value]
    if not paid:
        return _no("invalid_amount")
    if payment.valid_after >= now:
        return _no("invalid_exact_evm_payload_authorization_valid_after")
    if not SETTLING_S < payment.valid_before - now <= payment.accepted.timeout_s + SKEW_S:
        return _no("invalid_exact_evm_payload_authorization_valid_before")
    return paid[0]


def _is_signed(payment: Payment) -> bool:
    """By the payer's own key: wallets that are contracts are not served."""
    terms = payment.accepted
    domain = permit.Domain(
        int(terms.network.removeprefix("eip155:")), terms.asset, terms.name, terms.version
    )
    message = permit.Transfer(
        payer=payment.payer,
        to=payment.to,
        value=payment.value,
        valid_after=payment.valid_after,
        valid_before=payment.valid_before,
        nonce=bytes.fromhex(payment.nonce[2:]),
    )
    signature = bytes.fromhex(payment.signature[2:])
    return permit.signed_by(domain, message, signature) == payment.payer


def _no(reason: str) -> Refusal:
    return Refusal(402, reason)
