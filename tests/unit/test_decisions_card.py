"""Cards and reasons: exact shares, clinical words, no false certainty."""

from __future__ import annotations

import numpy as np
import pytest

from bedrail.decisions.card import NOTHING_SUGGESTED, card, percent, reasons, recommendation
from bedrail.decisions.decide import Then
from bedrail.decisions.values import Terms
from bedrail.models.values import Assessment
from bedside_house import CONTRACT

TERMS = Terms(title="Fall within 7 days", threshold=0.3, suggestion="Offer a visit", fallback="Judge", mode="confirm")
VALUES = {"age": 67.0, "stay": 4.0, "sodium": 138.0, "visits": None, "insulin": "up", "source": "home"}


def test_reasons_are_the_largest_shares_with_label_unit_and_direction():
    """Largest first, five at most, nothing without a share; an imputed input shows what was used."""
    found = reasons(CONTRACT, VALUES, np.array([0.4, -0.9, 0.0, 0.1, -0.2, 0.05]))
    assert [each.feature for each in found] == ["stay", "age", "insulin", "visits", "source"]
    assert (found[0].label, found[0].unit, found[0].direction) == ("Length of stay", "d", "lowers")
    assert found[3].value == 0
    assert reasons(CONTRACT, VALUES, np.zeros(6)) == ()


def test_the_card_says_risk_interval_suggestion_reasons_model_and_who_decides():
    """Everything a clinician needs, in words."""
    why = reasons(CONTRACT, VALUES, np.array([0.4, -0.9, 0.0, 0.0, 0.0, 0.0]))
    assessment = Assessment(0.4, 0.42, 0.31, 0.55, (0.5, 0.5), 1.0, False)
    deployment = Then("c" * 64, "pilot", "2026-12-31T00:00:00+00:00", 0.0)
    text = card(TERMS, assessment, why, "falls-1", deployment, recommendation(TERMS, 0.42))
    assert "42 % (between 31 % and 55 %; action is suggested from 30 %)" in text
    assert "Offer a visit" in text
    assert "Length of stay 4 days (lowers it); Age 67 years (raises it)" in text
    assert "falls-1, stage pilot, approved until 2026-12-31" in text
    assert text.endswith("The clinician decides.")


@pytest.mark.parametrize("risk, words", [(0.3, "Offer a visit"), (0.29999, NOTHING_SUGGESTED)])
def test_the_suggestion_begins_at_the_threshold(risk: float, words: str):
    """At the threshold it is suggested, below not."""
    assert recommendation(TERMS, risk) == words


@pytest.mark.parametrize("p, words", [(0.0, "under 1 %"), (0.004, "under 1 %"), (0.5, "50 %"), (0.999, "over 99 %")])
def test_no_risk_is_called_zero_or_certain(p: float, words: str):
    """0 % and 100 % would be lies."""
    assert percent(p) == words
