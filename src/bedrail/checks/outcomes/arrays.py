"""Arrays, frames and mappings from a notebook become cohorts of other outcomes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from bedrail.checks.cells import Place, labels
from bedrail.checks.outcomes.reading import class_label, classes_of, events, horizons_of, numbers
from bedrail.checks.outcomes.tables import competing_word
from bedrail.checks.outcomes.values import (
    OUTCOME_TYPES,
    MulticlassCohort,
    OutcomeCohort,
    OutcomeType,
    RegressionCohort,
    SurvivalCohort,
)
from bedrail.core.errors import Invalid

if TYPE_CHECKING:
    import pandas as pd

MANY_VALUES = 10


def recognised(outcome_type: str | None, outcome: Any, score: Any, event: Any) -> OutcomeType:
    """The type that was named, or that the arguments show; whatever is not plain is taken as yes or no.

    `event` makes it survival, a score of several columns multiclass, and an outcome of more than ten different numbers
    with a score outside 0 to 1 regression.
    """
    if outcome_type is not None:
        for known in OUTCOME_TYPES:
            if outcome_type == known:
                return known
        raise Invalid(
            f"there is no outcome type {outcome_type!r}.",
            path="outcome_type",
            remedy=f"Choose from: {', '.join(OUTCOME_TYPES)}.",
        )
    if event is not None:
        return "survival"
    if _width(score) > 1:
        return "multiclass"
    return "regression" if _many(outcome) and _outside(score) else "binary"


def _width(values: Any) -> int:
    if isinstance(values, Mapping):
        return len(values)
    shape = getattr(values, "shape", None)
    return int(shape[1]) if shape is not None and len(shape) == 2 else 1


def _plain(values: Any) -> np.ndarray | None:
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        return None
    return array[np.isfinite(array)] if array.ndim == 1 else None


def _many(values: Any) -> bool:
    array = _plain(values)
    return array is not None and len(np.unique(array)) > MANY_VALUES


def _outside(values: Any) -> bool:
    array = _plain(values)
    return array is not None and bool(((array < 0) | (array > 1)).any())


def columns_of(values: Any, name: str, n: int) -> pd.DataFrame:
    """A table of n rows from a frame, a mapping of columns, a 2-D array or a list of rows; names as they are."""
    import pandas as pd

    if values is None or isinstance(values, (str, bytes)):
        raise Invalid("is no table.", path=name, remedy="Give one column of numbers for each.")
    try:
        if not isinstance(values, pd.DataFrame) and hasattr(values, "to_pandas"):
            values = values.to_pandas()
        if isinstance(values, pd.Series):
            values = values.to_frame()
        if isinstance(values, Mapping):
            values = {key: np.asarray(one) for key, one in values.items()}
        if not isinstance(values, (pd.DataFrame, dict)):
            values = np.asarray(values)
            values = values[:, None] if values.ndim == 1 else values
        frame = pd.DataFrame(values).reset_index(drop=True)
    except (TypeError, ValueError):
        raise Invalid("cannot be read as a table.", path=name, remedy="Give n rows and one column for each.") from None
    if len(frame) != n:
        raise Invalid(f"has {len(frame)} rows, outcome has {n}.", path=name, remedy="Give one row per prediction.")
    return frame


def multiclass(
    outcome: pd.Series,
    score: Any,
    *,
    classes: Any = None,
    order: Any = None,
    predicted: pd.Series | None = None,
    **shared: Any,
) -> OutcomeCohort:
    """`score` has a column for each class, named after it, or is an array whose columns `classes` (or `order`) names.

    Without names, an array's columns are the different outcomes in sorted order, as scikit-learn's `classes_` are.
    """
    frame = columns_of(score, "score", len(outcome))
    named = _class_names(frame, score, outcome, classes if classes is not None else order)
    place = Place("score", table=False)
    read = {name: numbers(frame.iloc[:, k], place) for k, name in enumerate(named)}
    ranked = None if order is None else [class_label(name) for name in order]
    codes, names = classes_of(outcome, Place("outcome", table=False), named, ranked)
    said = None
    if predicted is not None:
        said = classes_of(predicted, Place("predicted", table=False), named, ranked)[0]
    return MulticlassCohort(
        outcome=codes,
        score=np.column_stack([read[name] for name in names]),
        classes=names,
        ordinal=order is not None,
        predicted=said,
        **shared,
    )


def _class_names(frame: pd.DataFrame, score: Any, outcome: pd.Series, given: Any) -> list[str]:
    own = isinstance(score, Mapping) or hasattr(score, "columns")
    if given is not None and not own:
        named = [class_label(name) for name in given]
    elif own:
        named = [class_label(name) for name in frame.columns]
    else:
        kinds = outcome.dropna().unique()
        ranked = sorted(kinds) if outcome.dtype.kind in "iufb" else sorted(set(labels(outcome.dropna())))
        named = [class_label(name) for name in ranked]
    if len(named) != frame.shape[1]:
        raise Invalid(
            f"has {frame.shape[1]} columns for {len(named)} classes.",
            path="score",
            remedy="Give one column for each class, or name them with classes=[...].",
        )
    return named


def regression(
    outcome: pd.Series, score: pd.Series, *, interval: Any = None, nominal: float = 0.9, unit: str = "", **shared: Any
) -> OutcomeCohort:
    """`interval` has two columns, the bounds that should hold the outcome in `nominal` of cases."""
    bounds = None
    if interval is not None:
        frame = columns_of(interval, "interval", len(outcome))
        if frame.shape[1] != 2:
            raise Invalid(f"has {frame.shape[1]} columns.", path="interval", remedy="Give low and high.")
        bounds = np.column_stack([numbers(frame.iloc[:, k], Place("interval", table=False)) for k in (0, 1)])
    if isinstance(nominal, bool) or not isinstance(nominal, (int, float)):
        raise Invalid("is no number.", path="nominal", remedy="Give the promised coverage, such as 0.9.")
    return RegressionCohort(
        outcome=numbers(outcome, Place("outcome", table=False)),
        score=numbers(score, Place("score", table=False)),
        interval=bounds,
        nominal=float(nominal),
        unit=str(unit),
        **shared,
    )


def survival(
    time: pd.Series,
    score: Any,
    *,
    event: pd.Series | None,
    horizons: Any = None,
    risk_score: pd.Series | None = None,
    competing: str | None = None,
    unit: str = "",
    threshold: float | None = None,
    **shared: Any,
) -> OutcomeCohort:
    """With `horizons`, `score` has a column of risk for each; a frame's column names are horizons by themselves.

    Without horizons, `score` is one column of any number that is higher for those at more risk.
    """
    if event is None:
        raise Invalid("is missing.", path="event", remedy="Give 0 (censored), 1 (event), 2 (competing) for each row.")
    frame = columns_of(score, "score", len(time))
    named = isinstance(score, Mapping) or hasattr(score, "columns")
    at = horizons_of(horizons if horizons is not None else list(frame.columns) if named else None)
    place = Place("score", table=False)
    read = [numbers(frame.iloc[:, k], place) for k in range(frame.shape[1])]
    if at and len(at) != len(read):
        raise Invalid(
            f"has {len(read)} columns for {len(at)} horizons.", path="score", remedy="Give one risk for each horizon."
        )
    if not at and len(read) != 1:
        raise Invalid(f"has {len(read)} columns.", path="horizons", remedy="Name the horizon of each column.")
    return SurvivalCohort(
        time=numbers(time, Place("outcome", table=False)),
        event=events(event, Place("event", table=False)),
        risks=np.column_stack(read) if at else None,
        horizons=at,
        score=numbers(risk_score, Place("risk_score", table=False))
        if risk_score is not None
        else None
        if at
        else read[0],
        competing=competing_word(competing),
        unit=str(unit),
        threshold=threshold,
        **shared,
    )
