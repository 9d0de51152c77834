"""What no requirement judges is shown as that, and evidence of before it was a field of its own is read the same."""

from __future__ import annotations

import msgspec
import numpy as np
import pandas as pd

from bedrail.checks import Cohort, Requirements, examine
from bedrail.checks.words import SHOWN_WORD, finding_word
from bedrail.core.values import Evidence, Finding, Verdict
from bedrail.journeys.card_facts import judged_otherwise
from bedrail.journeys.examination import _with_what_is_judged


def test_what_no_bound_judges_is_told_by_a_field_and_not_by_words() -> None:
    """Demographic parity and the arithmetic of trade-offs are shown; what binds is judged; stored ones read alike."""
    rng = np.random.default_rng(1)
    risk = rng.beta(2, 8, 3_000)
    cohort = Cohort(
        outcome=(rng.random(3_000) < risk).astype(float),
        score=risk,
        groups=pd.DataFrame({"sex": rng.choice(["f", "m"], 3_000)}),
        threshold=0.2,
    )
    told = examine(cohort, checks=["parity", "trade-offs"])
    for one in told:
        shown = {f.check for f in one.findings if finding_word(f) == SHOWN_WORD}
        assert shown == {f.check for f in one.findings if not f.judged}
        assert all(f.verdict is Verdict.PASS for f in one.findings if not f.judged)
    parity, trades = ({f.check: f.judged for f in one.findings} for one in told)
    assert not parity["parity.demographic-parity"]
    assert parity["parity.equal-opportunity"]
    assert not trades["trade-offs.balance-if-calibrated"]
    assert trades["trade-offs.demand"]
    for one in told:
        before = msgspec.json.decode(msgspec.json.encode(one))
        for finding in before["findings"]:
            del finding["judged"]
        assert _with_what_is_judged(msgspec.convert(before, Evidence)) == one


def test_what_was_said_to_be_shown_is_not_judged_afterwards() -> None:
    """Evidence of numbers and times said "Shown, not judged." in words before a field did."""
    reasons = {
        "Shown, not judged: errors may differ by level.": False,
        "0.71 for events up to 9. Shown, not judged.": False,
        "0.71, within the 0.8 allowed.": True,
    }
    findings = tuple(Finding(check="x", verdict=Verdict.PASS, reason=reason) for reason in reasons)
    told = _with_what_is_judged(Evidence(check="x", verdict=Verdict.PASS, reason="", findings=findings))
    assert [f.judged for f in told.findings] == list(reasons.values())
    failed = Finding(check="x", verdict=Verdict.FAIL, reason="Shown, not judged.")
    one = Evidence(check="x", verdict=Verdict.FAIL, reason="", findings=(failed,))
    assert _with_what_is_judged(one) == one


def test_a_card_says_by_which_share_of_error_its_evidence_was_judged() -> None:
    """The share in the evidence, not the policy's of today; of evidence that holds none, that it is of before."""
    rng = np.random.default_rng(2)
    cohort = Cohort(outcome=(rng.random(900) < 0.4).astype(float), score=np.full(900, 0.4),
                    groups=pd.DataFrame({"sex": rng.choice(["f", "m"], 900)}))  # fmt: skip
    now = Requirements()
    (one,) = examine(cohort, now, checks=["fairness"])
    one = msgspec.structs.replace(one, policy="a" * 64, made_at="2026-11-22T10:00:00+00:00")
    assert one.spent == now.family_alpha
    assert judged_otherwise(one, "a" * 64, now.family_alpha) == ""
    assert "was judged with a family-wise error of 0.0125" in judged_otherwise(one, "a" * 64, 0.03)
    assert "another policy (aaaaaaaaaaaa)" in judged_otherwise(one, "b" * 64, now.family_alpha)
    before = msgspec.structs.replace(one, spent=None)
    assert "2026-11-22 does not say by which error" in judged_otherwise(before, "a" * 64, now.family_alpha)
    assert examine(cohort, now, checks=["leakage"])[0].spent is None
