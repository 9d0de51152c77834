"""Day one for outcomes that are not yes or no: examine predictions of classes, numbers or times, from one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bedrail.checks.outcomes.tables import Layout
    from bedrail.checks.report import Report
    from bedrail.core.values import Evidence


def examine_table(
    table: Path,
    layout: Layout,
    requirements: Mapping[str, Any] | None = None,
    *,
    checks: Sequence[str] | None = None,
    title: str = "",
    made_at: str = "",
    progress: Callable[[str, int, int], None] | None = None,
) -> Report:
    """Examine the outcomes and predictions in one table (CSV or Parquet) laid out as docs/outcomes.md says.

    `requirements` overrules single numbers of the type's requirements, `checks` chooses what counts. Evidence is bound
    to the digest of the table. Raises `Invalid` with the column, row and remedy.
    """
    import msgspec

    from bedrail.checks.outcomes.examining import outcome_report
    from bedrail.checks.outcomes.tables import cohort_of
    from bedrail.data.digest import table_digest
    from bedrail.data.read import read_table

    frame = read_table(table)
    cohort = cohort_of(frame, layout)
    digest, code = table_digest(frame), f"bedrail/{version('bedrail')}"

    def bound(one: Evidence) -> Evidence:
        return msgspec.structs.replace(one, dataset=digest, made_at=made_at, code=code)

    groups = ", ".join(map(str, cohort.groups.columns)) if cohort.groups is not None else "none were given"
    return outcome_report(
        cohort,
        requirements,
        checks=checks,
        progress=progress,
        evidence_of=bound,
        title=title or f"{table.name}: do the predictions hold on our patients?",
        asked=(("Table", table.name), ("Groups", groups)),
        digests={"table": digest},
        made_at=made_at,
        code=code,
    )
