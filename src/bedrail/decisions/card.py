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
    shares, features, found = contributions.tolist(), contract.features, []
    for index in (-abs(contributions)).argsort(kind="stable")[:MOST_REASONS].tolist():
        share = shares[index]
        if share:
            feature = features[index]
            value = values.get(feature.name)
            found.append(
                Reason(
                    feature=feature.name,
                    label=feature.label or feature.name,
                    value=_guessed(feature) if value is None else value,
                    unit="" if feature.unit == "1" else feature.unit,
                    direction="raises" if share > 0 else "lowers",
                    contribution=share,
                )
            )
    return tuple(found)


def _guessed(feature: Feature) -> float | str:
    """What stands for an input that was not there."""
    return feature.impute if isinstance(feature.impute, str) else float(feature.impute or 0.0)


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
    value, unit = reason.value, reason.unit
    said = value if isinstance(value, str) else f"{value:g}"
    if unit:
        return f"{reason.label} {said} {_SPOKEN.get(unit, unit)} ({reason.direction} it)"
    return f"{reason.label} {said} ({reason.direction} it)"


_SPOKEN = {"a": "years", "mo": "months", "wk": "weeks", "d": "days", "h": "hours", "min": "minutes", "Cel": "°C"}
"""How UCUM's codes are said; all others are said as written."""
