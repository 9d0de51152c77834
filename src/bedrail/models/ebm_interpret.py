"""Read a fitted explainable boosting machine of `interpret` from its public arrays; no code of it is needed later."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from bedrail.core.errors import Invalid
from bedrail.models.contract import Contract
from bedrail.models.decoding import frame_of
from bedrail.models.ebm import FORMAT, AdditiveModel, Axis, StoredEbm, Term
from bedrail.models.feature import Feature
from bedrail.models.probes import Probes, around


def read_interpret(estimator: Any, contract: Contract) -> AdditiveModel:
    """A fitted binary `ExplainableBoostingClassifier` whose features are the contract's, or the contract's columns.

    A nominal feature is read over the one-hot columns of its level's names, or by value where it is one column.
    Raises `Invalid` for other estimators, links and outcomes, and for features that are not the contract's.
    """
    if not hasattr(estimator, "term_scores_") or not hasattr(estimator, "bins_"):
        raise Invalid(
            "this is not a fitted explainable boosting machine.", path="estimator", remedy="Fit it with interpret."
        )
    if len(getattr(estimator, "classes_", ())) != 2 or estimator.link_ != "logit":
        raise Invalid("only two classes with a logistic link are read.", path="estimator", remedy="Train it for 0/1.")
    places = _places([str(name) for name in estimator.feature_names_in_], contract)
    axes: list[Axis] = []
    at: dict[tuple[int, int], int] = {}
    terms = []
    weights = getattr(estimator, "bin_weights_", None) or [None] * len(estimator.term_scores_)
    for i, inputs in enumerate(estimator.term_features_):
        for place in inputs:
            level = min(len(estimator.bins_[place]), len(inputs)) - 1
            if (place, level) not in at:
                at[place, level] = len(axes)
                axes.append(_axis(estimator.bins_[place][level], *places[place]))
        own = [at[place, min(len(estimator.bins_[place]), len(inputs)) - 1] for place in inputs]
        scores = np.asarray(estimator.term_scores_[i], dtype=np.float64)
        if scores.shape != tuple(axes[each].size for each in own):
            raise Invalid(f"term {i} has another shape than its bins.", path="estimator", remedy="Fit it again.")
        terms.append(Term(axes=own, scores=scores.ravel().tolist(), mean=_mean(scores, weights[i])))
    intercept = float(np.ravel(estimator.intercept_)[0])
    return AdditiveModel(
        StoredEbm(
            format=FORMAT, features=len(contract.columns), link="logit", intercept=intercept, axes=axes, terms=terms
        )
    )


def _places(named: list[str], contract: Contract) -> list[tuple[Feature | None, int, int]]:
    """For each of the estimator's features the contract's feature, or None for a bare column, and its columns."""
    if named == list(contract.names):
        return [(f, *span) for f, span in zip(contract.features, contract.spans, strict=True)]
    if named == list(contract.columns):
        return [(None, i, i + 1) for i in range(len(named))]
    raise Invalid(
        f"the model takes {', '.join(named[:5])}{' ...' if len(named) > 5 else ''} ({len(named)}), "
        "and these are neither the contract's features nor its columns, in their order.",
        path="contract.features",
        remedy="Fit the model on a table with the contract's features in the contract's order.",
    )


def _axis(bins: Any, feature: Feature | None, start: int, stop: int) -> Axis:
    if not isinstance(bins, dict):
        if feature is not None and feature.kind == "categorical":
            raise Invalid(
                f"`{feature.name}` is a number for the model and a category in the contract.",
                path=f"contract.features.{feature.name}",
                remedy="Give the model the level's names, as feature type `nominal`.",
            )
        cuts = np.asarray(bins, dtype=np.float64).tolist()
        return Axis(kind="numbers", start=start, stop=stop, own=len(cuts) + 1, cuts=cuts)
    own = max(bins.values(), default=0)
    if feature is not None and feature.kind == "categorical":
        found = [int(bins.get(level, own + 1)) for level in feature.levels]
        return Axis(kind="levels", start=start, stop=stop, own=own, bins=found)
    try:
        values = {float(name): int(place) for name, place in bins.items()}
    except ValueError:
        raise Invalid(
            f"column {start} holds words for the model and a number in the contract.",
            path="contract.features",
            remedy="Declare that feature categorical, with its levels.",
        ) from None
    return Axis(kind="values", start=start, stop=stop, own=own, values=list(values), bins=list(values.values()))


def _mean(scores: Any, weights: Any) -> float:
    """The term's mean over the training rows; interpret centres its terms, so this is nearly nothing."""
    if weights is None or not np.sum(weights) > 0:
        return 0.0
    return float(np.average(scores, weights=np.asarray(weights, dtype=np.float64)))


def probes_of(model: AdditiveModel) -> Probes:
    """Rows around all cuts of the model, with every level, a level never seen, and gaps."""
    cuts: dict[int, list[float]] = {}
    for axis in model.stored.axes:
        if axis.kind != "levels":
            cuts.setdefault(axis.start, []).extend(axis.cuts or axis.values or [0.0])
    probes = around(cuts, model.features)
    rows, kinds = probes.rows, list(probes.kinds)
    every = np.arange(len(rows))
    for axis in {(a.start, a.stop): a for a in model.stored.axes if a.kind == "levels"}.values():
        width = axis.stop - axis.start
        level = (every * (2 * axis.start + 7919)) % (width + 2)
        for j in range(width):
            rows[:, axis.start + j] = level == j
        rows[level == width + 1, axis.start : axis.stop] = np.nan
    starts = sorted({axis.start for axis in model.stored.axes if axis.kind != "levels"})
    for i in range(0, len(rows), 16) if starts else ():
        rows[i, starts[(i // 16) % len(starts)]] = np.nan
        kinds[i] += ", a gap in one input"
    return Probes(rows, tuple(kinds))


def ask_interpret(estimator: Any, contract: Contract, rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The estimator's own probabilities (n,) for encoded rows (n, k): gaps stay gaps, no level set is a new word."""
    import pandas as pd

    named = [str(name) for name in estimator.feature_names_in_]
    if named == list(contract.columns) and named != list(contract.names):
        return _asked(estimator, pd.DataFrame(rows, columns=named))
    return _asked(estimator, frame_of(contract, rows))


def _asked(estimator: Any, frame: Any) -> npt.NDArray[np.float64]:
    return np.asarray(estimator.predict_proba(frame), dtype=np.float64)[:, 1]
