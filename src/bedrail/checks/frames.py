"""Tables of any library in, tables of pandas out: columns and frames as callers have them, reports as dataframes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from bedrail.core.errors import Invalid

if TYPE_CHECKING:
    import pandas as pd

    from bedrail.checks.report import Context, Report

CURVE_COLUMNS = ("curve", "x", "y", "low", "high", "n")


def column(values: Any, name: str) -> pd.Series:
    """One column from whatever holds one: list, array, pandas, polars, pyarrow (`to_pandas` or `__array__`)."""
    import pandas as pd

    if isinstance(values, pd.DataFrame) or (not isinstance(values, pd.Series) and hasattr(values, "columns")):
        raise Invalid("is a table, not a column.", path=name, remedy=f"Give one column, such as frame[{name!r}].")
    if isinstance(values, (str, bytes, Mapping)) or values is None:
        raise Invalid(f"is {kind_of(values)}, not a column.", path=name, remedy="Give a list, an array or a column.")
    if isinstance(values, pd.Series):
        return values.reset_index(drop=True)
    try:
        return _plain(values)
    except (TypeError, ValueError, ImportError):
        raise Invalid(
            f"cannot be read as one column ({kind_of(values)}).",
            path=name,
            remedy="Give one value for each prediction.",
        ) from None


def _plain(values: Any) -> pd.Series:
    import pandas as pd

    if isinstance(values, np.ma.MaskedArray):
        return pd.Series(np.ma.getdata(values)).mask(np.ma.getmaskarray(values))
    if hasattr(values, "to_pandas"):
        values = values.to_pandas()
    elif not isinstance(values, (list, tuple, pd.Index, pd.Series)) and hasattr(values, "__array__"):
        values = np.asarray(values)
    elif not isinstance(values, (list, tuple, pd.Index, pd.Series)):
        values = list(values)
    if isinstance(values, np.ndarray) and values.ndim != 1:
        if values.ndim != 2 or values.shape[1] != 1:
            raise ValueError("not one column")
        values = values[:, 0]
    if isinstance(values, (list, tuple)) and any(isinstance(each, (list, tuple, dict, np.ndarray)) for each in values):
        raise ValueError("nested")
    return pd.Series(values).reset_index(drop=True)


def table(values: Any, name: str) -> pd.DataFrame:
    """A table from pandas, polars (lazy frames too), pyarrow, a mapping of columns or a list of records.

    Raises `Invalid` with the name of the argument for anything else, and for two columns of one name.
    """
    import pandas as pd

    if hasattr(values, "collect") and hasattr(values, "lazy"):
        values = values.collect()
    if not isinstance(values, (pd.DataFrame, pd.Series)) and hasattr(values, "to_pandas"):
        values = values.to_pandas()
    if isinstance(values, (pd.Series, str, bytes)) or values is None:
        raise Invalid(f"is {kind_of(values)}, not a table.", path=name, remedy="Give a dataframe with named columns.")
    try:
        if isinstance(values, np.ndarray) and values.dtype.names is None:
            raise ValueError("no names")
        frame = values if isinstance(values, pd.DataFrame) else pd.DataFrame(values)
    except (TypeError, ValueError):
        raise Invalid(
            f"cannot be read as a table ({kind_of(values)}).",
            path=name,
            remedy="Give a dataframe, or a mapping of columns of one length.",
        ) from None
    names = [str(each) for each in frame.columns]
    twins = sorted(name for name, times in Counter(names).items() if times > 1)
    if twins:
        raise Invalid(f"has two columns `{twins[0]}`.", path=name, remedy="Name every column once.")
    return frame.set_axis(names, axis="columns").reset_index(drop=True)


def kind_of(values: Any) -> str:
    """What something is, in words for an error."""
    return "nothing" if values is None else f"a {type(values).__name__}"


def curves_frame(context: Context) -> pd.DataFrame:
    """Every drawn number as rows (curve, x, y, low, high, n): see docs/day-one.md for what x and y are of which."""
    import pandas as pd

    rows: list[tuple[object, ...]] = []
    if context.curves is not None:
        rows += _rows(msgspec.to_builtins(context.curves), "")
    for picture in context.pictures:
        rows += _picture_rows(msgspec.to_builtins(picture))
    frame = pd.DataFrame(rows, columns=list(CURVE_COLUMNS))
    return frame.astype({**dict.fromkeys(("x", "y", "low", "high"), "float64"), "n": "Int64"})


def _rows(told: dict[str, Any], prefix: str) -> list[tuple[object, ...]]:
    bins, counts = told["calibration"], told["histogram"]
    rows: list[tuple[object, ...]] = [
        (f"{prefix}calibration", b["predicted"], b["observed"], b["low"], b["high"], b["n"]) for b in bins
    ]
    rows += [(f"{prefix}histogram", at / len(counts), None, None, None, count) for at, count in enumerate(counts)]
    rows += [(f"{prefix}roc", x, y, None, None, None) for x, y in told["roc"]]
    for each in told["benefit"]:
        limits = (each.get("low"), each.get("high"))
        rows.append((f"{prefix}net-benefit", each["threshold"], each["score"], *limits, None))
        rows.append(
            (f"{prefix}net-benefit of acting on everyone", each["threshold"], each["everyone"], None, None, None)
        )
    return rows


def _picture_rows(told: dict[str, Any]) -> list[tuple[object, ...]]:
    kind = told["type"]
    if kind == "risks":
        return _rows(told["curves"], f"{told['name']}: ")
    if kind == "agreement":
        return [("agreement", b["predicted"], b["observed"], b["low"], b["high"], b["n"]) for b in told["bins"]]
    if kind == "courses":
        return [
            (f"incidence: {course['name']}", time, share, low, high, course["n"])
            for course in told["courses"]
            for time, share, low, high in course["steps"]
        ]
    if kind == "matrix":
        names = told["classes"]
        return [
            (f"outcome {names[i]}, said {names[j]}", None, cell["share"], cell["low"], cell["high"], cell["n"])
            for i, row in enumerate(told["squares"])
            for j, cell in enumerate(row)
        ]
    return []


def groups_frame(report: Report) -> pd.DataFrame:
    """One row for each group, one column for each measure that has an estimate there, and the verdicts that fail."""

    told = report.findings
    told = told[told["group"].ne("overall") & ~told["group"].str.startswith(("lead=", "alert="))]
    wide = told.dropna(subset=["estimate"]).drop_duplicates(["group", "check"])
    frame: pd.DataFrame = wide.pivot(index="group", columns="check", values="estimate")
    order = told["group"].drop_duplicates()
    frame = frame.reindex(order[order.isin(frame.index)])
    failed = told[told["verdict"].eq("fail")].groupby("group")["check"].agg(", ".join)
    frame["fails"] = failed.reindex(frame.index).fillna("").astype(object)
    frame.columns.name = None
    return frame


def settings_frame(context: Context) -> pd.DataFrame:
    """What the figures rest on, as rows (setting, value): counts, threshold, required numbers, digests."""
    import pandas as pd

    rows: list[tuple[str, object]] = [
        ("n", context.n),
        ("patients", context.patients),
        ("outcomes", context.outcomes),
        ("mean_score", context.mean_score),
        ("threshold", context.threshold),
        ("threshold_given", context.threshold_given),
    ]
    asked = msgspec.to_builtins(context.requirements) if context.requirements is not None else {}
    rows += [(f"requirements.{name}", value) for name, value in asked.items()]
    rows += [(f"digests.{name}", value) for name, value in context.digests.items()]
    rows += [("made_at", context.made_at), ("code", context.code)]
    return pd.DataFrame(rows, columns=["setting", "value"]).astype({"value": object})
