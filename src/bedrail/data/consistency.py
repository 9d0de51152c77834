"""Rules within and across tables, stated as TOML: order of dates, what excludes or requires what, references, keys.

[[rules]]
name = "discharge is not before admission"
table = "stays"                  # the only table, when there is one
level = "block"                  # block or warn
order = ["admitted", "discharged"]

[[rules]]
name = "no pregnancy in men"
forbid = [{ column = "sex", one_of = ["M"] }, { column = "icd10", begins = ["O"] }]

[[rules]]
name = "a readmission has a date"
when = [{ column = "readmitted", one_of = [1] }]
require = [{ column = "readmitted_on", present = true }]

[[rules]]
name = "every lab belongs to a stay"
table = "labs"
reference = { column = "stay", table = "stays", to = "id" }
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from bedrail.core.errors import Invalid
from bedrail.core.toml_lines import toml_tables
from bedrail.core.values import Value
from bedrail.data.quality_values import Level, QualityFinding, Share, found

if TYPE_CHECKING:
    import pandas as pd


class Condition(Value, frozen=True, kw_only=True):
    """A question about one cell; everything that is given must hold. A missing cell answers only `present`."""

    column: str
    one_of: tuple[str | int | float, ...] = ()
    none_of: tuple[str | int | float, ...] = ()
    begins: tuple[str, ...] = ()
    at_least: float | None = None
    at_most: float | None = None
    present: bool | None = None

    def holds(self, frame: pd.DataFrame) -> np.ndarray:
        """For each row (n,) whether it holds."""
        column = frame[self.column]
        there = column.notna().to_numpy()
        holds = np.ones(len(frame), dtype=bool) if self.present is None else there == self.present
        if self.present is False:
            return holds
        if self.one_of or self.none_of or self.begins:
            text = _as_text(column)
            if self.one_of:
                holds &= there & text.isin([_text(each) for each in self.one_of]).to_numpy()
            if self.none_of:
                holds &= there & ~text.isin([_text(each) for each in self.none_of]).to_numpy()
            if self.begins:
                holds &= there & text.str.startswith(self.begins).to_numpy(dtype=bool)
        if self.at_least is not None or self.at_most is not None:
            import pandas as pd

            values = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
            holds &= values >= (-np.inf if self.at_least is None else self.at_least)
            holds &= values <= (np.inf if self.at_most is None else self.at_most)
        return holds


class Reference(Value, frozen=True, kw_only=True):
    """A column whose values must stand in another table's column."""

    column: str
    table: str
    to: str


class RowsRule(Value, frozen=True, kw_only=True):
    """One rule; exactly one of `order`, `forbid`, `require`, `reference` and `unique` says what it asks.

    `limit` is the share of rows that may break it.
    """

    name: str
    table: str = ""
    level: Level = "warn"
    limit: Share = 0.0
    order: tuple[str, ...] = ()
    forbid: tuple[Condition, ...] = ()
    when: tuple[Condition, ...] = ()
    require: tuple[Condition, ...] = ()
    reference: Reference | None = None
    unique: tuple[str, ...] = ()

    def columns(self) -> tuple[str, ...]:
        """Every column of its own table that it names."""
        conditions = (*self.forbid, *self.when, *self.require)
        named = (*self.order, *(c.column for c in conditions), *self.unique)
        return (*named, self.reference.column) if self.reference else named


def parse_rules(text: str, *, name: str = "rules.toml") -> tuple[RowsRule, ...]:
    """The rules of a TOML text; raises `Invalid` with the rule at fault."""
    try:
        document = toml_tables(text)
    except tomllib.TOMLDecodeError as error:
        raise Invalid(f"not TOML ({error}).", path=name, remedy="See docs/datasets.md for an example.") from None
    return convert_rules(document.get("rules", []), name=name)


def convert_rules(raw: Any, *, name: str) -> tuple[RowsRule, ...]:
    """Rules from plain values; raises `Invalid`."""
    rules = []
    for number, table in enumerate(raw if isinstance(raw, list) else [raw], start=1):
        try:
            rule = msgspec.convert(table, RowsRule)
        except msgspec.ValidationError as error:
            raise Invalid(f"{error}.", path=f"{name} rule {number}", remedy="See docs/datasets.md.") from None
        asked = [bool(rule.order), bool(rule.forbid), bool(rule.require), bool(rule.reference), bool(rule.unique)]
        if sum(asked) != 1 or (rule.order and len(rule.order) < 2) or (rule.when and not rule.require):
            raise Invalid(
                f"`{rule.name}` asks nothing, or more than one thing.",
                path=f"{name} rule {number}",
                remedy="Give one of order (two columns or more), forbid, require (with when), reference, unique.",
            )
        rules.append(rule)
    return tuple(rules)


