"""Whatever fails, the caller has the fallback; no score is without its record, none is stale."""

from __future__ import annotations

from pathlib import Path

import pytest

import fault_matrix
from fault_kinds import FAULTS
from fault_matrix import Fault, examine

DOCS = Path(__file__).parents[2] / "docs"
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
"""A vendor's connection is kept by its thread and closed with it, whenever that is."""

QUICK = ("the model raises", "the vendor says garbage", "the ledger's disk is full", "a stop file stands")


@pytest.mark.parametrize("fault", [each for each in FAULTS if each.name in QUICK], ids=lambda each: each.name)
def test_a_failure_ends_in_the_fallback(fault: Fault, tmp_path: Path):
    """One failure of each area, against every endpoint."""
    assert [(seen.endpoint, seen.wrong) for seen in examine(fault, tmp_path) if seen.wrong] == []


@pytest.mark.slow
@pytest.mark.parametrize("fault", [each for each in FAULTS if each.name not in QUICK], ids=lambda each: each.name)
def test_every_kind_of_failure_ends_in_the_fallback(fault: Fault, tmp_path: Path):
    """All the others, against every endpoint."""
    assert [(seen.endpoint, seen.wrong) for seen in examine(fault, tmp_path) if seen.wrong] == []


def test_the_page_of_failures_is_the_table():
    """docs/failures.md says what is tested, and at least thirty kinds are."""
    assert (DOCS / "failures.md").read_text(encoding="utf-8") == fault_matrix.page()
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 30
