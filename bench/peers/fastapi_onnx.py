"""Peer: FastAPI and pydantic before onnxruntime on one thread, ungoverned: MODEL PORT."""

from __future__ import annotations

import sys

import numpy as np
import onnxruntime
import uvicorn
from fastapi import FastAPI
from pydantic import create_model

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
names = [f"f{i}" for i in range(session.get_inputs()[0].shape[1])]
Row = create_model("Row", **dict.fromkeys(names, (float, ...)))
app = FastAPI()


@app.post("/predict")
async def predict(row: Row) -> dict[str, float]:  # type: ignore[valid-type]
    """One risk."""
    values = np.array([[getattr(row, name) for name in names]], dtype=np.float32)
    return {"risk": float(session.run(None, {"X": values})[0][0, 0])}


uvicorn.run(app, port=int(sys.argv[2]), loop="uvloop", http="httptools", access_log=False, log_level="warning")
