"""Evidence that may be looked at for ever: e-detectors whose false alarms a year stay within a budget.

Each window gives an e-value: a number whose expectation is at most 1 while the truth stays within tolerance, whatever
happened before. Here it is a likelihood ratio, or a bet, against the edge of the tolerance band (Waudby-Smith & Ramdas
2024, J R Stat Soc B). Windows are chained by the Shiryaev-Roberts recursion M <- (1 + M) e, started anew after an alarm
(Shin, Ramdas & Rinaldo 2024, "E-detectors"). M - t is then a supermartingale, and counting `limit` for each alarm
keeps it one, hence over L looks

    expected false alarms  <=  L / limit

with no approximation, no independence between monitors, and no end date. A weighted mean of e-detectors is one
again: features, groups, directions and sizes of change share one limit by weights. docs/adr/0007 has the proof.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SHIFTS = (0.5, 1.2)
"""Sizes of change bet on, as shifts of log-odds beyond the tolerance band."""

UPWARD = {"missingness": 0.7, "units": 1.0, "outcome-rate": 0.85, "calibration": 0.85, "sensitivity": 0.0}
"""How much of a stream's weight bets on a rise; one half where not listed."""

_EDGE = 1e-6


def share_evidence(hits: Floats, rows: float, low: Floats, high: Floats) -> Floats:
    """Log e-values (m, 2, s) of m binomial shares against `share <= high` and `share >= low`, for each shift.

    A likelihood ratio to the band's edge; its expectation is at most 1 inside the band because it is monotone in the
    hits. A band that reaches 0 or 1 leaves nothing to find on that side: log e-value minus infinity (e = 0).
    """
    out = np.full((len(hits), 2, len(SHIFTS)), -np.inf)
    for side, edge, sign in ((0, high, 1.0), (1, low, -1.0)):
        usable = (edge > _EDGE) & (edge < 1 - _EDGE)
        p0 = np.where(usable, edge, 0.5)
        for s, shift in enumerate(SHIFTS):
            p1 = _expit(_logit(p0) + sign * shift)
            value = hits * np.log(p1 / p0) + (rows - hits) * np.log((1 - p1) / (1 - p0))
            out[:, side, s] = np.where(usable, value, -np.inf)
    return out


def ratio_evidence(outcome: Floats, expected: Floats, low: float, high: float, usual: float) -> Floats:
    """Log e-values (1, 2, s) against `low <= observed / expected <= high`: bets on each outcome at its expected risk.

    The factor of one row is 1 + stake (y - high r), whose expectation is at most 1 while P(y) <= high r. `usual` is
    the mean expected risk in the reference, which fixes the stakes before the window is seen.
    """
    out = np.full((1, 2, len(SHIFTS)), -np.inf)
    for side, factor, sign in ((0, high, 1.0), (1, low, -1.0)):
        bound = np.clip(expected * factor, _EDGE, 1 - _EDGE)
        middle = float(np.clip(usual * factor, 0.001, 0.999))
        ruin = bound.max() if sign > 0 else (1 - bound).max()
        for s, shift in enumerate(SHIFTS):
            p1 = float(_expit(_logit(np.float64(middle)) + sign * shift))
            stake = min(abs(p1 - middle) / (middle * (1 - middle)), 0.95 / ruin)
            out[0, side, s] = np.log1p(sign * stake * (outcome - bound)).sum()
    return out


class Detectors:
    """The e-detectors of one monitor: streams of components, mixed by weights, with one limit between them."""

    def __init__(self, monitor: str, limit: float, weights: list[float], sizes: list[int]) -> None:
        self.monitor = monitor
        self.limit = float(np.log(limit))
        self.log_weights = [
            np.log(weight) + _component_weights(monitor, m) for weight, m in zip(weights, sizes, strict=True)
        ]
        self.log_m = [np.full((m, 2, len(SHIFTS)), -np.inf) for m in sizes]

    def gather(self, stream: int, log_e: Floats) -> None:
        """One window's e-values for one stream: M <- (1 + M) e."""
        self.log_m[stream] = np.logaddexp(0.0, self.log_m[stream]) + log_e

    def evidence(self) -> float:
        """Log of the weighted mean of all components."""
        return float(np.logaddexp.reduce([self._of(i) for i in range(len(self.log_m))])) if self.log_m else -np.inf

    def by_stream(self) -> Floats:
        """Log of each stream's own weighted mean, without the weight of the stream."""
        return np.array([self._of(i, own=True) for i in range(len(self.log_m))])

    def crossed(self) -> bool:
        """Whether the limit is reached; call `restart` after the alarm."""
        return self.evidence() >= self.limit

    def restart(self) -> None:
        """Forget all evidence, as the proof of the budget asks for after an alarm."""
        self.log_m = [np.full_like(values, -np.inf) for values in self.log_m]

    def _of(self, i: int, own: bool = False) -> float:
        weights = self.log_weights[i]
        total = float(np.logaddexp.reduce((weights + self.log_m[i]).ravel()))
        return total - float(np.logaddexp.reduce(weights.ravel())) if own else total


def _component_weights(monitor: str, m: int) -> Floats:
    up = UPWARD.get(monitor, 0.5)
    sides = np.array([up, 1 - up])
    with np.errstate(divide="ignore"):
        return np.log(np.broadcast_to(sides[None, :, None] / (m * len(SHIFTS)), (m, 2, len(SHIFTS))))


def _logit(p: Any) -> Any:
    return np.log(p / (1 - p))


def _expit(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))
