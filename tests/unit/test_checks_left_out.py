"""What is said of sites and periods that a model was not made on."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from bedrail.checks import Requirements
from bedrail.checks.external.left_out import LeftOut, external_validation
from bedrail.core.errors import Invalid
from bedrail.core.values import Evidence, Finding, Verdict
from bedrail.journeys.validating import Plan, leave_periods_out, leave_sites_out

GUARDS = ("external-validation",)


def table(seed: int, rows: int = 1600, off: float = 0.0, year_off: float = 0.0) -> pd.DataFrame:
    """Four sites, ten years; with `off` the outcome is commoner at site d, with `year_off` each year more."""
    rng = np.random.default_rng(seed)
    x, z, year = rng.normal(size=rows), rng.normal(size=rows), rng.integers(0, 10, rows)
    site = rng.choice(list("abcd"), rows)
    margin = x + 0.5 * z - 1 + off * (site == "d") + year_off * year
    kind = rng.choice(["u", "v"], rows)
    return pd.DataFrame(
        {"site": site, "year": year, "x": x, "z": z, "kind": kind, "w": rng.normal(size=rows),
         "old": 1 / (1 + np.exp(1 - 0.3 * x)), "y": (rng.random(rows) < 1 / (1 + np.exp(-margin))).astype(int)}
    )  # fmt: skip


def by(evidence: Evidence) -> dict[tuple[str, str], Finding]:
    """Findings by measure and group."""
    return {(f.check.removeprefix("external-validation."), f.group): f for f in evidence.findings}


PLAN = Plan(outcome="y", by="site", features=("x", "z", "kind", "w"), scores=("old",))


@pytest.mark.slow
def test_each_site_is_asked_of_a_model_that_never_saw_it() -> None:
    """A site's AUROC is that of scikit-learn's own fit on the others, as near as the calibration's share allows."""
    frame = table(1)
    told = by(leave_sites_out(frame, PLAN))
    for site in "abcd":
        there = frame["site"] == site
        inputs = frame[["x", "z", "w"]]
        own = LogisticRegression().fit(inputs[~there], frame["y"][~there]).predict_proba(inputs[there])[:, 1]
        found = told["auroc", f"site={site}"]
        assert found.n == int(there.sum())
        assert found.estimate == pytest.approx(roc_auc_score(frame["y"][there], own), abs=0.03)
    assert (told["auroc-over-old-pooled", "site=*"].estimate or 0) > 0
    assert told["net-benefit-over-no-model", "overall"].verdict is Verdict.PASS
    assert ("net-benefit-over-simple-score", "overall") in told


@pytest.mark.slow
def test_few_patients_to_calibrate_on_neither_raise_the_risks_nor_end_the_run() -> None:
    """Three alike sites of 400 with 80 cases in all: pooled, O/E is 1 as near as 80 cases tell (it was 0.8, by our own
    calibration), and no draw of a quarter with too few cases ends the run.
    """
    ratios = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=1200)
        y = (rng.random(1200) < 1 / (1 + np.exp(3.2 - 1.2 * x))).astype(int)
        frame = pd.DataFrame({"site": rng.choice(list("abc"), 1200), "x": x, "y": y})
        told = by(leave_sites_out(frame, Plan(outcome="y", by="site", features=("x",))))
        ratios.append(told["observed-to-expected-pooled", "site=*"].estimate or 0.0)
    assert np.mean(ratios) == pytest.approx(1, abs=0.1)


@pytest.mark.slow
def test_a_site_with_another_outcome_rate_fails_and_alike_ones_do_not() -> None:
    """The planted site's O/E fails; of ten tables of four alike sites none has a failure."""
    planted = by(leave_sites_out(table(2, 2400, off=1.2), PLAN))
    assert planted["observed-to-expected", "site=d"].verdict is Verdict.FAIL
    assert planted["observed-to-expected", "site=a"].verdict is not Verdict.PASS
    rng, failed = np.random.default_rng(3), 0
    for _ in range(10):
        risk = 1 / (1 + np.exp(1.5 - rng.normal(size=1500)))
        given = LeftOut(
            outcome=(rng.random(1500) < risk).astype(float),
            score=risk,
            part=rng.integers(0, 4, 1500),
            names=tuple("abcd"),
        )
        failed += any(f.verdict is Verdict.FAIL for f in external_validation(given, Requirements()).findings)
    assert failed == 0


