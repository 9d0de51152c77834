"""What no requirement judges is shown as that, and evidence of before it was a field of its own is read the same."""

from __future__ import annotations

import msgspec
import numpy as np
import pandas as pd

from bedrail.checks import Cohort, examine
from bedrail.checks.words import SHOWN_WORD, finding_word
from bedrail.core.values import Evidence, Verdict
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
