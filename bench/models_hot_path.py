"""What governance adds to a score: encoding, calibration, interval, p-values, distance, reasons; best of many, in us.

Run: OMP_NUM_THREADS=1 python bench/models_hot_path.py
Targets on a quiet machine: a row of 30 features in 4 us, the distance in 3 us, everything beyond the model in 8 us.
"""

from __future__ import annotations

import timeit
from collections.abc import Callable

import numpy as np
import pandas as pd

from bedrail.models.contract import Contract, Feature
from bedrail.models.predict import LoadedModel, open_model
from bedrail.models.train import train


def best(call: Callable[[], object], number: int = 2000, repeat: int = 30) -> float:
    """The fastest mean of `number` calls, in microseconds."""
    return min(timeit.repeat(call, number=number, repeat=repeat)) / number * 1e6


def sample(n: int, seed: int, contract: Contract) -> pd.DataFrame:
    """n made-up encounters whose outcome follows the first five numbers."""
    rng = np.random.default_rng(seed)
    columns = {
        f.name: rng.normal(size=n) if f.kind == "numeric" else rng.choice(f.levels, n) for f in contract.features
    }
    frame = pd.DataFrame(columns)
    margin = -2 + frame[[f"n{i}" for i in range(5)]].sum(axis=1) * 0.4
    return frame.assign(outcome=(rng.random(n) < 1 / (1 + np.exp(-margin))).astype(int))


def main() -> None:
    """Print one line per step."""
    numbers = tuple(Feature(name=f"n{i}", kind="numeric") for i in range(20))
    choices = tuple(Feature(name=f"c{i}", kind="categorical", levels=("a", "b", "c")) for i in range(10))
    contract = Contract(features=numbers + choices)
    frames = sample(20_000, 1, contract), sample(10_000, 2, contract)
    package, data = train("boosting", *frames, contract, "outcome", settings={"rounds": 200, "patience": 200})
    model: LoadedModel = open_model(package, data)
    values = {f.name: 0.3 if f.kind == "numeric" else "b" for f in contract.features}
    gaps = {**values, "n3": None}
    lenient = Contract(
        features=(
            Feature(name="n3", kind="numeric", missing="impute", impute=0.0),
            *numbers[:3],
            *numbers[4:],
            *choices,
        )
    )
    encoder, gauge, x = model.encoder, model.gauge, model.encoder.row(values)
    assert gauge is not None
    raw = model.score(x)
    loose = lenient.encoder()
    print(f"model: {package.lineage.parameters['trees']} trees, {encoder.width} columns from 30 features")
    steps: tuple[tuple[str, Callable[[], object]], ...] = (
        ("encode a row", lambda: encoder.row(values)),
        ("encode a row with a gap", lambda: loose.row(gaps)),
        ("calibrated risk", lambda: package.calibration.apply(raw)),
        ("interval", lambda: package.uncertainty.interval(raw)),
        ("p-values", lambda: package.uncertainty.p_values(raw)),
        ("distance", lambda: gauge.distance(x)),
        ("judge: all of these four", lambda: model.judge(raw, x)),
        ("score", lambda: model.score(x)),
        ("assess: score and judge", lambda: model.assess(x)),
        ("contributions", lambda: model.contributions(x)),
    )
    for name, call in steps:
        print(f"{name:<28}{best(call):8.2f} us")


if __name__ == "__main__":
    main()
