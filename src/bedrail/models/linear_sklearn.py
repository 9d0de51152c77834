"""Read fitted scikit-learn linear classifiers, with the scalers before them folded into the weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from bedrail.core.errors import Invalid
from bedrail.models.linear import LinearModel


def read_sklearn_linear(estimator: Any) -> LinearModel:
    """A fitted binary LogisticRegression(CV) or SGDClassifier(log_loss), alone or behind scalers in a Pipeline.

    `(x - shift) / scale` steps (StandardScaler, MinMaxScaler, MaxAbsScaler, RobustScaler) are folded in. Raises
    `Invalid` for other steps, other classifiers, and more than two classes.
    """
    steps = [step for _, step in estimator.steps] if hasattr(estimator, "steps") else [estimator]
    *before, last = (step for step in steps if step not in (None, "passthrough"))
    coef, intercept = linear_weights(last)
    for step in reversed(before):
        shift, scale = _scaling(step, coef.shape[0])
        coef = coef / scale
        intercept -= float(coef @ shift)
    return LinearModel(coef, intercept)


def linear_weights(classifier: Any) -> tuple[np.ndarray[Any, np.dtype[np.float64]], float]:
    """Weights (k,) and intercept of a fitted binary linear classifier; raises `Invalid` for another."""
    from sklearn.linear_model import LogisticRegression, LogisticRegressionCV, SGDClassifier

    logistic = isinstance(classifier, LogisticRegression | LogisticRegressionCV) or (
        isinstance(classifier, SGDClassifier) and classifier.loss == "log_loss"
    )
    if not logistic:
        raise Invalid(
            f"{type(classifier).__name__} is not a linear classifier that Bedrail can read.",
            path="estimator",
            remedy="Export it to ONNX and import that.",
        )
    coef = np.asarray(getattr(classifier, "coef_", np.empty((0, 0))), dtype=np.float64)
    if coef.shape[0] != 1 or len(classifier.classes_) != 2:
        raise Invalid("the estimator is not a fitted classifier of two classes.", path="estimator")
    return coef[0], float(np.ravel(classifier.intercept_)[0])


def _scaling(step: Any, width: int) -> tuple[np.ndarray[Any, np.dtype[np.float64]], np.ndarray[Any, np.dtype[Any]]]:
    """The step as `(x - shift) / scale` per column."""
    from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

    zeros, ones = np.zeros(width), np.ones(width)
    if isinstance(step, StandardScaler):
        return (step.mean_ if step.with_mean else zeros), (step.scale_ if step.with_std else ones)
    if isinstance(step, RobustScaler):
        return (step.center_ if step.with_centering else zeros), (step.scale_ if step.with_scaling else ones)
    if isinstance(step, MaxAbsScaler):
        return zeros, step.scale_
    if isinstance(step, MinMaxScaler) and not step.clip:
        return -step.min_ / step.scale_, 1.0 / step.scale_
    raise Invalid(
        f"the step {type(step).__name__} cannot be folded into a linear model.",
        path="estimator",
        remedy="Do it before Bedrail's contract, or export the whole pipeline to ONNX.",
    )
