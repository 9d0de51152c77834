"""What was acknowledged survives a power cut at any moment on the weakest disk; the search would notice otherwise."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import power_cuts

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed"),
]


def cut(folder: Path, count: int, *weaker: str) -> list[str]:
    """What was wrong after so many cuts of one recorded run."""
    calls = power_cuts.record(folder, 1, *weaker)
    return [each for _, said in power_cuts.cuts(calls, str(folder / "home"), count, 1, folder) for each in said]


def test_nothing_acknowledged_is_lost_in_a_power_cut(tmp_path: Path) -> None:
    """Facts, artifacts, packages and stops are there; ledger, views, records and anchor agree; work goes on."""
    assert cut(tmp_path, 150) == []


def test_the_search_finds_a_database_that_syncs_too_little(tmp_path: Path) -> None:
    """With synchronous=NORMAL a commit is told before it is durable: facts are lost, or the anchor is ahead."""
    assert any(each.startswith(("fact", "it does not open")) for each in cut(tmp_path, 60, "NORMAL"))
