"""The nouns of this room: what a model package holds and what a model says about one encounter."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from bedrail.core.errors import Invalid
from bedrail.core.registries import Registered
from bedrail.core.values import Value
from bedrail.models.by_group import ByGroup
from bedrail.models.calibrate import Calibration
from bedrail.models.conformal import Uncertainty
from bedrail.models.contract import Contract
from bedrail.models.mitigation.values import Mitigation
from bedrail.models.ood import Distance

Kind = Literal["linear", "trees", "ebm", "onnx", "remote"]
KINDS: tuple[Kind, ...] = ("linear", "trees", "ebm", "onnx", "remote")

MODEL_FILES: dict[Kind, tuple[str, ...]] = {
    "linear": ("model.json",),
    "trees": ("model.json", "model.txt"),
    "ebm": ("model.json",),
    "onnx": ("model.onnx",),
    "remote": (),
}
"""The file names each kind may have: Bedrail's own JSON, LightGBM's text, ONNX; a remote model has none."""

Setting = bool | int | float | str


class Lineage(Value, frozen=True, kw_only=True):
    """Where a model comes from. Digests are SHA-256 in hex, empty where there is nothing to name.

    `code` is the version of the program that trained or imported it, `libraries` the versions it ran with, on
    `machine`; `recipe_sha256` says which recipe, `outcome` and `subject` which columns were the truth and the patients.
    `source` is the digest of the file that was imported, `registry` the model's address there, `mitigation` what was
    done for groups.
    """

    origin: Literal["trained", "imported", "vendor"]
    dataset: str = ""
    split: str = ""
    recipe: str = ""
    parameters: dict[str, Setting] = msgspec.field(default_factory=dict)
    seed: int | None = None
    code: str = ""
    libraries: dict[str, str] = msgspec.field(default_factory=dict)
    machine: str = ""
    recipe_sha256: str = ""
    outcome: str = ""
    subject: str = ""
    source: str = ""
    registry: Registered | None = None
    note: str = ""
    mitigation: Mitigation | None = None


class Package(Value, frozen=True, kw_only=True):
    """Everything about a model but its weights; stored as `package.json` beside the model file that it names.

    `background` is the mean of the k encoded columns over the training rows: what a linear model's contributions are
    counted from. `endpoint` names a remote model's address in the settings, never a secret. `by_group` reads the score
    of some groups in another way than everybody's.
    """

    format: Literal["bedrail-package/1"] = "bedrail-package/1"
    name: str
    kind: Kind
    contract: Contract
    calibration: Calibration
    uncertainty: Uncertainty
    ood: Distance | None
    background: tuple[float, ...]
    lineage: Lineage
    model_file: str = ""
    model_sha256: str = ""
    endpoint: str = ""
    by_group: ByGroup | None = None

    def check(self) -> Package:
        """This package; raises `Invalid` with the path to the first part that does not fit the others."""
        self.contract.check()
        if self.by_group is not None:
            self.by_group.check(self.contract)
        width = len(self.contract.columns)
        for wrong, path, message in (
            (not self.name.strip(), "name", "a package needs a name"),
            (
                self.model_file not in (MODEL_FILES[self.kind] or ("",)),
                "model_file",
                "the file name does not fit the kind",
            ),
            (bool(self.model_file) != (len(self.model_sha256) == 64), "model_sha256", "a digest belongs to a file"),
            ((self.kind == "remote") != bool(self.endpoint), "endpoint", "remote models, and only those, have one"),
            (len(self.background) != width, "background", f"the contract has {width} columns"),
            (self.ood is not None and self.ood.width != width, "ood.width", f"the contract has {width} columns"),
            (self.ood is not None and not _whole_distance(self.ood), "ood", "its parts differ in length"),
            (not _whole_calibration(self.calibration), "calibration", "its steps do not rise or differ in length"),
            (not _whole_uncertainty(self.uncertainty), "uncertainty", "its steps do not rise or differ in length"),
        ):
            if wrong:
                raise Invalid(f"{message}.", path=path, remedy="Make the package again with `train` or `wrap`.")
        return self


class Assessment(msgspec.Struct, frozen=True, gc=False):
    """What a model says about one encounter; `low` <= `risk` <= `high` always.

    `raw` is the model's own score, `risk` the calibrated one with its interval (see `Uncertainty.interval`),
    `p_values` the conformal p-values of outcome 0 and 1, `ood_distance` the distance to the training patients and `ood`
    whether it is beyond the package's limit.
    """

    raw: float
    risk: float
    low: float
    high: float
    p_values: tuple[float, float]
    ood_distance: float
    ood: bool


@dataclass(frozen=True, slots=True)
class Assessments:
    """The same for n encounters: arrays (n,), `p_values` (n, 2)."""

    raw: NDArray[np.float64]
    risk: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    p_values: NDArray[np.float64]
    ood_distance: NDArray[np.float64]
    ood: NDArray[np.bool_]


def _rising(knots: tuple[float, ...]) -> bool:
    return all(a <= b for a, b in pairwise(knots))


def _steps(knots: tuple[float, ...], values: tuple[float, ...], extra: int) -> bool:
    return _rising(knots) and len(values) == len(knots) + extra and all(0 <= value <= 1 for value in values)


def _whole_calibration(c: Calibration) -> bool:
    if c.method == "platt":
        return c.slope >= 0
    second = c.method == "isotonic" or _steps(c.scores_1, c.values_1, 0)
    return bool(c.scores) and second and _steps(c.scores, c.values, 0)


def _whole_uncertainty(u: Uncertainty) -> bool:
    return (
        _steps(u.low_scores, u.low, 1)
        and _steps(u.high_scores, u.high, 1)
        and _steps(u.control_scores, u.control_p, 1)
        and _steps(u.case_scores, u.case_p, 1)
    )


def _whole_distance(d: Distance) -> bool:
    size = len(d.columns)
    return (
        {len(d.names), len(d.mean), len(d.scale), len(d.whiten), len(d.percentiles)} == {size}
        and all(len(row) == size for row in d.whiten)
        and all(len(row) == len(d.levels) for row in d.percentiles)
        and all(0 <= column < d.width for column in d.columns)
        and all(scale > 0 for scale in d.scale)
    )
