"""FHIR R4 as files: bundles, single resources and NDJSON of bulk exports; a resource type is an asset of its place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bedrail.data.sampling import AssetKey, Batch
from bedrail.data.sources.tables import json_lines, open_bytes

MOST_BYTES = 512 * 2**20
"""Of one JSON file, unpacked: bundles are read whole; larger ones belong into NDJSON."""

AT_ONCE = 500
Resource = Mapping[str, Any]


def is_resource(value: object) -> bool:
    """Whether this is a FHIR resource."""
    return isinstance(value, dict) and isinstance(value.get("resourceType"), str)


def unbundled(resource: Resource) -> Iterator[Resource]:
    """The resources inside a bundle, bundles in bundles too; or the resource itself."""
    if resource.get("resourceType") != "Bundle":
        yield resource
        return
    entries = resource.get("entry")
    for entry in entries if isinstance(entries, list) else ():
        inner = entry.get("resource") if isinstance(entry, dict) else None
        if isinstance(inner, dict) and is_resource(inner):
            yield from unbundled(inner)


def elements(resource: Resource) -> Iterator[tuple[str, object]]:
    """(path, value) of every leaf: `Patient.name.family`; an extension goes by the last part of its address."""
    yield from _inside(str(resource.get("resourceType", "")), resource)


def _inside(path: str, value: Any) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for key, each in value.items():
            if key == "resourceType":
                continue
            if key in ("extension", "modifierExtension") and isinstance(each, list):
                for one in each:
                    yield from _extension(f"{path}.extension", one)
            elif key == "contained" and isinstance(each, list):
                for one in each:
                    yield from _inside(f"{path}.contained", one)
            else:
                name = key.lstrip("_")
                yield from _inside(f"{path}.{name if name.isalnum() and len(name) <= 60 else '*'}", each)
    elif isinstance(value, list):
        for each in value:
            yield from _inside(path, each)
    elif value is not None:
        yield path, value


def _extension(path: str, value: Any) -> Iterator[tuple[str, object]]:
    if not isinstance(value, dict):
        return
    name = str(value.get("url", "")).rstrip("/").rpartition("/")[2][:60]
    yield from _inside(f"{path}({name})", {key: each for key, each in value.items() if key != "url"})


def batches(resources: Iterable[Resource], place: str, limit: int) -> Iterator[Batch]:
    """Resources by their type, each type an asset `place#Type`; of each at most about `limit`."""
    waiting: dict[str, list[Resource]] = {}
    counts: dict[str, int] = {}
    for each in resources:
        kind = str(each.get("resourceType"))
        if not kind.isalpha() or len(kind) > 60 or counts.get(kind, 0) >= limit:
            counts[kind] = counts.get(kind, 0) + 1
            continue
        counts[kind] = counts.get(kind, 0) + 1
        queue = waiting.setdefault(kind, [])
        queue.append(each)
        if len(queue) >= AT_ONCE:
            yield _batch(kind, queue, place)
            waiting[kind] = []
    for kind, queue in waiting.items():
        if queue:
            yield _batch(kind, queue, place)


def key_of(kind: str, place: str) -> AssetKey:
    """The asset of one resource type at a place."""
    return AssetKey(name=kind, kind="fhir", location=f"{place}#{kind}")


def _batch(kind: str, resources: list[Resource], place: str) -> Batch:
    columns: dict[str, list[object]] = {}
    for each in resources:
        for path, value in elements(each):
            columns.setdefault(path, []).append(value)
    return Batch(asset=key_of(kind, place), rows=len(resources), columns=columns)


def file_resources(path: Path, notes: list[str]) -> Iterator[Resource]:
    """The resources in a .json or .ndjson file (packed or not); what is none is counted and said."""
    name = path.name.lower().removesuffix(".gz")
    if name.endswith((".ndjson", ".jsonl")):
        for each in json_lines(path, notes):
            if is_resource(each):
                yield from unbundled(each)
        return
    import msgspec

    try:
        with open_bytes(path) as file:
            data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            notes.append(f"a JSON file is larger than {MOST_BYTES // 2**20} MiB: give it as NDJSON")
            return
        made = msgspec.json.decode(data.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, UnicodeDecodeError, OSError, EOFError):
        notes.append("a JSON file is cut short or no JSON")
        return
    for each in made if isinstance(made, list) else [made]:
        if is_resource(each):
            yield from unbundled(each)
