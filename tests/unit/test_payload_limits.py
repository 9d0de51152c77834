"""What is too much is refused in words, before it costs much: bodies, tables, model files, bundles."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from bedrail.core.errors import Corrupt, Invalid
from bedrail.data import read
from bedrail.decisions.request import MAX_BODY, Intake, check_groups, read_request
from bedrail.ledger import folders
from bedside_house import CONTRACT, usual

PLAIN = json.dumps(usual())
DEEP = "[" * 20_000 + "]" * 20_000

BODIES: dict[str, tuple[str, str]] = {
    "nested features": (PLAIN.replace('"age": 67', f'"age": {DEEP}'), "features.age"),
    "nested groups": (PLAIN.replace('"gender": "F"', f'"gender": {DEEP}'), "groups"),
    "a nested body": (DEEP, "body"),
    "objects in objects": ('{"features":' * 5000 + "1" + "}" * 5000, "body"),
    "a number of sixty thousand digits": (PLAIN.replace('"age": 67', f'"age": {"9" * 60_000}'), "features.age"),
    "a number that no float holds": (PLAIN.replace('"age": 67', '"age": 1e999'), "features.age"),
    "three thousand unknown features": (
        PLAIN.replace('"age": 67', ",".join(f'"f{n}": 1' for n in range(3000)) + ', "age": 67'), "features.f0",
    ),
    "three thousand groups": (
        PLAIN.replace('"gender": "F"', ",".join(f'"g{n}": "F"' for n in range(3000))), "groups.g0",
    ),
    "one field three thousand times": (PLAIN.replace('"age": 67', ",".join(['"age": 67'] * 3000)), "features.age"),
    "a long level": (PLAIN.replace('"gender": "F"', f'"gender": "{"F" * 50_000}"'), "groups"),
    "a long identifier": (PLAIN.replace("patient-77881", "p" * 50_000), "subject"),
}  # fmt: skip


def understood(body: bytes) -> None:
    """Read as the bedside reads it."""
    request = read_request(body)
    check_groups(request, ("gender",))
    Intake(CONTRACT).read(request.features, request.at, datetime.now(UTC))


@pytest.mark.parametrize("name", BODIES)
def test_a_body_that_is_too_much_is_refused_with_a_path_and_a_remedy(name: str) -> None:
    """Depth, digits, fields, repetitions and lengths, all within the 64 KiB that are read at all."""
    text, path = BODIES[name]
    assert len(text) <= MAX_BODY
    with pytest.raises(Invalid) as refused:
        understood(text.encode())
    assert refused.value.path.startswith((path, "body"))
    assert refused.value.remedy


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables of at most a million bytes, for the test."""
    monkeypatch.setattr(read, "MOST_BYTES", 1_000_000)


@pytest.mark.usefixtures("small")
def test_a_gzip_bomb_is_refused_while_it_unpacks(tmp_path: Path) -> None:
    """Ten kilobytes that hold ten million zeros; a table within the limit is read as ever."""
    bomb, fine = tmp_path / "bomb.csv.gz", tmp_path / "fine.csv.gz"
    bomb.write_bytes(gzip.compress(b"a,b\n" + b"0,0\n" * 2_500_000))
    fine.write_bytes(gzip.compress(b"a,b\n" + b"0,1\n" * 200_000))
    assert bomb.stat().st_size < 50_000
    with pytest.raises(Invalid, match="larger than") as refused:
        read.read_table(bomb)
    assert refused.value.remedy
    assert read.read_table(fine).shape == (200_000, 2)


@pytest.mark.usefixtures("small")
def test_tables_that_are_too_large_are_refused_before_they_are_in_memory(tmp_path: Path) -> None:
    """A plain CSV by its size, a Parquet file by what it says it unpacks to."""
    (tmp_path / "t.csv").write_bytes(b"a\n" + b"0\n" * 600_000)
    pd.DataFrame({"a": range(200_000)}).to_parquet(tmp_path / "t.parquet")
    for name in ("t.csv", "t.parquet"):
        with pytest.raises(Invalid, match="larger than"):
            read.read_table(tmp_path / name)


def test_a_file_of_a_bundle_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    """A sparse file of more than a gibibyte, by its size alone."""
    with (tmp_path / "checkpoint").open("wb") as file:
        file.truncate(folders.MOST_BYTES + 1)
    with pytest.raises(Corrupt, match="larger"):
        folders.read_file(tmp_path / "checkpoint")
