"""Exact Tree SHAP: Bedrail against shap.TreeExplainer and LightGBM's pred_contrib, interleaved in one run.

LightGBM, 200 trees x 31 leaves x 30 features. Each round asks every method once, single rows and then a batch; ratios
are medians of per-round ratios of CPU time, which contention distorts less than wall time. Run:

    OMP_NUM_THREADS=1 python bench/tree_shap.py [--rounds 7] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import lightgbm as lgb
import numpy as np
import shap

from bedrail.models.trees import COMPILED, TreeEnsemble

SINGLE, BATCH = 40, 400


def trained() -> tuple[lgb.Booster, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20_000, 30))
    X[:, 20:] = rng.poisson(2.0, size=(20_000, 10))
    logit = X[:, 0] + X[:, 1] * X[:, 2] + 0.3 * X[:, 20] - np.abs(X[:, 3]) + 0.2 * X[:, 4:12].sum(axis=1)
    y = (logit + rng.logistic(size=20_000) > 2).astype(int)
    settings = {"objective": "binary", "num_leaves": 31, "learning_rate": 0.05, "num_threads": 1, "verbose": -1}
    return lgb.train(settings, lgb.Dataset(X, y), 200), X


def cpu(call: Callable[[], object]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--json", type=Path)
    chosen = options.parse_args()
    warnings.simplefilter("ignore")

    booster, X = trained()
    text = booster.model_to_string()
    start = time.perf_counter()
    ours = TreeEnsemble.from_lightgbm_text(text)
    reading = time.perf_counter() - start
    plain = TreeEnsemble(ours.trees, features=ours.features, intercept=ours.intercept, compiled=False)
    explainer = shap.TreeExplainer(booster)
    batch = np.ascontiguousarray(X[:BATCH])
    rows = [np.ascontiguousarray(X[i]) for i in range(SINGLE)]
    single: dict[str, Callable[[np.ndarray], object]] = {
        "bedrail": ours.shap_row,
        "bedrail, numpy": plain.shap_row,
        "shap.TreeExplainer": lambda row: explainer.shap_values(row[None, :]),
        "LightGBM pred_contrib": lambda row: booster.predict(row[None, :], pred_contrib=True, num_threads=1),
    }
    many: dict[str, Callable[[np.ndarray], object]] = {
        "bedrail": ours.shap,
        "bedrail, numpy": plain.shap,
        "shap.TreeExplainer": explainer.shap_values,
        "LightGBM pred_contrib": lambda m: booster.predict(m, pred_contrib=True, num_threads=1),
    }
    for ask in single.values():  # warm
        ask(rows[0])
    for ask in many.values():
        ask(batch[:2])

    spent: dict[str, dict[str, list[float]]] = {"single row": {n: [] for n in single}, "batch": {n: [] for n in many}}
    for _ in range(chosen.rounds):
        for name, ask in single.items():
            # The quick ones repeat, so that the clock's grain does not show.
            repeats = 20 if name == "bedrail" else 1
            took = cpu(lambda ask=ask, repeats=repeats: [ask(row) for _ in range(repeats) for row in rows])
            spent["single row"][name].append(took / SINGLE / repeats * 1e6)
        for name, ask in many.items():
            spent["batch"][name].append(cpu(lambda ask=ask: ask(batch)) / BATCH * 1e6)

    theirs = booster.predict(batch, pred_contrib=True)
    by_shap = np.asarray(explainer.shap_values(batch))
    by_shap = by_shap[1] if by_shap.ndim == 3 else by_shap
    margins = booster.predict(batch, raw_score=True)
    errors = {
        "vs pred_contrib": float(np.abs(ours.shap(batch) - theirs[:, :-1]).max()),
        "vs shap": float(np.abs(ours.shap(batch) - by_shap).max()),
        "numpy vs pred_contrib": float(np.abs(plain.shap(batch) - theirs[:, :-1]).max()),
        "base": abs(ours.base - float(theirs[0, -1])),
        "margins": float(np.abs(ours.margins(batch) - margins).max()),
    }
    margin_us = min(cpu(lambda: [ours.margin(row) for _ in range(50) for row in rows]) for _ in range(5)) / SINGLE / 50

    print(f"compiled kernel: {COMPILED}; reading the model: {reading * 1e3:.0f} ms; a margin: {margin_us * 1e6:.1f} us")
    table = {}
    for kind, figures in spent.items():
        print(f"\n{kind}, CPU us a row (median of {chosen.rounds} rounds)")
        for name, took in figures.items():
            ratio = statistics.median(b / a for a, b in zip(figures["bedrail"], took, strict=True))
            table[f"{kind}, {name}"] = {"us": statistics.median(took), "ratio": ratio}
            print(f"  {name:24s} {statistics.median(took):10.1f}   {ratio:8.1f} x bedrail")
    print("\nlargest differences:", ", ".join(f"{name} {value:.1e}" for name, value in errors.items()))
    if chosen.json:
        chosen.json.parent.mkdir(parents=True, exist_ok=True)
        chosen.json.write_text(json.dumps({"compiled": COMPILED, "cpu": table, "errors": errors}, indent=2))
    least = min(table[f"{k}, {n}"]["ratio"] for k in spent for n in ("shap.TreeExplainer", "LightGBM pred_contrib"))
    exact = max(errors.values()) <= 1e-9
    print(f"at least 10 x both peers: {least >= 10} ({least:.1f}); errors at most 1e-9: {exact}")
    sys.exit(0 if least >= 10 and exact else 1)


if __name__ == "__main__":
    main()
