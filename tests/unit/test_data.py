"""The data room: reading, digests, splits, quality, and de-identification at admission."""

from __future__ import annotations

import gzip
import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedrail.core.errors import Invalid
from bedrail.core.values import Verdict
from bedrail.data.digest import table_digest
from bedrail.data.profile import profile
from bedrail.data.quality import assess_quality
from bedrail.data.read import read_table
from bedrail.data.roles import DataRoles
from bedrail.data.splits import PARTS, split
from bedrail.models.contract import Feature
from bedrail.privacy.tables import deidentify_table, withhold_strays

ROLES = DataRoles(subject="patient", encounter="encounter", time="time", outcome="event", groups=("race",))
FEATURES = (
    Feature(name="age", label="Age", kind="numeric", unit="a", low=18, high=110),
    Feature(name="insulin", label="Insulin", kind="categorical", levels=("no", "yes")),
)
SHARES = {"train": 0.5, "calibration": 0.15, "validation": 0.15, "holdout": 0.2}


def table(rows: int = 4000, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "patient": rng.integers(0, rows // 2, rows),
            "encounter": np.arange(rows),
            "time": np.arange(rows),
            "event": (rng.random(rows) < 0.2).astype(int),
            "race": rng.choice(["a", "b"], rows),
            "age": rng.integers(20, 100, rows).astype(float),
            "insulin": rng.choice(["no", "yes"], rows),
            "phone": ["555-0100"] * rows,
        }
    )


def test_csv_and_parquet_have_one_digest(tmp_path: Path) -> None:
    """The same table read from CSV, gzipped CSV and Parquet has one digest."""
    frame = table(200)
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_csv(tmp_path / "t.csv.gz", index=False)
    frame.to_parquet(tmp_path / "t.parquet")
    digests = {table_digest(read_table(tmp_path / name)) for name in ("t.csv", "t.csv.gz", "t.parquet")}
    assert digests == {table_digest(frame)}


@given(st.integers(0, 199), st.sampled_from(["age", "event", "insulin", "race"]))
@settings(max_examples=30, deadline=None)
@pytest.mark.slow
def test_any_changed_cell_changes_the_digest(row: int, column: str) -> None:
    """No cell can change without the digest changing."""
    frame = table(200)
    other = frame.copy()
    other[column] = other[column].astype(object)
    other.loc[row, column] = 1000 if column in {"age", "event"} else "z"
    other[column] = other[column].infer_objects()
    assert table_digest(frame) != table_digest(other)


def test_a_missing_value_is_neither_zero_nor_empty_text() -> None:
    """Missing, zero, an empty word and the word `nan` are four different things."""
    columns = [[np.nan, 1.0], [0.0, 1.0]], [[None, "x"], ["", "x"], ["nan", "x"]]
    digests = [table_digest(pd.DataFrame({"c": values})) for kind in columns for values in kind]
    assert len(set(digests)) == len(digests)


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_no_patient_and_no_future_crosses_parts(seed: int) -> None:
    """Every patient is in one part only, and every row of a part comes before every row of the next."""
    frame = table(1000, seed)
    parts = split(frame["patient"].to_numpy(), frame["time"].to_numpy(), SHARES)
    owners = frame.assign(part=parts.labels).query("part != 'excluded'").groupby("patient")["part"].nunique()
    assert owners.max() == 1
    ends = [frame["time"].to_numpy()[parts.rows(part)] for part in PARTS]
    assert all(before.max() < after.min() for before, after in itertools.pairwise(ends))
    assert sum(parts.counts.values()) == len(frame)


@pytest.mark.parametrize(
    "shares", [{}, {"train": 1.0}, {**SHARES, "holdout": 0.3}, {**SHARES, "holdout": 0.0, "train": 0.7}]
)
def test_bad_shares_are_refused(shares: dict[str, float]) -> None:
    """Shares must name all parts, be positive and add up to one."""
    frame = table(100)
    with pytest.raises(Invalid):
        split(frame["patient"].to_numpy(), frame["time"].to_numpy(), shares)


def test_quality_passes_a_sound_table() -> None:
    """A table that keeps every rule passes."""
    assert assess_quality(table(), ROLES, FEATURES).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        ("age", 500.0, "validity"),
        ("age", np.nan, "completeness"),
        ("insulin", "maybe", "validity"),
        ("event", 2, "validity"),
        ("encounter", 7, "uniqueness"),
        ("patient", np.nan, "completeness"),
    ],
)
def test_quality_blocks_and_names_the_broken_rule(column: str, value: object, rule: str) -> None:
    """Each planted fault fails the report and is found under its rule and column."""
    frame = table()
    frame[column] = frame[column].astype(object)
    frame.loc[frame.index[:200], column] = value
    frame[column] = frame[column].infer_objects()
    report = assess_quality(frame, ROLES, FEATURES)
    assert report.verdict is Verdict.FAIL
    assert (rule, column) in {(f.rule, f.column) for f in report.broken("block")}


