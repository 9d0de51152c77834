"""Peer: puts the LightGBM text into an MLflow model folder: TEXT FOLDER."""

from __future__ import annotations

import sys

import lightgbm
import mlflow.lightgbm

mlflow.lightgbm.save_model(lightgbm.Booster(model_file=sys.argv[1]), sys.argv[2], pip_requirements=[])
