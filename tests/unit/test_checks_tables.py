"""Joining predictions and events: what comes out, and what is refused with the path to the cell and the remedy."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from bedrail.checks.cells import Place, horizon_length, identifiers, times
from bedrail.checks.joining.timing import Timing
from bedrail.checks.tables import join
from bedrail.cli.examine import examine_command
from bedrail.core.errors import Invalid

GUARDS = {
    "follow-up": (
        "by_encounter_each",
        "by_subject_only",
        "a_horizon_closes",
        "with_zeros",
        "with_ones",
        "a_plain_double_loop",
    )
}

Table = pd.DataFrame
Change = Callable[[Table, Table], tuple[Table, Table]]


def tables(n: int = 12) -> tuple[Table, Table]:
    predictions = pd.DataFrame(
        {
            "subject": [f"s{i}" for i in range(n)],
            "encounter": [f"e{i}" for i in range(n)],
            "time": [f"2024-03-{i + 1:02d}T08:00:00" for i in range(n)],
            "score": np.linspace(0.05, 0.9, n).round(3),
            "gender": ["f", "m"] * (n // 2),
            "age": np.linspace(20, 80, n),
        }
    )
    events = pd.DataFrame(
        {
            "subject": [f"s{i}" for i in range(n)],
            "encounter": [f"e{i}" for i in range(n)],
            "time": [f"2024-04-{i + 1:02d}T08:00:00" for i in range(n)],
            "event": "death",
            "value": [0, 1] * (n // 2),
        }
    )
    return predictions, events


def test_by_encounter_each_prediction_gets_the_outcome_of_its_encounter() -> None:
    """Outcomes follow the encounter, whatever the order of the events."""
    predictions, events = tables()
    joined = join(predictions, events.sample(frac=1, random_state=1))
    assert joined.outcome.tolist() == [0, 1] * 6
    assert list(joined.groups.columns) == ["gender"]
    assert (joined.given, joined.unknown) == (12, 0)


def test_by_subject_only_events_at_or_after_the_prediction_count() -> None:
    """An event at the same moment is the outcome, one before it is history: where it can happen again, a negative."""
    predictions = pd.DataFrame({"subject": ["a", "a", "a"], "time": [1, 5, 9], "score": [0.1, 0.2, 0.3]})
    events = pd.DataFrame({"subject": ["a"], "time": [5], "event": ["x"], "value": [1]})
    assert join(predictions, events, timing=Timing(recurrent=True)).outcome.tolist() == [1, 1, 0]
    once = join(predictions, events)
    assert (once.outcome.tolist(), once.after) == ([1, 1], 1)


def test_a_horizon_closes_the_window() -> None:
    """Events later than the horizon do not count; the last moment of it does."""
    predictions = pd.DataFrame(
        {"subject": ["a", "b"], "time": ["2024-01-01", "2024-01-01"], "score": [0.1, 0.2]},
    )
    events = pd.DataFrame(
        {"subject": ["a", "b"], "time": ["2024-01-31", "2024-02-01"], "event": ["x", "x"], "value": [1, 1]}
    )
    assert join(predictions, events, timing=Timing(horizon="30d")).outcome.tolist() == [1, 0]
    assert join(predictions, events).outcome.tolist() == [1, 1]


def test_with_zeros_in_the_events_a_prediction_without_one_is_left_out() -> None:
    """No later event among labelled ones means that the outcome is not known yet."""
    predictions, events = tables()
    joined = join(predictions.drop(columns="encounter"), events.drop(columns="encounter").iloc[:-2])
    assert (joined.given, joined.unknown, len(joined.outcome)) == (12, 2, 10)
    assert any("left out" in note for note in joined.notes)


def test_with_ones_only_no_event_means_that_it_did_not_happen() -> None:
    """An extract of events that happened labels the others zero, and the report says so."""
    predictions, events = tables()
    joined = join(predictions, events[events["value"] == 1])
    assert joined.outcome.tolist() == [0, 1] * 6
    assert any("ones only" in note for note in joined.notes)


@pytest.mark.slow
def test_the_join_equals_a_plain_double_loop() -> None:
    """The sorted search gives what comparing every pair gives."""
    rng = np.random.default_rng(5)
    predictions = pd.DataFrame(
        {"subject": rng.integers(0, 40, 300), "time": rng.permutation(300), "score": rng.random(300)}
    )
    events = pd.DataFrame(
        {"subject": rng.integers(0, 40, 120), "time": rng.permutation(300)[:120], "event": "x", "value": 0}
    )
    events["value"] = rng.integers(0, 2, 120)
    events = events[events["subject"].isin(predictions["subject"])]
    joined = join(predictions, events, timing=Timing(horizon="25"))
    expected = []
    for row in predictions.itertuples():
        own = events[(events["subject"] == row.subject) & (events["time"] >= row.time)]
        if len(own):
            expected.append(int(((own["time"] <= row.time + 25) & (own["value"] == 1)).any()))
    assert joined.outcome.tolist() == expected


def test_columns_can_be_renamed_in_one_table_or_both() -> None:
    """An unqualified rename serves whichever table has the column; a qualified one a single table."""
    predictions, events = tables()
    predictions = predictions.rename(columns={"score": "pred", "subject": "pid"})
    events = events.rename(columns={"subject": "person", "value": "label"})
    names = {"score": "pred", "predictions.subject": "pid", "events.subject": "person", "value": "label"}
    assert join(predictions, events, columns=names).outcome.tolist() == [0, 1] * 6


def test_identifiers_from_numbers_and_text_agree() -> None:
    """A column that pandas read as 7.0 names the same patient as 7."""
    assert identifiers(pd.Series([7.0, 12.0]), Place("x")).tolist() == ["7", "12"]
    assert identifiers(pd.Series([7, 12]), Place("x")).tolist() == ["7", "12"]


def test_timestamps_with_zones_are_compared_in_utc() -> None:
    """One hour apart in clock time may be the same moment."""
    seconds, kind = times(pd.Series(["2024-01-01T10:00:00+01:00", "2024-01-01T09:00:00Z"]), Place("t"))
    assert kind == "timestamp"
    assert seconds[0] == seconds[1]


@pytest.mark.parametrize(
    ("text", "kind", "length"), [("30d", "timestamp", 2592000), ("2", "number", 2), ("90min", "timestamp", 5400)]
)
def test_horizons_are_lengths_of_time(text: str, kind: str, length: float) -> None:
    """Units give seconds; plain numbers keep the unit of the column."""
    assert horizon_length(text, kind) == length  # type: ignore[arg-type]


def put(table: str, column: str, row: int, value: object) -> Change:
    """One cell is replaced."""

    def change(predictions: Table, events: Table) -> tuple[Table, Table]:
        frame = predictions if table == "predictions" else events
        frame[column] = frame[column].astype(object)
        frame.loc[row, column] = value
        return predictions, events

    return change


def whole(table: str, column: str, value: object) -> Change:
    """A whole column is replaced."""

    def change(predictions: Table, events: Table) -> tuple[Table, Table]:
        frame = predictions if table == "predictions" else events
        frame[column] = value
        return predictions, events

    return change


def drop(table: str, column: str) -> Change:
    """A column is absent."""

    def change(predictions: Table, events: Table) -> tuple[Table, Table]:
        if table == "predictions":
            return predictions.drop(columns=column), events
        return predictions, events.drop(columns=column)

    return change


def rows(table: str, keep: slice) -> Change:
    """Only some rows are there."""

    def change(predictions: Table, events: Table) -> tuple[Table, Table]:
        return (predictions.iloc[keep], events) if table == "predictions" else (predictions, events.iloc[keep])

    return change


def twice(table: str, row: int) -> Change:
    """A row stands twice."""

    def change(predictions: Table, events: Table) -> tuple[Table, Table]:
        frame = predictions if table == "predictions" else events
        longer = pd.concat([frame, frame.iloc[[row]]], ignore_index=True)
        return (longer, events) if table == "predictions" else (predictions, longer)

    return change


NOTHING: Change = lambda predictions, events: (predictions, events)  # noqa: E731
Case = tuple[str, Change, list[str], str]

BAD_SCORES: list[object] = [
    None,
    "",
    "abc",
    "0,3",
    "NaN",
    "nan",
    "inf",
    "-inf",
    "Infinity",
    -0.1,
    1.1,
    31,
    -5,
    1e9,
    "1e400",
    "--",
    "50%",
    "0.5.1",
    "null",
    "N/A",
]
BAD_TIMES: list[object] = [
    None, "", "yesterday", "2024-13-01", "2024-02-30", "01/02/2024", "2024-3-1", "2024-03-01T25:00:00", "1.3.2024",
    "20240301", "2024-03-01T08:00:00Z", "2024-03-01 08:00:00+01:00", "inf", "NaN", "0000-00-00", "2024", "12:30",
]  # fmt: skip
BAD_VALUES: list[object] = [None, "", 2, -1, 0.5, "maybe", "inf", "dead", "NaN", "10", "1e-9", "1,0", "O"]
BAD_IDS: list[object] = [None, "", "   ", "\t"]
BAD_HORIZONS = ["soon", "-3d", "0d", "0", "30", "3 months", "1e3d", "d", "30 d d", "nan", "∞"]
BAD_COLUMNS = [
    "score",
    "score=",
    "=pred",
    "speed=pred",
    "events.score=x",
    "score=absent",
    "predictions.value=x",
    "other.score=s",
    "a.b.c=d",
]
BAD_THRESHOLDS = ["0", "1", "-0.2", "1.5", "nan", "inf"]
BAD_CONFIDENCES = ["0", "1", "95", "-1", "nan", "0.2"]
BAD_GROUPS = ["race", "gender,", ",", "gender,gender", "age,absent", "", " "]

CASES: list[Case] = [
    *[("score", put("predictions", "score", 4, bad), [], "predictions.score[row 5]") for bad in BAD_SCORES],
    *[("prediction time", put("predictions", "time", 2, bad), [], "predictions.time[row") for bad in BAD_TIMES],
    *[("event time", put("events", "time", 7, bad), [], "events.time[row") for bad in BAD_TIMES],
    *[("value", put("events", "value", 3, bad), [], "events.value[row 4]") for bad in BAD_VALUES],
    *[("subject", put("predictions", "subject", 6, bad), [], "predictions.subject[row 7]") for bad in BAD_IDS],
    *[("event subject", put("events", "subject", 6, bad), [], "events.subject[row 7]") for bad in BAD_IDS],
    *[("encounter", put("predictions", "encounter", 1, bad), [], "predictions.encounter[row 2]") for bad in BAD_IDS],
    *[("event name", put("events", "event", 1, bad), [], "events.event[row 2]") for bad in BAD_IDS],
    *[("column absent", drop("predictions", name), [], f"predictions.{name}") for name in ("subject", "time", "score")],
    *[("column absent", drop("events", name), [], f"events.{name}") for name in ("subject", "time", "event", "value")],
    *[("horizon", NOTHING, ["--horizon", text], "--horizon") for text in BAD_HORIZONS],
    *[("rename", NOTHING, ["--column", text], "") for text in BAD_COLUMNS],
    *[("threshold", NOTHING, ["--threshold", text], "threshold") for text in BAD_THRESHOLDS],
    *[("confidence", NOTHING, ["--confidence", text], "--confidence") for text in BAD_CONFIDENCES],
    *[("groups", NOTHING, ["--groups", text], "--groups") for text in BAD_GROUPS],
    ("empty predictions", rows("predictions", slice(0, 0)), [], "predictions"),
    ("empty events", rows("events", slice(0, 0)), [], "events"),
    ("repeated prediction", twice("predictions", 3), [], "predictions[row 13]"),
    ("repeated event", twice("events", 3), [], "events[row 13]"),
    ("unknown subject", put("events", "subject", 5, "stranger"), [], "events.subject[row 6]"),
    ("all strangers", whole("events", "subject", "stranger"), ["--ignore-unknown"], "events"),
    ("other subject's encounter", put("events", "subject", 5, "s1"), [], "events.subject[row 6]"),
    ("shared encounter", put("predictions", "encounter", 5, "e4"), [], "predictions.encounter[row 6]"),
    ("strange encounters", whole("events", "encounter", "nowhere"), [], "events"),
    ("several events", put("events", "event", 0, "sepsis"), [], "events.event"),
    ("absent event", NOTHING, ["--event", "sepsis"], "--event"),
    ("score of truths", whole("predictions", "score", True), [], "predictions.score"),
    ("score in per cent", whole("predictions", "score", [i * 5.0 for i in range(12)]), [], "predictions.score[row 2]"),
    ("other clock", whole("events", "time", list(range(12))), [], "events.time"),
    ("times of truths", whole("predictions", "time", True), [], "predictions.time"),
    ("fractional identifier", whole("predictions", "subject", np.arange(12) + 0.5), [], "predictions.subject[row 1]"),
    ("unknown check", NOTHING, ["--checks", "beauty"], "--checks"),
    ("no policy", NOTHING, ["--policy", "absent.toml"], "absent.toml"),
    ("no folder", NOTHING, ["--json", "absent/out.json"], "--json"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "change", "options", "path"), CASES, ids=[f"{at}-{case[0]}" for at, case in enumerate(CASES)]
)
def test_bad_input_ends_with_two_the_place_and_the_remedy(
    name: str, change: Change, options: list[str], path: str, tmp_path: Path
) -> None:
    """Each malformed table or option gives exit 2, the path to the field, what to do, and no traceback."""
    predictions, events = change(*tables())
    predictions.to_csv(tmp_path / "p.csv", index=False)
    events.to_csv(tmp_path / "e.csv", index=False)
    arguments = ["--predictions", str(tmp_path / "p.csv"), "--events", str(tmp_path / "e.csv"), *options]
    result = CliRunner().invoke(examine_command, arguments)
    assert result.exit_code == 2, (name, result.output, result.exception)
    assert path in result.stderr
    assert "What to do: " in result.stderr
    assert "Traceback" not in result.output


def test_there_are_over_a_hundred_malformed_inputs() -> None:
    """The table above is as long as it is said to be, without repeats."""
    assert len(CASES) >= 120


FILES = {
    "empty": b"",
    "header only": b"subject,time,score\n",
    "not text": b"\xff\xfe\x00\x01subject",
    "ragged": b"subject,time,score\na,1,0.5\nb,2,0.5,9,9,9\n",
    "quote never closed": b'subject,time,score\n"a,1,0.5\n',
    "twin columns": b"subject,time,score,score\na,1,0.5,0.6\n",
    "json": b'{"subject": 1}',
    "null bytes": b"\x00\x00\x00\x00",
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("which", ["--predictions", "--events"])
@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".csv.gz", ".xlsx"])
def test_broken_files_are_named(name: str, which: str, suffix: str, tmp_path: Path) -> None:
    """A file that is no table gives exit 2 and its own name, whatever its suffix says."""
    predictions, events = tables()
    predictions.to_csv(tmp_path / "p.csv", index=False)
    events.to_csv(tmp_path / "e.csv", index=False)
    (tmp_path / f"broken{suffix}").write_bytes(FILES[name])
    files = {"--predictions": "p.csv", "--events": "e.csv", which: f"broken{suffix}"}
    arguments = [part for option, file in files.items() for part in (option, str(tmp_path / file))]
    result = CliRunner().invoke(examine_command, arguments)
    assert result.exit_code == 2, (result.output, result.exception)
    assert "What to do: " in result.stderr


def test_messages_repeat_no_value_of_a_patient() -> None:
    """The complaint names the row; identifiers and scores stay out of it."""
    predictions, events = tables()
    events.loc[5, "subject"] = "Jane Doe 1950"
    with pytest.raises(Invalid) as caught:
        join(predictions, events)
    assert "Jane" not in json.dumps([str(caught.value), caught.value.path, caught.value.remedy])
