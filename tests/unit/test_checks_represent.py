"""The data held against the population to be served."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from bedrail.checks import Cohort, Requirements
from bedrail.checks.external.population import effective_share, place, read_population, weights_for
from bedrail.checks.external.served import representativeness, weighted_auroc, weighted_ratio
from bedrail.core.errors import Invalid
from bedrail.core.values import Evidence, Verdict

GUARDS = ("representativeness",)


def people(seed: int, n: int, shares: tuple[float, ...]) -> pd.DataFrame:
    """Patients of three races and two sexes."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame({"race": rng.choice(["a", "b", "c"], n, p=shares), "sex": rng.choice(["f", "m"], n)})


COUNTY = pd.DataFrame(
    {"attribute": ["race"] * 3 + ["sex"] * 2, "level": list("abcfm"), "count": [500, 300, 200, 510, 490]}
)


def verdicts(evidence: Evidence) -> dict[tuple[str, str], Verdict]:
    """By measure and group."""
    return {(f.check.removeprefix("representativeness."), f.group): f.verdict for f in evidence.findings}


def test_data_like_the_population_pass_and_others_are_named() -> None:
    """Shares as in the county pass in 20 of 20 draws; a group that is a tenth of what it should be fails by name."""
    margins, needs = read_population(COUNTY), Requirements()
    for seed in range(20):
        assert representativeness(people(seed, 3000, (0.5, 0.3, 0.2)), margins, needs).verdict is Verdict.PASS
    skewed = representativeness(people(1, 3000, (0.68, 0.3, 0.02)), margins, needs)
    told = verdicts(skewed)
    assert told["share", "race=c"] is Verdict.FAIL
    assert told["share", "sex=f"] is Verdict.PASS
    absent = verdicts(representativeness(people(1, 3000, (0.6, 0.4, 0.0)), margins, needs))
    assert absent["uncovered", "race=*"] is Verdict.FAIL
    assert absent["share", "race=c"] is Verdict.MISSING


def test_weighed_data_have_the_populations_shares_in_every_margin() -> None:
    """Raking meets both margins; one cross-tabulation is met exactly by post-stratification."""
    groups = people(2, 4000, (0.7, 0.2, 0.1))
    weights = weights_for(place(groups, read_population(COUNTY)), 4000)
    for column, level, share in (("race", "c", 0.2), ("race", "a", 0.5), ("sex", "f", 0.51)):
        assert np.average(groups[column] == level, weights=weights) == pytest.approx(share, abs=1e-6)
    crossed = pd.DataFrame({"race": list("aabbcc"), "sex": list("fmfmfm"), "share": [30, 20, 10, 20, 15, 5]})
    weights = weights_for(place(groups, read_population(crossed)), 4000)
    both = (groups["race"] == "c") & (groups["sex"] == "f")
    assert np.average(both, weights=weights) == pytest.approx(0.15)
    assert effective_share(weights, None) == pytest.approx(weights.sum() ** 2 / (4000 * np.sum(weights**2)))


def test_weighted_figures_are_those_of_scikit_learn_and_statsmodels() -> None:
    """AUROC with ties as scikit-learn weighs it; a weighted mean's error as statsmodels' sandwich."""
    from statsmodels.regression.linear_model import WLS

    rng = np.random.default_rng(3)
    y, weights = (rng.random(500) < 0.3).astype(float), rng.gamma(2, size=500)
    score = np.round(np.clip(0.2 * y + 0.3 * rng.random(500), 0, 1), 2)
    told = weighted_auroc(y, score, weights)
    assert told is not None
    assert told[0] == pytest.approx(roc_auc_score(y, score, sample_weight=weights))
    ratio = weighted_ratio(y, np.ones(500), weights, None)
    fitted = WLS(y, np.ones((500, 1)), weights=weights).fit(cov_type="HC0")
    assert ratio == pytest.approx((fitted.params[0], fitted.bse[0] * np.sqrt(500 / 499)))


@pytest.mark.slow
def test_weighed_figures_hold_what_the_score_does_in_the_population() -> None:
    """From skewed samples, 95 % intervals hold the population's AUROC and O/E in at least 90 of 100 trials."""

    def drawn(rng: np.random.Generator, n: int, shares: tuple[float, ...]) -> Cohort:
        groups = people(int(rng.integers(1 << 30)), n, shares)
        weak = (groups["race"] == "c").to_numpy()
        x = rng.normal(size=n)
        risk = 1 / (1 + np.exp(1.5 - np.where(weak, 0.3, 1.5) * x - 0.5 * weak))
        score = 1 / (1 + np.exp(1.5 - 1.5 * x))
        return Cohort(outcome=(rng.random(n) < risk).astype(float), score=score, groups=groups, threshold=0.3)

    rng = np.random.default_rng(4)
    whole = drawn(rng, 400_000, (0.5, 0.3, 0.2))
    truth = roc_auc_score(whole.outcome, whole.score), whole.outcome.sum() / whole.score.sum()
    held = np.zeros(2)
    for _ in range(100):
        cohort = drawn(rng, 2500, (0.8, 0.15, 0.05))
        assert cohort.groups is not None
        told = representativeness(cohort.groups, read_population(COUNTY), Requirements(), examined=cohort)
        by = {f.check: f for f in told.findings}
        for at, name in enumerate(("auroc", "observed-to-expected")):
            one = by[f"representativeness.{name}-there"]
            assert one.low is not None
            assert one.high is not None
            held[at] += one.low <= truth[at] <= one.high
    assert held.min() >= 90


def test_a_table_that_cannot_be_meant_is_refused_by_row() -> None:
    """Unknown attributes, double levels, sizes that are no numbers, and no size at all."""
    groups = people(5, 50, (0.5, 0.3, 0.2))
    for frame, words in (
        (pd.DataFrame({"attribute": ["race"], "level": ["a"]}), "no column"),
        (pd.DataFrame({"race": ["a", "a"], "share": [1, 2]}), "twice"),
        (pd.DataFrame({"race": ["a", "b"], "share": [1, "x"]}), "not a number"),
        (pd.DataFrame({"attribute": ["race & sex"], "level": ["a"], "share": [1]}), "different number"),
        (pd.DataFrame({"share": [1.0]}), "no attribute"),
        (pd.DataFrame({"race": ["a"], "share": [0.0]}), "nothing"),
    ):
        with pytest.raises(Invalid, match=words):
            read_population(frame)
    with pytest.raises(Invalid, match="do not have"):
        place(groups, read_population(pd.DataFrame({"payer": ["x"], "share": [1]})))
