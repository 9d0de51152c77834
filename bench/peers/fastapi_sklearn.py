"""Peer: FastAPI and pydantic before LightGBM's scikit-learn API, ungoverned: DATA PORT."""

from __future__ import annotations

import sys

import lightgbm
import numpy as np
import uvicorn
from fastapi import FastAPI
from pydantic import create_model

data = np.load(sys.argv[1])
names = [f"f{i}" for i in range(data["X"].shape[1])]
model = lightgbm.LGBMClassifier(
    n_estimators=200, num_leaves=31, learning_rate=0.05, n_jobs=1, random_state=1, deterministic=True, verbose=-1
)
model.fit(data["X"], data["y"])
Row = create_model("Row", **dict.fromkeys(names, (float, ...)))
app = FastAPI()


@app.post("/predict")
def predict(row: Row) -> dict[str, float]:  # type: ignore[valid-type]
    """One risk."""
    values = np.array([[getattr(row, name) for name in names]])
    return {"risk": float(model.predict_proba(values)[0, 1])}


uvicorn.run(app, port=int(sys.argv[2]), loop="uvloop", http="httptools", access_log=False, log_level="warning")
