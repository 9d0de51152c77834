"""Membership inference by LiRA against a loss threshold, for models that overfit more and more, on diabetes130.

    python bench/membership.py --data .../diabetes130/diabetic_data.csv.gz [--patients 10000] [--shadows 64] [--json F]

Encounters of that many patients; each model is trained `--shadows` times on a random half of the patients, and each of
its shadows is attacked by the others. Figures are the true-positive rates at 1 % and 0.1 % false positives with 95 %
intervals (targets and patients drawn again), and the CPU time of training and of the attack. `random` is a model
that learnt nothing: its rates must be the false-positive rates. Exits 1 when LiRA does not find the random forest, or
finds what a model without any training data cannot show.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from bedrail.checks.attacks.rates import Pooled, pooled_rates
from bedrail.privacy.attacks import draw_memberships, likelihood_ratios, loss_scores, strongest_clip, train_shadows

FPRS = (0.01, 0.001)
SEED = 20261122


def table(path: Path, patients: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows (n, k) with categories one-hot, readmission within 30 days, and the patient of each row."""
    frame = pd.read_csv(path, na_values="?", low_memory=False)
    chosen = np.random.default_rng(SEED).permutation(frame["patient_nbr"].unique())[:patients]
    frame = frame[frame["patient_nbr"].isin(chosen)].reset_index(drop=True)
    y = (frame["readmitted"] == "<30").to_numpy(float)
    patient = pd.factorize(frame["patient_nbr"])[0].astype(np.int64)
    drop = ["readmitted", "patient_nbr", "encounter_id", "weight", "diag_1", "diag_2", "diag_3"]
    inputs = frame.drop(columns=drop).astype({"admission_type_id": str, "discharge_disposition_id": str,
                                              "admission_source_id": str})  # fmt: skip
    wide = pd.get_dummies(inputs, dummy_na=False)
    wide = wide.loc[:, wide.nunique() > 1]
    return wide.to_numpy(np.float64), y, patient


def makers() -> dict[str, Callable[[int], object]]:
    """Each model by its name, made anew with a seed."""
    from interpret.glassbox import ExplainableBoostingClassifier
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from xgboost import XGBClassifier

    def boosted(depth: int) -> Callable[[int], object]:
        return lambda seed: XGBClassifier(max_depth=depth, n_estimators=100, n_jobs=1, random_state=seed)

    return {
        "logistic": lambda seed: make_pipeline(StandardScaler(), LogisticRegression(max_iter=300, random_state=seed)),
        "EBM": lambda seed: ExplainableBoostingClassifier(
            n_jobs=1, random_state=seed, outer_bags=1, interactions=0, max_rounds=400
        ),
        "XGBoost depth 3": boosted(3),
        "XGBoost depth 8": boosted(8),
        "random forest": lambda seed: RandomForestClassifier(100, n_jobs=1, random_state=seed),
    }


def attacked(
    train: Callable[[np.ndarray, int], np.ndarray], y: np.ndarray, patient: np.ndarray, shadows: int
) -> tuple[Pooled, Pooled, float, float]:
    """LiRA, the loss threshold, and CPU seconds of training and of both attacks."""
    rng = np.random.default_rng(SEED)
    members = draw_memberships(int(patient.max()) + 1, shadows, rng)
    start = time.process_time()
    made = train_shadows(train, y, patient, members)
    trained = time.process_time()
    clip = strongest_clip(made)
    ratios = np.stack([likelihood_ratios(made, left_out=t, clip=clip) for t in range(shadows)])
    losses = np.stack([loss_scores(row, y, patient, made.patients) for row in made.scores])
    lira = pooled_rates(ratios, members, FPRS, 0.95, 100, rng)
    loss = pooled_rates(losses, members, FPRS, 0.95, 100, rng)
    return lira, loss, trained - start, time.process_time() - trained


def words(rate: tuple[float, float, float]) -> str:
    return f"{rate[0]:.4f} ({rate[1]:.4f}-{rate[2]:.4f})"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument(
        "--data", type=Path, default=os.environ.get("BEDRAIL_DATA"), required="BEDRAIL_DATA" not in os.environ
    )
    options.add_argument("--patients", type=int, default=10_000)
    options.add_argument("--shadows", type=int, default=64)
    options.add_argument("--json", type=Path)
    options.add_argument("--only", default="")
    chosen = options.parse_args()
    X, y, patient = table(Path(chosen.data), chosen.patients)
    print(
        f"{len(y)} encounters of {patient.max() + 1} patients, {X.shape[1]} columns, {chosen.shadows} shadows",
        flush=True,
    )

    def fitted(make: Callable[[int], object]) -> Callable[[np.ndarray, int], np.ndarray]:
        def train(rows: np.ndarray, seed: int) -> np.ndarray:
            model = make(seed).fit(X[rows], y[rows])  # type: ignore[attr-defined]
            return np.asarray(model.predict_proba(X)[:, 1], dtype=np.float64)

        return train

    def nothing(rows: np.ndarray, seed: int) -> np.ndarray:
        return np.random.default_rng(seed).uniform(0.05, 0.3, size=len(y))

    found: dict[str, dict[str, object]] = {}
    for name, train in {"random": nothing, **{n: fitted(m) for n, m in makers().items()}}.items():
        if chosen.only and name not in chosen.only.split(","):
            continue
        lira, loss, training, attack = attacked(train, y, patient, chosen.shadows)
        print(
            f"{name:16} LiRA 1 %: {words(lira.tails[0.01])}  0.1 %: {words(lira.tails[0.001])}  AUC {words(lira.auc)}\n"
            f"{'':16} loss 1 %: {words(loss.tails[0.01])}  0.1 %: {words(loss.tails[0.001])}  AUC {words(loss.auc)}\n"
            f"{'':16} CPU {training:.0f} s training, {attack:.0f} s attack",
            flush=True,
        )
        found[name] = {"lira": lira.tails, "lira_auc": lira.auc, "loss": loss.tails, "loss_auc": loss.auc}
    if chosen.json:
        chosen.json.write_text(json.dumps(found, indent=1))
    honest = "random" not in found or found["random"]["lira"][0.01][1] <= 0.01  # type: ignore[index]
    sharp = "random forest" not in found or found["random forest"]["lira"][0.01][1] > 0.05  # type: ignore[index]
    sys.exit(0 if honest and sharp else 1)


if __name__ == "__main__":
    main()
