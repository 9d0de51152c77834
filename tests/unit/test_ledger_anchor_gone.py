"""Deleting the anchor together with the newest entries does not hide the deed."""

from __future__ import annotations

from pathlib import Path

from ledger_parts import home


def test_a_deleted_anchor_is_named(tmp_path: Path) -> None:
    """A ledger with entries and no anchor does not verify, and the report says what cannot be told any more."""
    house = home(tmp_path, entries=40)
    assert house.verify().ok
    house.ledger.close()
    for file in tmp_path.rglob("*"):
        if file.is_file() and "anchor" in str(file.relative_to(tmp_path)):
            file.unlink()
    report = house.verify()
    assert [difference.kind for difference in report.differences] == ["missing-anchor"]
    house.close()
