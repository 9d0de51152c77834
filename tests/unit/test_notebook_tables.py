"""Tables of pandas, polars and pyarrow mean the same; whatever is wrong with one is named; all numbers come back."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import bedrail as br
from bedrail.checks.joining.example import example_tables
from bedrail.cli.examine import examine_command

FEW = ["discrimination", "subgroups"]
Table = pd.DataFrame


def tables(n: int = 60) -> tuple[Table, Table]:
    rng = np.random.default_rng(6)
    score = rng.random(n).round(3)
    time = pd.Timestamp("2024-03-01") + pd.to_timedelta(np.arange(n), unit="h")
    predictions = pd.DataFrame(
        {"subject": np.arange(n), "time": time, "score": score, "sex": np.where(np.arange(n) % 2, "f", "m")}
    )
    value = (rng.random(n) < score).astype(int)
    events = pd.DataFrame(
        {"subject": np.arange(n), "time": time + pd.Timedelta("5h"), "event": "death", "value": value}
    )
    return predictions, events


def dtypes(predictions: Table, events: Table) -> dict[str, tuple[Any, Any]]:
    """The same two tables as different libraries and dtypes hold them."""
    nullable = {"subject": "string", "score": "Float64", "sex": "category"}
    arrow = predictions.astype({"subject": "int32[pyarrow]", "score": "float[pyarrow]", "sex": "string[pyarrow]"})
    arrow["score"] = predictions["score"].astype("double[pyarrow]")
    arrow["time"] = predictions["time"].astype("timestamp[us][pyarrow]")
    zoned = predictions.assign(time=predictions["time"].dt.tz_localize("UTC").dt.tz_convert("Asia/Kolkata"))
    return {
        "nullable": (predictions.astype(nullable), events.astype({"value": "boolean", "event": "category"})),
        "arrow-backed": (arrow, events.astype({"value": "int8[pyarrow]", "event": "string[pyarrow]"})),
        "zoned": (zoned, events.assign(time=events["time"].dt.tz_localize("UTC"))),
        "text": (predictions.astype(str), events.astype(str)),
        "polars": (pl.from_pandas(predictions), pl.from_pandas(events).with_columns(pl.col("value").cast(pl.Boolean))),
        "polars lazy": (
            pl.from_pandas(predictions).with_columns(pl.col("sex").cast(pl.Categorical)).lazy(),
            pl.from_pandas(events).lazy(),
        ),
        "pyarrow": (pa.Table.from_pandas(predictions), pa.Table.from_pandas(events)),
        "dictionary": (
            pa.Table.from_pandas(predictions).set_column(3, "sex", pa.array(predictions["sex"]).dictionary_encode()),
            pa.Table.from_pandas(events),
        ),
        "mapping": (predictions.to_dict("list"), events.to_dict("records")),
        "odd index": (predictions.set_index(np.arange(60)[::-1]), events.set_index(np.full(60, 7))),
    }


@pytest.mark.slow
def test_every_library_and_dtype_gives_the_same_findings() -> None:
    """pandas (nullable, categorical, arrow-backed, zoned, text), polars, lazy polars, pyarrow, mappings, records."""
    predictions, events = tables()
    expected = br.examine_tables(predictions, events, horizon="6h", checks=FEW).findings
    assert len(expected) > 10
    for name, (left, right) in dtypes(predictions, events).items():
        found = br.examine_tables(left, right, horizon="6h", checks=FEW).findings
        pd.testing.assert_frame_equal(found, expected, obj=name)


def test_columns_of_every_library_give_the_same_report() -> None:
    """`examine` takes columns of polars and pyarrow, chunked arrays, decimals, and frames of groups."""
    predictions, events = tables()
    outcome, score = events["value"], predictions["score"]
    expected = br.examine(outcome, score, groups=predictions[["sex"]], checks=FEW).to_json()
    frame = pl.from_pandas(predictions)
    forms: list[tuple[Any, Any, Any]] = [
        (pl.Series(outcome.to_numpy()), frame["score"], frame.select("sex")),
        (pa.array(outcome), pa.chunked_array([score[:30], score[30:]]), pa.table({"sex": list(predictions["sex"])})),
        (outcome.astype("boolean"), score.astype("Float64"), predictions[["sex"]].astype("category")),
        (outcome.astype("bool[pyarrow]"), score.astype("double[pyarrow]"), {"sex": pa.array(predictions["sex"])}),
        (outcome.astype(object), [str(each) for each in score], frame.select(pl.col("sex").cast(pl.Categorical))),
    ]
    for told, given, groups in forms:
        assert br.examine(told, given, groups=groups, checks=FEW).to_json() == expected


def test_every_number_comes_back_as_a_dataframe() -> None:
    """Findings, curves, groups and settings: numbers of the JSON, none left behind."""
    predictions, events = tables()
    report = br.examine_tables(predictions, events, horizon="6h")
    told = report.as_dict()
    curves = report.curves
    assert list(curves.columns) == ["curve", "x", "y", "low", "high", "n"]
    assert curves["curve"].eq("calibration").sum() == len(told["curves"]["calibration"])
    assert curves["curve"].eq("roc").sum() == len(told["curves"]["roc"])
    assert curves["curve"].eq("histogram").sum() == len(told["curves"]["histogram"])
    assert curves.loc[curves["curve"].eq("histogram"), "n"].sum() == told["n"]
    assert set(report.groups.index) >= {"sex=f", "sex=m"}
    flat = report.findings.query("group == 'sex=f' and check == 'subgroups.auroc'")
    assert report.groups.loc["sex=f", "subgroups.auroc"] == flat["estimate"].iloc[0]
    settings = report.settings.set_index("setting")["value"]
    assert settings["threshold"] == told["threshold"]
    assert settings["requirements.min_auroc"] == told["requirements"]["min_auroc"]
    assert "lead-time" in set(report.findings["check"].str.partition(".")[0])


@pytest.mark.slow
def test_the_example_has_something_to_find() -> None:
    """The made-up tables run through windows by stay, and the patients over 80 are found."""
    predictions, events = example_tables(patients=900)
    report = br.examine_tables(
        predictions, events, event="sepsis", unit="encounter", gap="1h", horizon="24h", interventions=["antibiotics"]
    )
    assert report.verdict == "fail"
    worst = report.findings.query("check == 'subgroups.sensitivity'").dropna(subset=["estimate"])
    assert worst.sort_values("estimate")["group"].iloc[0] == "age_band=80+"
    assert {"lead-time", "interventions"} <= set(report.findings["check"].str.partition(".")[0])


Bad = Callable[[Table, Table], tuple[Any, Any]]


def cell(which: int, name: str, value: object, row: int = 5) -> Bad:
    """One cell of predictions (0) or events (1) is replaced."""

    def change(*both: Table) -> tuple[Any, Any]:
        frame = both[which]
        frame[name] = frame[name].astype(object)
        frame.at[row, name] = value
        return both[0], both[1]

    return change


def whole(which: int, name: str, values: Any) -> Bad:
    """A column is replaced."""

    def change(*both: Table) -> tuple[Any, Any]:
        both[which][name] = values(both[which]) if callable(values) else values
        return both[0], both[1]

    return change


def shape(change: Callable[[Table, Table], tuple[Any, Any]]) -> Bad:
    """The tables themselves are other things."""
    return change


NAN, NAT = float("nan"), pd.NaT
CELLS: list[tuple[int, str, list[object]]] = [
    (0, "score", [None, NAN, pd.NA, np.inf, -np.inf, -0.01, 1.01, 31, "x", "", "0,5", "12%", True, [0.5], {}, b"0.5"]),
    (0, "score", [1 + 2j, pd.Timestamp("2024-01-01"), "１.５", "٠٫٥", (0.1,), {0.2}, object(), "0x1p-1", 10**400]),
    (1, "value", [None, NAN, 2, -1, 0.5, "maybe", [1], {"a": 1}, np.inf, "", "TRUE!", pd.NaT]),
    (0, "subject", [None, NAN, "", "  ", 1.5, np.inf, pd.NA, "\ufeff", "\u200b"]),
    (1, "subject", [None, NAN, "", "stranger", 1.5, 10**30]),
    (0, "time", [None, NAT, "soon", "2024-02-30", "01.02.2024", 7, True, "2024-03-01T08:00:00Z", "10000-01-01", [1]]),
    (1, "time", [None, "24:00", "2024-13-01", "2024-03-01 25:00", -1, "1e9", "NaT", {}]),
    (1, "event", [None, "", NAN, "other"]),
]
TABLES: list[tuple[str, Bad]] = [
    *[
        (f"no {name}", shape(lambda p, e, name=name: (p.drop(columns=name), e)))
        for name in ("subject", "time", "score")
    ],
    *[(f"no {name}", shape(lambda p, e, name=name: (p, e.drop(columns=name)))) for name in ("time", "event", "value")],
    ("no rows", shape(lambda p, e: (p.iloc[:0], e))),
    ("no events", shape(lambda p, e: (p, e.iloc[:0]))),
    ("no columns", shape(lambda p, e: (pd.DataFrame(index=range(3)), e))),
    ("twin columns", shape(lambda p, e: (pd.concat([p, p[["score"]]], axis=1), e))),
    ("twin columns by text", shape(lambda p, e: (p.assign(**{"1": 0}).set_axis([*p.columns, "score"], axis=1), e))),
    ("repeated rows", shape(lambda p, e: (pd.concat([p, p]), e))),
    ("repeated events", shape(lambda p, e: (p, pd.concat([e, e])))),
    ("all scores in per cent", whole(0, "score", lambda f: f["score"] * 100)),
    ("log-odds", whole(0, "score", lambda f: np.log(f["score"] + 0.1) * 3)),
    ("scores of truth", whole(0, "score", True)),
    ("scores of text", whole(0, "score", "high")),
    ("scores of dates", whole(0, "score", pd.Timestamp("2024-01-01"))),
    ("scores of lists", whole(0, "score", lambda f: [[each] for each in f["score"]])),
    ("scores of categories", whole(0, "score", lambda f: pd.Categorical(["low", "high"] * 30))),
    ("scores of complex numbers", whole(0, "score", lambda f: f["score"] + 1j)),
    ("scores of lengths", whole(0, "score", pd.Timedelta("1h"))),
    ("subjects of lists", whole(0, "subject", lambda f: [[each] for each in f["subject"]])),
    ("subjects of fractions", whole(0, "subject", lambda f: f["subject"] + 0.5)),
    ("subjects of dates", whole(0, "subject", pd.Timestamp("2024-01-01"))),
    ("times of truth", whole(0, "time", True)),
    ("times of lists", whole(0, "time", lambda f: [[1]] * 60)),
    ("times of lengths", whole(0, "time", pd.Timedelta("1h"))),
    ("two clocks", whole(1, "time", 5)),
    (
        "zones in one table",
        whole(0, "time", lambda f: f["time"].dt.tz_localize("UTC").astype(str).where(f.index > 3, "2024-03-01")),
    ),
    ("values of classes", whole(1, "value", lambda f: f["subject"] % 3)),
    ("values of text", whole(1, "value", "dead")),
    ("values of lists", whole(1, "value", lambda f: [[1]] * 60)),
    ("values of dates", whole(1, "value", pd.Timestamp("2024-01-01"))),
    ("events of lists", whole(1, "event", lambda f: [["a"]] * 60)),
    ("everything before", whole(1, "time", lambda f: f["time"] - pd.Timedelta("9000h"))),
    ("constant score", whole(0, "score", 0.5)),
    ("no outcome at all", whole(1, "value", 0)),
    ("nothing but outcomes", whole(1, "value", 1)),
    ("all scores 0", whole(0, "score", 0)),
    ("all scores 1", whole(0, "score", 1)),
    ("one row", shape(lambda p, e: (p.iloc[:1], e.iloc[:1]))),
    ("two rows", shape(lambda p, e: (p.iloc[:2], e.iloc[:2]))),
    ("one patient", shape(lambda p, e: (p.assign(subject=1), e.assign(subject=1)))),
    ("one class in a group", shape(lambda p, e: (p.assign(sex=np.where(e["value"] == 1, "f", "m")), e))),
    ("a group of one", shape(lambda p, e: (p.assign(sex=["x", *["m"] * 59]), e))),
    ("groups all absent", whole(0, "sex", None)),
    ("groups of lists", whole(0, "sex", lambda f: [["a"]] * 60)),
    ("groups of mappings", whole(0, "sex", lambda f: [{"a": 1}] * 60)),
    ("groups of dates", whole(0, "sex", lambda f: f["time"])),
    ("groups of mixed kinds", whole(0, "sex", lambda f: [1, "1", None, 1.0, True, "f"] * 10)),
    ("groups with markup", whole(0, "sex", lambda f: ["<script>", "a&b", '"', "ä€𝄞", "=", " & "] * 10)),
    ("site of lists", whole(0, "site", lambda f: [["a"]] * 60)),
    ("baseline of text", whole(0, "baseline", "high")),
    ("baseline of nothing", whole(0, "baseline", None)),
    ("columns of numbers", shape(lambda p, e: (p.set_axis(range(4), axis=1), e))),
    ("columns of two levels", shape(lambda p, e: (pd.concat({"a": p}, axis=1), e))),
    ("a series", shape(lambda p, e: (p["score"], e))),
    ("an array", shape(lambda p, e: (p.to_numpy(), e))),
    ("text", shape(lambda p, e: ("p.csv", e))),
    ("nothing", shape(lambda p, e: (None, e))),
    ("a number", shape(lambda p, e: (7, e))),
    ("ragged", shape(lambda p, e: ({"subject": [1], "time": [1, 2], "score": [0.5]}, e))),
    (
        "polars of lists",
        shape(lambda p, e: (pl.from_pandas(p).with_columns(pl.col("score").implode().over("subject")), e)),
    ),
    ("arrow of structs", shape(lambda p, e: (pa.table({"subject": [{"a": 1}], "time": [1], "score": [0.5]}), e))),
    ("arrow of nulls", shape(lambda p, e: (pa.Table.from_pandas(p).set_column(2, "score", pa.nulls(60)), e))),
]
FILES: list[tuple[str, bytes]] = [
    ("byte order mark", "\ufeffsubject,time,score\na,1,0.5\n".encode()),
    ("UTF-16", "subject,time,score\na,1,0.5\n".encode("utf-16")),
    ("Latin-1", "subject,time,score\nMüller,1,0.5\n".encode("latin-1")),
    ("semicolons", b"subject;time;score\na;1;0,5\n"),
    ("tabs", b"subject\ttime\tscore\na\t1\t0.5\n"),
    ("ragged", b"subject,time,score\na,1,0.5\nb,2,0.5,9\n"),
    ("short rows", b"subject,time,score\na,1\n"),
    ("no header", b"a,1,0.5\nb,2,0.6\n"),
    ("only a header", b"subject,time,score\n"),
    ("empty", b""),
    ("a blank line", b"\n"),
    ("zeros", b"\x00" * 50),
    ("open quote", b'subject,time,score\n"a,1,0.5\n'),
    ("a spreadsheet", b"PK\x03\x04 sheet"),
    ("a page", b"<!doctype html><table><tr><td>score</td></tr></table>"),
    ("blank header names", b",,\na,1,0.5\n"),
    ("spaces in the header", b"subject, time, score\na,1,0.5\n"),
    ("upper case", b"SUBJECT,TIME,SCORE\na,1,0.5\n"),
    ("a comment first", b"# exported 2024\nsubject,time,score\na,1,0.5\n"),
    ("twin columns", b"subject,time,score,score\na,1,0.5,0.6\n"),
    ("a huge header", b",".join(b"c%d" % i for i in range(2_000)) + b"\n"),
    ("a header of megabytes", b"x" * 2_000_000 + b"\n1\n"),
    ("old Mac line ends", b"subject,time,score\ra,1,0.5\r"),
    ("units in cells", b"subject,time,score\na,1,50 %\n"),
    ("thousands", b'subject,time,score\na,"1,000",0.5\n'),
    ("a huge number", b"subject,time,score\na,1,1e999\n"),
]


def fault(name: str, examine: Callable[[], Any]) -> str:
    """What is wrong with the answer to a malformed table: nothing, or a sentence."""
    try:
        report = examine()
    except br.Invalid as error:
        if not error.path or not error.message:
            return f"{name}: the error names no field: {error}"
        return "" if error.remedy else f"{name}: the error says no remedy: {error}"
    except Exception as error:  # whatever else comes is the fault looked for
        return f"{name}: {type(error).__name__}: {error}"
    return "" if report.verdict != "pass" else f"{name}: passes"


@pytest.mark.filterwarnings("error")
@pytest.mark.slow
def test_malformed_tables_give_an_error_that_names_the_field_or_no_pass() -> None:
    """Over a hundred distinct ways to be wrong, from dataframes: `Invalid` with field and remedy, or not a pass."""
    cases: list[tuple[str, Bad]] = [
        (f"{'events' if which else 'predictions'}.{name} = {value!r}", cell(which, name, value))
        for which, name, values in CELLS
        for value in values
    ]
    cases += TABLES
    assert len({name for name, _ in cases}) >= 130
    faults = []
    for name, change in cases:
        more: dict[str, Any] = {"checks": ["discrimination"]}
        if "group" in name:
            more = {"checks": ["subgroups"], "groups": ["sex"]}
        told = fault(name, lambda change=change, more=more: br.examine_tables(*change(*tables()), **more))
        faults += [told] if told else []
    assert not faults, "\n".join(faults)


@pytest.mark.slow
def test_malformed_files_give_exit_two_and_the_remedy(tmp_path: Path) -> None:
    """Files that are no table, or not the table meant: exit 2 with what to do, whichever side they are on."""
    predictions, events = tables(4)
    predictions.to_csv(tmp_path / "p.csv", index=False)
    events.to_csv(tmp_path / "e.csv", index=False)
    faults = []
    for at, (name, content) in enumerate(FILES):
        option, other, good = (("--predictions", "--events", "e.csv"), ("--events", "--predictions", "p.csv"))[at % 2]
        (tmp_path / "bad.csv").write_bytes(content)
        paths = [option, str(tmp_path / "bad.csv"), other, str(tmp_path / good)]
        result = CliRunner().invoke(examine_command, paths)
        if result.exit_code != 2 or "What to do: " not in result.stderr or len(result.stderr) > 3000:
            faults.append(f"{name} as {option}: exit {result.exit_code} {result.exception!r} {result.stderr[:200]}")
    nested = {"subject": [["a"]] * 3, "time": [1] * 3, "score": [0.5] * 3}
    odd = {"lists": pa.table(nested), "maps": pa.table({**nested, "subject": [{"a": 1}] * 3})}
    for name, made in odd.items():
        pq.write_table(made, tmp_path / "bad.parquet")
        paths = ["--predictions", str(tmp_path / "bad.parquet"), "--events", str(tmp_path / "e.csv")]
        result = CliRunner().invoke(examine_command, paths)
        if result.exit_code != 2 or "What to do: " not in result.stderr:
            faults.append(f"{name}: exit {result.exit_code} {result.exception!r}")
    assert not faults, "\n".join(faults)


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    """Spreadsheets write one before the first column's name; it is no part of it."""
    predictions, events = tables(30)
    for name, frame in (("p.csv", predictions), ("e.csv", events)):
        text = io.StringIO()
        frame.to_csv(text, index=False)
        (tmp_path / name).write_bytes(text.getvalue().encode("utf-8-sig"))
    paths = ["--predictions", str(tmp_path / "p.csv"), "--events", str(tmp_path / "e.csv")]
    assert CliRunner().invoke(examine_command, [*paths, "--checks", "discrimination"]).exit_code in (0, 1)
