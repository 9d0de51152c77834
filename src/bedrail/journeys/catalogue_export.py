"""The catalogue for others: JSON, CSV (a line a field), or W3C DCAT 3 as JSON-LD; names and levels, no values."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import msgspec

from bedrail.core.errors import NotFound
from bedrail.governance.catalogue import AssetView
from bedrail.journeys.context import Context
from bedrail.journeys.stewarding import FieldLine, fields_of

_COLUMNS = (
    "asset", "name", "kind", "location", "owner", "purpose", "system", "standing", "keep", "field", "type", "filled",
    "level", "label", "special", "confidence", "confirmed_by",
)  # fmt: skip

_TERMS = {
    "dcat": "http://www.w3.org/ns/dcat#",
    "dcterms": "http://purl.org/dc/terms/",
    "bedrail": "urn:bedrail:catalogue:",
}


def exported(ctx: Context, form: str, *, every: bool = False) -> str:
    """The catalogue as text in one of the forms `json`, `csv`, `dcat`."""
    views = [view for view in ctx.refresh().catalogue.assets.values() if every or view.live]
    lines = [(view, _lines(ctx, view)) for view in views]
    if form == "csv":
        return _csv(lines)
    made = _dcat(ctx, lines) if form == "dcat" else [_asset(view, fields) for view, fields in lines]
    return msgspec.json.format(msgspec.json.encode(made), indent=2).decode() + "\n"


def _lines(ctx: Context, view: AssetView) -> list[FieldLine]:
    try:
        return fields_of(ctx, view)
    except NotFound:
        return []


def _asset(view: AssetView, fields: Sequence[FieldLine]) -> dict[str, Any]:
    return {**asdict(view), "standing": view.standing, "fields": [_field(line) for line in fields]}


def _field(line: FieldLine) -> dict[str, Any]:
    said = line.field.proposal
    return {
        "field": line.field.name,
        "type": line.field.type,
        "filled": line.field.filled,
        "level": line.level,
        "label": said.label,
        "special": list(said.special if line.open or line.decided is None else line.decided.special),
        "confidence": said.confidence,
        "confirmed_by": "" if line.open or line.decided is None else line.decided.by,
        "reason": said.reason,
    }


def _csv(lines: Sequence[tuple[AssetView, Sequence[FieldLine]]]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, _COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for view, fields in lines:
        about = {**asdict(view), "standing": view.standing, "keep": view.retention.keep if view.retention else ""}
        about["special"] = ""
        for row in [_field(line) for line in fields] or [{}]:
            special = " ".join(row.get("special", ()))
            writer.writerow({name: _plain(value) for name, value in {**about, **row, "special": special}.items()})
    return out.getvalue()


def _plain(value: object) -> object:
    """A spreadsheet would run what begins with these signs."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@") else value


def _dcat(ctx: Context, lines: Sequence[tuple[AssetView, Sequence[FieldLine]]]) -> dict[str, Any]:
    return {
        "@context": _TERMS,
        "@type": "dcat:Catalog",
        "dcterms:title": f"Data assets of {ctx.ledger.origin}",
        "dcat:dataset": [_dataset(view, fields) for view, fields in lines],
    }


def _dataset(view: AssetView, fields: Sequence[FieldLine]) -> dict[str, Any]:
    said: dict[str, Any] = {
        "@type": "dcat:Dataset",
        "@id": f"urn:bedrail:asset:{view.asset}",
        "dcterms:identifier": view.asset,
        "dcterms:title": view.name,
        "dcterms:type": view.kind,
        "dcterms:description": view.purpose,
        "dcterms:publisher": view.owner,
        "dcterms:source": view.system,
        "dcterms:accessRights": view.level,
        "dcterms:issued": view.found_at[:10],
        "dcterms:modified": view.scanned_at[:10],
        "dcat:distribution": {"@type": "dcat:Distribution", "dcterms:title": view.location},
        "bedrail:special": list(view.special),
        "bedrail:field": [
            {"dcterms:title": row["field"], "dcterms:type": row["type"], "dcterms:accessRights": row["level"]}
            for row in map(_field, fields)
        ],
    }
    return {name: value for name, value in said.items() if value not in ("", [])}
