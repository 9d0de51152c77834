"""Judge the choice of a use case's outcome by another column of its own data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bedrail.core.errors import Invalid
from bedrail.core.values import Evidence
from bedrail.journeys.admission import Progress, quiet
from bedrail.journeys.context import Context
from bedrail.journeys.delivery import find_candidate
from bedrail.journeys.examination import build_cohort, load_model, record_evidence
from bedrail.journeys.holdout import made_from_others, open_holdout, spare_holdout


def judge_label(
    ctx: Context, person: str, use_case: str, other: str, *, candidate: str = "", progress: Progress = quiet
) -> Evidence:
    """Evidence `label-choice` of a candidate on the holdout, with the column `other` as the second outcome.

    `other` is a number (or 0 and 1) in the admitted data: the charter lists it under `data.columns`. The holdout is
    opened as for an examination, on record. Raises `Invalid` when the column is not there or holds no numbers.
    """
    import pandas as pd

    from bedrail.checks.asking import examine

    actor = ctx.require(person, "candidate.examine")
    view, charter = ctx.use_case(use_case), ctx.charter(use_case)
    found = find_candidate(view, candidate)
    met = made_from_others(ctx, actor, use_case, [found])
    rows = open_holdout(ctx, actor, use_case, [found], f"the choice of the outcome, judged by {other}"[:200])
    rows = spare_holdout(ctx, actor, use_case, rows, [found], met)
    if other not in rows.columns:
        remedy = "Add it to `columns` of the charter's [data], and admit the data again."
        raise Invalid(f"the admitted data have no column `{other}`.", path="--other", remedy=remedy)
    values = pd.to_numeric(rows[other], errors="coerce").to_numpy(dtype=np.float64)
    known = np.isfinite(values)
    if not known.any():
        raise Invalid(f"`{other}` holds no numbers.", path="--other", remedy="Name a column of numbers, or of 0 and 1.")
    progress(f"judging the outcome of {found.name} by {other}, known for {int(known.sum()):,} of {len(rows):,} rows")
    rows = rows[known].reset_index(drop=True)
    cohort = build_cohort(charter, load_model(ctx, found.candidate), rows, [], None)
    cohort = replace(cohort, other_outcome=values[known])
    requirements = next(numbers for tier, numbers in ctx.policy().requirements.items() if tier == view.tier)
    (answer,) = examine(cohort, requirements, checks=["label-choice"])
    dataset = view.dataset.dataset if view.dataset else ""
    return record_evidence(ctx, actor, (answer,), use_case=use_case, candidate=found.candidate, dataset=dataset)[0]
