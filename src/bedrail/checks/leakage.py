"""Could the figures be too good because the answer leaked into the question?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bedrail.checks.discrimination import Auroc, auroc
from bedrail.checks.question import check, rule
from bedrail.checks.values import Cohort, Floats, Requirements
from bedrail.core.errors import Invalid
from bedrail.core.values import Finding, Verdict

if TYPE_CHECKING:
    import pandas as pd

NAMED = 10


NEEDED = ("leakage.score-is-outcome", "leakage.patient-overlap", "leakage.single-input")


def ruling(cohort: Cohort, requirements: Requirements, findings: tuple[Finding, ...]) -> tuple[Verdict, str]:
    """Any fail fails; a pass needs the traces in `NEEDED`. Times are often not kept: what they leave open is named."""
    open_ones = [f for f in findings if f.verdict is Verdict.MISSING and f.check not in NEEDED]
    verdict, reason = rule(cohort, requirements, tuple(f for f in findings if f not in open_ones))
    names = ", ".join(f.check.removeprefix("leakage.") for f in open_ones)
    return verdict, f"{reason} Not asked: {names}." if open_ones and verdict is Verdict.PASS else reason


@check("leakage", "Could the figures be too good because the answer leaked into the question?", ruling=ruling)
def leakage(cohort: Cohort, requirements: Requirements, rng: np.random.Generator) -> tuple[Finding, ...]:
    """Five traces of leakage, each missing when what it needs was not given.

    `leakage.score-is-outcome` fails when the score orders the outcomes almost perfectly: the lower limit of AUROC
    reaches `max_score_auroc`. `leakage.patient-overlap` fails when any patient was also in training.
    `leakage.duplicates` fails when more than `max_duplicate_share` of rows repeat an earlier one (same patient and
    time; or, without times, same inputs, score and outcome). `leakage.single-input` fails when one input alone, or
    its being absent, reaches `max_single_input_auroc` with its lower limit, at a confidence shared over all inputs.
    `leakage.future` fails when any input was recorded after the prediction, or any outcome before it.
    """
    del rng
    return (
        _score_is_outcome(cohort, requirements),
        _overlap(cohort),
        _duplicates(cohort, requirements),
        *_single_inputs(cohort, requirements),
        _future(cohort),
    )


def _untold(name: str, reason: str) -> Finding:
    return Finding(check=f"leakage.{name}", verdict=Verdict.MISSING, reason=reason)


def _score_is_outcome(cohort: Cohort, requirements: Requirements) -> Finding:
    area = auroc(cohort.outcome, cohort.score, cohort.clusters)
    if area is None or min(area.positives, area.negatives) < requirements.min_group:
        return _untold("score-is-outcome", "Too few patients with, or without, the outcome.")
    low, high = area.interval(requirements.confidence)
    same = bool(np.array_equal(cohort.score, cohort.outcome))
    fail = same or low >= requirements.max_score_auroc
    reason = (
        "The score equals the outcome."
        if same
        else f"AUROC {area.estimate:.4f} is too good to be true."
        if fail
        else f"AUROC {area.estimate:.3f} is not suspiciously high."
    )
    return Finding(
        check="leakage.score-is-outcome",
        verdict=Verdict.FAIL if fail else Verdict.PASS,
        estimate=area.estimate,
        low=low,
        high=high,
        n=cohort.n,
        reason=reason,
    )


def _overlap(cohort: Cohort) -> Finding:
    if cohort.subject is None or cohort.training_subjects is None:
        return _untold("patient-overlap", "The patients of training and of this cohort were not both given.")
    trained = np.asarray(cohort.training_subjects)
    # Numbers meet as numbers (7 is 7.0), everything else as text.
    kind = np.float64 if all(np.issubdtype(ids.dtype, np.number) for ids in (cohort.subject, trained)) else np.str_
    here = np.unique(cohort.subject.astype(kind))
    shared = int(np.isin(here, np.unique(trained.astype(kind))).sum())
    reason = f"{shared:,} of {len(here):,} patients were also in training." if shared else "No patient was in training."
    return Finding(
        check="leakage.patient-overlap",
        verdict=Verdict.FAIL if shared else Verdict.PASS,
        estimate=shared / max(1, len(here)),
        n=len(here),
        reason=reason,
    )


def _duplicates(cohort: Cohort, requirements: Requirements) -> Finding:
    import pandas as pd

    if cohort.subject is not None and cohort.time is not None:
        frame = pd.DataFrame({"subject": cohort.subject, "time": cohort.time})
        what = "patient and time"
    elif cohort.inputs is not None and cohort.inputs.shape[1] > 0:
        frame = cohort.inputs.reset_index(drop=True).assign(**{"score ": cohort.score, "outcome ": cohort.outcome})
        what = "inputs, score and outcome"
    else:
        return _untold("duplicates", "Neither patients with times nor inputs were given, so repeats cannot be seen.")
    if cohort.n == 0:
        return _untold("duplicates", "There are no rows.")
    repeats = int(frame.duplicated().sum())
    share = repeats / cohort.n
    fail = share > requirements.max_duplicate_share
    reason = f"{repeats:,} of {cohort.n:,} rows repeat an earlier one ({what})."
    return Finding(
        check="leakage.duplicates",
        verdict=Verdict.FAIL if fail else Verdict.PASS,
        estimate=share,
        n=cohort.n,
        reason=reason,
    )


def _single_inputs(cohort: Cohort, requirements: Requirements) -> list[Finding]:
    name = "leakage.single-input"
    if cohort.inputs is None or cohort.inputs.shape[1] == 0:
        return [_untold("single-input", "The model's inputs were not given.")]
    if min(cohort.outcome.sum(), cohort.n - cohort.outcome.sum()) < requirements.min_group:
        return [_untold("single-input", "Too few patients with, or without, the outcome.")]
    confidence = 1 - (1 - requirements.confidence) / (2 * cohort.inputs.shape[1])
    found = []
    for column in cohort.inputs.columns:
        area, way = _strongest(cohort, cohort.inputs[column])
        found.append((area.estimate, *area.interval(confidence), f"{column}{way}"))
    found.sort(key=lambda one: -one[1])
    bound = requirements.max_single_input_auroc
    findings = []
    for estimate, low, high, column in found[:NAMED]:
        fail = low >= bound
        reason = f"{column} alone gives AUROC {estimate:.3f}{': does it hold the outcome?' if fail else '.'}"
        findings.append(
            Finding(
                check=name,
                group=f"input={column}",
                verdict=Verdict.FAIL if fail else Verdict.PASS,
                estimate=estimate,
                low=low,
                high=high,
                n=cohort.n,
                reason=reason,
            )
        )
    return findings


def _strongest(cohort: Cohort, column: pd.Series) -> tuple[Auroc, str]:
    """The better of the input's values and of its being absent, in whichever direction orders the outcomes."""
    import pandas as pd

    absent = column.isna().to_numpy().astype(np.float64)
    if pd.api.types.is_numeric_dtype(column.dtype):
        values = column.to_numpy(np.float64, na_value=np.nan)
        known = np.isfinite(values)
        ordered = np.where(known, values, np.median(values[known]) if known.any() else 0.0)
        candidates = [(values, "") for values in (ordered, -ordered)]
    else:
        candidates = [(_rates(column, cohort), "")]
    candidates += [(values, " (absent or not)") for values in (absent, -absent)]
    areas = []
    for values, way in candidates:
        area = auroc(cohort.outcome, values, cohort.clusters)
        assert area is not None
        areas.append((area, way))
    return max(areas, key=lambda one: one[0].estimate)


