"""Minimum necessary: the columns and rows that the purpose of a use case needs (45 CFR 164.502(b); GDPR Art. 5(1)(c)).

What is not needed does not come in, and is not given out: asking for more is refused with the way to get it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bedrail.core.errors import Invalid, Refused
from bedrail.core.values import Value
from bedrail.data.roles import DataRoles

if TYPE_CHECKING:
    import pandas as pd


class RowRule(Value, frozen=True, kw_only=True):
    """Rows that the purpose needs: all bounds given must hold; a row whose value is missing is not needed."""

    column: str
    reason: str
    at_least: float | None = None
    at_most: float | None = None
    one_of: tuple[str | int | float, ...] = ()


class Need(Value, frozen=True, kw_only=True):
    """What a use case may have: columns by name, and the rules that its rows obey."""

    use_case: str
    purpose: str
    columns: tuple[str, ...]
    rows: tuple[RowRule, ...] = ()

    def require(self, asked: Sequence[str]) -> None:
        """Raise `Refused`, naming what is too much and how it becomes needed."""
        more = tuple(name for name in dict.fromkeys(asked) if name not in self.columns)
        if more:
            raise Refused(
                f"`{self.use_case}` does not need {', '.join(more[:10])} for {self.purpose}.",
                remedy=f"If it does, say so: a [[features]] entry or [data] columns in usecase.toml, then "
                f"bedrail use-case open, bedrail data admit {self.use_case}. Needed now: {', '.join(self.columns)}.",
                reasons=("minimum-necessary",),
            )


def need_of(
    use_case: str, purpose: str, roles: DataRoles, features: Sequence[str], also: Sequence[str], rows: Sequence[RowRule]
) -> Need:
    """The need that a charter states: its roles, its features, and further columns that it names."""
    columns = tuple(dict.fromkeys((*roles.columns(), *features, *also)))
    return Need(use_case=use_case, purpose=purpose, columns=columns, rows=tuple(rows))


def needed_rows(frame: pd.DataFrame, rules: Sequence[RowRule]) -> np.ndarray:
    """Which rows (n,) all rules keep; raises `Invalid` for a rule about a column that is absent or holds no numbers."""
    keep = np.ones(len(frame), dtype=bool)
    for rule in rules:
        if rule.column not in frame.columns:
            raise Invalid(
                f"the table has no column `{rule.column}`, by which rows are chosen.",
                path="usecase.toml data.rows",
                remedy="Name a column of the table, or leave the rule out.",
            )
        column = frame[rule.column]
        keep &= column.notna().to_numpy()
        if rule.one_of:
            keep &= column.astype(str).isin([str(each) for each in rule.one_of]).to_numpy()
        if rule.at_least is not None or rule.at_most is not None:
            if column.dtype.kind not in "iuf":
                raise Invalid(
                    f"`{rule.column}` holds no numbers.", path="usecase.toml data.rows", remedy="Use one_of for words."
                )
            values = column.to_numpy(dtype=float, na_value=np.nan)
            low = -np.inf if rule.at_least is None else rule.at_least
            high = np.inf if rule.at_most is None else rule.at_most
            keep &= (values >= low) & (values <= high)
    return keep
