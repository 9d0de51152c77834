"""An account in a clinician's words: values with units and reference ranges, steps of risk, what would change it."""

from __future__ import annotations

from bedrail.models.explain.account import Account, Share
from bedrail.models.explain.changes import Change

MOST = 6
SPOKEN = {
    "a": "years", "mo": "months", "wk": "weeks", "d": "days", "h": "hours", "min": "minutes", "Cel": "°C",
    "mm[Hg]": "mmHg", "10*3/uL": "thousand/µL", "umol/L": "µmol/L", "{score}": "points",
}  # fmt: skip
"""How UCUM's codes are said; all others are said as written."""


def percent(probability: float) -> str:
    """A probability in per cent: whole from 10 %, one decimal below, never 0 % or 100 %."""
    if probability < 0.001:
        return "under 0.1 %"
    if probability > 0.99:
        return "over 99 %"
    return f"{probability * 100:.0f} %" if probability >= 0.0995 else f"{probability * 100:.1f} %"


def sentences(told: Account) -> tuple[str, ...]:
    """The account, one sentence each: the risk, the largest shares, what would change the answer, the limits."""
    lines = [f"Estimated risk {percent(told.risk)}."]
    if told.threshold is not None:
        side = "at or above" if told.risk >= told.threshold else "below"
        lines = [f"Estimated risk {percent(told.risk)}, {side} the threshold of {percent(told.threshold)}."]
    lines += [share_words(share, told.risk) for share in told.shares[:MOST]]
    if len(told.shares) > MOST:
        lines.append(f"{len(told.shares) - MOST} further inputs have smaller shares.")
    lines += [change_words(change, told) for change in told.changes]
    if not told.changes and told.threshold is not None and not any("would change" in one for one in told.limits):
        lines.append("No plausible change of one or two inputs that care can change would change the answer.")
    return (*lines, *told.limits)


def share_words(share: Share, risk: float) -> str:
    """One share: 'Creatinine 3.1 mg/dL (reference 0.5-1.3) raises the risk from 12 % to 19 %.'"""
    what = f"{share.label} {quantity(share.value, share.unit)}"
    if share.imputed:
        what += " (not measured: a usual value was taken)"
    elif share.reference is not None and not isinstance(share.value, str):
        what += f" (reference {share.reference[0]:g}-{share.reference[1]:g})"
    before, after = percent(share.without), percent(risk)
    if before == after:
        way = "raises" if share.contribution > 0 else "lowers"
        return f"{what} {way} the model's score, but hardly the risk as shown ({after})."
    return f"{what} {'raises' if share.without < risk else 'lowers'} the risk from {before} to {after}."


def change_words(change: Change, told: Account) -> str:
    """One change: 'With Potassium 4.1 instead of 5.9 mmol/L the risk would be 11 %, below the threshold.'"""
    moves = " and ".join(
        f"{label} {_plain(after)} instead of {quantity(before, unit)}" for _, label, before, after, unit in change.moves
    )
    side = "at or above" if told.threshold is not None and change.risk >= told.threshold else "below"
    return f"With {moves} the model would say {percent(change.risk)}, {side} the threshold."


def quantity(value: float | str, unit: str) -> str:
    """A value with its unit as people say it."""
    said = SPOKEN.get(unit, unit)
    return f"{_plain(value)}{' ' + said if said else ''}"


def _plain(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.4g}"
