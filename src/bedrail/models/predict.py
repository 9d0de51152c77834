"""A model ready to answer: score, calibrated risk with interval, conformal p-values, distance, and exact reasons."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from bedrail.core.errors import Unavailable
from bedrail.models.by_group import Chooser
from bedrail.models.contract import Raw
from bedrail.models.ebm import AdditiveModel
from bedrail.models.ood import Strangeness
from bedrail.models.scoring import AdditiveScoring, Scoring, open_scoring
from bedrail.models.values import Assessment, Assessments, Package

__all__ = ["Assessment", "Assessments", "LoadedModel", "RemoteModel", "RemoteScorer", "open_model"]

Matrix = NDArray[np.float64]

RemoteScorer = Callable[[Mapping[str, Raw]], float]
"""Asks a vendor's model for the raw probability of one encounter; raises `Unavailable` when it does not answer."""


class LoadedModel:
    """A package with its weights in memory. Rows come from `encoder` (float64, (k,) or (n, k)).

    `score`, `assess` and `contributions` are pure; they raise `Unavailable` when the model gives no probability.
    """

    __slots__ = (
        "_chooser",
        "_distance",
        "_interval",
        "_limit",
        "_p_values",
        "_risk",
        "_scoring",
        "_starts",
        "encoder",
        "gauge",
        "package",
    )

    def __init__(self, package: Package, scoring: Scoring) -> None:
        self.package = package.check()
        self.encoder = package.contract.encoder()
        self.gauge = package.ood.compiled() if package.ood else None
        self._scoring = scoring
        self._chooser = None if package.by_group is None else Chooser(package.by_group, package.contract)
        self._risk = package.calibration.apply
        self._interval = package.uncertainty.interval
        self._p_values = package.uncertainty.p_values
        self._distance = self.gauge.distance if self.gauge else _no_distance
        self._limit = self.gauge.limit if self.gauge else np.inf
        starts = [start for start, _ in package.contract.spans]
        self._starts = None if len(starts) == self.encoder.width else np.array(starts, dtype=np.intp)

    @property
    def base(self) -> float | None:
        """What contributions are counted from: `base + contributions(x).sum()` is the margin; None for a black box."""
        return self._scoring.base

    @property
    def scale(self) -> str:
        """The scale of base and contributions: `log-odds` or `probability`."""
        return self._scoring.scale

    @property
    def additive(self) -> AdditiveModel | None:
        """The additive model itself, whose terms say more than contributions by feature; None for other kinds."""
        return self._scoring.model if isinstance(self._scoring, AdditiveScoring) else None

    def score(self, x: Matrix) -> float:
        """The raw probability of one row (k,)."""
        return self._scoring.score(x)

    def scores(self, X: Matrix) -> Matrix:
        """The raw probabilities of n rows, (n, k) -> (n,)."""
        return self._scoring.scores(X)

    def assess(self, x: Matrix) -> Assessment:
        """Everything the model says about one row (k,)."""
        return self.judge(self._scoring.score(x), x)

    def judge(self, raw: float, x: Matrix) -> Assessment:
        """The same for a raw probability that is already known, as after a call to a vendor."""
        if not 0.0 <= raw <= 1.0:
            raise Unavailable(
                "the model gave no probability between 0 and 1.", remedy="Decide without it and report the model."
            )
        found = None if self._chooser is None else self._chooser.of(x)
        risk = (self._risk if found is None else found.calibration.apply)(raw)
        low, high = (self._interval if found is None else found.uncertainty.interval)(raw)
        distance = self._distance(x)
        # Isotonic and Platt risks may leave an interval fitted by other means; the shown risk never does.
        return Assessment(
            raw,
            risk,
            low if low < risk else risk,
            high if high > risk else risk,
            (self._p_values if found is None else found.uncertainty.p_values)(raw),
            distance,
            distance > self._limit,
        )

    def assess_many(self, X: Matrix) -> Assessments:
        """Everything the model says about n rows (n, k)."""
        return self.judge_many(self.scores(X), X)

    def judge_many(self, raw: Matrix, X: Matrix) -> Assessments:
        """The same for n raw probabilities that are already known."""
        if not ((raw >= 0) & (raw <= 1)).all():
            raise Unavailable("the model gave no probability between 0 and 1.", remedy="Check the rows and the model.")
        risk = self.package.calibration.apply_many(raw)
        low, high = self.package.uncertainty.intervals(raw)
        p_values = self.package.uncertainty.p_values_many(raw)
        for found, rows in () if self._chooser is None else self._chooser.each(X):
            risk[rows] = found.calibration.apply_many(raw[rows])
            low[rows], high[rows] = found.uncertainty.intervals(raw[rows])
            p_values[rows] = found.uncertainty.p_values_many(raw[rows])
        distance = self.gauge.distances(X) if self.gauge else np.zeros(len(raw))
        return Assessments(
            raw=raw,
            risk=risk,
            low=np.minimum(low, risk),
            high=np.maximum(high, risk),
            p_values=p_values,
            ood_distance=distance,
            ood=distance > self._limit,
        )

    def contributions(self, x: Matrix) -> Matrix | None:
        """What each feature adds to the margin, in the contract's order (one-hot columns summed); None for a black box.

        (k,) -> (features,), or (n, k) -> (n, features). Exact: sums to margin - base.
        """
        parts = self._scoring.parts(x)
        if parts is None or self._starts is None:
            return parts
        return np.asarray(np.add.reduceat(parts, self._starts, axis=-1))

    def strangeness(self, x: Matrix) -> tuple[Strangeness, ...]:
        """Which features make one row (k,) unlike the training patients, most first; empty without a distance."""
        return self.gauge.reasons(x) if self.gauge else ()


class RemoteModel(LoadedModel):
    """A vendor's model behind an endpoint: its answers are calibrated and bounded as any other's, without reasons.

    Without a scorer it can still `judge` answers that were fetched elsewhere.
    """

    __slots__ = ()

    def __init__(self, package: Package, scorer: RemoteScorer | None = None) -> None:
        super().__init__(package, _RemoteScoring(package, scorer))


def open_model(package: Package, data: bytes, scorer: RemoteScorer | None = None) -> LoadedModel:
    """The model of a package from the bytes of its model file (empty for remote).

    Raises `Corrupt` when the bytes are no model of that kind and width, `Unavailable` when an extra is missing.
    """
    if package.kind == "remote":
        return RemoteModel(package, scorer)
    scoring = open_scoring(package.kind, data, np.array(package.background, dtype=np.float64))
    return LoadedModel(package, scoring)


class _RemoteScoring:
    scale = "probability"
    base: float | None = None

    def __init__(self, package: Package, scorer: RemoteScorer | None) -> None:
        self.endpoint = package.endpoint
        self.encoder = package.contract.encoder()
        self.scorer = scorer

    def score(self, x: Matrix) -> float:
        if self.scorer is None:
            raise Unavailable(
                f"the endpoint `{self.endpoint}` is not connected.", remedy="Set its address in the settings."
            )
        return float(self.scorer(self.encoder.values(x)))

    def scores(self, X: Matrix) -> Matrix:
        return np.array([self.score(x) for x in X], dtype=np.float64)

    def parts(self, X: Matrix) -> Matrix | None:  # noqa: ARG002 (a black box has none)
        return None


def _no_distance(x: Matrix) -> float:  # noqa: ARG001 (the same face as Gauge.distance)
    return 0.0
