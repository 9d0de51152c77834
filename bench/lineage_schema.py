"""Hold an OpenLineage export to the schemas that OpenLineage publishes: `lineage_schema.py FILE --spec DIR`.

FILE is what `bedrail provenance export --format openlineage` wrote; DIR a checkout of OpenLineage/OpenLineage
(its `website/static/spec` holds all versions). Each event is judged by the schema that it names itself, each facet by
its own, formats of times and ids included; an event with a state that there is not shows that the check bites.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource


def published(folder: Path) -> Registry[Any]:
    """Every schema below the folder that has an id."""
    found: Registry[Any] = Registry()
    for path in sorted((folder / "website" / "static" / "spec").rglob("*.json")):
        said = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(said, dict) and "$id" in said:
            found = found.with_resource(said["$id"], Resource.from_contents(said))
    return found


def wrong(schema: str, value: Any, known: Registry[Any]) -> list[str]:
    """What the schema of that address says against a value."""
    judge = Draft202012Validator(
        {"$ref": schema}, registry=known, format_checker=Draft202012Validator.FORMAT_CHECKER
    )  # fmt: skip
    return [f"{schema}: {each.json_path}: {each.message[:100]}" for each in judge.iter_errors(value)]


def main() -> None:
    """Print how many events and facets were judged, and what is wrong with them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("--spec", type=Path, required=True)
    given = parser.parse_args()
    known = published(given.spec)
    events = [json.loads(line) for line in given.file.read_text(encoding="utf-8").splitlines()]
    found: list[str] = []
    facets = 0
    for event in events:
        found += wrong(event["schemaURL"], event, known)
        for holder in (event["run"], event["job"], *event["inputs"], *event["outputs"]):
            for name, facet in holder["facets"].items():
                facets += 1
                found += wrong(facet["_schemaURL"], facet, known)
                found += wrong(facet["_schemaURL"].partition("#")[0], {name: facet}, known)
    assert wrong(events[0]["schemaURL"], {**events[0], "eventType": "DONE"}, known)
    print(f"{len(events)} events and {facets} facets judged by {len(known)} published schemas; {len(found)} faults")
    print(*found, sep="\n")


if __name__ == "__main__":
    main()
