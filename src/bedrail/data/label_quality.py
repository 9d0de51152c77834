"""Are the labels complete, in time, consistent, and how many of them may be wrong?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from bedrail.core.values import Value, Verdict
from bedrail.data.profile import SMALLEST_CELL
from bedrail.data.quality_values import Limits, QualityFinding, found
from bedrail.data.roles import DataRoles

if TYPE_CHECKING:
    import pandas as pd

FOLDS = 5
MOST_ROWS = 20_000
DRAWS = 200
LEAST_AUROC = 0.8
"""Below it, classes overlap so much that a doubtful label and a hard patient look the same."""


class LabelNoise(Value, frozen=True, kw_only=True):
    """An upper estimate of the share of wrong labels with its 95 % interval; not `told` when the data cannot tell."""

    told: bool
    rows: int
    auroc: float
    share: float = 0.0
    low: float = 0.0
    high: float = 0.0
    reason: str = ""


def label_findings(
    frame: pd.DataFrame, roles: DataRoles, features: list[str], limits: Limits
) -> Iterator[QualityFinding]:
    """Same patient and time with two outcomes; same inputs with two outcomes; sites and periods without labels."""
    rows = len(frame)
    with_label = frame[frame[roles.outcome].notna()]
    twice = _conflicting(with_label, [roles.subject, roles.time], roles.outcome)
    yield found("label-quality", roles.outcome, "warn", twice, rows, 0.0, "share patient and time with another outcome")
    present = [name for name in features if name in frame.columns]
    if present:
        alike = _conflicting(with_label, present, roles.outcome)
        said = "have exactly the inputs of a row with the other outcome"
        yield found("label-quality", roles.outcome, "warn", alike, rows, max(limits.max_conflicting, 0.05), said)
    if roles.site:
        yield from _by_site(frame, roles)


def _conflicting(frame: pd.DataFrame, by: list[str], outcome: str) -> int:
    """Rows in groups of equal `by` that hold more than one outcome."""
    if frame.empty:
        return 0
    return int((frame.groupby(by, dropna=False, observed=True)[outcome].transform("nunique") > 1).sum())


def _by_site(frame: pd.DataFrame, roles: DataRoles) -> Iterator[QualityFinding]:
    """A site that never has the outcome, though it has patients enough, most likely does not record it."""
    rate = float((frame[roles.outcome] == 1).mean())
    silent = 0
    for _, part in frame.groupby(roles.site, observed=True):
        expected = rate * len(part)
        if expected >= 10 and not (part[roles.outcome] == 1).any():
            silent += len(part)
    yield found(
        "label-quality", roles.site, "warn", silent, len(frame), 0.0, "stand at a site that never has the outcome"
    )


def label_noise(frame: pd.DataFrame, outcome: str, features: list[str], subject: str, *, seed: int = 0) -> LabelNoise:
    """Estimate the share of wrong labels by confident learning (Northcutt, Jiang and Chuang 2021, JAIR 70).

    Out-of-fold probabilities (patients kept together) count a label as doubtful when another class is more probable
    than that class is, on average, among its own; counts are calibrated to the class sizes. The interval is from the
    2.5 % to the 97.5 % quantile over 200 bootstrap draws of patients with the probabilities held. Where the classes
    cannot be told apart well (out-of-fold AUROC below 0.8) the method takes hard patients for wrong labels, and nothing
    is told.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import GroupKFold

    rng = np.random.default_rng(seed)
    rows = frame[frame[outcome].isin([0, 1])]
    if len(rows) > MOST_ROWS:
        rows = rows.iloc[np.sort(rng.choice(len(rows), MOST_ROWS, replace=False))]
    y = rows[outcome].to_numpy(dtype=int)
    people = rows[subject].astype(str).to_numpy()
    if min(int(y.sum()), int((1 - y).sum())) < 50 or len(np.unique(people)) < FOLDS:
        return LabelNoise(told=False, rows=len(rows), auroc=0.5, reason="fewer than 50 rows of one outcome")
    if not features:
        return LabelNoise(told=False, rows=len(rows), auroc=0.5, reason="no inputs")
    X = _matrix(rows, features)
    p = np.empty(len(rows))
    for train, test in GroupKFold(FOLDS).split(X, y, people):
        model = HistGradientBoostingClassifier(max_iter=60, max_leaf_nodes=15, random_state=seed)
        p[test] = model.fit(X[train], y[train]).predict_proba(X[test])[:, 1]
    area = float(roc_auc_score(y, p))
    if area < LEAST_AUROC:
        reason = f"outcomes cannot be told apart well enough from the inputs (AUROC {area:.2f})"
        return LabelNoise(told=False, rows=len(rows), auroc=area, reason=reason)
    share = _doubtful(y, p)
    _, member = np.unique(people, return_inverse=True)
    order = np.argsort(member, kind="stable")
    starts = np.concatenate(([0], np.flatnonzero(np.diff(member[order])) + 1, [len(member)]))
    drawn = []
    for _ in range(DRAWS):
        chosen = rng.integers(0, len(starts) - 1, len(starts) - 1)
        index = np.concatenate([order[starts[c] : starts[c + 1]] for c in chosen])
        drawn.append(_doubtful(y[index], p[index]))
    low, high = np.quantile(drawn, (0.025, 0.975))
    return LabelNoise(told=True, rows=len(rows), auroc=area, share=share, low=float(low), high=float(high))


def _doubtful(y: np.ndarray, p: np.ndarray) -> float:
    """The calibrated off-diagonal share of the confident joint."""
    if y.all() or not y.any():
        return 0.0
    thresholds = (float((1 - p[y == 0]).mean()), float(p[y == 1].mean()))
    sure = np.column_stack([(1 - p) >= thresholds[0], p >= thresholds[1]])
    best = np.where(sure.all(axis=1), (p >= 0.5).astype(int), np.where(sure[:, 1], 1, 0))
    counted = sure.any(axis=1)
    total = 0.0
    for given in (0, 1):
        mine = counted & (y == given)
        if mine.any():
            total += float((y == given).mean()) * float((best[mine] != given).mean())
    return total


def _matrix(rows: pd.DataFrame, features: list[str]) -> np.ndarray:
    columns = []
    for name in features:
        column = rows[name]
        if column.dtype.kind in "iufb":
            columns.append(column.to_numpy(dtype=float, na_value=np.nan))
        else:
            codes = column.astype("category").cat.codes.to_numpy(dtype=float)
            columns.append(np.where(codes < 0, np.nan, codes))
    return np.column_stack(columns)


def noise_finding(noise: LabelNoise, outcome: str, limit: float = 0.05) -> QualityFinding:
    """As a warning that never fails by itself: the method takes hard patients for wrong labels, and bounds from above.

    A pass when even the upper end is within the limit; beyond it the verdict is `missing`: have labels looked at.
    """
    if not noise.told:
        return QualityFinding(
            rule="label-quality", column=outcome, level="warn", verdict=Verdict.MISSING, rows=noise.rows, share=0.0,
            reason=f"wrong labels: not told, {noise.reason}",
        )  # fmt: skip
    bad = max(round(noise.share * noise.rows), 0)
    said = f"at most about {noise.share:.1%} of labels are wrong ({noise.low:.1%} to {noise.high:.1%})"
    said += f", estimated on {noise.rows} rows" if noise.rows >= SMALLEST_CELL else ""
    return QualityFinding(
        rule="label-quality", column=outcome, level="warn", rows=bad, share=noise.share, reason=said,
        verdict=Verdict.MISSING if noise.high > limit else Verdict.PASS,
    )  # fmt: skip
