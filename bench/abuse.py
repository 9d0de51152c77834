"""False alarms of honest use and detection of planted attacks, by the detectors of `monitoring/abuse.py`.

Run: OMP_NUM_THREADS=1 .venv/bin/python bench/abuse.py [--repeats 20] [--queries 2000] [--json FILE]

The patients are the example's (examples/readmission-30d, 101,766 real encounters); a logistic model on the first
60 % of time answers. The next 15 % are the reference. Honest use is every later encounter and every earlier one,
replayed in order of time as one token each, and shuffled. Attacks ask up to `queries` times, looked at after
every block of 200.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bedrail.governance.usecase import Charter, load_charter
from bedrail.monitoring.abuse import (
    BLOCK,
    Baseline,
    Queries,
    blocks,
    calibrate,
    gaps,
    look_at_inputs,
    look_at_times,
    look_for_sweeps,
    sweep_limit,
)

FOLDER = Path(__file__).resolve().parents[1] / "examples" / "readmission-30d"
Attack = Callable[[np.random.Generator, int], Queries]


def table() -> pd.DataFrame:
    """The example's encounters in order of time."""
    spec = importlib.util.spec_from_file_location("prepare", FOLDER / "prepare.py")
    assert spec is not None
    assert spec.loader is not None
    prepare = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(prepare)
    made: pd.DataFrame = prepare.prepare(FOLDER / "data" / "diabetic_data.csv.gz")
    return made


class World:
    """Real patients as numbers, and a model that answers about any inputs."""

    def __init__(self) -> None:
        """Read, fit, and calibrate the detectors."""
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        self.charter: Charter = load_charter(FOLDER)
        self.features = self.charter.features
        frame = table()
        columns = []
        for feature in self.features:
            given = frame[feature.name]
            if feature.kind == "categorical":
                columns.append(pd.Categorical(given, categories=list(feature.levels)).codes.astype(float))
            else:
                columns.append(pd.to_numeric(given, errors="coerce").to_numpy(dtype=float))
        self.X = np.column_stack(columns)
        self.X[:, [f.kind == "categorical" for f in self.features]] = np.where(
            self.X[:, [f.kind == "categorical" for f in self.features]] < 0, np.nan,
            self.X[:, [f.kind == "categorical" for f in self.features]],
        )  # fmt: skip
        self.subject = pd.factorize(frame["patient"])[0]
        self.levels = [len(f.levels) if f.kind == "categorical" else 0 for f in self.features]
        n = len(frame)
        self.fit, self.ref = slice(0, int(0.6 * n)), slice(int(0.6 * n), int(0.75 * n))
        self.rest = slice(int(0.75 * n), n)
        outcome = frame["readmitted_30d"].to_numpy(dtype=float)
        self.model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(
            self._encode(self.X[self.fit]), outcome[self.fit]
        )

    def _encode(self, X: np.ndarray) -> np.ndarray:
        parts = []
        for column, levels in enumerate(self.levels):
            values = np.nan_to_num(X[:, column], nan=0.0)
            parts.append(np.eye(levels)[values.astype(int)] if levels else values[:, None])
        return np.concatenate(parts, axis=1)

    def ask(self, X: np.ndarray, subject: np.ndarray | None = None, every: float = 30.0) -> Queries:
        """The queries with the model's risks, one in `every` seconds; each about a patient of its own if not said."""
        risk = self.model.predict_proba(self._encode(X))[:, 1]
        subject = np.arange(10**9, 10**9 + len(X)) if subject is None else subject
        return Queries(X, risk, subject, 1.7e9 + every * np.arange(len(X)))

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """What the contract accepts."""
        low = np.array([0.0 if f.kind == "categorical" else float(f.low or 0) for f in self.features])
        high = np.array([len(f.levels) - 1.0 if f.kind == "categorical" else float(f.high or 0) for f in self.features])
        return low, high


def attacks(world: World) -> dict[str, Attack]:
    """Each attack as a function of a generator and a number of queries."""
    real, (low, high) = world.X[world.rest], world.bounds()
    sd = np.nanstd(world.X[world.ref], axis=0)
    numeric = np.array([not levels for levels in world.levels])

    def rows(rng: np.random.Generator, n: int) -> np.ndarray:
        return np.nan_to_num(real[rng.integers(0, len(real), n)])

    def sweep(rng: np.random.Generator, n: int) -> Queries:
        made = []
        while len(made) < n:
            seed, column = rows(rng, 1)[0], int(rng.integers(len(low)))
            steps = min(20, int(high[column] - low[column]) + 1)
            for value in np.linspace(low[column], high[column], steps):
                made.append(np.where(np.arange(len(low)) == column, np.round(value), seed))
        return world.ask(np.array(made[:n]))

    def uniform(rng: np.random.Generator, n: int) -> Queries:
        return world.ask(np.round(rng.uniform(low, high, (n, len(low)))))

    def jacobian(rng: np.random.Generator, n: int) -> Queries:
        seeds = rows(rng, 40)
        made = seeds
        while len(made) < n:  # Papernot et al. 2017: each round doubles the set along the sign of the gradient
            sign = np.sign(rng.normal(size=made.shape[1]))
            made = np.concatenate([made, np.clip(np.round(made + np.where(numeric, 0.3 * sd * sign, 0)), low, high)])
        return world.ask(made[:n])

    def bisect(rng: np.random.Generator, n: int) -> Queries:
        threshold, made = world.charter.decision.threshold, []
        while len(made) < n:
            pool = rows(rng, 400)
            risk = world.ask(pool).risk
            a, b = pool[risk.argmax()].copy(), pool[risk.argmin()].copy()
            a, b = a + np.where(numeric, rng.normal(0, 0.3, len(a)), 0), np.where(numeric, b, a)
            for _ in range(12):
                middle = np.clip((a + b) / 2, low, high)
                made.append(middle)
                if world.ask(middle[None]).risk[0] >= threshold:
                    a = middle
                else:
                    b = middle
        return world.ask(np.array(made[:n]))

    def one_patient(rng: np.random.Generator, n: int) -> Queries:
        X = rows(rng, n)
        subject = rng.integers(0, 10**6, n)
        often = rng.random(n) < 0.05  # one query in twenty is about the same patient
        X[often], subject[often] = X[0], -1
        return world.ask(X, subject, every=60.0)

    def hidden(rng: np.random.Generator, n: int) -> Queries:
        X = rows(rng, n)
        planted = rng.random(n) < 0.25
        X[planted] = np.round(rng.uniform(low, high, (int(planted.sum()), len(low))))
        return world.ask(X)

    def real_inputs(rng: np.random.Generator, n: int) -> Queries:
        return world.ask(rows(rng, n))

    return {
        "one input swept": sweep,
        "uniform random inputs": uniform,
        "uniform, one in four hidden in use": hidden,
        "steps around seeds (Jacobian)": jacobian,
        "bisecting to the threshold": bisect,
        "one patient, again and again": one_patient,
        "copying with real patients' inputs": real_inputs,
    }


