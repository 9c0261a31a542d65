"""x402 version 2 as a seller speaks it: headers of base64 around JSON.

    → 402  PAYMENT-REQUIRED   {x402Version, error, resource, accepts: [terms], extensions}
    ←      PAYMENT-SIGNATURE  {x402Version, accepted: terms, payload: {signature, authorization}}
    → 200  PAYMENT-RESPONSE   {success, transaction, network, payer}

What strangers send is read in `agent/shop/reading.py`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from chain.types import Address, Json, Micro

REQUIRED: Final = "PAYMENT-REQUIRED"
SIGNATURE: Final = "PAYMENT-SIGNATURE"
RESPONSE: Final = "PAYMENT-RESPONSE"
VERSION: Final = 2
SCHEME: Final = "exact"
IDENTIFIER: Final = "payment-identifier"
"""The extension by which a buyer who signs anew is known to have paid before."""
IDENTIFIER_EXTENSION: Final[Json] = {
    "info": {"required": False},
    "schema": {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "required": {"type": "boolean"},
            "id": {
                "type": "string",
                "minLength": 16,
                "maxLength": 128,
                "pattern": "^[a-zA-Z0-9_-]+$",
            },
        },
        "required": ["required"],
    },
}


@dataclass(frozen=True, slots=True)
class Terms:
    """What one answer costs, to whom, and in which token: equal to what a payment must accept."""

    network: str
    asset: Address
    amount: Micro
    pay_to: Address
    timeout_s: int
    name: str
    version: str
    """Name and version are of the token's EIP-712 domain."""

    def plain(self) -> dict[str, Json]:
        return {
            "scheme": SCHEME,
            "network": self.network,
            "asset": self.asset,
            "amount": str(self.amount),
            "payTo": self.pay_to,
            "maxTimeoutSeconds": self.timeout_s,
            "extra": {"name": self.name, "version": self.version},
        }


@dataclass(frozen=True, slots=True)
class Payment:
    """An authorization that somebody signed, for terms that he says he was given."""

    accepted: Terms
    payer: Address
    to: Address
    value: int
    valid_after: int
    valid_before: int
    nonce: str
    """0x and 64 digits in lower case."""
    signature: str
    name: str = ""
    """The buyer's own name for this purchase, if he gave one."""

    def plain(self) -> dict[str, Json]:
        """As a facilitator takes it."""
        return {
            "x402Version": VERSION,
            "accepted": self.accepted.plain(),
            "payload": {
                "signature": self.signature,
                "authorization": {
                    "from": self.payer,
                    "to": self.to,
                    "value": str(self.value),
                    "validAfter": str(self.valid_after),
                    "validBefore": str(self.valid_before),
                    "nonce": self.nonce,
                },
            },
        }


def encode(said: Mapping[str, Json]) -> str:
    """What a header holds."""
    return base64.b64encode(json.dumps(said, separators=(",", ":")).encode()).decode()


def required(terms: Terms, url: str, error: str) -> dict[str, Json]:
    return {
        "x402Version": VERSION,
        "error": error,
        "resource": {
            "url": url,
            "description": "one forward pass: logits of labels after a prompt",
            "mimeType": "application/json",
        },
        "accepts": [terms.plain()],
        "extensions": {IDENTIFIER: IDENTIFIER_EXTENSION},
    }


def response(terms: Terms, payer: str, tx: str) -> dict[str, Json]:
    return {
        "success": True,
        "transaction": tx,
        "network": terms.network,
        "payer": payer,
        "amount": str(terms.amount),
    }
