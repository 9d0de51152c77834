"""Stages, approvals, findings and emergencies as a state machine; the long run is bench/soak_histories.py."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from bedrail.governance import approvals, stages
from bedrail.governance.values import Open
from bedrail.journeys import delivery
from histories import Scenery
from stages_machine import machine

CHEAP = settings(max_examples=40, stateful_step_count=25, suppress_health_check=list(HealthCheck))
UNSHRUNK = settings(CHEAP, phases=(Phase.generate,), report_multiple_bugs=False, print_blob=False)


@pytest.fixture(scope="module")
def scenery(tmp_path_factory: pytest.TempPathFactory) -> Scenery:
    """Keys and models, made once."""
    return Scenery(tmp_path_factory.mktemp("stages") / "scenery")


@pytest.mark.slow
def test_no_sequence_of_attempts_makes_an_illegal_transition(scenery: Scenery) -> None:
    """Whatever Hypothesis lets people try, the observer of the written rules finds nothing to name."""
    played = machine(scenery)
    run_state_machine_as_test(played, settings=CHEAP)
    for kind in ("deployment.moved", "deployment.halted", "approval.given", "approval.objected", "glass.broken"):
        assert played.facts[kind] > 2, kind
    for name in ("deploy refused", "approve refused", "reached pilot", "reached canary"):
        assert played.tried[name] > 2, name


def _always_open(*given: Any, **named: Any) -> Open:
    """A gate that asks nothing."""
    policy, _, use_case, candidate, stage, now = given[:6]
    until = now + timedelta(days=300)
    return Open(
        use_case=use_case, candidate=candidate, candidate_name="", stage=stage, policy=policy.digest,
        judged_at=now.isoformat(), criteria=(), conditions=(), obligations=(), until=until.isoformat(),
        until_epoch=until.timestamp(),
    )  # fmt: skip


def _any_move(patch: pytest.MonkeyPatch) -> None:
    for (state, move), what in list(stages.TABLE.items()):
        if isinstance(what, stages.Stays) and move.startswith("to "):
            patch.setitem(stages.TABLE, (state, move), stages.Goes(stages.parse_stage(move[3:]), gated=True))


def _anybody(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(approvals, "_check_person", lambda *given, **named: None)


def _no_gate(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(delivery, "judge", _always_open)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("breaks", "said"),
    [
        (_any_move, "from [a-z]+ to"),
        (_anybody, "role not held|own work"),
        (_no_gate, "approvals are missing|objection stands|finding stands"),
    ],
    ids=["any stage from any other", "approvals by anybody", "a gate that is always open"],
)
def test_the_machine_finds_a_rule_that_is_gone(
    scenery: Scenery, monkeypatch: pytest.MonkeyPatch, breaks: Callable[[pytest.MonkeyPatch], None], said: str
) -> None:
    """A machine that finds nothing wherever it looks would prove nothing."""
    breaks(monkeypatch)
    with pytest.raises(AssertionError, match=said):
        run_state_machine_as_test(machine(scenery), settings=UNSHRUNK)
