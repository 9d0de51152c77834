"""What changed between two versions of a table: columns, rows, missing values, and distributions beyond chance.

A distribution's shift is told by the population stability index with a bootstrap interval and what chance alone would
give, and tested (Kolmogorov-Smirnov for numbers, chi-squared for words and for missing values). All tests of one diff
share one error rate by Holm's step-down method (1979), so that a hundred unchanged columns raise a false alarm in at
most one diff of twenty. A column has shifted when its test says so and the index is beyond 0.1: with many rows the
smallest difference is significant, and no matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np

from bedrail.core.values import Value, Verdict
from bedrail.data.profile import SMALLEST_CELL
from bedrail.data.quality_values import Limits, QualityFinding

if TYPE_CHECKING:
    import pandas as pd

ALPHA = 0.05
SMALL, LARGE = 0.1, 0.25
"""Customary bounds of the population stability index: below the first nothing to speak of, beyond the second large."""

DRAWS = 200
BINS = 10
MOST_LEVELS = 50

Size = Literal["none", "moderate", "large"]


class Shift(Value, frozen=True, kw_only=True):
    """One column in both tables. `psi` with its 95 % interval; `chance` is the index that no change at all would give.

    `p` and `p_missing` are adjusted for all tests of the diff. Shares of missing values before and after, and the
    difference with its 95 % interval (Newcombe 1998).
    """

    column: str
    kind: Literal["number", "word"]
    psi: float
    low: float
    high: float
    chance: float
    p: float
    missing_before: float
    missing_after: float
    missing_low: float
    missing_high: float
    p_missing: float
    size: Size
    missing_changed: bool


class TableDiff(Value, frozen=True, kw_only=True):
    """Two versions compared; row counts by key are None when the key is not unique in both (`why_no_rows` says so)."""

    rows_before: int
    rows_after: int
    columns_added: tuple[str, ...]
    columns_removed: tuple[str, ...]
    kinds_changed: tuple[tuple[str, str, str], ...]
    key: tuple[str, ...]
    added: int | None
    removed: int | None
    changed: int | None
    unchanged: int | None
    changed_by_column: dict[str, int]
    why_no_rows: str
    shifts: tuple[Shift, ...]
    same: bool

    def shifted(self) -> tuple[Shift, ...]:
        """Columns whose distribution or missingness changed beyond chance, the largest first."""
        moved = (s for s in self.shifts if s.size != "none" or s.missing_changed)
        return tuple(sorted(moved, key=lambda s: -s.psi))


def diff_tables(
    before: pd.DataFrame, after: pd.DataFrame, *, key: Sequence[str] = (), skip: Sequence[str] = (), seed: int = 0
) -> TableDiff:
    """Compare two tables; `key` names the columns that make a row the same row, `skip` identifiers without a shift."""
    common = [name for name in before.columns if name in after.columns]
    kinds = [(str(n), _kind(before[n]), _kind(after[n])) for n in common]
    shifts = _shifts(before, after, [n for n, a, b in kinds if a == b and n not in {*skip, *key}], seed)
    rows = _rows(before, after, list(key), common)
    added = tuple(str(n) for n in after.columns if n not in before.columns)
    removed = tuple(str(n) for n in before.columns if n not in after.columns)
    changed_kinds = tuple((n, a, b) for n, a, b in kinds if a != b)
    counts = (rows.added, rows.removed, rows.changed)
    return TableDiff(
        rows_before=len(before),
        rows_after=len(after),
        columns_added=added,
        columns_removed=removed,
        kinds_changed=changed_kinds,
        key=tuple(key),
        added=rows.added,
        removed=rows.removed,
        changed=rows.changed,
        unchanged=rows.unchanged,
        changed_by_column=rows.by_column,
        why_no_rows=rows.why,
        shifts=shifts,
        same=not (added or removed or changed_kinds) and counts == (0, 0, 0),
    )


class _Rows(Value, frozen=True, kw_only=True):
    added: int | None = None
    removed: int | None = None
    changed: int | None = None
    unchanged: int | None = None
    by_column: dict[str, int] = msgspec.field(default_factory=dict)
    why: str = ""


def _rows(before: pd.DataFrame, after: pd.DataFrame, key: list[str], common: list[str]) -> _Rows:
    if not key:
        return _whole_rows(before, after, common)
    absent = [name for name in key if name not in common]
    if absent:
        return _Rows(why=f"the key column {absent[0]} is not in both")
    for frame, which in ((before, "before"), (after, "after")):
        if frame.duplicated(key).any():
            return _Rows(why=f"the key is not unique {which}")
    others = [name for name in common if name not in key]
    left, right = before.set_index(key)[others], after.set_index(key)[others]
    both = left.index.intersection(right.index)
    a, b = left.loc[both], right.loc[both]
    differs = {name: _differs(a[name], b[name]) for name in others}
    any_differs = np.zeros(len(both), dtype=bool)
    for column in differs.values():
        any_differs |= column
    changed = int(any_differs.sum())
    return _Rows(
        added=len(right) - len(both),
        removed=len(left) - len(both),
        changed=changed,
        unchanged=len(both) - changed,
        by_column={name: int(column.sum()) for name, column in differs.items() if column.any()},
    )


def _differs(a: pd.Series, b: pd.Series) -> np.ndarray:
    gone, came = a.isna().to_numpy(), b.isna().to_numpy()
    if a.dtype.kind in "iufb" and b.dtype.kind in "iufb":
        same = a.to_numpy(dtype=float, na_value=np.nan) == b.to_numpy(dtype=float, na_value=np.nan)
    else:
        same = a.astype(str).to_numpy() == b.astype(str).to_numpy()
    differs: np.ndarray = ~((gone & came) | (~gone & ~came & same))
    return differs


def _whole_rows(before: pd.DataFrame, after: pd.DataFrame, common: list[str]) -> _Rows:
    """Without a key a row is what it holds: added and removed, never changed."""
    from collections import Counter

    import pandas as pd

    if not common:
        return _Rows(why="no column is in both")
    left = Counter(pd.util.hash_pandas_object(before[common], index=False).tolist())
    right = Counter(pd.util.hash_pandas_object(after[common], index=False).tolist())
    shared = (left & right).total()
    return _Rows(added=len(after) - shared, removed=len(before) - shared, changed=0, unchanged=shared)


def _kind(column: pd.Series) -> str:
    return "number" if column.dtype.kind in "iufb" else "word"


def _shifts(before: pd.DataFrame, after: pd.DataFrame, names: Sequence[str], seed: int) -> tuple[Shift, ...]:
    if before.empty or after.empty:
        return ()
    rng = np.random.default_rng(seed)
    measured = [(name, *_measure(before[name], after[name], rng)) for name in names]
    raw = [p for _, _, _, p, _ in measured] + [missing[-1] for *_, missing in measured]
    adjusted = holm(raw)
    found = []
    for number, (name, kind, (psi, low, high, chance), _, missing) in enumerate(measured):
        p, p_missing = adjusted[number], adjusted[len(measured) + number]
        real = p < ALPHA and psi - chance > SMALL
        found.append(
            Shift(
                column=str(name),
                kind="number" if kind == "number" else "word",
                psi=psi,
                low=low,
                high=high,
                chance=chance,
                p=p,
                missing_before=missing[0],
                missing_after=missing[1],
                missing_low=missing[2],
                missing_high=missing[3],
                p_missing=p_missing,
                size="none" if not real else "large" if psi - chance > LARGE else "moderate",
                missing_changed=p_missing < ALPHA and abs(missing[1] - missing[0]) > 0.01,
            )
        )
    return tuple(found)


_Psi = tuple[float, float, float, float]
_Missing = tuple[float, float, float, float, float]


def _measure(a: pd.Series, b: pd.Series, rng: np.random.Generator) -> tuple[str, _Psi, float, _Missing]:
    from scipy import stats

    kind = _kind(a)
    missing = _missing(int(a.isna().sum()), len(a), int(b.isna().sum()), len(b))
    if kind == "number":
        x = a.to_numpy(dtype=float, na_value=np.nan)
        y = b.to_numpy(dtype=float, na_value=np.nan)
        x, y = x[np.isfinite(x)], y[np.isfinite(y)]
        if min(len(x), len(y)) < SMALLEST_CELL:
            return kind, (0.0, 0.0, 0.0, 0.0), 1.0, missing
        edges = np.unique(np.quantile(x, np.linspace(0, 1, BINS + 1)[1:-1]))
        counts = (_binned(x, edges), _binned(y, edges))
        p = float(stats.ks_2samp(x, y, method="asymp").pvalue)
    else:
        counts = _levels(a, b)
        p = float(stats.chi2_contingency(np.vstack(counts)).pvalue) if len(counts[0]) > 1 else 1.0
    return kind, _psi_interval(*counts, rng), p, missing


def _binned(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    return np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1).astype(float)


def _levels(a: pd.Series, b: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Counts of the commonest levels of both together, the rest joined; a level in neither is none."""
    x, y = a.dropna().astype(str).value_counts(), b.dropna().astype(str).value_counts()
    total = x.add(y, fill_value=0).sort_values(ascending=False)
    named = [level for level in total.index[:MOST_LEVELS] if total[level] >= SMALLEST_CELL]
    left = np.array([float(x.get(level, 0)) for level in named] + [float(x.drop(named, errors="ignore").sum())])
    right = np.array([float(y.get(level, 0)) for level in named] + [float(y.drop(named, errors="ignore").sum())])
    kept = (left + right) > 0
    return left[kept], right[kept]


