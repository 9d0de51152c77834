"""Guards: each asks one question, and what it doubts ends in a fallback without a value in it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from bedrail.decisions.decide import Then
from bedrail.decisions.guards import (
    GUARDS,
    PROCEED,
    Case,
    FallBack,
    Hold,
    after_model,
    before_inputs,
    on_inputs,
    per_mille,
)
from bedrail.decisions.request import Intake, Request
from bedrail.decisions.values import Terms
from bedrail.models.values import Assessment
from bedside_house import CONTRACT

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
TERMS = Terms(title="Fall", threshold=0.3, suggestion="Visit", fallback="Judge", mode="confirm", max_interval_width=0.2)
SERVED = Then("c" * 64, "general", "2026-07-01T00:00:00+00:00", (NOW + timedelta(days=30)).timestamp())


def case(features: str = "", deployment: Then | None = SERVED, at: datetime | None = NOW, **more) -> Case:
    """A case that has no doubt unless told otherwise."""
    sent = msgspec.Raw((features or '{"age":67,"stay":4,"sodium":138,"insulin":"up"}').encode())
    request = Request(subject="p", site="north", features=sent, at=at)
    return Case(
        use_case="falls-7d",
        now=NOW,
        deployment=deployment,
        terms=TERMS,
        opted_out=more.get("opted_out", False),
        subject="a" * 32,
        request=request,
        model_fault=more.get("model_fault", ""),
        contract=CONTRACT,
        inputs=Intake(CONTRACT).read(sent, at, NOW),
        assessment=more.get("assessment", Assessment(0.2, 0.2, 0.15, 0.25, (0.5, 0.5), 1.0, False)),
    )


@pytest.mark.parametrize(
    "changed, guard",
    [
        ({"deployment": None}, "deployment"),
        ({"deployment": replace(SERVED, halted=True)}, "stopped"),
        ({"deployment": replace(SERVED, until_epoch=NOW.timestamp())}, "approval"),
        ({"deployment": replace(SERVED, sites=frozenset({"south"}))}, "scope"),
        ({"deployment": replace(SERVED, share=0)}, "scope"),
        ({"opted_out": True}, "consent"),
        ({"model_fault": "The model is being loaded."}, "model"),
    ],
)
def test_each_guard_before_the_inputs_closes_for_its_own_reason(changed: dict, guard: str):
    """One thing wrong, one guard named."""
    ruling = before_inputs(case(**changed))
    assert isinstance(ruling, FallBack)
    assert ruling.guard == guard


@pytest.mark.parametrize(
    "features, guard, words",
    [
        ('{"stay":4,"sodium":138,"insulin":"up"}', "missing", "Age"),
        ('{"age":null,"stay":4,"sodium":138,"insulin":null}', "missing", "Age, Insulin dose"),
        ('{"age":67,"stay":{"value":4,"unit":"wk"},"sodium":138,"insulin":"up"}', "unit", "accepted: d, h"),
        ('{"age":670,"stay":4,"sodium":138,"insulin":"up"}', "range", "Age (from 18 up to 110 a)"),
        ('{"age":67,"stay":{"value":2000,"unit":"h"},"sodium":138,"insulin":"up"}', "range", "Length of stay"),
        (
            '{"age":67,"stay":4,"sodium":{"value":138,"at":"2026-05-28T00:00:00Z"},"insulin":"up"}',
            "fresh",
            "Sodium (at most 48 h)",
        ),
        ('{"age":67,"stay":4,"sodium":{"value":138,"at":"2026-06-02T00:00:00Z"},"insulin":"up"}', "fresh", "future"),
        ('{"age":67,"stay":4,"sodium":138,"insulin":"twice"}', "level", "Insulin dose"),
    ],
)
def test_each_guard_on_the_inputs_names_the_input_and_never_its_value(features: str, guard: str, words: str):
    """The reason helps the nurse and holds nothing of the patient."""
    ruling = on_inputs(case(features))
    assert isinstance(ruling, FallBack)
    assert ruling.guard == guard
    assert words in ruling.reason
    assert not any(value in ruling.reason for value in ("670", "2000", "twice", "138"))


def test_an_unknown_age_is_too_old_where_the_contract_limits_it():
    """Unknown means closed."""
    ruling = on_inputs(case(at=None))
    assert isinstance(ruling, FallBack)
    assert (ruling.guard, "unknown age" in ruling.reason) == ("fresh", True)


def test_strangeness_falls_back_and_uncertainty_is_held_for_review():
    """Far from the training patients: no answer. A wide interval: an answer that somebody looks at first."""
    far = Assessment(0.2, 0.2, 0.15, 0.25, (0.5, 0.5), 99.0, True)
    wide = Assessment(0.2, 0.2, 0.05, 0.35, (0.5, 0.5), 1.0, False)
    assert after_model(case(assessment=far)) == FallBack(
        "distribution", "This combination of inputs is unlike any the model learnt from."
    )
    assert isinstance(after_model(case(assessment=wide)), Hold)
    assert after_model(case()) is PROCEED


def test_the_share_of_a_canary_is_stable_and_about_as_large_as_said():
    """The same patient is always in or always out; 200 per mille of 5,000 are 1,000, give or take chance."""
    subjects = [f"{number:032x}" for number in range(5000)]
    inside = [subject for subject in subjects if per_mille("falls-7d", subject) < 200]
    assert inside == [subject for subject in subjects if per_mille("falls-7d", subject) < 200]
    assert 880 < len(inside) < 1120  # 4.2 standard deviations
    assert {per_mille("a", s) for s in subjects[:50]} != {per_mille("b", s) for s in subjects[:50]}


def test_every_guard_has_a_name_of_its_own_and_asks_a_question():
    """The catalogue is what the documentation shows."""
    assert len({each.name for each in GUARDS}) == len(GUARDS)
    assert all(each.question.endswith("?") for each in GUARDS)
