"""Reads a request to a trustless gateway. Pure.

Follows the Trustless Gateway specification: a raw block or a CAR, never anything rendered;
`format` goes before `Accept`; asking for neither is a fault of the client. Nothing kept here is a
file of many blocks, so `entity` means `block`, and `entity-bytes` is read and changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from telemetry.cid import Cid
from telemetry.errors import BadCid
from telemetry.multibase import in_base32, looks_like_a_cid
from telemetry.wanted import CAR, RAW, Declined, Form, Scope, Wanted

EMPTY: Final = Cid("bafkqaaa")
"""The identity CID of no bytes: what clients probe a gateway with."""

_SCOPES: Final[Mapping[str, Scope]] = {"block": "block", "entity": "entity", "all": "all"}
_FORMS: Final[Mapping[str, Form]] = {"raw": "raw", "car": "car"}
_MEDIA: Final[Mapping[str, Form]] = {RAW: "raw", CAR: "car"}
_ENTITY_BYTES: Final = re.compile(r"-?\d{1,15}:(-?\d{1,15}|\*)")
_CAR_PARAM: Final = "car-"


class Offer(NamedTuple):
    """A media type that the client would take."""

    kind: str
    params: Mapping[str, str]


def wanted(cid: str, path: str, query: Mapping[str, str], accept: str) -> Wanted | Declined:
    """Read a request for `/ipfs/{cid}/{path}`."""
    named = _named(cid)
    if isinstance(named, Declined):
        return named
    offers = _accepted(accept)
    form = _form(query.get("format"), offers)
    if isinstance(form, Declined):
        return form
    first = next((offer for offer in offers if offer.kind in _MEDIA), None)
    asked = Wanted(
        named,
        form,
        path=tuple(filter(None, path.split("/"))),
        filename=query.get("filename", ""),
        query=query,
        by_header=first is not None
        and (_MEDIA[first.kind] != query.get("format") or bool(first.params)),
    )
    return _car(asked, offers) if form == "car" else _raw(asked)


def _named(cid: str) -> Cid | Declined:
    if cid == EMPTY:
        return EMPTY
    try:
        return in_base32(cid)
    except BadCid:
        if looks_like_a_cid(cid):
            return Declined(404, "this node keeps CIDv1 dag-cbor sha2-256 blocks only")
        return Declined(400, "this is not a CID")


def _form(name: str | None, offers: Sequence[Offer]) -> Form | Declined:
    if name is not None:
        return _FORMS.get(name) or Declined(406, "only format=raw and format=car are served")
    for offer in offers:
        if form := _MEDIA.get(offer.kind):
            return form
    if any(not offer.kind.endswith("/*") for offer in offers):
        return Declined(406, f"only {RAW} and {CAR} are served")
    return Declined(400, f"say what to serve: ?format=raw, ?format=car, or Accept: {RAW} or {CAR}")


def _raw(asked: Wanted) -> Wanted | Declined:
    if asked.path:
        return Declined(400, "a raw block is asked for by its own CID, without a path")
    return asked


def _car(asked: Wanted, offers: Sequence[Offer]) -> Wanted | Declined:
    query = asked.query
    params = dict(next((offer.params for offer in offers if offer.kind == CAR), {}))
    params |= {k.removeprefix(_CAR_PARAM): v for k, v in query.items() if k.startswith(_CAR_PARAM)}
    scope = query.get("dag-scope", "entity" if "entity-bytes" in query else "all")
    entity_bytes = query.get("entity-bytes", "")
    dups = params.get("dups", "n")
    if params.get("version", "1") != "1":
        return Declined(400, "only CAR version 1 is served")
    if params.get("order", "dfs") not in ("dfs", "unk"):
        return Declined(400, "only order=dfs is served")
    if dups not in ("y", "n"):
        return Declined(400, "dups is y or n")
    if scope not in _SCOPES:
        return Declined(400, "dag-scope is block, entity or all")
    if "entity-bytes" in query and not _ENTITY_BYTES.fullmatch(entity_bytes):
        return Declined(400, "entity-bytes is from:to, whole numbers, or * for the end")
    return replace(asked, scope=_SCOPES[scope], entity_bytes=entity_bytes, dups=dups)


def _accepted(header: str) -> list[Offer]:
    """The media types of an Accept header, best first."""
    found = []
    for item in filter(None, map(str.strip, header.split(","))):
        kind, *rest = (part.strip().lower() for part in item.split(";"))
        params = dict(part.split("=", 1) for part in rest if "=" in part)
        if (weight := _weight(params.pop("q", "1"))) > 0:
            found.append((weight, Offer(kind, {k: v.strip('"') for k, v in params.items()})))
    return [offer for _, offer in sorted(found, key=lambda item: -item[0])]


def _weight(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def matches(if_none_match: str, etag: str) -> bool:
    """Whether a client already has it; weakly compared, as RFC 9110 wants."""
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return "*" in tags or etag.removeprefix("W/") in tags
