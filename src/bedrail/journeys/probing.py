"""Probe a candidate: the model is asked again with inputs as they wrongly arrive, on rows that are not the holdout."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np

from bedrail.core.errors import Invalid
from bedrail.core.values import Evidence
from bedrail.journeys.admission import Progress, quiet, write_report
from bedrail.journeys.context import Context
from bedrail.journeys.dataset_reads import read_part
from bedrail.journeys.delivery import find_candidate
from bedrail.journeys.examination import CODE, build_cohort, load_model, record_evidence

if TYPE_CHECKING:
    from bedrail.checks.report import Report

ROWS = 2_000
PARTS = ("validation", "calibration")
BESIDE = ("missing-inputs", "shift", "slices")
"""Checks that are shown beside the probes; they count only when `bedrail examine` asks them on the holdout."""


def probe_candidate(
    ctx: Context, person: str, use_case: str, candidate: str = "", *, rows: int = ROWS, progress: Progress = quiet
) -> Report:
    """Ask `rows` rows of the validation part (calibration, where there is none) with disturbed inputs.

    `robustness` is recorded as signed evidence; `missing-inputs`, `shift` and `slices` of the same part are shown for
    whoever builds the model. The holdout stays shut, so this may be done as often as one likes. Writes
    `NAME-probes.html` and `NAME-probes.json` among the reports.
    """
    from bedrail.checks.asking import examine
    from bedrail.checks.report import Report, context_of
    from bedrail.checks.robustness.probing import NAME, probe_rows, robustness

    actor = ctx.require(person, "candidate.examine")
    if not 30 <= rows <= 100_000:
        raise Invalid("not a number of rows to ask with.", path="--rows", remedy="Give 30 to 100,000.")
    view, charter = ctx.use_case(use_case), ctx.charter(use_case)
    chosen = find_candidate(view, candidate)
    part = PARTS[0]
    table = read_part(ctx, use_case, part, reader=actor, reason=f"probing {chosen.name}")
    if table.empty:
        part = PARTS[1]
        table = read_part(ctx, use_case, part, reader=actor, reason=f"probing {chosen.name}")
    cohort = build_cohort(charter, load_model(ctx, chosen.candidate), table, [], None)
    policy = ctx.policy()
    requirements = next(numbers for tier, numbers in policy.requirements.items() if tier == view.tier)
    progress(f"asking {min(rows, len(table)):,} rows of the {part} part, disturbed")
    findings = probe_rows(cohort, requirements, np.random.default_rng([0, crc32(NAME.encode())]), rows)
    verdict, reason = robustness.ruling(cohort, requirements, findings)
    answer = Evidence(check=NAME, verdict=verdict, reason=f"{reason} On the {part} part.", findings=findings)
    dataset = view.dataset.dataset if view.dataset else ""
    recorded = record_evidence(ctx, actor, [answer], use_case=use_case, candidate=chosen.candidate, dataset=dataset)
    progress(f"beside it: {', '.join(BESIDE)}")
    beside = examine(cohort, requirements, checks=BESIDE)
    context = context_of(
        cohort,
        requirements,
        title=f"{view.title}: {chosen.name}, probed",
        asked=(("Use case", use_case), ("Candidate", chosen.name), ("Rows", f"{part} part, {len(table):,}")),
        required=(NAME,),
        notes=("Only `robustness` is evidence; the others are shown on this part for whoever builds the model.",),
        digests={"model": chosen.candidate, "data": dataset, "policy": ctx.registry.policy},
        made_at=recorded[0].made_at,
        made_by=actor.id,
        code=CODE,
    )
    report = Report((*recorded, *beside), context)
    write_report(ctx, use_case, f"{chosen.name}-probes.html", report.to_html())
    write_report(ctx, use_case, f"{chosen.name}-probes.json", report.to_json())
    return report
