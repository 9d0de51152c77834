"""The bill of materials of the installation: valid CycloneDX, with everything that is installed."""

from __future__ import annotations

import json
import shutil
import sys
from importlib.metadata import distributions, version
from pathlib import Path

import pytest

from bedrail.journeys.inventory import altered_files
from small_home import PROJECT, told

LOCK = str(PROJECT / "requirements" / "core.lock")


@pytest.mark.slow
def test_the_installation_tells_what_it_is_made_of() -> None:
    """Each distribution with version and licence, each of the core as the lock has it, in valid CycloneDX 1.6."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator  # building its grammar takes seconds

    ran = told("sbom", "--lock", LOCK)
    assert ran.code == 0, ran.err
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(ran.out) is None
    parts = {each["name"]: each for each in json.loads(ran.out)["components"]}
    assert len(parts) == len(
        {each.metadata["Name"].lower().replace("_", "-").replace(".", "-") for each in distributions()}
    )
    numpy = parts["numpy"]
    assert numpy["version"] == version("numpy")
    said = [(each["name"], each["value"]) for each in numpy["properties"]]
    assert ("bedrail:lock", "as locked") in said
    assert sum(name == "bedrail:lock-sha256" for name, _ in said) > 1
    assert numpy["licenses"]


@pytest.mark.slow
def test_a_version_that_the_lock_does_not_have_is_said(tmp_path: Path) -> None:
    """Nobody's hashes stand beside it."""
    (tmp_path / "lock").write_text("numpy==0.1 \\\n    --hash=sha256:" + "0" * 64 + "\n")
    ran = told("sbom", "--lock", str(tmp_path / "lock"))
    (numpy,) = [each for each in json.loads(ran.out)["components"] if each["name"] == "numpy"]
    said = {each["name"]: each["value"] for each in numpy["properties"]}
    assert said["bedrail:lock"] == "the lock says 0.1"
    assert "bedrail:lock-sha256" not in said
    assert told("sbom", "--lock", str(tmp_path / "none")).code == 2


def test_an_altered_installed_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a copy of one small distribution: a changed byte and a missing file."""
    import click

    there = Path(click.__file__).parent
    about = next(there.parent.glob("click-*.dist-info"))
    shutil.copytree(there, tmp_path / "click", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(about, tmp_path / about.name)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert list(altered_files()) == []
    (tmp_path / "click" / "core.py").write_text("import os\n")
    (tmp_path / "click" / "utils.py").unlink()
    assert set(altered_files()) == {"click: click/core.py", "click: click/utils.py (missing)"}
