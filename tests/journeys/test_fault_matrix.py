"""Whatever fails, the caller has the fallback; no score is without its record, none is stale."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

import fault_matrix
from bedrail.journeys.deciding import QUICK_AGAIN
from fault_kinds import FAULTS, says, slow_model
from fault_matrix import Fault, ask, examine, scene_of

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


def test_a_model_that_was_slow_once_is_given_up_on_in_time(tmp_path: Path):
    """The next decision has its fallback while the model still thinks; after enough quick ones the loop asks it."""
    thinks, go = threading.Event(), threading.Event()

    def hangs(vector: object) -> object:
        thinks.set()
        go.wait(30)
        return says(0.2)(vector)

    slow = next(fault for fault in FAULTS if fault.name == "the model is slower than the budget")
    with scene_of(slow, tmp_path) as scene:
        place = scene.bedside.serving.models[scene.house.candidate]
        usual = place.model.assess
        scene.assess(slow_model)
        assert ask(scene, "decisions", 1).json["guard"] == "budget"
        scene.assess(hangs)
        reply = ask(scene, "decisions", 2)
        assert (reply.json["kind"], reply.json["guard"], go.is_set()) == ("fallback", "budget", False)
        assert thinks.is_set()
        go.set()
        scene.assess(usual)
        assert [ask(scene, "decisions", number).json["kind"] for number in (3, 4)] == ["answer", "answer"]
        assert 0 < place.slow < QUICK_AGAIN


def test_the_page_of_failures_is_the_table():
    """docs/failures.md says what is tested, and at least thirty kinds are."""
    assert (DOCS / "failures.md").read_text(encoding="utf-8") == fault_matrix.page()
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 30
