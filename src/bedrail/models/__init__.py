"""The package format, training, import, calibration, uncertainty and prediction of models."""

# `train.train` and `wrap.wrap` are not here: the bedside never imports training, and every import passes this file.

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bedrail.models.calibrate import Calibration, fit_calibration
    from bedrail.models.conformal import Uncertainty, fit_uncertainty
    from bedrail.models.contract import Contract, Encoder, Feature
    from bedrail.models.ood import Distance, fit_distance
    from bedrail.models.package import load_package, read_package, write_package
    from bedrail.models.predict import LoadedModel, RemoteModel, RemoteScorer, open_model
    from bedrail.models.values import Assessment, Assessments, Lineage, Package

__all__ = [
    "Assessment",
    "Assessments",
    "Calibration",
    "Contract",
    "Distance",
    "Encoder",
    "Feature",
    "Lineage",
    "LoadedModel",
    "Package",
    "RemoteModel",
    "RemoteScorer",
    "Uncertainty",
    "fit_calibration",
    "fit_distance",
    "fit_uncertainty",
    "load_package",
    "open_model",
    "read_package",
    "write_package",
]

_HOMES = {
    "calibrate": ("Calibration", "fit_calibration"),
    "conformal": ("Uncertainty", "fit_uncertainty"),
    "contract": ("Contract", "Encoder", "Feature"),
    "ood": ("Distance", "fit_distance"),
    "package": ("load_package", "read_package", "write_package"),
    "predict": ("LoadedModel", "RemoteModel", "RemoteScorer", "open_model"),
    "values": ("Assessment", "Assessments", "Lineage", "Package"),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"bedrail.models.{home}"), name)
    raise AttributeError(name)
