"""Explanations: time a row and order of reasons of Bedrail's LIME and surrogate against lime and shap, in one run.

    python -m venv /tmp/peers-explain && /tmp/peers-explain/bin/pip install lime==0.2.0.1 "shap<0.52" scikit-learn
    OMP_NUM_THREADS=1 python bench/explain.py --peers /tmp/peers-explain/bin/python [--rows 20] [--json FILE]

A random forest of 50 trees on 12 made-up inputs is the black box, trained anew from the same seed on both sides (the
peers live in an environment of their own). Both LIMEs ask 2,000 questions a row; shap's KernelExplainer 2,000 about 50
background rows. CPU time a row by `process_time`; the agreement is the mean Spearman correlation of absolute shares, of
one method with exact Tree SHAP, and of a method with itself asked again. Exits 1 when our LIME agrees less
with Tree SHAP than lime does, by more than 0.1.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from sklearn.ensemble import RandomForestClassifier

ROWS, FEATURES, ASKED = 3_000, 12, 2_000

PEER = """
import importlib.util, json, sys, time, warnings
warnings.filterwarnings("ignore")
import numpy as np
import lime.lime_tabular, shap
spec = importlib.util.spec_from_file_location("explain_bench", sys.argv[2])
bench = importlib.util.module_from_spec(spec)
spec.loader.exec_module(bench)
FEATURES, ASKED = bench.FEATURES, bench.ASKED
model, X, names = bench.black_box()
rows = int(sys.argv[1])
made = lime.lime_tabular.LimeTabularExplainer(X, feature_names=names, random_state=0)
def lime_row(row):
    found = made.explain_instance(row, model.predict_proba, num_features=FEATURES, num_samples=ASKED)
    shares = np.zeros(FEATURES)
    for at, share in found.as_map()[1]: shares[at] = share
    return shares.tolist()
def timed(call):
    start = time.process_time(); told = [call(X[i]) for i in range(rows)]
    return (time.process_time() - start) / rows, told
first, again = timed(lime_row), timed(lime_row)
kernel = shap.KernelExplainer(lambda x: model.predict_proba(x)[:, 1], X[:50])
kernel_row = lambda row: kernel.shap_values(row, nsamples=ASKED, silent=True).tolist()
k = timed(kernel_row)
tree = shap.TreeExplainer(model)
exact = [tree.shap_values(X[i:i+1])[0, :, 1].tolist() for i in range(rows)]
print(json.dumps({"lime": first, "again": again, "kernel": k, "tree": exact}))
"""


def black_box() -> tuple[RandomForestClassifier, np.ndarray, list[str]]:
    """The same forest on both sides."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(ROWS, FEATURES))
    margin = 1.5 * X[:, 0] - X[:, 1] + 0.8 * X[:, 2] * (X[:, 3] > 0) + 0.4 * X[:, 4] - 0.5
    y = rng.random(ROWS) < 1 / (1 + np.exp(-margin))
    model = RandomForestClassifier(50, min_samples_leaf=20, random_state=0, n_jobs=1).fit(X, y)
    return model, X, [f"x{i}" for i in range(FEATURES)]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--peers", type=Path, help="The Python of an environment with lime and shap.")
    options.add_argument("--rows", type=int, default=20)
    options.add_argument("--json", type=Path)
    chosen = options.parse_args()

    from bedrail.checks.explanations.similarity import rank_agreement
    from bedrail.models.contract import Contract, Feature
    from bedrail.models.explain.lime import Lime
    from bedrail.models.explain.surrogate import distil
    from bedrail.models.tree_sklearn import trees_from_sklearn

    model, X, names = black_box()
    contract = Contract(features=tuple(Feature(name=name, kind="numeric") for name in names))
    ask = lambda rows: model.predict_proba(rows)[:, 1]  # noqa: E731
    lime = Lime(ask, contract, X)
    own = trees_from_sklearn(model)
    exact = own.shap(X[: chosen.rows])

    def timed(call: object) -> tuple[float, np.ndarray]:
        assert callable(call)
        start = time.process_time()
        told = np.stack([call(X[i]) for i in range(chosen.rows)])
        return (time.process_time() - start) / chosen.rows, told

    rng = np.random.default_rng(1)
    first = timed(lambda row: lime.explain(row, rng, samples=ASKED).contributions)
    again = timed(lambda row: lime.explain(row, rng, samples=ASKED).contributions)
    tree = timed(own.shap_row)
    start = time.process_time()
    surrogate = distil(contract, X, ask(X), rng)
    taught = time.process_time() - start
    scoring = surrogate.scoring()
    told = timed(scoring.parts)
    agree = lambda a, b: float(np.nanmean(rank_agreement(np.asarray(a), np.asarray(b))))  # noqa: E731
    found: dict[str, dict[str, float]] = {
        "exact Tree SHAP (bedrail)": {"ms": 1e3 * tree[0], "with_tree": 1.0, "again": 1.0},
        "LIME (bedrail)": {"ms": 1e3 * first[0], "with_tree": agree(first[1], exact),
                           "again": agree(first[1], again[1])},
        f"surrogate, {surrogate.form}, R2 {surrogate.fidelity:.3f}, taught in {taught:.1f} s": {
            "ms": 1e3 * told[0], "with_tree": agree(told[1], exact), "again": 1.0,
        },
    }  # fmt: skip
    if chosen.peers:
        here = str(Path(__file__).resolve())
        command = [str(chosen.peers), "-c", PEER, str(chosen.rows), here]
        said = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])
        difference = float(np.abs(np.array(said["tree"]) - exact).max())
        print(f"largest difference from shap's TreeExplainer: {difference:.1e}")
        first_peer, again_peer, kernel = said["lime"], said["again"], said["kernel"]
        found["lime 0.2.0.1"] = {"ms": 1e3 * first_peer[0], "with_tree": agree(first_peer[1], exact),
                                 "again": agree(first_peer[1], again_peer[1])}  # fmt: skip
        found["shap KernelExplainer"] = {"ms": 1e3 * kernel[0], "with_tree": agree(kernel[1], exact), "again": 1.0}
    for name, figures in found.items():
        print(f"{name:60} {figures['ms']:9.3f} ms a row   with Tree SHAP {figures['with_tree']:.3f}   "
              f"with itself {figures['again']:.3f}")  # fmt: skip
    if chosen.json:
        chosen.json.write_text(json.dumps(found, indent=1))
    peer = found.get("lime 0.2.0.1")
    worse = peer is not None and found["LIME (bedrail)"]["with_tree"] < peer["with_tree"] - 0.1
    sys.exit(1 if worse else 0)


if __name__ == "__main__":
    main()
