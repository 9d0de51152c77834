"""De-identify an encounter table at admission: minimum necessary columns, keyed pseudonyms, ages over 89 together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from bedrail.core.values import Value
from bedrail.data.roles import DataRoles

if TYPE_CHECKING:
    import pandas as pd

OLDEST_AGE = 90
"""45 CFR 164.514(b)(2)(i)(C): all ages over 89 go into one category of age 90 or older."""


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
    out (minimum necessary, 45 CFR 164.502(b)); subject and encounter become keyed pseudonyms (164.514(c)).
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
    if "age" in out.columns and out["age"].dtype.kind in "iuf":
        out["age"] = out["age"].where(out["age"] < OLDEST_AGE, OLDEST_AGE)
        treatments.append(Treatment(column="age", action="top-coded at 90", rule="45 CFR 164.514(b)(2)(i)(C)"))
    return out, tuple(treatments)