def test_late_outcomes_are_noticed() -> None:
    """A falling-off outcome rate at the end is a warning, not a block."""
    frame = table()
    frame.loc[frame.index[-400:], "event"] = 0
    report = assess_quality(frame, ROLES, FEATURES)
    assert report.verdict is Verdict.PASS
    assert "timeliness" in {f.rule for f in report.broken("warn")}


def test_profile_suppresses_small_cells_and_identifiers() -> None:
    """Values seen fewer than eleven times, and identifiers, are never shown."""
    frame = table(300)
    frame.loc[:4, "race"] = "rare"
    shown = profile(frame, identifiers=("patient", "encounter"))
    assert "rare" not in dict(shown.column("race").common)
    assert shown.column("race").suppressed == 1
    assert shown.column("patient").quantiles == ()


def test_admission_leaves_out_undeclared_columns_and_real_identifiers() -> None:
    """Undeclared columns go, subjects become pseudonyms, ages over 89 are told together."""
    frame = table(300)
    out, treatments = deidentify_table(frame, ROLES, ["age", "insulin"], lambda text: f"p-{hash(text)}")
    assert "phone" not in out.columns
    assert out["patient"].str.startswith("p-").all()
    assert out["age"].max() == 90
    assert {t.action for t in treatments} >= {"left out", "keyed pseudonym", "top-coded at 90"}


BROKEN_FILES: dict[str, bytes] = {
    "empty.csv": b"",
    "ragged.csv": b"a,b\n1,2,3\n4,5,6,7\n",
    "latin.csv": "a,b\nM\xfcller,1\n".encode("latin-1"),
    "twins.csv": b"a,a\n1,2\n",
    "cut.csv.gz": gzip.compress(b"a,b\n" + b"1,2\n" * 5000)[:60],
    "no.csv.gz": b"a,b\n1,2\n",
    "no.parquet": b"PAR1 nothing",
    "table.xlsx": b"PK\x03\x04",
    "quote.csv": b'a,b\n"1,2\n',
}


@pytest.mark.parametrize("name", BROKEN_FILES)
def test_broken_files_are_named_with_a_remedy(tmp_path: Path, name: str) -> None:
    """A file that cannot be read gives one error with its path and what to do."""
    (tmp_path / name).write_bytes(BROKEN_FILES[name])
    with pytest.raises(Invalid) as caught:
        read_table(tmp_path / name)
    assert name in caught.value.path
    assert caught.value.remedy


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    """A path that leads nowhere is an input error."""
    with pytest.raises(Invalid, match="no such file"):
        read_table(tmp_path / "absent.csv")


def test_rows_with_more_fields_than_the_header_are_refused(tmp_path: Path) -> None:
    """Every row longer than the header: pandas would take the first field for a name and shift the columns."""
    file = tmp_path / "shifted.csv"
    file.write_text("subject,age\np1,67,1\np2,54,0\n")
    with pytest.raises(Invalid, match="more fields than the header"):
        read_table(file)


def test_words_that_could_be_somebodys_do_not_stay_in_the_table() -> None:
    """An undeclared level becomes missing, a label of fewer than eleven rows joins the rare ones; both are told."""
    frame = pd.DataFrame(
        {
            "patient": range(40),
            "encounter": range(40),
            "time": range(40),
            "outcome": [0, 1] * 20,
            "race": ["a"] * 19 + ["b"] * 11 + ["Ada Lovelace"] + ["c"] * 9,
            "site": ["north"] * 39 + ["Ada Lovelace"],
            "insulin": ["no"] * 38 + ["Ada Lovelace", None],
        }
    )
    roles = DataRoles(
        subject="patient", encounter="encounter", time="time", outcome="outcome", site="site", groups=("race",)
    )
    table, treatments = withhold_strays(frame, roles, {"insulin": ("no", "up")})
    assert not table.astype(str).eq("Ada Lovelace").to_numpy().any()
    assert table["race"].value_counts().to_dict() == {"a": 19, "b": 11, "(rare)": 10}
    assert table["insulin"].isna().sum() == 2
    assert {treatment.column for treatment in treatments} == {"race", "site", "insulin"}
    untouched, none = withhold_strays(frame.head(30), roles, {"insulin": ("no", "up")})
    assert untouched.equals(frame.head(30))
    assert none == ()
