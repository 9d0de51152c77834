"""Small made-up encounters and packages for the tests of the models room."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bedrail.models.calibrate import sigmoids
from bedrail.models.contract import Contract, Feature
from bedrail.models.linear import LinearModel
from bedrail.models.values import Lineage, Package
from bedrail.models.wrap import wrap

CONTRACT = Contract(
    features=(
        Feature(name="age", kind="numeric", unit="a", low=18, high=110),
        Feature(
            name="ward", kind="categorical", levels=("medical", "surgical", "other"), missing="impute", impute="other"
        ),
        Feature(name="creatinine", kind="numeric", unit="mg/dL", units={"umol/L": 0.0113}, low=0.1, high=20),
        Feature(name="visits", kind="numeric", low=0, high=100, missing="impute", impute=0),
    )
)


def encounters(n: int, seed: int) -> pd.DataFrame:
    """n encounters of n // 2 patients whose outcome depends on age, creatinine, visits and ward."""
    rng = np.random.default_rng(seed)
    age, creatinine = rng.normal(65, 12, n), rng.lognormal(0.1, 0.4, n)
    visits = rng.poisson(1.0, n).astype(float)
    ward = rng.choice(["medical", "surgical", "other"], n)
    margin = -3 + 0.03 * (age - 65) + 0.9 * creatinine + 0.3 * visits + 0.4 * (ward == "surgical")
    outcome = (rng.random(n) < sigmoids(margin)).astype(int)
    patient = seed * 1_000_000 + rng.integers(0, n // 2, n)
    return pd.DataFrame(
        {"age": age, "ward": ward, "creatinine": creatinine, "visits": visits, "outcome": outcome, "patient": patient}
    )


def linear_package(seed: int = 0) -> tuple[Package, bytes, pd.DataFrame]:
    """A linear package, its model bytes and the calibration table."""
    train, calibration = encounters(600, seed), encounters(800, seed + 1)
    encoder = CONTRACT.encoder()
    model = LinearModel([0.03, -0.1, 0.3, -0.2, 0.8, 0.25], -4.5).to_bytes()
    package = wrap(
        "linear",
        model,
        CONTRACT,
        encoder.table(calibration),
        calibration["outcome"].to_numpy(),
        encoder.table(train),
        name="sample",
        lineage=Lineage(origin="imported"),
    )
    return package, model, calibration