def psi_of(before: np.ndarray, after: np.ndarray) -> float:
    """Population stability index of two vectors of counts; half a count is lent to empty cells."""
    p, q = np.maximum(before, 0.5), np.maximum(after, 0.5)
    p, q = p / p.sum(), q / q.sum()
    return float(((q - p) * np.log(q / p)).sum())


def _psi_interval(before: np.ndarray, after: np.ndarray, rng: np.random.Generator) -> _Psi:
    n, m = before.sum(), after.sum()
    if len(before) < 2 or n == 0 or m == 0:
        return 0.0, 0.0, 0.0, 0.0
    psi, chance = psi_of(before, after), (len(before) - 1) * (1 / n + 1 / m)
    drawn = [
        psi_of(a, b)
        for a, b in zip(
            rng.multinomial(int(n), before / n, DRAWS), rng.multinomial(int(m), after / m, DRAWS), strict=True
        )
    ]
    low, high = np.quantile(drawn, (0.025, 0.975)) - chance  # resampling adds as much as sampling did
    return psi, float(max(low, 0.0)), float(max(high, psi)), float(chance)


def _missing(a: int, n: int, b: int, m: int) -> _Missing:
    """Shares, the difference's interval by Newcombe's hybrid score method, and the chi-squared p value."""
    from scipy import stats

    p, q = a / n, b / m
    la, ua = _wilson(a, n)
    lb, ub = _wilson(b, m)
    low = q - p - float(np.hypot(q - lb, ua - p))
    high = q - p + float(np.hypot(ub - q, p - la))
    if a + b in (0, n + m):
        return p, q, low, high, 1.0
    return p, q, low, high, float(stats.chi2_contingency([[a, n - a], [b, m - b]]).pvalue)


