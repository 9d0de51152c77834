"""After training: the model's weights stay, and its scores are read by group."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from bedrail.core.errors import Invalid
from bedrail.models.by_group import ByGroup, GroupMap
from bedrail.models.calibrate import fit_calibration, sigmoids
from bedrail.models.conformal import Uncertainty, fit_uncertainty
from bedrail.models.mitigation.values import Mitigation
from bedrail.models.values import Package

Floats = NDArray[np.float64]

FEWEST = 25
"""Calibration rows that a group needs of either outcome for a map of its own."""

EDGE = 1e-9


def map_by_group(
    package: Package, mitigation: Mitigation, scores: Floats, y: Floats, groups: NDArray[np.str_]
) -> ByGroup:
    """Maps fitted on calibration rows: raw scores (n,), outcomes 0/1 (n,), the level of the attribute (n,).

    `recalibrate` fits calibration and uncertainty within each group, so that risks mean the same in each and conformal
    p-values hold in each (Mondrian by group, Vovk 2012). `thresholds` moves a group's risks (by Platt's method, which
    has no steps) on the scale of log-odds, so that the groups' sensitivity (or share of alerts) at the one threshold of
    the use case is what it was for all (Hardt et al. 2016, without their randomisation): the shown risk is then no
    longer the group's outcome rate, and the calibration check says by how much. Raises `Invalid` for an attribute that
    the model is not given, too small groups, and equalised odds, which thresholds alone cannot reach.
    """
    _require_input(package, mitigation.attribute)
    large = [
        level
        for level in package.contract.feature(mitigation.attribute).levels
        if min(int(((groups == level) & (y == outcome)).sum()) for outcome in (0, 1)) >= FEWEST
    ]
    if len(large) < 2:
        raise Invalid(
            f"fewer than two groups have {FEWEST} calibration rows with and without the outcome.",
            path="--attribute",
            remedy="Choose another attribute, or admit more data.",
        )
    rows = {level: groups == level for level in large}
    if mitigation.method == "recalibrate":
        confidence = package.uncertainty.confidence
        maps = {
            level: GroupMap(
                calibration=fit_calibration(scores[here], y[here], package.calibration.method),
                uncertainty=fit_uncertainty(scores[here], y[here], confidence=confidence),
            )
            for level, here in rows.items()
        }
        return ByGroup(feature=mitigation.attribute, maps=maps)
    return ByGroup(feature=mitigation.attribute, maps=_moved(package, mitigation, scores, y, rows))


def _require_input(package: Package, attribute: str) -> None:
    features = {feature.name: feature for feature in package.contract.features}
    if attribute not in features or features[attribute].kind != "categorical":
        raise Invalid(
            f"`{attribute}` is not a categorical input of this model, so it cannot answer by it.",
            path="--attribute",
            remedy="Make it a feature of the use case and train again, or use reweigh, resample or reductions.",
        )


def _moved(
    package: Package, mitigation: Mitigation, scores: Floats, y: Floats, rows: dict[str, NDArray[np.bool_]]
) -> dict[str, GroupMap]:
    if mitigation.notion == "equalised-odds":
        raise Invalid(
            "one threshold a group cannot make both error rates equal.",
            path="--notion",
            remedy="Use equal-opportunity or alert-parity, or the method reductions.",
        )
    whole = fit_calibration(scores, y, "platt")
    if whole.slope <= 0:
        raise Invalid("the score does not rise with the risk.", path="candidate", remedy="Mitigate another candidate.")
    counted = y == 1 if mitigation.notion == "equal-opportunity" else np.ones(len(y), dtype=np.bool_)
    cut = _logit(mitigation.threshold)
    share = float((whole.slope * _logits(scores[counted]) + whole.intercept >= cut).mean())
    if not 0.0 < share < 1.0:
        raise Invalid(
            "at this threshold nobody, or everybody, is alerted.", path="--threshold", remedy="Name another threshold."
        )
    maps = {}
    for level, here in rows.items():
        own = float(np.quantile(scores[counted & here], 1.0 - share, method="higher"))
        shift = mitigation.strength * (cut - whole.slope * _logit(own) - whole.intercept)
        maps[level] = GroupMap(
            calibration=msgspec.structs.replace(whole, intercept=whole.intercept + shift),
            uncertainty=_shifted(package.uncertainty, shift),
        )
    return maps


def _logit(risk: float) -> float:
    return float(_logits(np.array([risk]))[0])


def _logits(risk: Floats) -> Floats:
    inside = np.clip(risk, EDGE, 1.0 - EDGE)
    return np.asarray(np.log(inside / (1.0 - inside)))


def _shifted(whole: Uncertainty, shift: float) -> Uncertainty:
    """The bounds moved on the scale of log-odds."""
    low, high = (tuple(sigmoids(_logits(np.array(bounds)) + shift).tolist()) for bounds in (whole.low, whole.high))
    return msgspec.structs.replace(whole, low=low, high=high)
