"""Groups of patients and their intersections, the small-cell guard, and when enough of them are told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from bedrail.checks.intervals import dense, distinct
from bedrail.checks.values import Bools, Cohort, Ints, Requirements
from bedrail.core.values import Finding, Verdict

MOST_CELLS = 1_000_000
NO_GROUPS = "No groups were given, so nothing can be said about any of them."


@dataclass(frozen=True, slots=True)
class Cell:
    """The patients of one group: `name` as in findings, `columns` it is made of, `rows` (n,) of the cohort."""

    name: str
    columns: tuple[str, ...]
    rows: Bools
    patients: int

    @property
    def family(self) -> str:
        """The columns as one word, such as `race & gender`."""
        return " & ".join(self.columns)


def cells(cohort: Cohort, *, intersections: bool = True) -> tuple[Cell, ...]:
    """Every group that has a row: levels of each column, then of each intersection, in the columns' order."""
    if cohort.groups is None or cohort.n == 0:
        return ()
    return tuple(cell for columns in families(cohort, intersections=intersections) for cell in _family(cohort, columns))


def families(cohort: Cohort, *, intersections: bool = True) -> tuple[tuple[str, ...], ...]:
    """The columns, then the intersections, each once."""
    if cohort.groups is None or cohort.n == 0:
        return ()
    found: list[tuple[str, ...]] = [(str(column),) for column in cohort.groups.columns]
    found += [columns for columns in cohort.intersections if intersections and len(columns) > 1]
    return tuple(dict.fromkeys(found))


def cell_codes(cohort: Cohort, columns: tuple[str, ...]) -> tuple[Ints, tuple[str, ...]]:
    """(n,) codes 0..k-1 of the levels of `columns` taken together, and their k names."""
    assert cohort.groups is not None
    code = np.zeros(cohort.n, dtype=np.int64)
    for column in columns:
        series = cohort.groups[column].cat
        code = code * len(series.categories) + series.codes.to_numpy(dtype=np.int64)
    if int(code.max(initial=0)) < MOST_CELLS:
        seen, inverse = dense(code)
    else:
        seen, inverse = np.unique(code, return_inverse=True)
    return inverse.astype(np.int64, copy=False), tuple(_name(cohort, columns, int(one)) for one in seen)


def _name(cohort: Cohort, columns: tuple[str, ...], code: int) -> str:
    assert cohort.groups is not None
    pairs = []
    for column in reversed(columns):
        levels = cohort.groups[column].cat.categories
        code, level = divmod(code, len(levels))
        pairs.append(f"{column}={levels[level]}")
    return " & ".join(reversed(pairs))


def _family(cohort: Cohort, columns: tuple[str, ...]) -> Iterable[Cell]:
    codes, names = cell_codes(cohort, columns)
    for code, name in enumerate(names):
        rows = codes == code
        yield Cell(name=name, columns=columns, rows=rows, patients=patients_in(cohort, rows))


def patients_in(cohort: Cohort, rows: Bools) -> int:
    """Number of patients with a row in `rows`."""
    return int(rows.sum()) if cohort.clusters is None else distinct(cohort.clusters[rows])


def too_few(cell: Cell, name: str, requirements: Requirements) -> Finding | None:
    """The small-cell guard: under `min_group` patients nothing is printed, not even the count (CMS cell rule)."""
    if cell.patients >= requirements.min_group:
        return None
    reason = f"Fewer than {requirements.min_group} patients in {cell.name}: not shown."
    return Finding(check=name, group=cell.name, verdict=Verdict.MISSING, reason=reason)


MOST_NAMED = 8


def untold_words(findings: Iterable[Finding]) -> str:
    """Which groups could not be told, each with the smallest gap that its patients could have shown."""
    missing = [f for f in findings if f.verdict is Verdict.MISSING]
    if not missing:
        return ""
    words = [
        f"{f.group} (a gap of {f.smallest_gap:.2g} or more would have been shown)"
        if f.smallest_gap is not None
        else f"{f.group} (too few for any figure)"
        for f in missing[:MOST_NAMED]
    ]
    more = f", and {len(missing) - MOST_NAMED} more" if len(missing) > MOST_NAMED else ""
    return f"Not told: {', '.join(words)}{more}."


def told(cohort: Cohort, requirements: Requirements, findings: tuple[Finding, ...]) -> tuple[Verdict, str]:
    """Any fail fails; a pass needs, by column and measure, groups that pass to hold `min_told_share` of the rows.

    Intersections are shown and can fail, but being too small does not hold a model back.
    """
    failed = [f for f in findings if f.verdict is Verdict.FAIL]
    if failed:
        more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        return Verdict.FAIL, failed[0].reason + more
    if cohort.groups is None or not findings or cohort.n == 0:
        return Verdict.MISSING, NO_GROUPS
    for finding in findings:
        if finding.verdict is Verdict.MISSING and finding.group == "overall":
            return Verdict.MISSING, finding.reason
    passed = {(f.check, f.group) for f in findings if f.verdict is Verdict.PASS}
    single = cells(cohort, intersections=False)
    asked = {(f.check, f.group) for f in findings}
    for measure in dict.fromkeys(f.check for f in findings if not f.group.endswith("=*")):
        for column in cohort.groups.columns:
            if not any((measure, c.name) in asked for c in single if c.family == column):
                continue
            rows = sum(int(c.rows.sum()) for c in single if c.family == column and (measure, c.name) in passed)
            if rows < requirements.min_told_share * cohort.n:
                share = f"{rows / cohort.n:.0%} of the patients (at least {requirements.min_told_share:.0%} are asked)"
                names = {c.name for c in single if c.family == column}
                small = [f for f in findings if f.check == measure and f.group in names]
                return (
                    Verdict.MISSING,
                    f"Not enough patients to tell: by {column}, {measure} is settled for only {share}. "
                    f"{untold_words(small)}",
                )
    open_ones = sorted({f.group for f in findings if f.verdict is Verdict.MISSING})
    rest = (
        f" Too small to tell in part: {', '.join(open_ones[:8])}{' ...' if len(open_ones) > 8 else ''}."
        if open_ones
        else ""
    )
    return Verdict.PASS, f"{len(passed)} findings within the requirements.{rest}"
