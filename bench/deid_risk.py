"""Fit and check the risk that something was missed in a note: `python bench/deid_risk.py --data FOLDER [--write]`.

FOLDER holds notes with gold spans (the schema of `bedrail deid evaluate`). A note leaks when a letter or digit of a
gold span is left outside all found spans. Weights are fitted on all corpora but one and checked on that one, in turn;
what is written is fitted on all. Corpora that the tagger learned from flatter it, so they are named in the result.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.metrics import brier_score_loss, roc_auc_score

from bedrail.privacy.text import load
from bedrail.privacy.text.places import STATES
from bedrail.privacy.text.residual import SIGNS, residue
from bedrail.privacy.text.risk import NAMES, features

CORPORA = ("notes_a", "outis_base", "outis_coverage", "outis_context", "outis_augment")
OUT = Path(__file__).parent.parent / "src/bedrail/privacy/text/data/risk.json"


def leaks(row: dict, spans: list) -> bool:
    """Whether a letter or digit of the gold is left."""
    covered = bytearray(len(row["text"]) + 1)
    for span in spans:
        covered[span.start : span.end] = b"\x01" * (span.end - span.start)
    for gold in row["spans"]:
        left = "".join(row["text"][at] for at in range(gold["start"], gold["end"]) if not covered[at])
        if any(c.isalnum() for c in left) and not (gold["label"] == "GEO" and left.strip(" ,.") in STATES):
            return True  # a state alone may stay, whatever the gold span holds
    return False


def measured(path: Path, mode: str) -> tuple[np.ndarray, np.ndarray]:
    """Features and leaks of a corpus."""
    detector = load("en", mode)
    xs, ys = [], []
    for line in path.open(encoding="utf-8"):
        row = json.loads(line)
        spans = detector.detect(row["text"])
        xs.append(features(row["text"], spans, residue(row["text"], spans)))
        ys.append(leaks(row, spans))
    return np.array(xs), np.array(ys, dtype=int)


def fitted(x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Intercept and weights of a logistic model, each corpus of the same weight.

    The prior of a sign's weight lies around 1 and it is never below 0.2: where the corpora say nothing of a sign (the
    detector finds all of its kind there), one left standing elsewhere still counts.
    """
    prior = np.array([0.0] + [1.0 if name in SIGNS else 0.0 for name in NAMES])
    tight = np.array([0.0] + [3.0] * len(NAMES))
    full = np.column_stack([np.ones(len(x)), x])

    def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
        z = full @ w
        value = np.sum(weight * (np.logaddexp(0, z) - y * z)) + 0.5 * np.sum(tight * (w - prior) ** 2)
        return value, full.T @ (weight * (expit(z) - y)) + tight * (w - prior)

    bounds = [(None, None)] + [(0.2, None) if name in SIGNS else (None, None) for name in NAMES]
    return minimize(loss, prior, jac=True, method="L-BFGS-B", bounds=bounds).x


def main() -> None:
    """Print the figures; write the weights when asked."""
    parser = argparse.ArgumentParser()
    known = os.environ.get("BEDRAIL_DATA")
    parser.add_argument("--data", type=Path, default=known, required=known is None)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    weights = {}
    for mode in ("full", "rules"):
        data = {name: measured(given.data / f"{name}.jsonl", mode) for name in CORPORA}
        print(f"{mode}: corpus, notes, share with a leak, mean risk, AUROC, Brier (Brier of the share itself)")
        for name, (x, y) in data.items():
            others = [data[other] for other in CORPORA if other != name]
            model = fitted(*together(others))
            p = expit(model[0] + x @ model[1:])
            auc = roc_auc_score(y, p) if 0 < y.mean() < 1 else float("nan")
            base = y.mean() * (1 - y.mean())
            brier = brier_score_loss(y, p)
            print(f"  {name:20} {len(y):5} {y.mean():.3f} {p.mean():.3f} {auc:.3f} {brier:.3f} ({base:.3f})")
        model = fitted(*together(list(data.values())))
        weights[mode] = [round(float(v), 4) for v in model]
        for feature, value in zip(("intercept", *NAMES), weights[mode], strict=True):
            print(f"    {feature:15} {value:+.3f}")
    if given.write:
        OUT.write_text(json.dumps({"fitted on": CORPORA, "weights": weights}, indent=1) + "\n")


def together(parts: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Corpora one under another, with weights that make them equal."""
    x, y = np.vstack([p[0] for p in parts]), np.concatenate([p[1] for p in parts])
    weight = np.concatenate([np.full(len(p[1]), 500 / len(p[1])) for p in parts])
    return x, y, weight


if __name__ == "__main__":
    main()
