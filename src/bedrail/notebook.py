"""The face for notebooks: examine any score from arrays, lists or dataframes in one line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bedrail.checks.cells import Place, binaries, identifiers, labels, levels, probabilities, times
from bedrail.checks.frames import column
from bedrail.core.errors import Invalid

if TYPE_CHECKING:
    import pandas as pd

    from bedrail.checks.report import Report
    from bedrail.checks.values import Cohort, Requirements


def examine(
    outcome: Any,
    score: Any,
    *,
    groups: Any = None,
    subject: Any = None,
    time: Any = None,
    site: Any = None,
    baseline: Any = None,
    threshold: float | None = None,
    intersections: Sequence[Sequence[str]] = (),
    requirements: Requirements | Mapping[str, Any] | None = None,
    checks: Sequence[str] | None = None,
    title: str = "Examination of a score",
    seed: int = 0,
    outcome_type: str | None = None,
    **other: Any,
) -> Report:
    """Examine a score against outcomes; the report shows itself in a notebook.

    `outcome` (n,) of 0/1 or true/false and `score` (n,) risks in [0, 1] may be lists, arrays, pandas or polars-like
    columns. `groups` is a frame or a mapping of columns with n rows (or one named column), `subject` names the
    patient of each row, `baseline` is another score on the same rows. `threshold` is the risk from which one would act.
    `requirements` overrules single numbers, such as `{"min_auroc": 0.7}`. `checks` chooses what is asked; without it,
    what the given data can answer counts for the verdict. Raises `Invalid` naming the argument and the row.

    For classes, numbers and times until an event see docs/outcomes.md: `outcome_type` names "multiclass", "regression"
    or "survival", else it is recognised (`event=` given, a score of several columns, numbers outside 0 to 1), and
    `other` are `classes`, `order`, `predicted`; `interval`, `nominal`; `event`, `horizons`, `risk_score`, `competing`;
    `unit`.

    Example:
        >>> import bedrail as br
        >>> report = br.examine(outcome, score, groups=frame[["race", "gender"]], subject=frame["patient"])
        >>> report.findings
    """
    from bedrail.checks.asking import examine as ask
    from bedrail.checks.outcomes.arrays import recognised
    from bedrail.checks.report import Report, context_of

    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise Invalid("is not a whole number of 0 or more.", path="seed", remedy="Leave it out, or give one.")
    intersections = _crossed(intersections)
    kind = recognised(outcome_type, outcome, score, other.get("event"))
    if kind != "binary":
        for name, value in (("time", time), ("site", site), ("baseline", baseline)):
            if value is not None:
                raise Invalid("is for binary outcomes only.", path=name, remedy="Leave it out.")
        named = {"checks": None if checks is None else _names(checks), "title": str(title), "seed": seed}
        shared = {"groups": groups, "subject": subject, "intersections": intersections, "threshold": threshold}
        return _other(kind, outcome, score, shared, requirements, named, other)
    if other:
        raise Invalid("is not an argument for binary outcomes.", path=next(iter(other)), remedy="Name outcome_type.")
    asked = _requirements(requirements)
    cohort = _cohort(outcome, score, groups, subject, time, site, baseline, threshold, intersections)
    names = None if checks is None else _names(checks)
    evidence = ask(cohort, asked, checks=names, seed=seed)
    required = _counted(cohort, [one.check for one in evidence if one.verdict == "fail"]) if names is None else names
    lines = (("Groups", ", ".join(cohort.groups.columns) if cohort.groups is not None else "none were given"),)
    return Report(evidence, context_of(cohort, asked, title=str(title), asked=lines, required=required))


OTHER_ARGUMENTS = {
    "multiclass": ("classes", "order", "predicted"),
    "regression": ("interval", "nominal", "unit"),
    "survival": ("event", "horizons", "risk_score", "competing", "unit"),
}


def _other(
    kind: str,
    outcome: Any,
    score: Any,
    shared: dict[str, Any],
    requirements: Any,
    named: dict[str, Any],
    other: dict[str, Any],
) -> Report:
    """Classes, numbers and times: arguments that are columns are read here, the rest where the type is known."""
    from bedrail.checks.outcomes import arrays
    from bedrail.checks.outcomes.examining import outcome_report

    for name in other:
        if name not in OTHER_ARGUMENTS[kind]:
            known = ", ".join(OTHER_ARGUMENTS[kind])
            raise Invalid(f"is not an argument for {kind} outcomes.", path=name, remedy=f"There are: {known}.")
    told = column(outcome, "outcome")
    n = len(told)
    if n == 0:
        raise Invalid("there are no rows.", path="outcome", remedy="Give at least one prediction with its outcome.")

    def same(values: Any, name: str) -> pd.Series:
        found = column(values, name)
        if len(found) != n:
            raise Invalid(f"has {len(found)} rows, outcome has {n}.", path=name, remedy="Give one per prediction.")
        return found

    threshold, subject = _threshold(shared["threshold"]), shared["subject"]
    if threshold is not None and kind != "survival":
        raise Invalid(f"is not asked of {kind} outcomes.", path="threshold", remedy="Leave it out.")
    more: dict[str, Any] = {
        "groups": None if shared["groups"] is None else _groups(shared["groups"], n),
        "intersections": shared["intersections"],
        "subject": None if subject is None else identifiers(same(subject, "subject"), Place("subject", table=False)),
    }
    for name, value in other.items():
        columns = name in ("predicted", "event", "risk_score") and value is not None
        more[name] = same(value, name) if columns else value
    if kind == "multiclass":
        cohort = arrays.multiclass(told, score, **more)
    elif kind == "regression":
        cohort = arrays.regression(told, same(score, "score"), **more)
    else:
        more.setdefault("event", None)
        cohort = arrays.survival(told, score, threshold=threshold, **more)
    lines = (("Groups", ", ".join(cohort.groups.columns) if cohort.groups is not None else "none were given"),)
    return outcome_report(cohort, requirements, asked=lines, **named)


def _counted(cohort: Cohort, failed: list[str]) -> tuple[str, ...]:
    """What the data at hand can answer, and whatever else on the model fails."""
    from bedrail.checks.catalogue import CHECKS, OF_THE_DEMAND

    answerable = {"discrimination", "calibration", "thresholds", "net-benefit", *failed} - set(OF_THE_DEMAND)
    if cohort.groups is not None:
        answerable |= {"subgroups", "fairness"}
    if cohort.baseline is not None:
        answerable.add("baseline")
    return tuple(name for name in CHECKS if name in answerable)


def _cohort(
    outcome: Any,
    score: Any,
    groups: Any,
    subject: Any,
    time: Any,
    site: Any,
    baseline: Any,
    threshold: float | None,
    intersections: tuple[tuple[str, ...], ...],
) -> Cohort:
    from bedrail.checks.values import Cohort

    told = column(outcome, "outcome")
    n = len(told)
    if n == 0:
        raise Invalid("there are no rows.", path="outcome", remedy="Give at least one prediction with its outcome.")

    def same(values: Any, name: str) -> pd.Series:
        found = column(values, name)
        if len(found) != n:
            raise Invalid(
                f"has {len(found)} rows, outcome has {n}.", path=name, remedy="Give one value per prediction."
            )
        return found

    return Cohort(
        outcome=binaries(told, Place("outcome", table=False)).astype(float),
        score=probabilities(same(score, "score"), Place("score", table=False)),
        groups=None if groups is None else _groups(groups, n),
        intersections=intersections,
        subject=None if subject is None else identifiers(same(subject, "subject"), Place("subject", table=False)),
        time=None if time is None else times(same(time, "time"), Place("time", table=False))[0],
        site=None if site is None else labels(same(site, "site")).to_numpy(dtype=object),
        baseline=None
        if baseline is None
        else probabilities(same(baseline, "baseline"), Place("baseline", table=False)),
        threshold=_threshold(threshold),
    )


def _groups(groups: Any, n: int) -> pd.DataFrame:
    import pandas as pd

    if not isinstance(groups, (pd.DataFrame, pd.Series)) and hasattr(groups, "to_pandas"):
        groups = groups.to_pandas()
    if isinstance(groups, pd.Series):
        groups = groups.to_frame(groups.name if groups.name is not None else "group")
    if isinstance(groups, Mapping):
        names, columns = [str(name) for name in groups], [column(groups[name], f"groups.{name}") for name in groups]
    elif isinstance(groups, pd.DataFrame):
        names = [str(name) for name in groups.columns]
        columns = [groups.iloc[:, at].reset_index(drop=True) for at in range(groups.shape[1])]
    else:
        names, columns = ["group"], [column(groups, "groups")]
    if not names:
        raise Invalid("has no columns.", path="groups", remedy="Give at least one attribute, or leave groups out.")
    for at, name in enumerate(names):
        if name in names[:at]:
            raise Invalid(f"has two columns `{name}`.", path="groups", remedy="Name every group column once.")
        if len(columns[at]) != n:
            raise Invalid(
                f"has {len(columns[at])} rows, outcome has {n}.",
                path=f"groups.{name}",
                remedy="Give one per prediction.",
            )
    read = zip(names, columns, strict=True)
    return pd.DataFrame({name: levels(found, Place(f"groups.{name}", table=False)) for name, found in read})


def _threshold(threshold: Any) -> float | None:
    if threshold is None:
        return None
    number = isinstance(threshold, (int, float, np.integer, np.floating)) and not isinstance(threshold, bool)
    if not number or not 0 < float(threshold) < 1:
        raise Invalid("is not between 0 and 1.", path="threshold", remedy="Give the risk from which one would act.")
    return float(threshold)


def _requirements(requirements: Requirements | Mapping[str, Any] | None) -> Requirements:
    import msgspec

    from bedrail.checks.values import Requirements

    if requirements is None:
        return Requirements()
    if isinstance(requirements, Requirements):
        return requirements
    try:
        plain = {name: v.item() if isinstance(v, np.generic) else v for name, v in dict(requirements).items()}
        return msgspec.convert(plain, Requirements)
    except (msgspec.ValidationError, TypeError, ValueError) as error:
        known = ", ".join(Requirements.__struct_fields__)
        raise Invalid(f"{error}.", path="requirements", remedy=f"Known numbers: {known}.") from None


def _crossed(intersections: Any) -> tuple[tuple[str, ...], ...]:
    lists = (list, tuple)
    if not isinstance(intersections, lists) or not all(isinstance(columns, lists) for columns in intersections):
        remedy = 'Write intersections=[["race", "gender"]].'
        raise Invalid("is not a list of lists of columns.", path="intersections", remedy=remedy)
    return tuple(tuple(str(name) for name in columns) for columns in intersections)


def _names(checks: Sequence[str]) -> tuple[str, ...]:
    if isinstance(checks, str) or not isinstance(checks, Iterable) or not checks:
        raise Invalid("is not a list of names.", path="checks", remedy='Write checks=["calibration"].')
    return tuple(str(name) for name in checks)
