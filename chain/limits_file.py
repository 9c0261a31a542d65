"""`limits.json`: the operator writes and signs it, the signer reads and verifies it. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Final, NoReturn

from chain import permit
from chain.errors import BadLimits, BadRequest
from chain.keys import SIGNATURE_BYTES, Key
from chain.limits import Caps, Limits, Rule, Token
from chain.types import Address, Json
from chain.wire import Fields, hexed

KEYS: Final = frozenset(
    {
        "version",
        "wallet",
        "agent",
        "chain_id",
        "registry",
        "operator",
        "rules",
        "payees",
        "tokens",
        "wei",
        "gas_max",
        "fee_max",
    }
)
RULE_KEYS: Final = frozenset({"to", "function", "payee", "payees", "spend"})


def sign(body: Mapping[str, Json], operator: Key) -> dict[str, Json]:
    """What the file holds; a body that the signer would not take is refused here already."""
    limits = parse(body)
    if limits.operator != operator.address:
        raise BadLimits("the limits name another operator", operator=limits.operator)
    return {"limits": dict(body), "signature": hexed(permit.sign(operator, *_signed(limits)))}


def read(text: str, operator: Address) -> Limits:
    """Parse and verify; raises `BadLimits` unless this very operator signed them."""
    try:
        file = Fields(json.loads(text, parse_float=_refuse, parse_constant=_refuse))
        body, signature = file.of("limits"), file.raw("signature", SIGNATURE_BYTES)
    except (ValueError, BadRequest):
        raise BadLimits("limits.json is not a signed limits file") from None
    limits = parse(body)
    if limits.operator != operator or permit.signed_by(*_signed(limits), signature) != operator:
        raise BadLimits("the limits are not signed by this agent's operator", operator=operator)
    return limits


def digest_of(body: Mapping[str, Json]) -> bytes:
    """SHA-256 of the canonical text: sorted keys, no spaces."""
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).digest()


def parse(body: Json) -> Limits:
    """Raises `BadLimits` for anything unknown, missing, or not safe to sign by."""
    try:
        return _parse(body)
    except (BadRequest, ValueError) as error:
        facts = error.facts if isinstance(error, BadRequest) else {}
        raise BadLimits(f"limits.json: {error}", **facts) from None


def _signed(limits: Limits) -> tuple[permit.Domain, permit.Limits]:
    domain = permit.Domain(limits.chain_id, limits.registry)
    return domain, permit.Limits(limits.agent, limits.version, limits.digest)


def _parse(body: Json) -> Limits:
    of = Fields(body)
    if not isinstance(body, Mapping) or body.keys() != KEYS:
        raise ValueError("its keys are not the known ones")
    tokens = _tokens(of.of("tokens"))
    listed = [_rule(rule, tokens, of.address("registry")) for rule in of.array("rules")]
    rules = dict(listed)
    if len(rules) < len(listed):
        raise ValueError("two rules for one function")
    return Limits(
        version=of.uint("version"),
        digest=digest_of(body),
        wallet=of.address("wallet"),
        agent=of.uint("agent"),
        chain_id=of.uint("chain_id"),
        registry=of.address("registry"),
        operator=of.address("operator"),
        rules=rules,
        payees=_payees(of),
        tokens=tokens,
        wei=_caps(Fields(of.of("wei"))),
        gas_max=_amount(of, "gas_max"),
        fee_max=_amount(of, "fee_max"),
    )


def _tokens(data: Json) -> dict[Address, Token]:
    if not isinstance(data, Mapping):
        raise ValueError("tokens are a map")  # noqa: TRY004 - one family of errors for one caller
    found = {}
    for address, token in data.items():
        of = Fields(token)
        found[Fields({"token": address}).address("token")] = Token(
            of.text("name"), of.text("version"), _caps(of)
        )
    return found


def _caps(of: Fields) -> Caps:
    caps = Caps(
        _amount(of, "per_action"),
        _amount(of, "per_hour"),
        _amount(of, "per_day"),
        _amount(of, "reserve"),
    )
    if caps.reserve > min(caps.per_hour, caps.per_day):
        raise ValueError("a reserve is part of the hour's and the day's cap")
    return caps


def _rule(
    body: Json, tokens: Mapping[Address, Token], registry: Address
) -> tuple[tuple[Address, str], Rule]:
    of = Fields(body)
    if not isinstance(body, Mapping) or body.keys() - RULE_KEYS:
        raise ValueError("a rule's keys are not the known ones")
    rule = Rule(
        payee=of.uint("payee") if of.has("payee") else None,
        payees=_payees(of) if of.has("payees") else None,
    )
    if rule.payees is not None and (rule.payee is None or not rule.payees):
        raise ValueError("a rule with payees says which argument is one of them")
    if of.has("spend"):
        spend = Fields(of.of("spend"))
        rule = replace(rule, token=spend.address("token"), amount=spend.uint("arg"))
        if rule.token not in tokens:
            raise ValueError("a rule spends an unknown token")
    to, function = of.address("to"), of.text("function")
    if to == registry:
        raise ValueError("the registry is reached by purpose, never by a rule")
    if to in tokens and (rule.payee is None or rule.token != to):
        raise ValueError("a rule on a token names its payee and what it spends")
    return (to, function), rule


def _payees(of: Fields) -> frozenset[Address]:
    return frozenset(Fields({"payee": each}).address("payee") for each in of.array("payees"))


def _amount(of: Fields, name: str) -> int:
    """Decimal text, as amounts are everywhere that JSON may be read by others."""
    value = of.of(name)
    if not isinstance(value, str) or not (value.isascii() and value.isdigit()):
        raise BadRequest("an amount as decimal text was expected", field=name)
    return int(value)


def _refuse(text: str) -> NoReturn:
    raise ValueError(text)