def test_a_score_worse_than_the_existing_one_fails() -> None:
    """Noise against the truth: AUROC and net benefit fall short of the existing score by more than the margin."""
    rng = np.random.default_rng(4)
    risk = 1 / (1 + np.exp(1.5 - 1.5 * rng.normal(size=2000)))
    given = LeftOut(
        outcome=(rng.random(2000) < risk).astype(float),
        score=np.clip(0.5 * risk + 0.3 * rng.random(2000), 0, 1),
        part=rng.integers(0, 3, 2000),
        names=tuple("abc"),
        others={"apache": risk},
    )
    told = by(external_validation(given, Requirements()))
    assert told["auroc-over-apache-pooled", "site=*"].verdict is Verdict.FAIL
    assert told["net-benefit-over-apache", "overall"].verdict is Verdict.FAIL


def test_parts_too_small_to_tell_leave_it_untold_and_are_named() -> None:
    """Ten sites of 2,000 alike patients pass; with nine tenths of the patients in sites of 60, or few in all, it is
    missing, and the reason names sites and the gap that each could have shown."""
    rng = np.random.default_rng(9)

    def told(sizes: tuple[int, ...]) -> Evidence:
        part = np.repeat(np.arange(len(sizes)), sizes)
        risk = 1 / (1 + np.exp(1.5 - 1.5 * rng.normal(size=len(part))))
        outcome = (rng.random(len(part)) < risk).astype(float)
        names = tuple(f"s{at}" for at in range(len(sizes)))
        return external_validation(LeftOut(outcome=outcome, score=risk, part=part, names=names), Requirements())

    assert told((2000,) * 10).verdict is Verdict.PASS
    small = told((2000, *((60,) * 40)))
    assert small.verdict is Verdict.MISSING
    assert "site=s7 (a gap of" in small.reason
    assert "at least 80% are asked" in small.reason
    assert told((150, 150)).verdict is not Verdict.PASS


@pytest.mark.slow
def test_patients_on_both_sides_are_kept_apart_or_it_is_said_that_nobody_can_tell() -> None:
    """With a column of patients they are counted; without one, rows that stand word for word in two sites leave it
    untold, and rows of continuous inputs do not."""
    frame = table(10, 800)
    plan = Plan(outcome="y", by="site", features=("x", "z", "w"))
    assert by(leave_sites_out(frame, plan))["patients-met", "overall"].verdict is Verdict.PASS
    copied = pd.concat([frame, frame.head(40).assign(site="a"), frame.head(40).assign(site="b")], ignore_index=True)
    told = leave_sites_out(copied, plan)
    assert by(told)["patients-met", "overall"].verdict is Verdict.MISSING
    assert told.verdict is not Verdict.PASS
    named = copied.assign(who=[*range(800), *range(40), *range(40)])
    known = Plan(outcome="y", by="site", features=("x", "z", "w"), subject="who")
    found = by(leave_sites_out(named, known))["patients-met", "overall"]
    assert found.verdict is Verdict.PASS
    assert found.reason.startswith("40 patients stand in more than one part")


@pytest.mark.slow
def test_drift_from_period_to_period_is_found_where_planted() -> None:
    """Outcomes that grow commoner by the year fail the drift of O/E; a steady decade does not."""
    plan = Plan(outcome="y", by="year", features=("x", "z", "w"))
    told = by(leave_periods_out(table(5, 4000, year_off=0.35), plan, 5))
    assert told["observed-to-expected-drift", "period=*"].estimate is not None
    assert any(f.verdict is Verdict.FAIL for (name, _), f in told.items() if name.startswith("observed"))
    steady = by(leave_periods_out(table(6, 4000), plan, 5))
    assert steady["observed-to-expected-drift", "period=*"].verdict is not Verdict.FAIL
    assert steady["auroc-drift", "period=*"].verdict is not Verdict.FAIL


@pytest.mark.slow
def test_small_sites_are_neither_shown_nor_worked_out() -> None:
    """A site of five and the next smallest one show no figures; totals say no number."""
    frame = table(7, 900)
    frame.loc[:4, "site"] = "tiny"
    told = by(leave_sites_out(frame, PLAN))
    hidden = [group for (name, group), f in told.items() if name == "auroc" and f.n is None]
    assert "site=tiny" in hidden
    assert len(hidden) == 2
    assert told["auroc-pooled", "site=*"].n is None


def test_what_cannot_be_validated_is_refused_with_its_place() -> None:
    """One site, an absent column, an input that is the outcome, an outcome that is no yes or no, a single class."""
    frame = table(8, 300)
    for changed, plan, words in (
        (frame.assign(site="a"), PLAN, "one site"),
        (frame, Plan(outcome="y", by="ward"), "no column"),
        (frame, Plan(outcome="y", by="site", features=("y",)), "cannot be an input"),
        (frame.assign(y=frame["x"]), PLAN, "neither 0 nor 1"),
        (frame.assign(y=0), PLAN, "to train on"),
    ):
        with pytest.raises(Invalid, match=words):
            leave_sites_out(changed, plan)