def check_rules(tables: Mapping[str, pd.DataFrame], rules: Sequence[RowsRule]) -> Iterator[QualityFinding]:
    """Each rule's finding; raises `Invalid` for a rule about a table or column that is not there."""
    for rule in rules:
        frame = _table(tables, rule.table, rule.name)
        for column in rule.columns():
            _require_column(frame, column, rule.name)
        said, broken = _broken(tables, frame, rule)
        where = f"{rule.table}.{rule.columns()[0]}" if rule.table and len(tables) > 1 else ", ".join(rule.columns()[:3])
        bad = int(broken.sum())
        yield found("consistency", where, rule.level, bad, len(frame), rule.limit, f"break `{rule.name}`: {said}")


def broken_rows(frame: pd.DataFrame, rules: Sequence[RowsRule]) -> np.ndarray:
    """(n,) rows of one table that break any rule about single rows; rules about other columns or tables say nothing."""
    broken = np.zeros(len(frame), dtype=bool)
    for rule in rules:
        within = rule.reference is None and not rule.unique
        if within and all(column in frame.columns for column in rule.columns()):
            broken |= _broken({"": frame}, frame, rule)[1]
    return broken


def _table(tables: Mapping[str, pd.DataFrame], name: str, rule: str) -> pd.DataFrame:
    if not name and len(tables) == 1:
        return next(iter(tables.values()))
    if name not in tables:
        remedy = f"Name one of: {', '.join(tables)}."
        raise Invalid(f"`{rule}` is about a table `{name}` that was not given.", path="rules", remedy=remedy)
    return tables[name]


def _require_column(frame: pd.DataFrame, column: str, rule: str) -> None:
    if column not in frame.columns:
        there = ", ".join(str(name) for name in frame.columns[:30])
        raise Invalid(
            f"`{rule}` names a column `{column}` that is not there.", path="rules", remedy=f"There are: {there}."
        )


def _broken(tables: Mapping[str, pd.DataFrame], frame: pd.DataFrame, rule: RowsRule) -> tuple[str, np.ndarray]:
    if rule.order:
        return f"{' <= '.join(rule.order)} does not hold", _out_of_order(frame, rule.order)
    if rule.forbid:
        together = " with ".join(condition.column for condition in rule.forbid)
        return f"{together} do not go together", _all(frame, rule.forbid)
    if rule.require:
        asked = ", ".join(condition.column for condition in rule.require)
        return f"{asked} is not as it must be", _all(frame, rule.when) & ~_all(frame, rule.require)
    if rule.unique:
        return f"{', '.join(rule.unique)} stands more than once", frame.duplicated(list(rule.unique)).to_numpy()
    assert rule.reference is not None
    other = _table(tables, rule.reference.table, rule.name)
    _require_column(other, rule.reference.to, rule.name)
    mine, known = frame[rule.reference.column], _as_text(other[rule.reference.to].dropna())
    lost = mine.notna().to_numpy() & ~_as_text(mine).isin(set(known)).to_numpy()
    return f"no such {rule.reference.to} in {rule.reference.table}", lost


def _all(frame: pd.DataFrame, conditions: Sequence[Condition]) -> np.ndarray:
    holds = np.ones(len(frame), dtype=bool)
    for condition in conditions:
        holds &= condition.holds(frame)
    return holds


def _out_of_order(frame: pd.DataFrame, columns: Sequence[str]) -> np.ndarray:
    wrong = np.zeros(len(frame), dtype=bool)
    values = [moments(frame[name]) for name in columns]
    for earlier, later in pairwise(values):
        wrong |= earlier > later  # a missing one compares as false
    return wrong


def moments(column: pd.Series) -> np.ndarray:
    """Numbers as they are, everything else as times (seconds since 1970); what is neither is missing."""
    import pandas as pd

    if column.dtype.kind in "iuf":
        return column.to_numpy(dtype=float, na_value=np.nan)
    times = pd.to_datetime(column, errors="coerce", utc=True, format="mixed")
    seconds = (times - pd.Timestamp(0, tz="UTC")).dt.total_seconds()
    return seconds.to_numpy(dtype=float, na_value=np.nan)


def _text(value: str | float) -> str:
    """Numbers meet as numbers: 1 is 1.0."""
    if isinstance(value, str):
        return value
    return str(int(value)) if float(value).is_integer() else str(float(value))


def _as_text(column: pd.Series) -> pd.Series:
    if column.dtype.kind == "f":
        return column.map(_text, na_action="ignore").astype(str)
    return column.astype(str)
