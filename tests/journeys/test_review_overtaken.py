"""What was judged is not carried out when somebody else acted meanwhile; alarms survive a process that ends halfway."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bedrail.app import App, create_home, open_home
from bedrail.core.errors import Invalid, Refused
from bedrail.core.events import (
    CandidateAdmitted,
    DeploymentHalted,
    DeploymentMoved,
    EvidenceRecorded,
    PersonAdded,
    SentinelsRecorded,
    UseCaseOpened,
)
from bedrail.governance.values import Open
from bedrail.journeys import delivery, oversight
from bedrail.journeys.context import SYSTEM
from bedrail.journeys.upkeep import open_installation
from bedrail.monitoring.sentinels import Sentinels
from bedrail.monitoring.values import Alarm

CASE, MODEL = "falls-7d", "c" * 64


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    """A home with one candidate in pilot; what lies behind it does not matter here."""
    made = create_home(tmp_path / "home", "hospital.example/ledger")
    ctx = made.context
    open_installation(ctx, made.origin, "olivia", made.public_names())
    until = (ctx.clock.now() + timedelta(days=1)).isoformat(timespec="seconds")
    ctx.append(
        SYSTEM,
        "governance",
        PersonAdded(person="rob", name="Rob", roles=("release-engineer",)),
        UseCaseOpened(use_case=CASE, title="Falls", tier="medium", mode="inform", owner="olivia", charter="f" * 64),
        CandidateAdmitted(
            candidate=MODEL, use_case=CASE, name="m", kind="linear", origin="", dataset="", author="sam", signature="00"
        ),
        _moved("pilot", until),
    )
    yield made
    made.close()


def _moved(stage: str, until: str) -> DeploymentMoved:
    return DeploymentMoved(
        use_case=CASE, candidate=MODEL, from_stage="", to_stage=stage, sites=("north",), share=1000, until=until
    )


def _alarm(window: str = "D1", *, again: bool = False) -> Alarm:
    return Alarm(
        monitor="calibration",
        look=1,
        streams=("overall",),
        groups=("overall",),
        causes=(),
        detail="more events than expected",
        evidence=3.0,
        limit=2.0,
        again=again,
        first=window,
        last=window,
    )


def test_an_alarm_is_recorded_and_acted_on_once(app: App) -> None:
    """The same window, seen again after the process ended halfway, raises no second alarm and no second retreat."""
    ctx = app.context
    view = ctx.use_case(CASE)
    first = oversight._act(ctx, view, MODEL, [_alarm()], "r" * 64)
    assert view.deployment is not None
    assert view.deployment.stage == "shadow"
    ctx.append(SYSTEM, "governance", _moved("pilot", view.deployment.until))
    again = oversight._act(ctx, view, MODEL, [_alarm()], "r" * 64)
    assert again == first
    assert len(view.alarms) == 1
    assert view.deployment.stage == "pilot"
    oversight._act(ctx, view, MODEL, [_alarm("D2")], "r" * 64)
    assert len(view.alarms) == 2
    assert view.deployment.stage == "shadow"


def test_one_lasting_fault_is_recorded_once(app: App) -> None:
    """Repeats in one run and in later runs are told, with what was done, and not recorded: until it is moved up."""
    ctx = app.context
    view = ctx.use_case(CASE)
    told = oversight._act(ctx, view, MODEL, [_alarm("D1"), _alarm("D2", again=True)], "r" * 64)
    assert [(said.again, said.action_taken) for said in told] == [(False, "retreat"), (True, "retreat")]
    assert oversight._act(ctx, view, MODEL, [_alarm("D3", again=True)], "r" * 64)[0].again
    assert len(view.alarms) == 1
    assert view.deployment is not None
    ctx.append(SYSTEM, "governance", _moved("pilot", view.deployment.until))
    told = oversight._act(ctx, view, MODEL, [_alarm("D4", again=True), _alarm("D5", again=True)], "r" * 64)
    assert [said.again for said in told] == [False, True]
    assert len(view.alarms) == 2
    assert view.deployment.stage == "shadow"


def test_a_fault_that_outlasts_new_evidence_is_recorded_again(app: App) -> None:
    """Fresh evidence sets an alarm aside at the gate; the same fault, seen after it, must close the gate anew."""
    ctx = app.context
    view = ctx.use_case(CASE)
    oversight._act(ctx, view, MODEL, [_alarm("D1")], "r" * 64)
    fact = EvidenceRecorded(
        evidence="e" * 64, check="calibration", verdict="pass", reason="", use_case=CASE, candidate=MODEL, dataset="",
        policy="",
    )  # fmt: skip
    ctx.append(SYSTEM, "governance", fact)
    assert not oversight._act(ctx, view, MODEL, [_alarm("D2", again=True)], "r" * 64)[0].again
    assert len(view.alarms) == 2


def test_going_down_or_serving_another_version_leaves_an_alarm_standing(app: App) -> None:
    """Only a move up of the same candidate makes its fault news."""
    ctx = app.context
    view = ctx.use_case(CASE)
    assert view.deployment is not None
    until = view.deployment.until
    oversight._act(ctx, view, MODEL, [_alarm("D1")], "r" * 64)
    ctx.append(SYSTEM, "safety", _moved("shadow", until), DeploymentHalted(use_case=CASE, candidate=MODEL, reason="x"))
    assert oversight._act(ctx, view, MODEL, [_alarm("D2", again=True)], "r" * 64)[0].again


def test_a_changed_sentinel_answer_is_one_alarm_however_often_one_asks(app: App) -> None:
    """It stands until there is newer evidence; nothing is appended meanwhile."""
    ctx = app.context
    view = ctx.use_case(CASE)
    alarm = msgspec.structs.replace(_alarm(""), monitor="sentinels")
    assert not oversight._act(ctx, view, MODEL, [alarm], "r" * 64)[0].again
    size = ctx.ledger.head().size
    assert oversight._act(ctx, view, MODEL, [alarm], "r" * 64)[0].again
    assert ctx.ledger.head().size == size


@pytest.mark.parametrize("silent", [1, 3])
def test_an_outage_is_not_a_model_change(app: App, monkeypatch: pytest.MonkeyPatch, silent: int) -> None:
    """A vendor out of reach is told as such: no alarm, no halt."""
    ctx = app.context
    held = Sentinels(names=("x",), inputs=((1.0,), (2.0,), (3.0,)), answers=(0.1, 0.2, 0.3))
    digest = ctx.artifacts.put(msgspec.json.encode(held))
    ctx.append(SYSTEM, "safety", SentinelsRecorded(use_case=CASE, candidate=MODEL, sentinels=digest, count=3))
    monkeypatch.setattr(oversight, "load_model", lambda *_: None)
    monkeypatch.setattr(oversight, "_answer", lambda _, row: None if row[0] <= silent else row[0] / 10)
    said = oversight.check_sentinels(ctx, CASE)
    assert (said.changed, said.unanswered) == (False, silent)
    assert "not answered" in said.detail
    view = ctx.use_case(CASE)
    assert not view.alarms
    assert view.deployment is not None
    assert not view.deployment.halted


def test_an_alarm_about_one_version_does_not_move_another(app: App) -> None:
    """Only the candidate that raised the alarm retreats."""
    view = app.context.use_case(CASE)
    oversight._act(app.context, view, "d" * 64, [_alarm()], "r" * 64)
    assert view.deployment is not None
    assert (view.deployment.candidate, view.deployment.stage) == (MODEL, "pilot")


def test_an_alarm_does_not_undo_a_halt_that_came_just_before_it(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person halts between the look at the registry and the record of the alarm: it stays halted."""
    other, ctx = open_home(app.home), app.context
    usual = oversight._retreat

    def halted_meanwhile(*given: Any) -> Any:
        facts = usual(*given)
        if not other.context.use_case(CASE).alarms and not other.context.use_case(CASE).deployment.halted:  # type: ignore[union-attr]
            other.context.append(SYSTEM, "safety", DeploymentHalted(use_case=CASE, candidate=MODEL, reason="stop"))
        return facts

    monkeypatch.setattr(oversight, "_retreat", halted_meanwhile)
    oversight._act(ctx, ctx.use_case(CASE), MODEL, [_alarm()], "r" * 64)
    deployment = ctx.use_case(CASE).deployment
    assert deployment is not None
    assert deployment.halted
    assert len(ctx.use_case(CASE).alarms) == 1
    other.close()


