"""What a request to a trustless gateway asks for. Pure.

Follows the Trustless Gateway specification: a raw block or a CAR, never anything rendered;
`format` goes before `Accept`; asking for neither is a fault of the client.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from telemetry.cid import Cid, digest_of
from telemetry.errors import BadCid

RAW: Final = "application/vnd.ipld.raw"
CAR: Final = "application/vnd.ipld.car"
EMPTY: Final = Cid("bafkqaaa")
"""The identity CID of no bytes: what clients probe a gateway with."""

Form = Literal["raw", "car"]
Scope = Literal["block", "all"]

_SOME_CID: Final = re.compile(r"Qm[1-9A-HJ-NP-Za-km-z]{44}|b[a-z2-7]{7,200}|z[1-9A-HJ-NP-Za-km-z]+")
_SCOPES: Final[Mapping[str, Scope]] = {"block": "block", "entity": "block", "all": "all"}
_FORMS: Final[Mapping[str, Form]] = {"raw": "raw", "car": "car"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A block, or a CAR of it with or without what it links to."""

    cid: Cid
    form: Form
    scope: Scope
    dups: str = "n"

    @property
    def etag(self) -> str:
        """Strong for named bytes; weak for a CAR, which another gateway may order otherwise."""
        if self.form == "raw":
            return f'"{self.cid}.raw"'
        return f'W/"{self.cid}.car.{self.scope}.{self.dups}"'

    @property
    def content_type(self) -> str:
        return RAW if self.form == "raw" else f"{CAR}; version=1; order=dfs; dups={self.dups}"

    @property
    def filename(self) -> str:
        return f"{self.cid}.{'bin' if self.form == 'raw' else 'car'}"


@dataclass(frozen=True, slots=True)
class Declined:
    """An HTTP status and a line for the person who asked."""

    status: int
    text: str


def wanted(cid: str, path: str, query: Mapping[str, str], accept: str) -> Wanted | Declined:
    """Read a request for `/ipfs/{cid}/{path}`."""
    if path.strip("/"):
        return Declined(501, "paths below a CID are not resolved here: ask for blocks by their CID")
    if cid != EMPTY:
        try:
            digest_of(cid)
        except BadCid:
            if _SOME_CID.fullmatch(cid):
                return Declined(404, "this node keeps CIDv1 dag-cbor sha2-256 blocks only")
            return Declined(400, "this is not a CID")
    chosen = _form(query, accept)
    if isinstance(chosen, Declined):
        return chosen
    form, asked = chosen
    if form == "raw":
        return Wanted(Cid(cid), "raw", "block")
    return _car(
        Cid(cid), asked | {k[4:]: v for k, v in query.items() if k.startswith("car-")}, query
    )


def _form(query: Mapping[str, str], accept: str) -> tuple[Form, dict[str, str]] | Declined:
    offers = _accepted(accept)
    if (name := query.get("format")) is not None:
        if name not in _FORMS:
            return Declined(406, "only format=raw and format=car are served")
        form = _FORMS[name]
        return form, next((params for kind, params in offers if kind == CAR), {})
    for kind, params in offers:
        if kind in (RAW, CAR):
            return ("raw" if kind == RAW else "car"), params
    if any(not kind.endswith("/*") for kind, _ in offers):
        return Declined(406, f"only {RAW} and {CAR} are served")
    return Declined(400, f"say what to serve: ?format=raw, ?format=car, or Accept: {RAW} or {CAR}")


def _car(cid: Cid, asked: Mapping[str, str], query: Mapping[str, str]) -> Wanted | Declined:
    if asked.get("version", "1") != "1":
        return Declined(400, "only CAR version 1 is served")
    if asked.get("order", "dfs") not in ("dfs", "unk"):
        return Declined(400, "only order=dfs is served")
    if (dups := asked.get("dups", "n")) not in ("y", "n"):
        return Declined(400, "dups is y or n")
    scope = query.get("dag-scope", "entity" if "entity-bytes" in query else "all")
    if scope not in _SCOPES:
        return Declined(400, "dag-scope is block, entity or all")
    return Wanted(cid, "car", _SCOPES[scope], dups)


def _accepted(header: str) -> list[tuple[str, dict[str, str]]]:
    """The media types of an Accept header, best first."""
    found = []
    for item in filter(None, map(str.strip, header.split(","))):
        kind, *rest = (part.strip().lower() for part in item.split(";"))
        params = dict(part.split("=", 1) for part in rest if "=" in part)
        if (weight := _weight(params.pop("q", "1"))) > 0:
            found.append((weight, kind, {k: v.strip('"') for k, v in params.items()}))
    return [(kind, params) for _, kind, params in sorted(found, key=lambda item: -item[0])]


def _weight(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def matches(if_none_match: str, etag: str) -> bool:
    """Whether a client already has it; weakly compared, as RFC 9110 wants."""
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return "*" in tags or etag.removeprefix("W/") in tags
