"""Datasets hold only what is needed of those who may be used, every read is on record, and no model judges itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bedrail.core.errors import Invalid, Refused
from bedrail.core.events import (
    DatasetBuilt,
    DatasetRead,
    DatasetReadRefused,
    HoldoutOpened,
    HoldoutSpared,
    decode,
)
from bedrail.journeys import admission, auditing, consenting, delivery, training
from bedrail.journeys.dataset_reads import read_dataset, read_rows
from bedrail.journeys.examination import examine_candidates
from small_home import CASE, EXAMPLE, copied, opened, played, request_of, serving, told

pytestmark = pytest.mark.slow


def facts(app: Any, kind: type) -> list[Any]:
    return [e.fact for e in (decode(data) for _, data in app.context.tape.entries()) if isinstance(e.fact, kind)]


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copied(tmp_path_factory)


@pytest.fixture
def table(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    return pd.read_parquet(played(tmp_path_factory) / "table.parquet")


def wanted(table: pd.DataFrame, people: list[Any], decision: Any, purpose: Any = "training") -> list[consenting.Wanted]:
    return [consenting.Wanted(patient=str(p), purpose=purpose, decision=decision, basis="form") for p in people]


def test_rows_of_people_who_refused_training_are_left_out_counted_and_on_record(
    home: Path, table: pd.DataFrame
) -> None:
    """Refusals of research change nothing; the new version is followed back to the one before."""
    people = list(table["patient"].unique()[:40])
    rows = int(table["patient"].isin(people).sum())
    with opened(home) as app:
        ctx = app.context
        before = ctx.use_case(CASE).dataset
        assert before is not None
        consenting.record_choices(ctx, "priya", wanted(table, people, "denied"))
        consenting.record_choices(
            ctx, "priya", wanted(table, list(table["patient"].unique()[40:50]), "denied", "research")
        )
        admission.admit_data(ctx, "sam", CASE, table, source="again")
        built = facts(app, DatasetBuilt)[-1]
        assert (built.people_without_consent, built.rows_without_consent) == (40, rows)
        assert (built.purpose, built.jurisdiction, built.previous) == ("training", "unruled", before.dataset)
        frame, _ = read_dataset(ctx, CASE)
        assert not set(frame["patient"]) & {ctx.pseudonyms.pseudonym(str(p)) for p in people}
        assert len(frame) == before.rows - rows


def test_where_everybody_must_be_asked_nobody_is_used_unasked(home: Path, table: pd.DataFrame) -> None:
    """Under opt-in admission is refused; with a thousand permissions those thousand are used."""
    with opened(home) as app:
        ctx = app.context
        consenting.adopt_rules(ctx, "priya", "eu-gdpr")
        with pytest.raises(Refused, match="eu-gdpr"):
            admission.admit_data(ctx, "sam", CASE, table, source="x")
        people = list(table["patient"].unique()[:7000])
        consenting.record_choices(ctx, "priya", wanted(table, people, "permitted"))
        admission.admit_data(ctx, "sam", CASE, table, source="x")
        frame, _ = read_dataset(ctx, CASE)
        assert frame["patient"].nunique() == 7000


def test_a_waiver_stands_for_missing_authorisations_only(home: Path, table: pd.DataFrame) -> None:
    """Under HIPAA training needs one; the refusals of those who refused stand beside it."""
    charter = (EXAMPLE / "usecase.toml").read_text()
    waived = charter.replace("[data]", '[data]\nwaiver = "IRB 2026-117"', 1)
    with opened(home) as app:
        ctx = app.context
        consenting.adopt_rules(ctx, "priya", "us-hipaa")
        with pytest.raises(Refused, match="us-hipaa"):
            admission.admit_data(ctx, "sam", CASE, table, source="x")
        delivery.open_use_case(ctx, "olivia", waived)
        consenting.record_choices(ctx, "priya", wanted(table, [table["patient"].iloc[0]], "revoked"))
        admission.admit_data(ctx, "sam", CASE, table, source="x")
        built = facts(app, DatasetBuilt)[-1]
        assert (built.waiver, built.people_without_consent) == ("IRB 2026-117", 1)


def test_only_rows_that_the_purpose_needs_come_in(home: Path, table: pd.DataFrame) -> None:
    """The rule stands in the charter; a rule about a column that is not there is named."""
    charter = (EXAMPLE / "usecase.toml").read_text()
    rule = '\n[[data.rows]]\ncolumn = "COLUMN"\nreason = "the model is for short stays"\nat_most = 7\n\n[[features]]'
    with opened(home) as app:
        ctx = app.context
        delivery.open_use_case(
            ctx, "olivia", charter.replace("\n[[features]]", rule.replace("COLUMN", "time_in_hospital"), 1)
        )
        admission.admit_data(ctx, "sam", CASE, table, source="x")
        built = facts(app, DatasetBuilt)[-1]
        assert built.rows_not_needed == int((table["time_in_hospital"] > 7).sum()) > 0
        frame, _ = read_dataset(ctx, CASE)
        assert frame["time_in_hospital"].max() <= 7
        delivery.open_use_case(ctx, "olivia", charter.replace("\n[[features]]", rule.replace("COLUMN", "no_such"), 1))
        with pytest.raises(Invalid, match="no_such"):
            admission.admit_data(ctx, "sam", CASE, table, source="x")


def test_a_read_gives_what_is_needed_and_is_on_record_and_more_is_refused_on_record(home: Path) -> None:
    """Columns beyond the charter, the holdout, roles that may not; the way to get it is said."""
    with opened(home) as app:
        ctx = app.context
        rows = read_rows(ctx, "sam", CASE, ["age", "race"], ["train"], "binning ages")
        read = facts(app, DatasetRead)[-1]
        assert (read.columns, read.rows, read.part, read.reason) == (
            ("age", "race"),
            len(rows),
            "train",
            "binning ages",
        )
        with pytest.raises(Refused, match="does not need") as refused:
            read_rows(ctx, "sam", CASE, ["age", "home_address"], ["train"], "curious")
        assert "[[features]]" in refused.value.remedy
        assert facts(app, DatasetReadRefused)[-1].columns == ("age", "home_address")
        for parts in ([], ["holdout"], ["train", "holdout"]):
            with pytest.raises(Refused, match="locked"):
                read_rows(ctx, "sam", CASE, ["age"], parts, "peeking")
        with pytest.raises(Refused):
            read_rows(ctx, "dr-lee", CASE, ["age"], ["train"], "curious")


def test_reads_of_a_dataset_are_found_by_the_auditor_and_in_a_patients_accounting(
    home: Path, table: pd.DataFrame
) -> None:
    """By action and digest in the search; among the reads of many in the accounting, and choices among its lines."""
    patient = str(table["patient"].iloc[0])
    with opened(home) as app:
        ctx = app.context
        consenting.record_choices(ctx, "priya", wanted(table, [patient], "permitted", "research"))
        read_rows(ctx, "sam", CASE, ["age"], ["train"], "binning ages")
        dataset = ctx.use_case(CASE).dataset
        assert dataset is not None
        found = auditing.search(ctx, "ada", auditing.Query(action="dataset.read", about=dataset.dataset))
        assert {f.fact["reason"] for f in found} >= {"training baseline", "binning ages"}
        accounting = auditing.disclosures(ctx, "priya", patient)
        assert any("research permitted" in line.what for line in accounting.lines)
        assert any("binning ages" in line.what for line in accounting.many)


def test_who_trained_a_candidate_never_judges_it_on_a_later_holdout(home: Path, table: pd.DataFrame) -> None:
    """An older table's patients return in the newer holdout: they are left out of it, and this is on record."""
    with opened(home) as app:
        ctx = app.context
        early = table[table["encounter_order"] < table["encounter_order"].quantile(0.6)]
        admission.admit_data(ctx, "sam", CASE, early, source="early")
        training.train_candidate(ctx, "sam", CASE, "logistic", name="early")
        old = ctx.use_case(CASE).dataset
        assert old is not None
        frame, labels = read_dataset(ctx, CASE)
        fed = set(frame.loc[labels.isin(["train", "validation", "calibration"]).to_numpy(), "patient"])
        shuffled = table.assign(encounter_order=table["encounter_order"].sample(frac=1, random_state=3).to_numpy())
        admission.admit_data(ctx, "sam", CASE, shuffled, source="newer")
        new_frame, new_labels = read_dataset(ctx, CASE)
        holdout = new_frame[(new_labels == "holdout").to_numpy()]
        met = holdout["patient"].isin(fed)
        assert met.sum() > 50
        reports = examine_candidates(ctx, "sam", CASE, ["early"], baseline="early")
        assert len(facts(app, HoldoutOpened)) == 2
        spared = facts(app, HoldoutSpared)
        assert {s.made_from for s in spared} == {old.dataset}
        assert {(s.rows, s.patients) for s in spared} == {(int(met.sum()), holdout.loc[met, "patient"].nunique())}
        for report in reports.values():
            leakage = next(e for e in report.evidence if e.check == "leakage")
            overlap = next(f for f in leakage.findings if f.check == "leakage.patient-overlap")
            assert (overlap.verdict, overlap.estimate) == ("pass", 0.0)
            assert overlap.n == holdout.loc[~met, "patient"].nunique()


