"""FHIR that a run writes is FHIR by the official JSON schema of R4."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft6Validator

from small_home import told

DATA = Path(__file__).parent.parent / "data" / "fhir"


def wrong(resource: dict[str, Any], schema: dict[str, Any]) -> list[str]:
    """What the definition of its type says against a resource."""
    asked = {"$ref": f"#/definitions/{resource['resourceType']}", "definitions": schema["definitions"]}
    found = Draft6Validator(asked).iter_errors(resource)
    return [f"{resource['resourceType']}: {'.'.join(map(str, each.path))}: {each.validator}" for each in found]


@pytest.mark.slow
@pytest.mark.parametrize("profile", ["safe-harbor", "limited-data-set"])
def test_what_a_run_writes_is_valid_by_the_schema_of_r4(tmp_path: Path, profile: str) -> None:
    """Each resource of a patient's Bundle, as after either profile; one with an element too many is not."""
    schema = json.loads(gzip.decompress((DATA / "r4.schema.json.gz").read_bytes()))
    shutil.copy(DATA / "synthea_bundle.json.gz", tmp_path / "in.json.gz")
    out = tmp_path / "out.json"
    words = ("--profile", profile, "--mode", "rules", "--jobs", "1")
    assert told("deid", "fhir", str(tmp_path / "in.json.gz"), "--out", str(out), *words).code == 0
    resources = [entry["resource"] for entry in json.loads(out.read_text())["entry"]]
    assert len(resources) > 50
    assert [each for resource in resources for each in wrong(resource, schema)] == []
    assert wrong({**resources[0], "nickname": "x"}, schema)
