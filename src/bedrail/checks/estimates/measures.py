"""Every estimate for outcomes of two classes under one name, asked of a cohort in one way."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bedrail.checks.calibration import observed_to_expected
from bedrail.checks.comparison import auroc_difference
from bedrail.checks.discrimination import auroc
from bedrail.checks.estimates import alerts, gaps, losses
from bedrail.checks.estimates.precision import average_precision
from bedrail.checks.estimates.recalibrated import intercept_and_slope
from bedrail.checks.intervals import Measured, quantile, rate_interval
from bedrail.checks.thresholds import RATES, part
from bedrail.checks.values import Cohort
from bedrail.core.errors import Invalid

Measure = Callable[[Cohort, float, np.random.Generator], Measured | None]
DRAWS = 500
FEWEST = 2


def estimate(name: str, cohort: Cohort, *, confidence: float = 0.95, seed: int = 0) -> Measured | None:
    """One measure of a cohort (any name of `MEASURES`) with its interval; None where the data cannot give one.

    Rows of one patient (`cohort.subject`) are one cluster. Measures of an alert use `cohort.threshold`, differences
    `cohort.baseline`. `seed` rules the draws of measures that are drawn. Raises `Invalid` for an unknown name.
    """
    if name not in MEASURES:
        raise Invalid(f"there is no measure {name!r}.", path="name", remedy=f"Use one of: {', '.join(MEASURES)}.")
    return MEASURES[name](cohort, confidence, np.random.default_rng(seed))


def _auroc(cohort: Cohort, confidence: float, _rng: np.random.Generator) -> Measured | None:
    found = auroc(cohort.outcome, cohort.score, cohort.clusters)
    return None if found is None else Measured(found.estimate, *found.interval(confidence), found.error)


def _auroc_difference(cohort: Cohort, confidence: float, _rng: np.random.Generator) -> Measured | None:
    cases = int(cohort.outcome.sum())
    if cohort.baseline is None or min(cases, cohort.n - cases) < FEWEST:
        return None
    found = auroc_difference(cohort.outcome, cohort.score, cohort.baseline, cohort.clusters, confidence)
    return None if found is None else Measured(*found)


def _rate(metric: str) -> Measure:
    def measure(cohort: Cohort, confidence: float, _rng: np.random.Generator) -> Measured | None:
        rows, hits = part(metric, cohort.outcome, cohort.alert)
        if not rows.any():
            return None
        clusters = None if cohort.clusters is None else cohort.clusters[rows]
        rate, low, high = rate_interval(hits[rows], clusters, confidence)
        return Measured(rate, low, high, (high - low) / 2 / quantile(confidence))

    return measure


def _number_needed(cohort: Cohort, confidence: float, rng: np.random.Generator) -> Measured | None:
    ppv = MEASURES["ppv"](cohort, confidence, rng)
    if ppv is None or ppv.estimate == 0:
        return None
    low, high = 1 / ppv.high, 1 / max(ppv.low, 1e-9)
    return Measured(1 / ppv.estimate, low, high, ppv.error / ppv.estimate**2)


def _observed(cohort: Cohort, confidence: float, _rng: np.random.Generator) -> Measured | None:
    return observed_to_expected(cohort.outcome, cohort.score, cohort.clusters, confidence)


def _recalibrated(place: int) -> Measure:
    def measure(cohort: Cohort, confidence: float, _rng: np.random.Generator) -> Measured | None:
        found = intercept_and_slope(cohort.outcome, cohort.score, cohort.clusters, confidence)
        return None if found is None else found[place]

    return measure


def _of_scores(function: Callable[..., Measured | None]) -> Measure:
    return lambda cohort, confidence, _rng: function(cohort.outcome, cohort.score, cohort.clusters, confidence)


def _of_alerts(function: Callable[..., Measured | None]) -> Measure:
    return lambda cohort, confidence, _rng: function(cohort.outcome, cohort.alert, cohort.clusters, confidence)


def _drawn(function: Callable[..., Measured | None]) -> Measure:
    return lambda cohort, confidence, rng: function(
        cohort.outcome, cohort.score, cohort.clusters, confidence, DRAWS, rng
    )


def _noise(cohort: Cohort, confidence: float, _rng: np.random.Generator) -> Measured | None:
    return gaps.noise(cohort.outcome, cohort.clusters, confidence)


def _net_benefit(cohort: Cohort, confidence: float, _rng: np.random.Generator) -> Measured | None:
    if not cohort.n or not 0 < cohort.cut < 1:
        return None
    return alerts.net_benefit(cohort.outcome, cohort.alert, cohort.cut, cohort.clusters, confidence)


def _over_all(cohort: Cohort, confidence: float, _rng: np.random.Generator) -> Measured | None:
    everyone = np.ones(cohort.n, dtype=np.bool_)
    if not cohort.n or not 0 < cohort.cut < 1:
        return None
    return alerts.net_benefit_difference(
        cohort.outcome, cohort.alert, everyone, cohort.cut, cohort.clusters, confidence
    )


def _over_baseline(cohort: Cohort, confidence: float, _rng: np.random.Generator) -> Measured | None:
    if cohort.baseline is None or not cohort.n or not 0 < cohort.cut < 1:
        return None
    other = np.asarray(cohort.baseline >= cohort.cut)
    return alerts.net_benefit_difference(cohort.outcome, cohort.alert, other, cohort.cut, cohort.clusters, confidence)


MEASURES: dict[str, Measure] = {
    "auroc": _auroc,
    "auroc-difference": _auroc_difference,
    "auprc": _of_scores(average_precision),
    **{metric: _rate(metric) for metric in RATES},
    "number-needed-to-evaluate": _number_needed,
    "f1": _of_alerts(alerts.f_measure),
    "balanced-accuracy": _of_alerts(alerts.balanced_accuracy),
    "mcc": _of_alerts(alerts.matthews),
    "brier": _of_scores(losses.brier_score),
    "brier-skill": _of_scores(losses.brier_skill),
    "reliability": _drawn(gaps.reliability),
    "resolution": _drawn(gaps.resolution),
    "uncertainty": _noise,
    "log-loss": _of_scores(losses.log_loss),
    "log-skill": _of_scores(losses.log_skill),
    "observed-to-expected": _observed,
    "intercept": _recalibrated(0),
    "slope": _recalibrated(1),
    "calibration-error": _drawn(gaps.calibration_gap),
    "net-benefit": _net_benefit,
    "net-benefit-over-all": _over_all,
    "net-benefit-difference": _over_baseline,
}
