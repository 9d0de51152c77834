"""The locked holdout is not had again by changing a row: whoever was looked at judges no later model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bedrail.core.errors import Invalid
from bedrail.data.splits import spare_known, split
from bedrail.journeys.dataset_reads import read_dataset
from small_home import CASE, copied, opened, played, told

SHARES = {"train": 0.6, "validation": 0.1, "calibration": 0.15, "holdout": 0.15}


def _holdout(home: Path) -> set[str]:
    with opened(home) as app:
        frame, labels = read_dataset(app.context, CASE)
        subject = app.context.charter(CASE).data.subject
        return set(frame.loc[(labels == "holdout").to_numpy(), subject])


@pytest.mark.slow
def test_dropping_a_row_gives_no_second_holdout_of_the_same_patients(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Nobody of the opened holdout stands in the new one; paper, table and command line say how many rows that were."""
    home, table = copied(tmp_path_factory), pd.read_parquet(played(tmp_path_factory) / "table.parquet")
    file = home.parent / "again.parquet"
    table.iloc[1:].to_parquet(file)
    before = _holdout(home)
    ran = told("--as", "sam", "data", "admit", CASE, "--file", str(file), "--json", home=home)
    assert ran.code == 0, ran.err
    said = json.loads(ran.out)
    after = _holdout(home)
    assert len(before) > 100
    assert not after & before
    assert said["spared_holdout_rows"] > 100
    assert said["split"]["holdout"] >= len(after)
    words = told("--as", "sam", "data", "admit", CASE, "--file", str(file), home=home)
    assert f"{said['spared_holdout_rows']} rows kept out of the holdout" in words.out


@pytest.mark.slow
def test_admitting_the_same_table_again_changes_nothing(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Its holdout stays open to those that it was opened for, with the same rows."""
    home, table = copied(tmp_path_factory), played(tmp_path_factory) / "table.parquet"
    with opened(home) as app:
        view = app.context.use_case(CASE).dataset
    ran = told("--as", "sam", "data", "admit", CASE, "--file", str(table), "--json", home=home)
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["spared_holdout_rows"] == 0
    with opened(home) as app:
        again = app.context.use_case(CASE).dataset
    assert view is not None
    assert again is not None
    assert (again.dataset, again.split, again.counts, again.holdout_candidates) == (
        view.dataset, view.split, view.counts, view.holdout_candidates,
    )  # fmt: skip


def test_known_patients_leave_the_holdout_only() -> None:
    """They keep their rows in the other parts, and counts still add up; a holdout of nobody is refused."""
    rng = np.random.default_rng(0)
    subject = np.array([f"p{i}" for i in rng.integers(0, 800, 2000)])
    parts = split(subject, np.arange(2000), SHARES)
    known = {*subject[parts.labels == "holdout"][:50], *subject[parts.labels == "train"][:50]}
    spared, rows = spare_known(parts, subject, known)
    assert not set(subject[spared.rows("holdout")]) & known
    assert rows == int((np.isin(subject, list(known)) & (parts.labels == "holdout")).sum())
    for part in ("train", "validation", "calibration"):
        assert (spared.rows(part) == parts.rows(part)).all()
    assert all(spared.counts[name] == int((spared.labels == name).sum()) for name in spared.counts)
    assert spare_known(parts, subject, set())[1] == 0
    with pytest.raises(Invalid, match="opened before"):
        spare_known(parts, subject, set(subject))


def test_a_missing_time_column_is_named(tmp_path_factory: pytest.TempPathFactory) -> None:
    """`--before` looks at the time column, so its absence is said with a remedy."""
    home, file = copied(tmp_path_factory), tmp_path_factory.mktemp("tables") / "table.csv"
    file.write_text("patient,encounter\n1,2\n")
    ran = told("--as", "sam", "data", "admit", CASE, "--file", str(file), "--before", "9", home=home)
    assert ran.code == 2
    assert "no column" in ran.err
