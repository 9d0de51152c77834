"""What a mitigation is: its method, the attribute it looks at, and where in the life of a model it acts."""

from __future__ import annotations

from typing import Literal

from bedrail.core.values import Value

Method = Literal["reweigh", "resample", "reductions", "recalibrate", "thresholds"]
METHODS: tuple[Method, ...] = ("reweigh", "resample", "reductions", "recalibrate", "thresholds")

BEFORE: tuple[Method, ...] = ("reweigh", "resample", "reductions")
"""Methods that change the training; the others leave the model's weights and map its scores by group."""

Notion = Literal["equal-opportunity", "equalised-odds", "alert-parity"]
NOTIONS: tuple[Notion, ...] = ("equal-opportunity", "equalised-odds", "alert-parity")

TITLES: dict[Method, str] = {
    "reweigh": "training rows weighted until outcome and group are independent",
    "resample": "training rows drawn until outcome and group are independent",
    "reductions": "training costs set by exponentiated gradient under a constraint",
    "recalibrate": "scores calibrated and bounded within each group",
    "thresholds": "scores moved until each group has the same sensitivity (or alert rate) at the threshold",
}


class Mitigation(Value, frozen=True, kw_only=True):
    """One mitigation of a candidate. `attribute` is a column of groups, `of` the digest of the candidate before it.

    `notion` is what `reductions` constrain and `thresholds` make equal: sensitivity, both error rates, or alerts.
    `strength` in (0, 1] goes from nothing to the whole of the method. `threshold` is the risk at which alerts begin.
    """

    method: Method
    attribute: str
    of: str = ""
    notion: Notion = "equal-opportunity"
    strength: float = 1.0
    threshold: float = 0.5