def _rates(column: pd.Series, cohort: Cohort) -> Floats:
    """(n,) each level's outcome rate among the other half of the patients, so that no row tells its own outcome."""
    import pandas as pd

    codes, levels = pd.factorize(column, use_na_sentinel=False)
    half = (np.arange(cohort.n) if cohort.clusters is None else cohort.clusters) % 2 == 0
    base = float(cohort.outcome.mean())
    rates = np.empty(cohort.n)
    for here in (half, ~half):
        counts = np.bincount(codes[~here], minlength=len(levels))
        hits = np.bincount(codes[~here], weights=cohort.outcome[~here], minlength=len(levels))
        rates[here] = ((hits + base) / (counts + 1))[codes[here]]
    return rates


def _future(cohort: Cohort) -> Finding:
    name = "leakage.future"
    if cohort.time is None or (cohort.input_times is None and cohort.outcome_time is None):
        return _untold("future", "Times of prediction and of inputs or outcomes were not both given.")
    late: list[str] = []
    seen = 0
    if cohort.input_times is not None:
        for column in cohort.input_times.columns:
            after, known = _later(cohort.input_times[column], cohort.time, f"input_times.{column}")
            seen += known
            if after:
                late.append(f"{column} was recorded after the prediction in {after:,} rows")
    if cohort.outcome_time is not None:
        before, known = _later(cohort.time, cohort.outcome_time, "outcome_time")
        seen += known
        if before:
            late.append(f"the outcome came before the prediction in {before:,} rows")
    if seen == 0:
        return _untold("future", "No row has both times.")
    reason = (
        f"{'; '.join(late)}." if late else "Every input was recorded before the prediction, every outcome after it."
    )
    return Finding(
        check=name, verdict=Verdict.FAIL if late else Verdict.PASS, estimate=float(len(late)), n=seen, reason=reason
    )


def _later(first: Any, second: Any, path: str) -> tuple[int, int]:
    """(rows where `first` is after `second`, rows where both are known)."""
    import pandas as pd

    a, b = pd.Series(np.asarray(first)), pd.Series(np.asarray(second))
    known = (a.notna() & b.notna()).to_numpy()
    try:
        return int((a[known] > b[known]).sum()), int(known.sum())
    except TypeError:
        raise Invalid(
            "cannot be compared with the times of prediction.",
            path=path,
            remedy="Give numbers or timestamps of one kind.",
        ) from None
