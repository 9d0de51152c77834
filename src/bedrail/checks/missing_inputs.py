"""Does the model stay sane when an input is absent?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bedrail.checks.question import check
from bedrail.checks.values import Cohort, Floats, Probe, Requirements
from bedrail.core.errors import Invalid, Refused
from bedrail.core.values import Finding, Verdict

if TYPE_CHECKING:
    import pandas as pd

MOST_ROWS = 500


@check("missing-inputs", "Does the model stay sane when an input is absent?")
def missing_inputs(cohort: Cohort, requirements: Requirements, rng: np.random.Generator) -> tuple[Finding, ...]:
    """Blank each input in turn, and all at once, in at most 500 rows, and ask the model.

    Refusing the row (`Invalid`, `Refused`) passes: the bedside then falls back. An answer passes when every risk is a
    number in [0, 1] and the mean risk moves by at most `max_missing_shift` (the estimate; not asked where
    all inputs are blank). Anything else, any other error included, fails.
    """
    if cohort.probe is None or len(cohort.probe.inputs) == 0:
        reason = "The model itself was not at hand, so it could not be asked with inputs left out."
        return (Finding(check="missing-inputs", verdict=Verdict.MISSING, reason=reason),)
    inputs = cohort.probe.inputs
    rows = np.sort(rng.choice(len(inputs), size=min(MOST_ROWS, len(inputs)), replace=False))
    inputs = inputs.iloc[rows].reset_index(drop=True)
    before, trouble = _ask(cohort.probe, inputs)
    if before is None:
        reason = f"The model does not answer for complete inputs: {trouble}."
        return (Finding(check="missing-inputs", verdict=Verdict.FAIL, n=len(rows), reason=reason),)
    findings = [
        _blanked(cohort.probe, inputs, [str(name)], f"input={name}", before, requirements) for name in inputs.columns
    ]
    everything = [str(name) for name in inputs.columns]
    return (*findings, _blanked(cohort.probe, inputs, everything, "overall", before, None))


def _blanked(
    probe: Probe, inputs: pd.DataFrame, names: list[str], group: str, before: Floats, requirements: Requirements | None
) -> Finding:
    blank = inputs.copy()
    for name in names:
        blank[name] = _nothing(inputs[name])
    what = f"without {names[0]}" if requirements is not None else "without any input"
    name, n = "missing-inputs", len(inputs)
    after, trouble = _ask(probe, blank)
    if after is None:
        verdict = Verdict.PASS if trouble == REFUSED else Verdict.FAIL
        reason = f"Refused {what}: the answer is a fallback." if trouble == REFUSED else f"{trouble} {what}."
        return Finding(check=name, group=group, verdict=verdict, n=n, reason=reason)
    shift = float(after.mean() - before.mean())
    if requirements is not None and abs(shift) > requirements.max_missing_shift:
        reason = f"The mean risk moves by {shift:+.3f} {what}; at most {requirements.max_missing_shift:g} is allowed."
        return Finding(check=name, group=group, verdict=Verdict.FAIL, estimate=shift, n=n, reason=reason)
    reason = f"The mean risk moves by {shift:+.3f} {what}."
    return Finding(check=name, group=group, verdict=Verdict.PASS, estimate=shift, n=n, reason=reason)


REFUSED = "Refused"


def _nothing(column: pd.Series) -> pd.Series:
    """The column with every value absent: NaN for numbers, None for everything else."""
    import pandas as pd

    numeric = pd.api.types.is_numeric_dtype(column.dtype)
    values = np.full(len(column), np.nan) if numeric else np.full(len(column), None, dtype=object)
    return pd.Series(values, index=column.index, dtype=np.float64 if numeric else object)


def _ask(probe: Probe, inputs: pd.DataFrame) -> tuple[Floats | None, str]:
    """(risks, "") or (None, what went wrong)."""
    try:
        risks = np.asarray(probe.score(inputs), dtype=np.float64)
    except (Invalid, Refused):
        return None, REFUSED
    except Exception as error:  # noqa: BLE001 (whatever the model under examination throws is the finding)
        return None, f"The model stops with {type(error).__name__}"
    if risks.shape != (len(inputs),):
        return None, "The model gives another number of risks than of rows"
    if not np.isfinite(risks).all():
        return None, "The model gives risks that are not numbers"
    if risks.min() < 0 or risks.max() > 1:
        return None, "The model gives risks outside 0 to 1"
    return risks, ""
