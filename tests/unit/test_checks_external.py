"""Pooling over sites, and what is to be expected at a new one."""

from __future__ import annotations

import numpy as np
import pytest

from bedrail.checks import Cohort, examine
from bedrail.checks.external.pooling import pooled, pooled_ratios
from bedrail.core.values import Verdict

GUARDS = ("sites",)

# Collins et al. (1985), pre-eclampsia: log odds ratios and variances of nine trials, as in metafor's dat.collins1985b.
EFFECTS = np.array([0.0418, -0.9237, -1.1221, -1.4733, -1.3910, -0.2969, -0.2615, 1.0888, 0.1353])
VARIANCES = np.array([0.1596, 0.1177, 0.1780, 0.2989, 0.1143, 0.0146, 0.1207, 0.6864, 0.0679])


def cohort(seed: int, sites: int, rows: int, spread: float = 0.0) -> Cohort:
    """Sites of unequal size with true risks; with `spread`, each site's outcome odds are off by its own factor."""
    rng = np.random.default_rng(seed)
    site = rng.choice(sites, rows, p=rng.dirichlet(np.full(sites, 2.0)))
    x = rng.normal(size=rows) - 1.5
    off = spread * rng.normal(size=sites)
    outcome = (rng.random(rows) < 1 / (1 + np.exp(-x - off[site]))).astype(float)
    return Cohort(outcome=outcome, score=1 / (1 + np.exp(-x)), site=site.astype(str))


def test_the_pool_agrees_with_statsmodels() -> None:
    """Paule and Mandel's between-site variance and mean, Q and the Hartung-Knapp error are those of statsmodels."""
    from statsmodels.stats.meta_analysis import combine_effects

    ours = pooled(EFFECTS, VARIANCES)
    assert ours is not None
    theirs = combine_effects(EFFECTS, VARIANCES, method_re="iterated", use_t=True)
    assert ours.tau2 == pytest.approx(theirs.tau2, rel=1e-4)
    assert ours.mean == pytest.approx(theirs.mean_effect_re, rel=1e-4)
    assert ours.q == pytest.approx(theirs.q)
    assert ours.error == pytest.approx(theirs.sd_eff_w_re_hksj, rel=1e-4)


def test_the_limits_of_the_variance_invert_the_test() -> None:
    """At either limit the generalised Q stands at its quantile (Viechtbauer 2007)."""
    from scipy.stats import chi2

    ours = pooled(EFFECTS, VARIANCES)
    assert ours is not None
    for tau2, tail in zip(ours.tau2_limits, (0.975, 0.025), strict=True):
        weights = 1 / (VARIANCES + tau2)
        mean = np.sum(weights * EFFECTS) / weights.sum()
        assert np.sum(weights * (EFFECTS - mean) ** 2) == pytest.approx(chi2.ppf(tail, 8), rel=1e-6)


@pytest.mark.slow
def test_a_new_site_lies_in_its_interval_as_often_as_promised() -> None:
    """Prediction and confidence intervals of eight simulated sites hold the truth in at least 90 % of 300 trials."""
    rng, mean_in, new_in = np.random.default_rng(1), 0, 0
    for _ in range(300):
        variances = rng.uniform(0.02, 0.2, 8)
        truth = 1.0 + 0.3 * rng.normal(size=9)
        ours = pooled(truth[:8] + np.sqrt(variances) * rng.normal(size=8), variances)
        assert ours is not None
        assert ours.new is not None
        mean_in += ours.low <= 1.0 <= ours.high
        new_in += ours.new[0] <= truth[8] <= ours.new[1]
    assert mean_in >= 270
    assert new_in >= 270


@pytest.mark.slow
def test_hundreds_of_tiny_sites_give_a_spread_with_limits() -> None:
    """With 200 sites of some 12 patients, the limits of O/E's spread hold the truth, also when it is nothing."""
    rng, held, silent = np.random.default_rng(2), 0, 0
    for _ in range(40):
        expected = rng.uniform(0.3, 3.0, 200)
        for spread in (0.4, 0.0):
            ratio = rng.gamma(1 / spread**2, spread**2, 200) if spread else np.ones(200)
            told = pooled_ratios(rng.poisson(expected * ratio).astype(float), expected, expected)
            assert told is not None
            inside = told.spread_limits[0] <= spread <= told.spread_limits[1]
            held += inside if spread else 0
            silent += inside if not spread else 0
    assert held >= 34
    assert silent >= 37


@pytest.mark.slow
def test_planted_differences_between_sites_fail_and_none_pass() -> None:
    """Outcome odds off by site fail what is to be expected at a new one; 20 alike cohorts of 40 sites do not fail."""
    (evidence,) = examine(cohort(1, 40, 8000, spread=0.8), checks=["sites"])
    assert evidence.verdict is Verdict.FAIL
    told = [examine(cohort(seed, 40, 4000), checks=["sites"])[0].verdict for seed in range(20)]
    assert Verdict.FAIL not in told
    (large,) = examine(cohort(3, 8, 40_000), checks=["sites"])
    assert large.verdict is Verdict.PASS


def test_few_sites_say_nothing_of_the_next_one() -> None:
    """One site, no site, or three: missing where nothing can be concluded."""
    for given in (cohort(4, 1, 300), cohort(4, 3, 900)):
        (evidence,) = examine(given, checks=["sites"])
        new = [f for f in evidence.findings if f.check.endswith("new-site")]
        assert all(f.verdict is Verdict.MISSING for f in new)
    (evidence,) = examine(Cohort(outcome=np.array([0.0, 1.0]), score=np.array([0.1, 0.2])), checks=["sites"])
    assert evidence.verdict is Verdict.MISSING
