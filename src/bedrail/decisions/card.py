"""Words for clinicians: reasons in labels and units, and the card's plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bedrail.decisions.values import Deployed, Reason, Terms
from bedrail.models.contract import Contract, Feature

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from bedrail.models.values import Assessment

MOST_REASONS = 5
NOTHING_SUGGESTED = "Below the threshold: nothing is suggested."


def reasons(
    contract: Contract, values: dict[str, float | str | None], contributions: NDArray[np.float64]
) -> tuple[Reason, ...]:
    """The inputs with the largest shares, largest first; ties in contract order, shares of nothing left out.

    `contributions` holds one log-odds share per feature of the contract; an imputed input shows the value used.
    """
    shares, features = contributions.tolist(), contract.features
    largest = (-abs(contributions)).argsort(kind="stable")[:MOST_REASONS].tolist()
    return tuple([_reason(features[index], values, shares[index]) for index in largest if shares[index]])


def _reason(feature: Feature, values: dict[str, float | str | None], share: float) -> Reason:
    value = values.get(feature.name)
    if value is None:
        value = feature.impute if isinstance(feature.impute, str) else float(feature.impute or 0.0)
    return Reason(
        feature=feature.name,
        label=feature.label or feature.name,
        value=value,
        unit="" if feature.unit == "1" else feature.unit,
        direction="raises" if share > 0 else "lowers",
        contribution=share,
    )


def recommendation(terms: Terms, risk: float) -> str:
    """What the charter suggests at this risk."""
    return terms.suggestion if risk >= terms.threshold else NOTHING_SUGGESTED


def card(
    terms: Terms, assessment: Assessment, why: tuple[Reason, ...], model: str, deployment: Deployed, advice: str
) -> str:
    """The text a clinician reads: risk, interval, suggestion, reasons, whose model, until when, and who decides."""
    main = f"Main reasons: {'; '.join(map(_words, why))}.\n" if why else ""
    return (
        f"{terms.title}: {percent(assessment.risk)} (between {percent(assessment.low)} and {percent(assessment.high)}; "
        f"action is suggested from {percent(terms.threshold)}).\n{advice}\n{main}"
        f"Model {model}, stage {deployment.stage}, approved until {deployment.until[:10]}.\nThe clinician decides."
    )


def percent(probability: float) -> str:
    """A probability in whole per cent; below 1 % and above 99 % said as such, never as 0 % or 100 %."""
    if probability < 0.01:
        return "under 1 %"
    return "over 99 %" if probability > 0.99 else f"{probability * 100:.0f} %"


def _words(reason: Reason) -> str:
    """One reason as a person says it."""
    value = reason.value if isinstance(reason.value, str) else f"{reason.value:g}"
    unit = _SPOKEN.get(reason.unit, reason.unit)
    return f"{reason.label} {value}{' ' + unit if unit else ''} ({reason.direction} it)"


_SPOKEN = {"a": "years", "mo": "months", "wk": "weeks", "d": "days", "h": "hours", "min": "minutes", "Cel": "°C"}
"""How UCUM's codes are said; all others are said as written."""