def test_a_refusal_by_consent_is_in_force_on_a_running_server_within_a_second(
    home: Path, table: pd.DataFrame, tmp_path: Path
) -> None:
    """Recorded by the command line, for care; the way back is recorded the same way."""
    from small_home import issue

    with opened(home) as app:
        token = issue(app)
        features = tuple(f.name for f in app.context.charter(CASE).features)
    patient = tmp_path / "patient"
    row = table.iloc[5]
    patient.write_text(str(row["patient"]))
    words = ("--as", "priya", "consent")
    with serving(home, tmp_path / "log", token=token) as server:
        request = request_of(row, features)
        assert "consent" not in json.dumps(server.decide(request).get("guard", ""))
        said = told(*words, "revoke", "--patient-from", str(patient), "--purpose", "care", "--basis", "call", home=home)
        assert said.code == 0, said.err
        assert _soon(lambda: server.decide(request).get("guard") == "consent")
        said = told(
            *words, "set", "--patient-from", str(patient), "--purpose", "care", "--permit", "--basis", "call", home=home
        )
        assert said.code == 0, said.err
        assert _soon(lambda: server.decide(request).get("guard") != "consent")


def _soon(true: Any) -> bool:
    """Within a second of the wall clock and what a busy machine adds: four looks, a third of a second apart."""
    import time

    for _ in range(4):
        time.sleep(0.34)
        if true():
            return True
    return False