@pytest.mark.parametrize("left", [b"", b'{"state": ', b"\xff\xfe"])
def test_an_unreadable_memory_is_gathered_again(app: App, monkeypatch: pytest.MonkeyPatch, left: bytes) -> None:
    """A watch file cut short by a power failure does not stop the watch."""
    file = oversight._memory_file(app.context, CASE, MODEL)
    file.parent.mkdir(parents=True)
    file.write_bytes(left)

    class Reached(Exception):
        """The reference was asked for."""

    def ask(*_: object) -> None:
        raise Reached

    monkeypatch.setattr(oversight, "reference_window", ask)
    with pytest.raises(Reached):
        oversight._remembered(app.context, None, CASE, MODEL)  # type: ignore[arg-type]


def test_a_halt_during_a_deployment_is_not_overruled(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gate was open when it was judged; by the time of the record somebody had halted the use case."""
    other, ctx = open_home(app.home), app.context

    def opened(*_: Any, **__: Any) -> Open:
        return Open(
            use_case=CASE, candidate=MODEL, candidate_name="m", stage="pilot", policy="", judged_at="", criteria=(),
            conditions=(), obligations=(), until=(ctx.clock.now() + timedelta(days=1)).isoformat(), until_epoch=0.0,
        )  # fmt: skip

    def halted_meanwhile(*_: Any) -> None:
        other.context.append(SYSTEM, "safety", DeploymentHalted(use_case=CASE, candidate=MODEL, reason="stop"))

    monkeypatch.setattr(delivery, "judge", opened)
    monkeypatch.setattr(delivery, "load_candidate", halted_meanwhile)
    with pytest.raises(Refused, match="while this was being judged"):
        delivery.deploy(ctx, "rob", CASE, "pilot", sites=("north",))
    deployment = ctx.use_case(CASE).deployment
    assert deployment is not None
    assert deployment.halted
    other.close()


@pytest.mark.parametrize("reason", ["x" * 70_000, "\udcff"], ids=["too long", "no text"])
def test_words_that_cannot_be_recorded_are_the_callers_mistake(app: App, reason: str) -> None:
    """An entry holds 65,535 bytes; text that is no text (undecodable arguments) is refused the same way."""
    with pytest.raises(Invalid, match="cannot be recorded"):
        app.context.append(SYSTEM, "safety", DeploymentHalted(use_case=CASE, candidate=MODEL, reason=reason))


@pytest.mark.parametrize("reason", ["x" * 70_000, "\udcff"], ids=["too long", "no text"])
def test_no_words_keep_anybody_from_stopping(app: App, reason: str) -> None:
    """The same words with a halt: it is in force and on record, its reason cut or cleaned."""
    assert delivery.halt(app.context, "rob", CASE, reason)
    deployment = app.context.use_case(CASE).deployment
    assert deployment is not None
    assert deployment.halted
    assert 0 < len(deployment.reason) <= 500