def until_found(queries: Queries, baseline: Baseline) -> tuple[int, str]:
    """Queries until a look after each block finds something, and what finds it; (0, "") for never."""
    for end in range(BLOCK, len(queries) + 1, BLOCK):
        seen = queries.taken(slice(0, end))
        found = [
            *look_at_inputs(seen, baseline)[0],
            *look_for_sweeps(seen, baseline.limits["sweep"]),
            *look_at_times(seen),
        ]
        if found:
            return end, "+".join(sorted({each.detector for each in found}))
    return 0, ""


def honest(world: World, baseline: Baseline, rng: np.random.Generator, shuffles: int) -> dict[str, Any]:
    """Blocks of honest replays, and how many of them each detector flagged."""
    result = {}
    replays = {"later, in order of time": [world.rest], "earlier, in order of time": [world.fit]}
    replays["later, shuffled"] = [world.rest] * shuffles
    for name, parts in replays.items():
        counts: dict[str, int] = dict.fromkeys((*baseline.limits, "repeats"), 0)
        number = 0
        for part in parts:
            X, subject = world.X[part], world.subject[part]
            if "shuffled" in name:
                order = rng.permutation(len(X))
                X, subject = X[order], subject[order]
            for rows in blocks(subject):
                block = world.ask(X[rows], subject[rows])
                number += 1
                for detector, value in baseline.statistics(block).items():
                    counts[detector] += value > baseline.limits[detector]
            counts["repeats"] += len(look_at_times(world.ask(X, subject, every=60.0)))
            for start in range(0, len(X) - 999, 1000):
                counts["sweep"] += bool(look_for_sweeps(world.ask(X[start : start + 1000]), baseline.limits["sweep"]))
        result[name] = {"blocks": number, "flagged": counts}
    return result


def normality(world: World, rng: np.random.Generator) -> float:
    """Shapiro-Wilk W of the gaps of an honest block, the median of 100: PRADA takes a low one for an attack."""
    from scipy.stats import shapiro

    baseline = calibrate(world.ask(world.X[world.ref], world.subject[world.ref]), world.levels, 0.15, rng, draws=2)
    assert baseline is not None
    real = world.X[world.rest]
    said = [
        shapiro(gaps(baseline.space.place(real[rng.choice(len(real), BLOCK, replace=False)])))[0] for _ in range(100)
    ]
    return float(np.median(said))


def main() -> int:
    """Print a table and, where asked, a JSON file; 1 when an attack that is claimed to be found is not."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--queries", type=int, default=2000)
    parser.add_argument("--shuffles", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    world, rng = World(), np.random.default_rng(7)
    reference = world.ask(world.X[world.ref], world.subject[world.ref])
    started = time.perf_counter()
    baseline = calibrate(reference, world.levels, world.charter.decision.threshold, rng)
    assert baseline is not None
    baseline.limits["sweep"] = sweep_limit(reference.X, rng)
    seconds = time.perf_counter() - started
    result: dict[str, Any] = {
        "calibration_seconds": round(seconds, 2),
        "limits": {name: round(value, 4) for name, value in baseline.limits.items()},
        "shapiro_w_of_honest_gaps": round(normality(world, rng), 3),
        "honest": honest(world, baseline, rng, options.shuffles),
        "attacks": {},
    }
    print(json.dumps({key: result[key] for key in ("calibration_seconds", "limits", "shapiro_w_of_honest_gaps")}))
    for name, said in result["honest"].items():
        print(f"{name}: {said['blocks']} blocks, flagged {said['flagged']}")
    missed = 0
    for name, attack in attacks(world).items():
        found = [until_found(attack(rng, options.queries), baseline) for _ in range(options.repeats)]
        ends = [end for end, _ in found if end]
        by = sorted({by for _, by in found if by})
        rate = len(ends) / len(found)
        missed += rate < 1.0 and not name.startswith(("copying", "bisecting"))
        result["attacks"][name] = {"found": rate, "queries": int(np.median(ends)) if ends else None, "by": by}
        print(f"{name}: found {rate:.0%}, after {int(np.median(ends)) if ends else '-'} queries (median), by {by}")
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
