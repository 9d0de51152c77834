"""Does anything leak between the parts of a split, or from the answer into the inputs?"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bedrail.core.values import Value, Verdict
from bedrail.data.profile import SMALLEST_CELL

if TYPE_CHECKING:
    import pandas as pd

HASHES = 48
BANDS = 12
"""Twelve bands of four. Rows that agree in 9 of 10 cells have a Jaccard likeness of .82; they meet in some band with
probability 1 - (1 - .82**4)**12 = .999."""

ALIKE = 0.9
"""Share of equal cells from which two rows are near-duplicates."""

MOST_PAIRS = 200_000
TOO_GOOD = 0.95
"""A single input whose AUROC is beyond this, with its lower limit, is rather the outcome's shadow than its cause."""

AFTERWARDS = re.compile(
    r"(^|_|\b)(discharge|death|died|expire[d]?|deceased|mortality|outcome|readmi\w*|los|length_of_stay|survival|autopsy|"
    r"final|post|after|follow_?up|charges?|total_?cost|totcst|bill\w*|drg)(_|\b|$)",
    re.IGNORECASE,
)
"""Words in a column's name that speak of what is known only afterwards."""


class Leak(Value, frozen=True, kw_only=True):
    """One question: `kind` is patient, duplicate, near-duplicate, target, name, or future. Counts, never rows."""

    kind: str
    where: str
    verdict: Verdict
    rows: int = 0
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    reason: str = ""


def leaks(
    frame: pd.DataFrame,
    labels: np.ndarray,
    *,
    subject: str,
    outcome: str,
    features: Sequence[str],
    time: str = "",
    measured_at: Mapping[str, str] | None = None,
) -> tuple[Leak, ...]:
    """Every question about a split table; `labels` (n,) names each row's part, `excluded` rows are in none.

    `measured_at` names, for features, the column that says when they were measured; `time` is the prediction's.
    """
    present = [name for name in features if name in frame.columns]
    return (
        *patients_in_two_parts(frame[subject].to_numpy(), labels),
        *twins_across(frame[present], labels),
        *targets(frame, outcome, present),
        *named_afterwards(present),
        *futures(frame, time, measured_at or {}),
    )


def patients_in_two_parts(subject: np.ndarray, labels: np.ndarray) -> tuple[Leak, ...]:
    """No patient stands in two parts."""
    inside = labels != "excluded"
    people, codes = np.unique(subject[inside].astype(str), return_inverse=True)
    parts, part_codes = np.unique(labels[inside], return_inverse=True)
    seen = np.zeros((len(people), len(parts)), dtype=bool)
    seen[codes, part_codes] = True
    shared = seen.sum(axis=1) > 1
    rows = int(shared[codes].sum())
    pairs = {
        f"{a} and {b}": int((seen[:, i] & seen[:, j]).sum())
        for i, a in enumerate(parts)
        for j, b in enumerate(parts)
        if i < j and (seen[:, i] & seen[:, j]).any()
    }
    reason = (
        "; ".join(f"{_few(count)} patients in {pair}" for pair, count in pairs.items()) or "No patient is in two parts."
    )
    return (Leak(kind="patient", where="(split)", verdict=_verdict(rows), rows=rows, reason=reason),)


