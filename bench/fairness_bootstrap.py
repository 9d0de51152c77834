"""1,000 bootstrap draws of 3 metrics over 36 intersections of 20,000 rows: Bedrail against Fairlearn, same run.

Fairlearn's MetricFrame is timed at a few draws and extrapolated linearly; both use sensitivity, specificity and PPV.

    OMP_NUM_THREADS=1 nice python bench/fairness_bootstrap.py [--rows 20000] [--peer-draws 5]
"""

from __future__ import annotations

import argparse
import time
import warnings

import numpy as np
import pandas as pd

from bedrail.checks.bootstrap import confusion, confusion_rate

METRICS = ("sensitivity", "specificity", "ppv")


def data(rows: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, pd.DataFrame, np.ndarray]:
    """Outcome, alert, two group columns (6 x 6 levels) and patients with one to three rows."""
    lean = rng.normal(size=rows)
    outcome = (rng.random(rows) < 1 / (1 + np.exp(2.2 - lean))).astype(float)
    alert = lean + rng.normal(size=rows) > 0.5
    subject = np.sort(rng.integers(0, rows * 2 // 3, rows))
    groups = pd.DataFrame({name: rng.choice(list("uvwxyz"), rows)[subject] for name in ("race", "age_band")})
    return outcome, alert, groups, subject


def ours(outcome, alert, groups, subject, draws, rng):
    """Seconds and intervals (3, 36, 2), from raw columns to percentiles."""
    start = time.perf_counter()
    codes = groups["race"].astype("category").cat.codes.to_numpy(np.int64) * 6
    codes = codes + groups["age_band"].astype("category").cat.codes.to_numpy(np.int64)
    _, drawn = confusion(outcome, alert, codes, 36, subject, draws, rng)
    bounds = [np.nanquantile(confusion_rate(metric, drawn), [0.025, 0.975], axis=0) for metric in METRICS]
    return time.perf_counter() - start, np.array(bounds)


def fairlearn(outcome, alert, groups, draws):
    """Seconds of MetricFrame with `draws` bootstrap draws."""
    from fairlearn.metrics import MetricFrame
    from sklearn.metrics import precision_score, recall_score

    def sensitivity(y_true, y_pred):
        return recall_score(y_true, y_pred, zero_division=0)

    def specificity(y_true, y_pred):
        return recall_score(y_true, y_pred, pos_label=0, zero_division=0)

    def ppv(y_true, y_pred):
        return precision_score(y_true, y_pred, zero_division=0)

    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frame = MetricFrame(
            metrics={"sensitivity": sensitivity, "specificity": specificity, "ppv": ppv},
            y_true=outcome.astype(int),
            y_pred=alert.astype(int),
            sensitive_features=groups,
            n_boot=draws,
            ci_quantiles=[0.025, 0.975],
            random_state=1,
        )
        _ = frame.by_group_ci
    return time.perf_counter() - start


def main() -> None:
    """Print seconds of both and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--draws", type=int, default=1_000)
    parser.add_argument("--peer-draws", type=int, default=5)
    options = parser.parse_args()
    rng = np.random.default_rng(1)
    outcome, alert, groups, subject = data(options.rows, rng)
    ours(outcome, alert, groups, None, 10, rng)
    times = sorted(ours(outcome, alert, groups, None, options.draws, rng)[0] for _ in range(7))
    clustered = sorted(ours(outcome, alert, groups, subject, options.draws, rng)[0] for _ in range(5))
    print(f"bedrail, rows:     {times[3] * 1000:8.1f} ms for {options.draws} draws (best {times[0] * 1000:.1f})")
    print(
        f"bedrail, patients: {clustered[2] * 1000:8.1f} ms for {options.draws} draws (best {clustered[0] * 1000:.1f})"
    )
    few = max(1, options.peer_draws // 5)
    short, long = fairlearn(outcome, alert, groups, few), fairlearn(outcome, alert, groups, few + options.peer_draws)
    draw = (long - short) / options.peer_draws
    peer = short + draw * (options.draws - few)
    print(f"fairlearn: {long:.1f} s for {few + options.peer_draws} draws, so {peer:.0f} s for {options.draws}")
    print(f"ratio: {peer / times[3]:.0f} (rows), {peer / clustered[2]:.0f} (patients)")
    print(f"target: under 200 ms: {'met' if times[3] < 0.2 else 'MISSED'}")


if __name__ == "__main__":
    main()
