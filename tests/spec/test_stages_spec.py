"""The table of stages: every state answers every move, and the documentation page is drawn from it."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from bedrail.core.errors import Invalid, Refused
from bedrail.core.events import DeploymentHalted
from bedrail.governance.stages import (
    MOVES,
    STAGES,
    STATES,
    TABLE,
    Goes,
    Stays,
    answer,
    at_least,
    before,
    check_move,
    mermaid,
    move_to,
    parse_stage,
    stages_page,
    state_of,
)
from governance_story import CANDIDATE, CASE, OTHER, moved, registry_of, story

PAGE = Path(__file__).parents[2] / "docs" / "stages.md"


def test_every_state_answers_every_move() -> None:
    """The table is total: each (state, move) has exactly one answer, and there are no others."""
    assert set(TABLE) == set(product(STATES, MOVES))
    for state, move in product(STATES, MOVES):
        found = answer(state, move)
        assert isinstance(found, Goes) or found.reason


def test_no_stage_is_skipped_going_up() -> None:
    """Every gated move leads at most one stage up; a refusal names the stage that comes first."""
    order = ["none", *STAGES]
    for (state, move), found in TABLE.items():
        if state in order and move.startswith("to "):
            step = order.index(move[3:]) - order.index(state)
            assert isinstance(found, Goes) == (step <= 1)
            if isinstance(found, Stays):
                assert found.first == order[order.index(state) + 1]


def test_stopping_needs_no_gate_and_starting_does() -> None:
    """Halt and retreat are never gated where something is shown; every other move that leads somewhere is."""
    for stage in STAGES:
        assert TABLE[stage, "halt"] == Goes("halted", gated=False)
    for stage in STAGES[1:]:
        assert TABLE[stage, "retreat"] == Goes("shadow", gated=False)
    for (_, move), found in TABLE.items():
        if isinstance(found, Goes):
            assert found.gated == (move not in ("halt", "retreat"))


def test_a_halt_is_left_only_through_shadow_or_an_earlier_version() -> None:
    """From halted nothing leads back to where it was halted."""
    leaves = {found.to for (state, _), found in TABLE.items() if state == "halted" and isinstance(found, Goes)}
    assert leaves == {"shadow", "earlier"}


def test_every_stage_can_be_reached_and_left() -> None:
    """No state is unreachable from none, and none is a dead end."""
    reached = {"none"}
    for _ in STATES:
        reached |= {f.to for (s, _), f in TABLE.items() if s in reached and isinstance(f, Goes)}
    assert reached >= set(STATES)
    for state in STATES:
        assert any(isinstance(TABLE[state, move], Goes) for move in MOVES)


@pytest.mark.parametrize(
    "current,stage", [("none", "pilot"), ("shadow", "general"), ("halted", "general"), ("pilot", "general")]
)
def test_a_skipped_stage_is_refused_with_the_one_that_comes_first(current: str, stage: str) -> None:
    """The refusal says what to deploy first."""
    with pytest.raises(Refused, match=r"Deploy to (shadow|pilot|canary) first"):
        check_move(current, stage)


def test_a_step_up_and_a_renewal_are_allowed() -> None:
    """One up, the same again, and any down."""
    assert check_move("none", "shadow").to == "shadow"
    assert check_move("canary", "general").to == "general"
    assert check_move("canary", "canary").to == "canary"
    assert check_move("general", "pilot").to == "pilot"


@pytest.mark.parametrize(
    "current,stage", [("none", "everywhere"), ("asleep", "shadow"), ("none", "halted"), ("none", "")]
)
def test_unknown_names_are_invalid(current: str, stage: str) -> None:
    """A name that is no stage or state is the caller's mistake."""
    with pytest.raises(Invalid):
        check_move(current, stage)


def test_order_of_stages() -> None:
    """Stages are ordered as the deployment goes; other names stand nowhere."""
    assert [before(stage) for stage in STAGES] == [None, "shadow", "pilot", "canary"]
    assert at_least("canary", "pilot")
    assert not at_least("pilot", "canary")
    assert not at_least("halted", "shadow")
    assert not at_least("general", "none")
    assert [move_to(parse_stage(stage)) for stage in STAGES] == list(MOVES[:4])


def test_the_state_of_a_candidate_follows_the_facts() -> None:
    """A candidate serves at its stage, is halted with its use case, and is none once another serves."""
    told = story()
    view = registry_of(told).use_cases[CASE]
    assert state_of(view, CANDIDATE) == "shadow"
    assert state_of(view, OTHER) == "none"
    halt = DeploymentHalted(use_case=CASE, candidate=CANDIDATE, reason="r")
    assert state_of(registry_of([*told, (9, halt)]).use_cases[CASE], CANDIDATE) == "halted"
    assert state_of(registry_of([*told, (9, moved("shadow", OTHER))]).use_cases[CASE], CANDIDATE) == "none"


def test_the_page_is_drawn_from_the_table() -> None:
    """docs/stages.md is what the table draws now (write it anew with `python -m bedrail.governance.stages`)."""
    assert PAGE.read_text(encoding="utf-8") == stages_page()
    assert "general --> shadow: to shadow *, retreat" in mermaid()
