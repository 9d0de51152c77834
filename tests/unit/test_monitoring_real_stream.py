"""The story on real encounters: natural drift alone, then a unit error, then a group whose outcomes rise."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bedrail.monitoring import ReferenceWindow, Watch, Window

SOURCE = Path(__file__).parents[2] / "examples/readmission-30d/data/diabetic_data.csv.gz"
NUMBERS = (
    "age_years", "time_in_hospital", "num_lab_procedures", "num_procedures", "num_medications", "number_outpatient",
    "number_emergency", "number_inpatient", "number_diagnoses",
)  # fmt: skip
CODES = ("admission_type_id", "admission_source_id", "A1Cresult", "insulin", "change", "diabetesMed")
NAMES = NUMBERS + CODES


@cache
def encounters() -> tuple[pd.DataFrame, np.ndarray, np.ndarray, dict[str, tuple[str, ...]]]:
    """(table in order of time, inputs, risks by logistic regression on the first 60 %, levels)."""
    from sklearn.linear_model import LogisticRegression

    table = pd.read_csv(SOURCE, keep_default_na=False, na_values="?", low_memory=False)
    table = table[~table["discharge_disposition_id"].isin([11, 13, 14, 19, 20, 21])]
    table = table.sort_values("encounter_id").reset_index(drop=True)
    table["y"] = (table["readmitted"] == "<30").astype(float)
    table["age_years"] = table["age"].str.extract(r"\[(\d+)")[0].astype(float) + 5
    table["age_band"] = pd.cut(table["age_years"], [0, 40, 60, 70, 80, 120]).astype(str)
    levels: dict[str, tuple[str, ...]] = {}
    columns = [table[name].to_numpy(dtype=float) for name in NUMBERS]
    for name in CODES:
        text = table[name].astype(str)
        text = text.where(text.isin(text.value_counts().index[:7]), "rest")
        levels[name] = tuple(sorted(text.unique()))
        columns.append(text.map({level: i for i, level in enumerate(levels[name])}).to_numpy(dtype=float))
    X = np.column_stack(columns)
    return (
        table,
        X,
        risks(X, X[: int(len(X) * 0.6)], table["y"].to_numpy()[: int(len(X) * 0.6)], LogisticRegression),
        levels,
    )


def risks(X: np.ndarray, train: np.ndarray, y: np.ndarray, kind: type) -> np.ndarray:
    middle, spread = train.mean(axis=0), train.std(axis=0)
    return np.asarray(kind(max_iter=300).fit((train - middle) / spread, y).predict_proba((X - middle) / spread)[:, 1])


def window(rows: np.ndarray, X: np.ndarray | None = None, y: np.ndarray | None = None) -> Window:
    table, inputs, risk, _ = encounters()
    part = table.iloc[rows]
    groups = pd.DataFrame({
        "race": part["race"].fillna("unknown").to_numpy(), "gender": part["gender"].to_numpy(),
        "age_band": part["age_band"].to_numpy(), "payer": part["payer_code"].fillna("none").to_numpy(),
    })  # fmt: skip
    return Window(
        X=(inputs if X is None else X)[rows], names=NAMES, risk=risk[rows],
        outcome=(table["y"].to_numpy() if y is None else y)[rows], groups=groups,
        site=np.array(["A", "B", "C", "D"])[part["patient_nbr"].to_numpy() % 4], subject=part["patient_nbr"].to_numpy(),
    )  # fmt: skip


def begin() -> tuple[Watch, list[np.ndarray]]:
    table, _, _, levels = encounters()
    start, stop = int(len(table) * 0.6), int(len(table) * 0.8)
    watch = Watch.start(ReferenceWindow(window=window(np.arange(start, stop)), threshold=0.15, levels=levels))
    stream = np.arange(stop, len(table))
    return watch, [stream[i : i + 500] for i in range(0, len(stream) - 499, 500)]


@pytest.mark.slow
def test_twenty_thousand_later_encounters_raise_no_alarm() -> None:
    """Nothing was broken in the last fifth of the data, and its natural drift stays within tolerance."""
    watch, looks = begin()
    assert [(a.monitor, a.streams, a.look) for rows in looks for a in watch.look(window(rows))] == []


@pytest.mark.slow
@pytest.mark.parametrize("name, factor", [("time_in_hospital", 24.0), ("num_lab_procedures", 10.0)])
def test_a_unit_error_in_the_real_stream_is_named_within_three_windows(name: str, factor: float) -> None:
    """Feature and `unit-error` are the first cause, on top of natural drift."""
    watch, looks = begin()
    X = encounters()[1].copy()
    X[:, NAMES.index(name)] *= factor
    for rows in looks[:10]:
        assert watch.look(window(rows)) == ()
    alarms = next(found for rows in looks[10:13] if (found := watch.look(window(rows, X=X))))
    assert (alarms[0].causes[0].kind, alarms[0].causes[0].subject) == ("unit-error", name)


@pytest.mark.slow
def test_a_groups_outcomes_rising_by_60_percent_are_named_within_twelve_windows() -> None:
    """One patient in eight is of this group: some eight windows of evidence are needed at this budget."""
    watch, looks = begin()
    table = encounters()[0]
    y, rng = table["y"].to_numpy().copy(), np.random.default_rng(1)
    member = (table["race"] == "AfricanAmerican").to_numpy()
    rate = y[member].mean()
    y[member] = np.maximum(y[member], rng.random(member.sum()) < 0.6 * rate / (1 - rate))
    for rows in looks[:10]:
        assert watch.look(window(rows)) == ()
    alarms = next(found for rows in looks[10:22] if (found := watch.look(window(rows, y=y))))
    assert alarms[0].groups == ("race=AfricanAmerican",)
    assert (alarms[0].causes[0].kind, alarms[0].causes[0].subject) == ("outcome-rate-change", "race=AfricanAmerican")
