"""Policies for tables: what they do, and errors that point at the line."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from bedrail.core.errors import Invalid, Refused
from bedrail.keys.pseudonyms import HmacDigest
from bedrail.privacy.keyed import Keyed
from bedrail.privacy.release import deidentify_csv, deidentify_frame, measure, parse_policy, safe_harbor
from bedrail.privacy.release.hierarchies import dates, from_file, intervals, masking, tree, zip_codes
from bedrail.privacy.release.policy_file import written
from bedrail.privacy.release.safe_harbor import draft

KEY = HmacDigest(b"of the policies' tests, 32 bytes")

POLICY = """
[targets]
k = 3
suppression = 0.1

[columns.pid]
role = "subject"

[columns.age]
role = "quasi"
hierarchy = "intervals"
widths = [5, 10, 20, 40]
top = 90

[columns.zip]
role = "quasi"
hierarchy = "zip"

[columns.dx]
role = "sensitive"
l = 2

[columns.seen]
role = "date"
method = "shift"
keep_weekday = true
"""


def table() -> pd.DataFrame:
    """Sixty visits of twenty people."""
    rows = [
        {"pid": f"p{n % 20}", "age": 20 + (n % 20) * 4, "zip": f"021{n % 7}0", "dx": ["I10", "E11.9", "J45"][n % 3],
         "seen": f"2020-0{1 + n // 20}-{10 + n % 20}", "name": f"Name{n}"}
        for n in range(60)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_a_table_by_a_policy_reaches_its_targets() -> None:
    """k and l are reached as an independent measure sees them, undeclared columns are gone, dates keep intervals."""
    frame = table()
    out, proof, solution = deidentify_frame(frame, parse_policy(POLICY), KEY, newest=2026, mode=None)
    assert list(out.columns) == ["pid", "age", "zip", "dx", "seen"]
    found = measure(out, ["age", "zip"], ["dx"])
    assert found.risks.k >= 3
    assert found.sensitive[0].l_distinct >= 2
    assert solution is not None
    assert solution.certified
    assert len(out) == 60 - solution.suppressed
    assert proof.left == 0
    assert "name" in {column.column for column in proof.columns if column.action == "left out"}
    kept = frame.loc[out.index]
    for pid in kept["pid"].unique():
        before = pd.to_datetime(kept.loc[kept["pid"] == pid, "seen"])
        after = pd.to_datetime(out.loc[kept["pid"] == pid, "seen"])
        assert (before.diff().dropna() == after.diff().dropna()).all()
        assert ((after - before).dt.days % 7 == 0).all()
        assert ((after - before).dt.days == Keyed(KEY).shift_days(pid, keep_weekday=True)).all()


@pytest.mark.parametrize("search", ["optimal", "top-down", "mondrian"])
def test_each_search_reaches_k_and_says_whether_it_is_the_optimum(search: str) -> None:
    """Only the exact search is certified."""
    policy = parse_policy(POLICY.replace("k = 3", f'k = 4\nsearch = "{search}"').replace("l = 2", "l = 1"))
    out, _, solution = deidentify_frame(table(), policy, KEY, newest=2026, mode=None)
    assert measure(out, ["age", "zip"]).risks.k >= 4
    assert solution is not None
    assert solution.certified == (search == "optimal")


def test_csv_and_frame_give_the_same(tmp_path: Path) -> None:
    """The stream and the frame are one implementation."""
    table().to_csv(tmp_path / "in.csv", index=False)
    policy = parse_policy(POLICY)
    done = deidentify_csv(tmp_path / "in.csv", tmp_path / "out.csv", policy, KEY, newest=2026, mode=None)
    out, _, _ = deidentify_frame(table(), policy, KEY, newest=2026, mode=None)
    read = pd.read_csv(tmp_path / "out.csv", dtype=str)
    assert read.to_numpy().tolist() == out.astype(str).to_numpy().tolist()
    assert done.solution is not None
    assert done.run.manifest.medium == "table"


@pytest.mark.parametrize(
    "bad, line, word",
    [
        ("widths = [5, 10, 20, 40]", "wdths = [5]", "12 columns.age.wdths"),
        ('role = "subject"', 'role = "subjekt"', "7 columns.pid.role"),
        ("k = 3", "k = 0", "3 targets.k"),
        ('method = "shift"', 'method = "zip3"', "25 columns.seen.method"),
        ("l = 2", "l = 2\nt = 3.0", "22 columns.dx.t"),
        ("suppression = 0.1", "suppression = [", "6"),
        ("widths = [5, 10, 20, 40]\n", "", "11 columns.age.hierarchy"),
    ],
)
def test_an_error_points_at_its_line(bad: str, line: str, word: str) -> None:
    """File, line and key stand in the path of the error."""
    with pytest.raises(Invalid) as caught:
        parse_policy(POLICY.replace(bad, line))
    assert caught.value.path.startswith(f"policy.toml:{word}")
    assert caught.value.remedy


def test_undeclared_columns_can_be_refused() -> None:
    """By their number: a name may be somebody's."""
    policy = parse_policy('undeclared = "refuse"\n[columns.pid]\nrole = "subject"\n')
    with pytest.raises(Refused, match="Column 2 is not declared"):
        deidentify_frame(table(), policy, KEY, newest=2026)


