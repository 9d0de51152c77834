"""The face for notebooks, for two tables: predictions and events of any dataframe library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bedrail.core.errors import Invalid

if TYPE_CHECKING:
    from bedrail.checks.report import Report
    from bedrail.checks.requirements import Requirements


def examine_tables(
    predictions: Any,
    events: Any,
    *,
    groups: Sequence[str] | None = None,
    columns: Mapping[str, str] | None = None,
    event: str = "",
    horizon: str = "",
    gap: str = "",
    observed_until: str = "",
    recurrent: bool | None = None,
    unit: str = "prediction",
    aggregate: str = "max",
    leads: Sequence[str] = (),
    interventions: Sequence[str] = (),
    intersections: Sequence[Sequence[str]] = (),
    threshold: float | None = None,
    ignore_unknown: bool = False,
    requirements: Requirements | Mapping[str, Any] | None = None,
    checks: Sequence[str] | None = None,
    title: str = "",
) -> Report:
    """Examine a score from a table of predictions and one of events, as `bedrail examine` does from two files.

    Tables may be of pandas, polars or pyarrow, a mapping of columns or a list of records: `subject`, `time`, `score`
    in the one, `subject`, `time`, `event`, `value` in the other (docs/day-one.md); `columns` renames as `--column`
    does. Windows, unit and the rest mean what the options of the same name do. Raises `Invalid` naming the argument,
    or table, column and row.

    Example:
        >>> report = br.examine_tables(scores, outcomes, event="sepsis", unit="encounter", horizon="24h")
    """
    import msgspec

    from bedrail.checks.catalogue import CHECKS
    from bedrail.checks.frames import table
    from bedrail.checks.joining.timing import Timing
    from bedrail.journeys.day_one import Demands
    from bedrail.journeys.day_one import examine_tables as examined
    from bedrail.notebook import _names, _requirements, _threshold

    demands = Demands(requirements=_requirements(requirements))
    if checks is not None:
        for name in _names(checks):
            if name not in CHECKS:
                raise Invalid(f"there is no check {name}.", path="checks", remedy=f"Choose from: {', '.join(CHECKS)}.")
        demands = msgspec.structs.replace(
            demands, required=_names(checks), words=f"by choice only: {', '.join(checks)}"
        )
    try:
        timing = Timing(
            gap=gap,
            horizon=horizon,
            unit=unit,  # type: ignore[arg-type]
            aggregate=aggregate,  # type: ignore[arg-type]
            recurrent=recurrent,
            observed_until=str(observed_until),
            leads=_words(leads, "leads"),
            interventions=_words(interventions, "interventions"),
        )
        return examined(
            table(predictions, "predictions"),
            table(events, "events"),
            demands,
            None if groups is None else _words(groups, "groups"),
            columns=columns,
            event=event,
            timing=timing,
            threshold=_threshold(threshold),
            intersections=intersections,
            ignore_unknown=ignore_unknown,
            title=title,
            checks=checks,
        )
    except Invalid as error:
        if not error.path.startswith("--"):
            raise
        told = error.path.removeprefix("--").replace("-", "_")
        argument = {"column": "columns", "lead": "leads", "intervention": "interventions"}.get(told, told)
        remedy = error.remedy.replace("--column ", "columns: ").replace("--", "")
        raise Invalid(error.message, path=argument, remedy=remedy) from None


def _words(values: Sequence[str], name: str) -> tuple[str, ...]:
    if isinstance(values, str):
        raise Invalid("is one text, not a list.", path=name, remedy=f"Write {name}=[{values!r}].")
    return tuple(str(each) for each in values)