def _wilson(count: int, total: int, z: float = 1.959964) -> tuple[float, float]:
    p = count / total
    middle = (p + z * z / (2 * total)) / (1 + z * z / total)
    half = z * float(np.sqrt(p * (1 - p) / total + z * z / (4 * total * total))) / (1 + z * z / total)
    return max(middle - half, 0.0), min(middle + half, 1.0)


def holm(p: Sequence[float]) -> list[float]:
    """Adjusted p values by Holm's step-down method, in the order given."""
    order = sorted(range(len(p)), key=lambda i: p[i])
    adjusted, highest = [1.0] * len(p), 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p) - rank) * p[index]))
        adjusted[index] = highest
    return adjusted


def drift_findings(diff: TableDiff, limits: Limits) -> list[QualityFinding]:
    """The rule `drift`: each column that shifted since the previous version; one passing finding when none did."""
    found = []
    for shift in diff.shifted():
        beyond = shift.psi - shift.chance
        said = f"stability index {shift.psi:.2f} ({shift.low:.2f} to {shift.high:.2f}) against the previous version"
        if shift.missing_changed:
            said += f"; missing {shift.missing_before:.1%} before, {shift.missing_after:.1%} now"
        broken = beyond > limits.max_drift or shift.missing_changed
        found.append(_drift(shift.column, diff.rows_after, beyond, said, broken=broken))
    for name in diff.columns_removed:
        found.append(_drift(name, diff.rows_after, 1.0, "is no longer there", broken=True))
    for name, before, after in diff.kinds_changed:
        found.append(_drift(name, diff.rows_after, 1.0, f"held {before}s, now {after}s", broken=True))
    if not found:
        said = f"{len(diff.shifts)} columns as in the previous version, as far as chance lets one say"
        found.append(_drift("(table)", diff.rows_after, 0.0, said, broken=False))
    return found


def _drift(column: str, rows: int, share: float, said: str, *, broken: bool) -> QualityFinding:
    return QualityFinding(
        rule="drift",
        column=column,
        level="warn",
        verdict=Verdict.FAIL if broken else Verdict.PASS,
        rows=rows,
        share=min(max(share, 0.0), 1.0),
        reason=said,
    )