def test_targets_out_of_reach_are_refused_with_what_could_give_way() -> None:
    """More alike than there are rows."""
    with pytest.raises(Refused, match="No generalisation"):
        deidentify_frame(table(), parse_policy(POLICY.replace("k = 3", "k = 61")), KEY, newest=2026)


def test_a_draft_is_a_policy_again() -> None:
    """What is written reads back as the same policy, for Safe Harbor and for an expert."""
    frame = table()
    columns = [frame[name].astype(str).tolist() for name in frame.columns]
    for policy in (safe_harbor(list(frame.columns), columns), draft(list(frame.columns), columns)[0]):
        assert parse_policy(written(policy)) == policy


def test_a_draft_does_not_take_bands_for_numbers() -> None:
    """Ages that come in brackets have no interval of five years; the comment says what to write."""
    policy, comments = draft(["age"], [["[50-60)", "[60-70)", "", "[90-100)"]])
    assert policy.columns["age"].hierarchy == "suppress"
    assert "tree" in comments["age"]
    numbers, _ = draft(["age"], [["51", "90+", "", "7"]])
    assert numbers.columns["age"].hierarchy == "intervals"


def test_hierarchies_grow_coarser_and_say_so() -> None:
    """Each kind, and crossing groups refused without a value in the message."""
    years = intervals("age", ["3", "17", "41", "95", ""], widths=[5, 10], top=90)
    assert years.labels[1] == ("0-4", "15-19", "40-44", "90+", "*")
    assert masking("id", ["1234", "1299"]).labels[2] == ("12**",)
    assert zip_codes("zip", ["02139", "03601", "96301"]).labels[1] == ("021", "000")
    assert dates("d", ["2020-02-29", "2020-03-01"]).labels[2] == ("2020-Q1",)
    with pytest.raises(Invalid, match="multiple"):
        intervals("age", ["3"], widths=[5, 8])
    with pytest.raises(Invalid) as crossed:
        tree("c", ["secret-a", "secret-b", "x"], [{"g": ["secret-a", "secret-b"]}, {"h": ["g"], "k": ["g"]}])
    assert "secret" not in str(crossed.value)


def test_a_hierarchy_file_is_checked(tmp_path: Path) -> None:
    """Lacking values are counted, crossing levels named, torn lines pointed at."""
    path = tmp_path / "h.csv"
    path.write_text("a;A;Z\nb;A;Z\nc;C;Z\n")
    assert from_file("x", ["a", "b", "c"], path).labels[1] == ("A", "C")
    with pytest.raises(Invalid, match="1 of 2 distinct values have no line"):
        from_file("x", ["a", "hidden"], path)
    path.write_text("a;A;Z\nb;A;Y\n")
    with pytest.raises(Invalid, match="apart again at level 2"):
        from_file("x", ["a", "b"], path)
    path.write_text("a;A;Z\nb;A\n")
    with pytest.raises(Invalid) as torn:
        from_file("x", ["a", "b"], path)
    assert torn.value.path.endswith("h.csv:2")


def test_identifiers_whose_names_are_run_together_are_not_kept() -> None:
    """`hospitalid` and `wardid` go as `hospital_id` and `ward_id` do; words that end in -id are no identifiers."""
    from bedrail.privacy.release.recognise import recognise

    for name in ("hospitalid", "wardid", "practitionerid", "encounterid", "patientunitstayid", "uniquepid"):
        assert recognise(name, ["1", "2", "3"]).column.method in ("drop", "pseudonym"), name
    for name in ("thyroid", "opioid", "lipid", "uric_acid", "covid", "fluid", "steroid_use", "valid"):
        assert recognise(name, ["1", "2", "3"]).column.method == "keep", name
