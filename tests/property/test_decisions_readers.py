"""The quick reader of features may never be more lenient than the guards."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedrail.core.errors import Invalid
from bedrail.decisions.decide import Then
from bedrail.decisions.guards import ON_INPUTS, PROCEED, Case
from bedrail.decisions.request import Intake, Request
from bedrail.decisions.values import Terms
from bedside_house import CONTRACT

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
TERMS = Terms(title="t", threshold=0.3, suggestion="s", fallback="f", mode="confirm")
NUMBERS = st.one_of(
    st.integers(-5, 200), st.floats(-1e3, 1e3), st.none(), st.sampled_from([18, 110, 110.0000001, 1e308])
)
MOMENTS = st.sampled_from([0, 1, 47.9, 48, 48.1, 100, -0.05, -0.2]).map(
    lambda hours: (NOW - timedelta(hours=hours)).isoformat()
)
UNITS = st.sampled_from(["", "h", "d", "a", "stone", "mmol/L"])
MEASURED = st.fixed_dictionaries({"value": NUMBERS}, optional={"unit": UNITS, "at": MOMENTS})
LEVELS = st.one_of(st.sampled_from(["no", "steady", "up", "home", "transfer", "UP", ""]), st.none())
NUMERIC = st.one_of(NUMBERS, MEASURED, st.booleans(), st.text(max_size=3))
FEATURES = st.fixed_dictionaries(
    {},
    optional={
        "age": NUMERIC,
        "stay": NUMERIC,
        "sodium": NUMERIC,
        "visits": NUMERIC,
        "insulin": LEVELS,
        "source": LEVELS,
        "other": st.integers(),
    },
)
LIKELY = st.fixed_dictionaries(
    {
        "age": st.integers(17, 111),
        "stay": st.integers(-1, 61),
        "sodium": st.integers(89, 191),
        "insulin": st.sampled_from(["no", "up", "never"]),
    },
    optional={"visits": st.integers(-1, 51), "source": LEVELS},
)


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(st.one_of(FEATURES, LIKELY), st.one_of(st.none(), st.sampled_from([-1.0, -0.05, 0.0, 47.0, 48.0, 49.0])))
def test_what_the_quick_reader_accepts_every_input_guard_lets_pass(features: dict, age: float | None):
    """And both readers then see the same values."""
    at = None if age is None else NOW - timedelta(hours=age)
    raw = msgspec.Raw(json.dumps(features).encode())
    intake = Intake(CONTRACT)
    try:
        inputs = intake.read(raw, at, NOW)
    except Invalid:
        return
    if not inputs.plain:
        return
    careful = intake._read_carefully(raw, None if at is None else NOW - at, NOW)
    assert careful.values == inputs.values
    assert careful.ages == inputs.ages
    case = Case(
        use_case="u",
        now=NOW,
        deployment=Then("c", "general", "", 0.0),
        terms=TERMS,
        opted_out=False,
        subject="s",
        request=Request(subject="p", features=raw),
        contract=CONTRACT,
        inputs=careful,
    )
    assert all(guard.rule(case) is PROCEED for guard in ON_INPUTS)
