"""One budget for a whole examination."""

from __future__ import annotations

import numpy as np
import pytest

from bedrail.checks import Cohort, Requirements, examine
from bedrail.checks.budget import SHARES, budget
from bedrail.checks.catalogue import CHECKS
from bedrail.core.values import Verdict


def test_the_shares_of_a_whole_examination_add_up_to_five_percent() -> None:
    """By default no more is spent, every share belongs to the budget, and what a policy raises is in the sum."""
    assert budget(Requirements()) == pytest.approx(0.05)
    assert set(SHARES) <= set(CHECKS)
    spent = {field for fields in SHARES.values() for field in fields}
    named = {field for field in Requirements.__struct_fields__ if field.endswith("_alpha")}
    assert spent == named - {"conformal_alpha"}
    assert budget(Requirements(family_alpha=0.05)) == pytest.approx(0.0875)
    assert budget(Requirements(), ["fairness", "discrimination"]) == Requirements().family_alpha


def test_a_miscalibration_within_the_budget_is_not_shown_and_not_failed() -> None:
    """O/E of 1.15, two and a half standard errors from 1, excludes 1 at 95 % and not at calibration's share."""
    outcome = np.zeros(3_000)
    outcome[:300] = 1
    cohort = Cohort(outcome=np.random.default_rng(1).permutation(outcome), score=np.full(3_000, 0.1 / 1.15))

    def verdict(alpha: float) -> Verdict:
        (evidence,) = examine(cohort, Requirements(calibration_alpha=alpha), checks=["calibration"])
        return next(f.verdict for f in evidence.findings if f.check == "calibration.observed-to-expected")

    assert verdict(0.15) is Verdict.FAIL
    assert verdict(Requirements().calibration_alpha) is Verdict.MISSING
