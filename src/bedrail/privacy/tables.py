"""De-identify an encounter table at admission: minimum necessary columns, keyed pseudonyms, ages over 89 together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from bedrail.core.values import Value
from bedrail.data.profile import SMALLEST_CELL
from bedrail.data.roles import DataRoles

if TYPE_CHECKING:
    import pandas as pd

OLDEST_AGE = 90
"""45 CFR 164.514(b)(2)(i)(C): all ages over 89 go into one category of age 90 or older."""


RARE = "(rare)"
"""Stands for every label that fewer than `SMALLEST_CELL` rows share."""


class Treatment(Value, frozen=True, kw_only=True):
    """What was done to one column; never a value."""

    column: str
    action: str
    rule: str


def deidentify_table(
    frame: pd.DataFrame, roles: DataRoles, features: Sequence[str], pseudonym: Callable[[str], str]
) -> tuple[pd.DataFrame, tuple[Treatment, ...]]:
    """The table with only declared columns, subject and encounter replaced, and old ages top-coded.

    Returns the new table and the manifest of treatments. Columns that neither a role nor a feature names are left
    out (minimum necessary, 45 CFR 164.502(b)); subject and encounter become keyed pseudonyms (164.514(c)), and a time
    that is really one of these identifiers becomes its rank.
    """
    keep = [name for name in frame.columns if name in {*roles.columns(), *features}]
    treatments = [
        Treatment(column=str(name), action="left out", rule="45 CFR 164.502(b)")
        for name in frame.columns
        if name not in keep
    ]
    out = frame[keep].copy()
    for name in (roles.subject, roles.encounter):
        codes = {value: pseudonym(str(value)) for value in out[name].unique()}
        out[name] = out[name].map(codes)
        treatments.append(Treatment(column=name, action="keyed pseudonym", rule="45 CFR 164.514(c)"))
    if roles.time in out.columns and _is_an_identifier(frame, roles):
        out[roles.time] = out[roles.time].rank(method="dense")
        treatments.append(Treatment(column=roles.time, action="rank in order of time", rule="45 CFR 164.514(c)"))
    if "age" in out.columns and out["age"].dtype.kind in "iuf":
        out["age"] = out["age"].mask(out["age"] >= OLDEST_AGE, OLDEST_AGE)  # an unknown age stays unknown
        treatments.append(Treatment(column="age", action="top-coded at 90", rule="45 CFR 164.514(b)(2)(i)(C)"))
    return out, tuple(treatments)


def withhold_strays(
    table: pd.DataFrame, roles: DataRoles, levels: Mapping[str, Sequence[str]]
) -> tuple[pd.DataFrame, tuple[Treatment, ...]]:
    """The table without words that could be somebody's: for after the quality rules, which must still see them.

    A category that its feature does not declare (`levels` by feature name) becomes missing: a name or a number typed
    into the wrong box is neither an input nor a secret that anybody kept. A group or site that fewer than eleven rows
    share becomes `(rare)`: alone it would name its patient in every report (the CMS cell size suppression policy).
    """
    out, treatments = table.copy(), []
    for name, declared in levels.items():
        stray = out[name].notna() & ~out[name].isin(list(declared))
        if stray.any():
            out[name] = out[name].mask(stray)
            treatments.append(Treatment(column=name, action="undeclared levels emptied", rule="45 CFR 164.502(b)"))
    for name in (*roles.groups, roles.site):
        if not name or out[name].dtype.kind in "iufb" or name in levels:
            continue
        counts = out[name].value_counts()
        rare = out[name].isin(counts.index[counts < SMALLEST_CELL])
        if rare.any():
            out[name] = out[name].astype(object).mask(rare, RARE)
            treatments.append(Treatment(column=name, action="rare labels joined", rule="CMS cell size suppression"))
    return out, tuple(treatments)


def _is_an_identifier(frame: pd.DataFrame, roles: DataRoles) -> bool:
    """Whether the time is an identifier that is replaced beside it (ids that rise with time often stand for it)."""
    times = frame[roles.time].astype(str)
    return any(float((times == frame[name].astype(str)).mean()) > 0.01 for name in (roles.subject, roles.encounter))
