"""Whatever people of every role try in whatever order: no illegal transition; the full number runs in `make soak`."""

from __future__ import annotations

from pathlib import Path

import pytest

from bedrail.core.events import Actor, DeploymentMoved, Entry, FindingClosed, FindingOpened
from histories import Scenery, Stage
from watchman import Case, Observer


@pytest.mark.slow
def test_no_history_has_an_illegal_transition(tmp_path: Path) -> None:
    """Twenty-five histories of thirty tries each: nothing wrong, and enough happened for that to say something."""
    stage = Stage(Scenery(tmp_path / "scenery"), tmp_path)
    try:
        for seed in range(25):
            stage.history(seed)
    finally:
        stage.close()
    assert stage.observer.wrong == []
    for kind in ("deployment.moved", "deployment.halted", "approval.given", "approval.objected", "glass.broken"):
        assert stage.observer.seen[kind] > 3, kind
    assert stage.tried["deploy done"] > 20
    assert stage.tried["deploy refused"] > 20


def test_the_observer_sees_what_is_wrong() -> None:
    """A watchman who sees nothing would prove nothing: each of these is named."""
    observer = Observer(roles={"re": {"release-engineer"}, "au": {"auditor"}})
    person = Actor(auth="local", id="re", kind="person")
    moved = DeploymentMoved(
        use_case="c", candidate="d", from_stage="none", to_stage="general", sites=(), share=1000, until=""
    )
    opened = FindingOpened(finding="f", use_case="c", severity="blocking", title="t", owner="re", due="")
    closed = FindingClosed(finding="f", auditor="re", remark="r")
    observer.cases["c"] = Case(authors={"d": "ds"})
    for fact in (opened, closed, moved):
        observer.read(Entry(actor=person, at="2026-01-01T00:00:00+00:00", fact=fact, id="1", node="n", purpose="t"))
    said = " ".join(observer.wrong)
    for words in ("role not held", "closed from open", "from none to general", "approvals are missing"):
        assert words in said, words
