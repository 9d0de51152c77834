"""How truly a surrogate repeats what the model says, for all patients and in every group."""

from __future__ import annotations

import numpy as np

from bedrail.checks.intervals import rate_interval
from bedrail.checks.question import against
from bedrail.checks.values import Floats, Ints, Requirements
from bedrail.core.values import Finding, Verdict
from bedrail.models.explain.lime import log_odds, weighted_r2

DRAWS = 500


def r2_interval(
    truth: Floats, said: Floats, patient: Ints, confidence: float, rng: np.random.Generator
) -> tuple[float, float, float]:
    """(R2, low, high) of `said` for `truth` (n,): percentile bootstrap over patients, on each patient's sums.

    R2 is 1 - sum((t - s)^2) / (sum(t^2) - sum(t)^2 / n), and all four sums are sums over patients.
    """
    sums = np.stack(
        [np.bincount(patient, weights=w) for w in (np.ones(len(truth)), truth, truth**2, (truth - said) ** 2)]
    )
    sums = sums[:, sums[0] > 0]
    k = sums.shape[1]
    n, total, square, missed = sums @ rng.multinomial(k, np.full(k, 1 / k), size=DRAWS).T.astype(np.float64)
    spread = square - total**2 / n
    drawn = 1 - missed / np.where(spread > 0, spread, np.nan)
    estimate = weighted_r2(truth, said)
    tail = (1 - confidence) / 2
    if not np.isfinite(drawn).any():
        return estimate, -1.0, 1.0
    low, high = np.nanquantile(drawn, [tail, 1 - tail])
    return estimate, min(float(low), estimate), max(float(high), estimate)


def fidelity_findings(
    answers: Floats,
    said: Floats | None,
    groups: dict[str, np.ndarray],
    patient: Ints,
    cut: float | None,
    requirements: Requirements,
    rng: np.random.Generator,
) -> list[Finding]:
    """R2 of log-odds, and agreement on which side of `cut` a patient is, overall and in each group of enough patients.

    Nothing for a model that explains itself (`said` is None).
    """
    if said is None:
        return []
    where: list[tuple[str, np.ndarray]] = [("overall", np.ones(len(answers), dtype=np.bool_))]
    for column, values in groups.items():
        for level in np.unique(values.astype(str)):
            where.append((f"{column}={level}", values.astype(str) == level))
    findings = []
    for name, rows in where:
        if len(np.unique(patient[rows])) < max(requirements.min_group, 20):
            continue
        findings += _group(name, answers[rows], said[rows], patient[rows], cut, requirements, rng)
    return findings


def _group(
    name: str, answers: Floats, said: Floats, patient: Ints, cut: float | None, requirements: Requirements,
    rng: np.random.Generator,
) -> list[Finding]:  # fmt: skip
    _, patient = np.unique(patient, return_inverse=True)
    low_high = r2_interval(log_odds(answers), log_odds(said), patient, requirements.confidence, rng)
    found = [_finding("fidelity", name, low_high, requirements.min_surrogate_fidelity, "explains", len(answers))]
    if cut is not None:
        same = ((answers >= cut) == (said >= cut)).astype(np.float64)
        told = rate_interval(same, patient, requirements.confidence)
        found.append(_finding("same-side", name, told, requirements.min_surrogate_agreement, "agrees on", len(answers)))
    return found


def _finding(name: str, group: str, found: tuple[float, float, float], bound: float, what: str, n: int) -> Finding:
    estimate, low, high = found
    verdict = against(low, high, bound)
    of = "of the differences between answers" if what == "explains" else "of patients, above or below the threshold"
    reason = f"The surrogate {what} {estimate:.0%} {of}; {bound:.0%} is asked." + (
        " Its reasons cannot be trusted." if verdict is Verdict.FAIL else ""
    )
    return Finding(check=f"explanations.{name}", group=group, verdict=verdict, estimate=estimate, low=low, high=high,
                   n=n, reason=reason)  # fmt: skip
