"""A candidate held against the population to be served, through the command."""

from __future__ import annotations

import json

import pytest

from small_home import CASE, copied, opened, told

pytestmark = pytest.mark.slow


def test_a_population_leaves_signed_evidence(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The command weighs the holdout, records evidence of the candidate, and refuses attributes that are not there."""
    home = copied(tmp_path_factory, "represented")
    county = tmp_path_factory.mktemp("county") / "county.csv"
    county.write_text("attribute,level,share\ngender,Female,0.55\ngender,Male,0.45\n")
    given = ("--as", "sam", "represent", CASE, "--population", str(county), "--candidate", "baseline", "--json")
    result = told(*given, home=home)
    answer = json.loads(result.out)
    assert answer["check"] == "representativeness"
    assert {f["check"] for f in answer["findings"]} >= {
        "representativeness.share", "representativeness.uncovered", "representativeness.effective-share",
        "representativeness.auroc-there",
    }  # fmt: skip
    with opened(home) as app:
        recorded = app.context.use_case(CASE).evidence
        assert any("representativeness" in key for key in recorded)
    county.write_text("shoe size,share\nx,1\n")
    refused = told(*given, home=home)
    assert refused.code == 2


def test_a_second_outcome_judges_the_first(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Another column of the admitted data leaves evidence on the choice of the outcome; an absent one is refused."""
    home = copied(tmp_path_factory, "labelled")
    with opened(home) as app:
        feature = next(f.name for f in app.context.charter(CASE).features if f.kind == "numeric")
    given = ("--as", "sam", "label-choice", CASE, "--candidate", "baseline", "--json", "--other")
    answer = json.loads(told(*given, feature, home=home).out)
    assert answer["check"] == "label-choice"
    assert any(f["check"] == "label-choice.at-equal-score" for f in answer["findings"])
    assert told(*given, "charge", home=home).code == 2


def test_a_candidate_is_asked_about_another_hospitals_table(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A table with the charter's columns leaves evidence with parts by site; one without them is refused by column.

    One that holds patients whom the candidate was made from is refused, or they are left out, as one asks."""
    import pandas as pd

    home = copied(tmp_path_factory, "elsewhere")
    with opened(home) as app:
        from bedrail.journeys.dataset_reads import read_part

        frame = read_part(app.context, CASE, "train").head(1_500)
        subject = app.context.charter(CASE).data.subject
    table = tmp_path_factory.mktemp("north") / "north.parquet"
    frame = frame.assign(hospital=["north", "south"] * 750)
    given = ("--as", "sam", "validate", "candidate", CASE, "--data", str(table), "--candidate", "baseline", "--json")
    frame.assign(**{subject: [f"N-{at}" for at in range(1_500)]}).to_parquet(table)
    answer = json.loads(told(*given, "--site", "hospital", home=home).out)
    assert answer["check"] == "external-validation"
    assert any(f["group"] == "site=north" for f in answer["findings"])
    met = next(f for f in answer["findings"] if f["check"] == "external-validation.patients-met")
    assert (met["verdict"], met["estimate"]) == ("pass", 0.0)
    many = pd.concat([frame.head(30), frame.assign(**{subject: [f"N-{at}" for at in range(1_500)]})])
    many.to_parquet(table)
    refused = told(*given, home=home)
    assert refused.code == 1
    assert "was made from" in refused.err
    assert not any(number in refused.err for number in frame[subject].head(30))
    answer = json.loads(told(*given, "--leave-out-met", home=home).out)
    met = next(f for f in answer["findings"] if f["check"] == "external-validation.patients-met")
    assert met["estimate"] == pytest.approx(frame[subject].head(30).nunique() / many[subject].nunique())
    answer = json.loads(told(*given, "--other-numbers", home=home).out)
    met = next(f for f in answer["findings"] if f["check"] == "external-validation.patients-met")
    assert met["reason"].startswith("For information")
    pd.DataFrame({"x": [1]}).to_parquet(table)
    assert told(*given, home=home).code == 2