def twins_across(inputs: pd.DataFrame, labels: np.ndarray) -> tuple[Leak, ...]:
    """Rows whose inputs stand, exactly or nearly, in another part too.

    Near-duplicates (at least nine of ten cells equal) are found by min-hashing the cells of each row and comparing
    within bands (Broder 1997; Leskovec, Rajaraman and Ullman, ch. 3): linear in rows, with a pair of that likeness
    missed in well under one of a hundred. Rows that exactly repeat are counted apart.
    """
    import pandas as pd

    if inputs.shape[1] < 3 or inputs.empty:
        reason = "Fewer than three inputs: equal rows say nothing."
        return (Leak(kind="near-duplicate", where="(rows)", verdict=Verdict.MISSING, reason=reason),)
    cells = np.column_stack(
        [pd.util.hash_array(_cells(inputs[name]), categorize=True) for name in inputs.columns]
    ) + np.arange(inputs.shape[1], dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    whole = pd.util.hash_pandas_object(pd.DataFrame(cells), index=False).to_numpy()
    exact = _in_two(whole, labels)
    near = _near(cells, labels, whole)
    total = len(inputs)
    said_exact = f"{_few(exact)} of {total} rows have exactly the inputs of a row in another part."
    said_near = f"{_few(near)} of {total} rows agree in nine of ten inputs with a row in another part."
    limit = 0.01 * total
    return (
        Leak(kind="duplicate", where="(rows)", verdict=_verdict(exact, limit), rows=exact, reason=said_exact),
        Leak(kind="near-duplicate", where="(rows)", verdict=_verdict(near, limit), rows=near, reason=said_near),
    )


def _cells(column: pd.Series) -> np.ndarray:
    """A column as words; numbers at four significant digits, so that rounding does not hide a twin."""
    if column.dtype.kind in "iufb":
        values = column.to_numpy(dtype=float, na_value=np.nan)
        return np.array([f"{value:.4g}" for value in values], dtype=object)
    return _words(column).astype(object)


def _words(column: pd.Series) -> np.ndarray:
    """A column as words (n,), empty where it is missing."""
    return np.array([str(value) if there else "" for value, there in zip(column, column.notna(), strict=True)])


def _in_two(keys: np.ndarray, labels: np.ndarray) -> int:
    inside = labels != "excluded"
    _, codes = np.unique(keys[inside], return_inverse=True)
    _, parts = np.unique(labels[inside], return_inverse=True)
    first = np.full(codes.max() + 1 if len(codes) else 0, -1)
    mixed = np.zeros(len(first), dtype=bool)
    first[codes[::-1]] = parts[::-1]
    np.logical_or.at(mixed, codes, parts != first[codes])
    return int(mixed[codes].sum())


def _near(cells: np.ndarray, labels: np.ndarray, whole: np.ndarray) -> int:
    """Rows with a near, but not exact, twin in another part."""
    keep = np.flatnonzero(labels != "excluded")
    _, unique = np.unique(np.column_stack([whole[keep], _codes(labels[keep])]), axis=0, return_index=True)
    rows = keep[unique]  # one of several equal rows of a part stands for them
    signatures = _signatures(cells[rows])
    found: set[int] = set()
    compared = 0
    width = HASHES // BANDS
    parts = _codes(labels[rows])
    for band in range(BANDS):
        block = np.ascontiguousarray(signatures[:, band * width : (band + 1) * width])
        keys = block.view([("", block.dtype)] * width).ravel()
        order = np.argsort(keys, kind="stable")
        starts = np.flatnonzero(np.concatenate(([True], keys[order][1:] != keys[order][:-1])))
        for start, end in zip(starts, [*starts[1:], len(order)], strict=True):
            if end - start < 2 or compared > MOST_PAIRS:
                continue
            bucket = order[start : min(end, start + 60)]
            if len(np.unique(parts[bucket])) < 2:
                continue
            same = (cells[rows[bucket]][:, None, :] == cells[rows[bucket]][None, :, :]).mean(axis=2)
            compared += len(bucket) ** 2
            hit = (same >= ALIKE) & (same < 1.0) & (parts[bucket][:, None] != parts[bucket][None, :])
            found.update(bucket[hit.any(axis=1)].tolist())
    return len(found)


def _codes(labels: np.ndarray) -> np.ndarray:
    codes: np.ndarray = np.unique(labels, return_inverse=True)[1].astype(np.uint64)
    return codes


def _signatures(cells: np.ndarray) -> np.ndarray:
    """Min-hashes (n, HASHES) of each row's set of cells, by multiply-shift hashing with fixed odd multipliers."""
    rng = np.random.default_rng(20260101)
    odd = rng.integers(0, 2**63, HASHES, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    out = np.empty((len(cells), HASHES), dtype=np.uint32)
    with np.errstate(over="ignore"):
        for number, factor in enumerate(odd):
            out[:, number] = ((cells * factor) >> np.uint64(32)).astype(np.uint32).min(axis=1)
    return out


def targets(frame: pd.DataFrame, outcome: str, features: Sequence[str]) -> tuple[Leak, ...]:
    """No single input, nor its being absent, tells the outcome almost by itself.

    AUROC with a 95 % interval shared over all inputs (Bonferroni), by Hanley and McNeil (1982).
    """
    known = frame[frame[outcome].isin([0, 1])]
    y = known[outcome].to_numpy(dtype=float)
    events = int(y.sum())
    if min(events, len(y) - events) < SMALLEST_CELL:
        return (Leak(kind="target", where=outcome, verdict=Verdict.MISSING, reason="Too few of one outcome."),)
    found = []
    for name in features:
        area = max(_auroc(score, y) for score in _scores(known[name], y))
        low, high = _interval(area, events, len(y) - events, 0.05 / max(len(features), 1))
        bad = low >= TOO_GOOD
        if bad or area >= 0.9:
            reason = f"alone it orders the outcomes with AUROC {area:.3f} ({low:.3f} to {high:.3f})"
            verdict = Verdict.FAIL if bad else Verdict.PASS
            found.append(
                Leak(kind="target", where=name, verdict=verdict, estimate=area, low=low, high=high, reason=reason)
            )
    if not found:
        said = f"No single one of {len(features)} inputs tells the outcome."
        found.append(Leak(kind="target", where="(inputs)", verdict=Verdict.PASS, reason=said))
    return tuple(found)


def _scores(column: pd.Series, y: np.ndarray) -> list[np.ndarray]:
    """Ways in which the column alone could order the outcomes: by its values, by how each word fares, by absence."""
    absent: np.ndarray = column.isna().to_numpy(dtype=float)
    if column.dtype.kind in "iufb":
        values = column.to_numpy(dtype=float, na_value=np.nan)
        middle = float(np.nanmedian(values)) if np.isfinite(values).any() else 0.0
        filled = np.where(np.isnan(values), middle, values)
        return [filled, -1.0 * filled, absent, 1.0 - absent]
    codes = np.unique(_words(column), return_inverse=True)[1]
    counts = np.bincount(codes)
    if len(counts) > len(y) / 5:
        return [absent, 1.0 - absent]  # nearly an identifier: every word would tell its own row
    without = (np.bincount(codes, weights=y)[codes] - y) / np.maximum(counts[codes] - 1, 1)  # leave one out
    return [np.where(counts[codes] > 1, without, y.mean()), absent, 1.0 - absent]


def _auroc(score: np.ndarray, y: np.ndarray) -> float:
    from scipy.stats import rankdata

    ranks, events = rankdata(score), y.sum()
    return float((ranks[y == 1].sum() - events * (events + 1) / 2) / (events * (len(y) - events)))


def _interval(area: float, events: int, others: int, alpha: float) -> tuple[float, float]:
    from scipy.stats import norm

    q1, q2 = area / (2 - area), 2 * area * area / (1 + area)
    variance = area * (1 - area) + (events - 1) * (q1 - area * area) + (others - 1) * (q2 - area * area)
    half = float(norm.isf(alpha / 2)) * float(np.sqrt(max(variance, 0.0) / (events * others)))
    return max(area - half, 0.0), min(area + half, 1.0)


def named_afterwards(features: Sequence[str]) -> tuple[Leak, ...]:
    """Inputs whose names speak of what is known only afterwards: a hint for a person, never a failure by itself."""
    named = [name for name in features if AFTERWARDS.search(name)]
    reason = f"Known at the time of prediction? {', '.join(named)}" if named else "No name speaks of the time after."
    return (Leak(kind="name", where=", ".join(named) or "(inputs)", verdict=Verdict.PASS, rows=0, reason=reason),)


def futures(frame: pd.DataFrame, time: str, measured_at: Mapping[str, str]) -> tuple[Leak, ...]:
    """No input was measured after the moment of prediction."""
    from bedrail.data.consistency import moments

    if not time or not measured_at:
        reason = "When inputs were measured is not told."
        return (Leak(kind="future", where="(inputs)", verdict=Verdict.MISSING, reason=reason),)
    at, found = moments(frame[time]), []
    for feature, column in measured_at.items():
        late = int((moments(frame[column]) > at).sum())
        reason = f"{_few(late)} of {len(frame)} values were measured after the prediction."
        found.append(Leak(kind="future", where=feature, verdict=_verdict(late), rows=late, reason=reason))
    return tuple(found)


def _verdict(count: int, limit: float = 0.0) -> Verdict:
    return Verdict.FAIL if count > limit else Verdict.PASS


def _few(count: int) -> str:
    return f"fewer than {SMALLEST_CELL}" if 0 < count < SMALLEST_CELL else str(count)
