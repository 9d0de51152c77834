"""One table with outcomes and predictions becomes a cohort; the layout is in docs/outcomes.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from bedrail.checks.cells import Place, identifiers, levels
from bedrail.checks.outcomes.reading import classes_of, events, horizons_of, numbers
from bedrail.checks.outcomes.values import (
    Competing,
    MulticlassCohort,
    OutcomeCohort,
    OutcomeType,
    RegressionCohort,
    SurvivalCohort,
)
from bedrail.core.errors import Invalid

if TYPE_CHECKING:
    import pandas as pd

SCORE_OF, RISK_AT = "score:", "risk@"
GUESSED_LEVELS = 20
ROLES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "multiclass": (("outcome",), ("predicted", "subject")),
    "regression": (("outcome", "score"), ("low", "high", "subject")),
    "survival": (("time", "event"), ("score", "subject")),
}
"""By type of outcome: columns that must be there, and columns that may be."""
PREFIXES = {"multiclass": SCORE_OF, "regression": "", "survival": RISK_AT}


@dataclass(frozen=True, slots=True)
class Layout:
    """What a table holds: the type of its outcome, renamed columns (ours to theirs), groups, and what no column says.

    `order` are the classes from least to most when they are ordered, `nominal` the promised coverage of low to high,
    `competing` what is known of competing events (none, ignored), `unit` of the outcome or the time, `threshold` the
    risk from which one would act.
    """

    outcome_type: OutcomeType
    columns: Mapping[str, str]
    groups: tuple[str, ...] | None = None
    order: tuple[str, ...] | None = None
    nominal: float = 0.9
    competing: str = ""
    unit: str = ""
    threshold: float | None = None


def cohort_of(frame: pd.DataFrame, layout: Layout) -> OutcomeCohort:
    """The cohort in a table. Raises `Invalid` with a path such as `table.score[row 12]`; rows count from 1."""
    if layout.outcome_type not in ROLES:
        raise Invalid(
            f"there is no outcome type {layout.outcome_type!r} for one table.",
            path="--outcome-type",
            remedy=f"Choose from: {', '.join(ROLES)}.",
        )
    if len(frame) == 0:
        raise Invalid("the table has no rows.", path="table", remedy="Check the export or the filter that made it.")
    present = [str(name) for name in frame.columns]
    if len(set(present)) < len(present):
        raise Invalid("two columns have one name.", path="table", remedy="Name every column once.")
    frame = renamed(frame.set_axis(present, axis="columns"), layout)
    makers = {"multiclass": _multiclass, "regression": _regression, "survival": _survival}
    shared: dict[str, Any] = {
        "subject": identifiers(frame["subject"], Place("table.subject")) if "subject" in frame else None,
        "groups": _groups(frame, layout),
    }
    return makers[layout.outcome_type](frame, layout, shared)


def renamed(frame: pd.DataFrame, layout: Layout) -> pd.DataFrame:
    """The table under our names."""
    needed, optional = ROLES[layout.outcome_type]
    prefix = PREFIXES[layout.outcome_type]
    present = list(frame.columns)
    taken: dict[str, str] = {}
    for ours, theirs in layout.columns.items():
        if ours not in (*needed, *optional) and not (prefix and ours.startswith(prefix)):
            known = ", ".join((*needed, *optional, *((f"{prefix}NAME",) if prefix else ())))
            raise Invalid(f"there is no column role `{ours}`.", path="--column", remedy=f"Use one of: {known}.")
        if theirs not in present:
            raise _no_column(theirs, ours, present)
        if theirs in taken:
            raise Invalid(f"`{theirs}` has two roles.", path="--column", remedy="Name each column once.")
        taken[theirs] = ours
    for theirs, ours in taken.items():
        if theirs != ours and ours in present:
            frame = frame.drop(columns=ours)
    frame = frame.rename(columns=taken)
    for ours in needed:
        if ours not in frame.columns:
            raise _no_column(ours, ours, present)
    return frame


def _no_column(theirs: str, ours: str, present: Sequence[str]) -> Invalid:
    return Invalid(
        f"the table has no column `{theirs}`.",
        path=f"table.{ours}",
        remedy=f"Name it with --column {ours}=NAME; the table has: {', '.join(present[:30])}.",
    )


def _groups(frame: pd.DataFrame, layout: Layout) -> pd.DataFrame | None:
    """Named group columns, or, without names, other columns of few values that are no fractions."""
    import pandas as pd

    needed, optional = ROLES[layout.outcome_type]
    prefix = PREFIXES[layout.outcome_type]
    names = layout.groups
    if names is None:
        rest = [c for c in frame.columns if c not in (*needed, *optional) and not (prefix and c.startswith(prefix))]
        rest = [c for c in rest if frame[c].dtype.kind != "f"]
        names = tuple(c for c in rest if 2 <= frame[c].nunique() <= GUESSED_LEVELS)
    for name in names:
        if name not in frame.columns:
            raise Invalid(
                f"the table has no column `{name}`.",
                path="--groups",
                remedy=f"It has: {', '.join(map(str, frame.columns[:30]))}.",
            )
    found = {name: levels(frame[name], Place(f"table.{name}")) for name in names}
    return pd.DataFrame(found, index=frame.index) if found else None


def _multiclass(frame: pd.DataFrame, layout: Layout, shared: dict[str, Any]) -> OutcomeCohort:
    columns = [name for name in frame.columns if name.startswith(SCORE_OF)]
    named = [name.removeprefix(SCORE_OF).strip() for name in columns]
    if len(columns) < 2:
        raise Invalid(
            f"the table has {len(columns)} columns of probabilities.",
            path=f"table.{SCORE_OF}CLASS",
            remedy=f"Name one column for each class, such as `{SCORE_OF}high`, or use --column {SCORE_OF}high=NAME.",
        )
    outcome, classes = classes_of(frame["outcome"], Place("table.outcome"), named, layout.order)
    place = dict(zip(named, columns, strict=True))
    score = np.column_stack([numbers(frame[place[name]], Place(f"table.{place[name]}")) for name in classes])
    said = None
    if "predicted" in frame:
        said = classes_of(frame["predicted"], Place("table.predicted"), named, layout.order)[0]
    return MulticlassCohort(
        outcome=outcome,
        score=score,
        classes=classes,
        ordinal=layout.order is not None,
        predicted=said,
        **shared,
    )


def _regression(frame: pd.DataFrame, layout: Layout, shared: dict[str, Any]) -> OutcomeCohort:
    bounds = [name for name in ("low", "high") if name in frame]
    if len(bounds) == 1:
        missing = "high" if bounds == ["low"] else "low"
        raise Invalid(
            f"the table has `{bounds[0]}` and no `{missing}`.",
            path=f"table.{missing}",
            remedy="Give both bounds of the prediction interval, or rename the one that is none.",
        )
    return RegressionCohort(
        outcome=numbers(frame["outcome"], Place("table.outcome")),
        score=numbers(frame["score"], Place("table.score")),
        interval=np.column_stack([numbers(frame[b], Place(f"table.{b}")) for b in bounds]) if bounds else None,
        nominal=layout.nominal,
        unit=layout.unit,
        **shared,
    )


def _survival(frame: pd.DataFrame, layout: Layout, shared: dict[str, Any]) -> OutcomeCohort:
    columns = [name for name in frame.columns if name.startswith(RISK_AT)]
    at = horizons_of([name.removeprefix(RISK_AT) for name in columns], f"table.{RISK_AT}TIME")
    if not columns and "score" not in frame:
        raise Invalid(
            "the table has no prediction.",
            path=f"table.{RISK_AT}TIME",
            remedy=f"Name columns of risk by their horizon, such as `{RISK_AT}365`, or give a `score`.",
        )
    order = np.argsort(at)
    risks = [numbers(frame[columns[k]], Place(f"table.{columns[k]}")) for k in order]
    return SurvivalCohort(
        time=numbers(frame["time"], Place("table.time")),
        event=events(frame["event"], Place("table.event")),
        risks=np.column_stack(risks) if risks else None,
        horizons=tuple(at[k] for k in order),
        score=numbers(frame["score"], Place("table.score")) if "score" in frame else None,
        competing=competing_word(layout.competing),
        threshold=layout.threshold,
        unit=layout.unit,
        **shared,
    )


def competing_word(said: str | None) -> Competing:
    """`none`, `ignored`, `told`; nothing said is unknown."""
    if not said:
        return "unknown"
    for word in get_args(Competing):
        if said == word:
            return word  # type: ignore[no-any-return]
    raise Invalid(f"there is no such word: {said!r}.", path="competing", remedy="Write none, ignored or told.")
