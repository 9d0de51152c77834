"""The quality of any tables, without a charter: missing, disguised, impossible, in another unit, inconsistent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bedrail.core.errors import Invalid
from bedrail.data.consistency import RowsRule, check_rules
from bedrail.data.disguised import disguised, disguised_findings
from bedrail.data.label_quality import label_noise, noise_finding
from bedrail.data.quality_values import Limits, QualityFinding, QualityPolicy, QualityReport, found, reported
from bedrail.data.slips import findings_of, look

if TYPE_CHECKING:
    import pandas as pd

BOUND = r"^\s*[<>]=?\s*-?\d+(\.\d+)?\s*$"
MOSTLY = 0.9
"""Share of numbers from which a word among them is a stray, and not one code among others."""

NUMBER = r"^\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*$"


def check_tables(
    tables: Mapping[str, pd.DataFrame],
    *,
    rules: Sequence[RowsRule] = (),
    long: tuple[str, str] | None = None,
    keys: Mapping[str, Sequence[str]] | None = None,
    policy: QualityPolicy | None = None,
    labels: tuple[str, str] | None = None,
) -> dict[str, QualityReport]:
    """A report by table name. `long` names the columns of parameter and value where a row is one measurement.

    `labels` are an outcome of 0 and 1 and the patient: of the first table with both it is said how many labels may be
    wrong, by all its other columns (slower: models are trained).
    `keys` by table name have to be unique. Raises `Invalid` for columns that are not there.
    """
    policy = policy or QualityPolicy()
    ruled = {name: [rule for rule in rules if (rule.table or next(iter(tables))) == name] for name in tables}
    strange = [rule for rule in rules if rule.table and rule.table not in tables]
    list(check_rules(tables, strange))  # names the table that was not given
    reports = {}
    for name, frame in tables.items():
        findings = [*_generic(frame, policy.limits, (keys or {}).get(name, ()), long[:1] if long else ())]
        if long is not None and all(column in frame.columns for column in long):
            findings += _parameters(frame, *long, policy.limits)
        findings += check_rules(tables, ruled[name])
        if labels is not None and all(column in frame.columns for column in labels):
            others = [str(column) for column in frame.columns if column not in labels]
            findings.append(noise_finding(label_noise(frame, labels[0], others, labels[1]), labels[0]))
            labels = None
        reports[name] = reported(len(frame), tuple(findings), policy)
    if labels is not None:
        remedy = "Name columns of one table."
        raise Invalid(f"no table has the columns {labels[0]} and {labels[1]}.", path="--labels", remedy=remedy)
    if long is not None and not any(all(c in frame.columns for c in long) for frame in tables.values()):
        raise Invalid(f"no table has the columns {long[0]} and {long[1]}.", path="--long", remedy="Write NAME:VALUE.")
    return reports


def _generic(frame: pd.DataFrame, limits: Limits, key: Sequence[str], names: Sequence[str]) -> Iterator[QualityFinding]:
    """`names` are columns of names, in which `Na` is sodium and not a word for nothing."""
    import pandas as pd

    rows = len(frame)
    if key:
        absent = [name for name in key if name not in frame.columns]
        if absent:
            raise Invalid(f"there is no column `{absent[0]}`.", path="key", remedy="Name columns of the table.")
        twins = int(frame.duplicated(list(key)).sum())
        yield found("uniqueness", ", ".join(key), "block", twins, rows, 0.0, "repeat a key")
    copies = int(pd.util.hash_pandas_object(frame, index=False).duplicated().sum()) if rows else 0
    yield found("uniqueness", "(row)", "warn", copies, rows, limits.max_copies, "are exact copies of another row")
    for name in frame.columns:
        absent_rows = int(frame[name].isna().sum())
        if absent_rows:
            yield found("completeness", str(name), "warn", absent_rows, rows, limits.max_missing, "have no value")
    yield from disguised_findings(frame, limits, frozenset(names))
    hollow: dict[str, list[float]] = {}
    for each in disguised(frame):
        if frame[each.column].dtype.kind in "iuf":
            hollow.setdefault(each.column, []).append(float(each.value))
    for name in frame.columns:
        yield from _column(frame[name], str(name), rows, limits, hollow.get(str(name), []))


def _column(column: pd.Series, name: str, rows: int, limits: Limits, hollow: list[float]) -> Iterator[QualityFinding]:
    import pandas as pd

    values = column
    if column.dtype.kind not in "iufbM":
        text = column.dropna().astype(str)
        numbers = text.str.match(NUMBER)
        if not len(text) or numbers.mean() < MOSTLY:
            return
        bounds = int(text.str.match(BOUND).sum())
        words = len(text) - int(numbers.sum()) - bounds
        yield found("validity", name, "warn", bounds, rows, 0.0, "hold a bound (`<` or `>` and a number) among numbers")
        yield found("validity", name, "warn", words, rows, 0.0, "hold a word among numbers")
        values = pd.to_numeric(text, errors="coerce")
    if values.dtype.kind in "iuf":
        seen = look(name, values.to_numpy(dtype=float, na_value=np.nan), ignore=hollow)
        if seen is not None:
            yield from findings_of(seen, rows, limits)


def _parameters(frame: pd.DataFrame, parameter: str, value: str, limits: Limits) -> Iterator[QualityFinding]:
    """A long table is as many columns as it has parameters."""
    import pandas as pd

    values = pd.to_numeric(frame[value], errors="coerce")
    for name, part in values.groupby(frame[parameter], observed=True):
        given = part.dropna().rename(str(name))
        hollow = [float(d.value) for d in disguised(given.to_frame())]
        yield from disguised_findings(given.to_frame(), limits)
        seen = look(str(name), given.to_numpy(dtype=float), ignore=hollow)
        if seen is not None:
            yield from findings_of(seen, len(part), limits)