def test_a_decision_is_followed_to_its_source_and_a_dataset_to_its_decisions(
    home: Path, table: pd.DataFrame, tmp_path: Path
) -> None:
    """Both ways, by the command line; whose rows fed the model is for few, and on record."""
    from small_home import issue

    file = tmp_path / "encounters.parquet"
    table.to_parquet(file)
    with opened(home) as app:
        token = issue(app)
        ctx = app.context
        features = tuple(f.name for f in ctx.charter(CASE).features)
        dataset = ctx.use_case(CASE).dataset
        assert dataset is not None
    with serving(home, tmp_path / "log", token=token) as server:
        decision = server.decide(request_of(table.iloc[3], features))["decision"]
    up = told("--as", "ada", "provenance", "show", decision, "--up", "--json", home=home)
    assert up.code == 0, up.err
    kinds = [n["kind"] for n in json.loads(up.out)["graph"]["nodes"]]
    assert {"source", "admission", "dataset", "training", "model", "deployment", "decision"} == set(kinds)
    down = told("--as", "ada", "provenance", "decisions", dataset.dataset, "--json", home=home)
    assert [row["decision"] for row in json.loads(down.out)] == [decision]
    page, events = tmp_path / "page.html", tmp_path / "lineage.ndjson"
    assert told("--as", "ada", "provenance", "show", "boosted", "--html", str(page), home=home).code == 0
    assert "boosted" in page.read_text()
    words = ("provenance", "export", "--format", "openlineage", "--out", str(events))
    assert told("--as", "ada", *words, home=home).code == 0
    assert len(events.read_text().splitlines()) == 5  # an admission, three trainings, an examination
    assert told("--as", "sam", "provenance", "people", "boosted", home=home).code == 1
    people = told("--as", "priya", "provenance", "people", "boosted", "--json", home=home)
    behind = json.loads(people.out)
    with opened(home) as app:
        frame, labels = read_dataset(app.context, CASE)
        fed = frame.loc[labels.isin(["train", "calibration"]).to_numpy(), "patient"]
        assert (behind["rows"], set(behind["people"])) == (len(fed), set(fed))
        assert facts(app, DatasetRead)[-2].reason == "whose rows fed a model"
    words = ("data", "admit", CASE, "--file", str(file), "--json")
    assert told("--as", "sam", *words, home=home).code == 0
    with opened(home) as app:
        built = facts(app, DatasetBuilt)[-1]
        assert built.sources[0].startswith("encounters.parquet@")
        assert len(built.sources[0].rpartition("@")[2]) == 64


def test_a_datasheet_keeps_what_people_answered_and_measures_the_rest_anew(
    home: Path, table: pd.DataFrame, tmp_path: Path
) -> None:
    """By the command line: missing first, answered then, and stale with the next version of the data."""
    answers = tmp_path / "answers.toml"
    people = ("gap", "funding", "sample", "sensitive", "collectors", "labels", "review", "raw", "not-for", "risks")
    answers.write_text("".join(f'{name} = "said"\n' for name in (*people, "who", "updates")))
    words = ("--as", "sam", "data", "sheet", CASE)
    first = told(*words, home=home)
    assert (first.code, "Missing: gap" in first.out) == (1, True)
    assert told(*words, "--answers", str(answers), home=home).code == 0
    page = (home / "reports" / CASE / "datasheet.html").read_text()
    assert "Models made from it: baseline, boosted, spare." in page
    file = tmp_path / "less.parquet"
    table.iloc[5:].to_parquet(file)
    assert told("--as", "sam", "data", "admit", CASE, "--file", str(file), home=home).code == 0
    again = told(*words, "--json", home=home)
    assert again.code == 1
    standing = {e["question"]["id"]: e["standing"] for e in json.loads(again.out)["entries"]}
    assert {name for name, stands in standing.items() if stands == "stale"} == {
        "sample",
        "collectors",
        "labels",
        "risks",
    }
    versions = told("--as", "sam", "data", "versions", CASE, "--json", home=home)
    digests = [row["digest"] for row in json.loads(versions.out)]
    compared = told("--as", "sam", "data", "versions", CASE, "--diff", *digests, "--json", home=home)
    assert (json.loads(compared.out)["removed"], json.loads(compared.out)["added"]) == (5, 0)
    leaks = told("--as", "sam", "data", "leaks", CASE, "--json", home=home)
    verdicts = {leak["kind"]: leak["verdict"] for leak in json.loads(leaks.out)}
    assert (verdicts["patient"], verdicts["future"]) == ("pass", "missing")
    assert leaks.code == 1, "what nobody could tell is no pass"
