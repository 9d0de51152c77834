"""An account of one answer: each input's share as a step of the risk, what would change it, and what it cannot say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bedrail.core.values import Value
from bedrail.data.slips import reference_of
from bedrail.models.calibrate import sigmoid
from bedrail.models.contract import Contract, Feature, Raw
from bedrail.models.explain.changes import Change, changes
from bedrail.models.explain.surrogate import Surrogate
from bedrail.models.feature import absent
from bedrail.models.predict import LoadedModel

Matrix = NDArray[np.float64]
Way = Literal["exact", "surrogate", "none"]

NOTHING_ACTIONABLE = "No input is declared as one that care can change, so it is not said what would change the answer."
TRUSTED = 0.8
"""Fidelity (R2) below which a surrogate's reasons are not to be trusted."""


class Share(Value, frozen=True, kw_only=True):
    """One input's share: `contribution` in log-odds (or probability), and the risk without it, which is `without`.

    `reference` is the interval of healthy people in `unit`, `imputed` whether the value was missing and filled in.
    """

    feature: str
    label: str
    value: float | str
    unit: str
    imputed: bool
    reference: tuple[float, float] | None
    contribution: float
    without: float


class Account(Value, frozen=True, kw_only=True):
    """An explanation of one answer. `risk`, `typical` and every `without` are calibrated probabilities.

    `way` says whether shares are exact, a surrogate's (with its `fidelity`), or none. `base` plus all contributions is
    the margin that they explain; `typical` is the risk at `base`. `limits` are sentences to read with it.
    """

    way: Way
    scale: str
    base: float | None
    risk: float
    typical: float | None
    threshold: float | None
    shares: tuple[Share, ...]
    changes: tuple[Change, ...]
    fidelity: float | None
    limits: tuple[str, ...]


def account(
    model: LoadedModel,
    values: Mapping[str, Raw],
    *,
    threshold: float | None = None,
    surrogate: Surrogate | None = None,
    actionable: Sequence[str] | None = None,
    close: Sequence[tuple[str, str]] = (),
) -> Account:
    """The account of one encounter given as contract values (None where missing).

    Exact where the model can say; else the surrogate's, with its fidelity; else none, which is said. `actionable` names
    inputs that care can change (those that the contract marks, by default), `close` pairs of inputs so correlated
    that shares between them are arbitrary. Raises `Invalid` as the encoder, `Unavailable` as the model does.
    """
    contract = model.package.contract
    row = model.encoder.row(values)
    raw = model.score(row)
    risk = float(model.package.calibration.apply(raw))
    parts, base, scale, way, fidelity = _parts(model, row, surrogate)
    limits = list(_limits(contract, way, fidelity, close))
    shares: tuple[Share, ...] = ()
    typical = None
    if parts is not None and base is not None:
        margin = base + float(parts.sum())

        def at(point: float) -> float:
            return float(model.package.calibration.apply(sigmoid(point) if scale == "log-odds" else _clip(point)))

        typical = at(base)
        shares = tuple(
            _share(contract.features[i], values, float(parts[i]), at(margin - float(parts[i])))
            for i in np.argsort(-np.abs(parts), kind="stable")
            if parts[i]
        )
    chosen = [f.name for f in contract.features if f.actionable] if actionable is None else list(actionable)
    found: tuple[Change, ...] = ()
    if threshold is not None and chosen and model.package.kind != "remote":
        found = changes(model, values, threshold, chosen)
    elif threshold is not None:
        remote = "A vendor's model is not asked what would change its answer."
        limits.append(remote if chosen else NOTHING_ACTIONABLE)
    return Account(
        way=way, scale=scale, base=base, risk=risk, typical=typical, threshold=threshold, shares=shares,
        changes=found, fidelity=fidelity, limits=tuple(limits),
    )  # fmt: skip


def _clip(p: float) -> float:
    return min(max(p, 0.0), 1.0)


def _parts(
    model: LoadedModel, row: Matrix, surrogate: Surrogate | None
) -> tuple[Matrix | None, float | None, str, Way, float | None]:
    own = model.contributions(row)
    if own is not None:
        return own, model.base, model.scale, "exact", None
    if surrogate is None:
        return None, None, model.scale, "none", None
    scoring = surrogate.scoring()
    columns = scoring.parts(row)
    assert columns is not None
    starts = np.array([start for start, _ in model.package.contract.spans], dtype=np.intp)
    return np.add.reduceat(columns, starts), scoring.base, scoring.scale, "surrogate", surrogate.fidelity


def _share(feature: Feature, values: Mapping[str, Raw], contribution: float, without: float) -> Share:
    value = values.get(feature.name)
    imputed = absent(value)
    if imputed:
        value = feature.impute
    known = feature.reference
    if known is None and feature.kind == "numeric":
        known = reference_of(feature.name, feature.unit)
    return Share(
        feature=feature.name,
        label=feature.label or feature.name,
        value=value if isinstance(value, str) else float(value or 0.0),
        unit="" if feature.unit == "1" else feature.unit,
        imputed=imputed,
        reference=known,
        contribution=contribution,
        without=without,
    )


def _limits(contract: Contract, way: Way, fidelity: float | None, close: Sequence[tuple[str, str]]) -> list[str]:
    if way == "none":
        return ["There are no reasons: this model cannot say why, and no surrogate has been taught by it."]
    said = [
        "Shares say what moved the model, not what causes the outcome: changing an input need not change the patient.",
        "Each step takes one share out and leaves the others; on the scale of risk the steps do not add up.",
    ]
    if way == "surrogate":
        share = f"{(fidelity or 0.0) * 100:.0f} %"
        told = f"These are the reasons of a simpler model that explains {share} of what this one answers (R2)"
        bad = fidelity is not None and fidelity < TRUSTED
        said.insert(0, f"{told}: too little to trust them." if bad else f"{told}; for one patient they may be wrong.")
    labels = {f.name: f.label or f.name for f in contract.features}
    for a, b in close:
        said.append(f"{labels[a]} and {labels[b]} go together: how the share divides between them is arbitrary.")
    return said
