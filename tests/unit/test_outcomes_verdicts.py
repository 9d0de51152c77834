"""Classes, numbers and times: planted faults fail, sound predictions do not, small groups stay hidden."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

import bedrail as br
from bedrail.checks.outcomes.catalogue import TITLES, TYPES
from bedrail.checks.outcomes.methods import OUTCOMES
from bedrail.checks.outcomes.pictures import matrix, withheld
from bedrail.checks.outcomes.values import MulticlassCohort
from bedrail.checks.report import Report
from bedrail.core.errors import Invalid
from bedrail.core.toml_lines import read_toml
from bedrail.governance.usecase import _data

GUARDS = {
    "multiclass-discrimination": ("shuffled",),
    "multiclass-predictions": ("shuffled", "small_cells"),
    "multiclass-calibration": ("overconfident",),
    "multiclass-subgroups": ("group",),
    "regression-accuracy": ("tolerance", "shuffled"),
    "regression-calibration": ("too_high",),
    "regression-ranking": ("shuffled",),
    "regression-intervals": ("half_as_wide",),
    "regression-subgroups": ("group",),
    "survival-follow-up": ("followed",),
    "survival-competing-events": ("competing",),
    "survival-discrimination": ("shuffled",),
    "survival-calibration": ("halved",),
    "survival-net-benefit": ("shuffled",),
    "survival-subgroups": ("group",),
}
N = 2_000
RNG = np.random.default_rng(11)
SEX = np.where(RNG.random(N) < 0.5, "f", "m")
SEX[:5] = "x"
GROUPS = {"sex": SEX}
LOGITS = 1.5 * RNG.normal(size=(N, 3))
P = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)
Y = (RNG.random(N)[:, None] > np.cumsum(P, axis=1)).sum(axis=1).clip(0, 2)
MEAN = RNG.gamma(3, 2, N)
STAY = MEAN * RNG.gamma(4, size=N) / 4
X = RNG.normal(size=N)
HAZARD = 0.06 * np.exp(X)
RIVAL = 0.04
FIRST, OTHER, UNTIL = RNG.exponential(1 / HAZARD), RNG.exponential(1 / RIVAL, N), RNG.uniform(4, 40, N)
TIME = np.minimum(np.minimum(FIRST, OTHER), UNTIL)
EVENT = np.where(TIME == FIRST, 1, np.where(TIME == OTHER, 2, 0))
AT = (5.0, 10.0)
RISK = np.column_stack([HAZARD / (HAZARD + RIVAL) * (1 - np.exp(-(HAZARD + RIVAL) * t)) for t in AT])
NAIVE = np.column_stack([1 - np.exp(-HAZARD * t) for t in AT])


def classes(score: np.ndarray = P, **more: object) -> Report:
    return br.examine(Y, score, groups=GROUPS, requirements={"draws": 50}, outcome_type="multiclass", **more)


def stays(score: np.ndarray = MEAN, **more: object) -> Report:
    return br.examine(STAY, score, groups=GROUPS, outcome_type="regression", unit="days", **more)


def times(score: np.ndarray = RISK, event: np.ndarray = EVENT, **more: object) -> Report:
    return br.examine(TIME, score, event=event, horizons=AT, groups=GROUPS, **more)


def verdicts(report: Report) -> dict[str, str]:
    return {one.check: one.verdict.value for one in report.evidence}


def of(report: Report, check: str, group: str = "overall") -> pd.Series:
    rows = report.findings
    return rows[(rows.check == check) & (rows.group == group)].iloc[0]


def test_sound_predictions_pass_everything_that_they_can() -> None:
    """Predictions that are the truth pass every check of their type, and survival types are recognised."""
    for report in (classes(), stays(), times()):
        assert report.verdict == "pass", report.findings[report.findings.verdict != "pass"]


def test_shuffled_predictions_fail() -> None:
    """Predictions of other patients fail ranking, accuracy and worth, for every type of outcome."""
    other = np.random.default_rng(0).permutation(N)
    found = verdicts(classes(P[other]))
    assert found["multiclass-discrimination"] == found["multiclass-calibration"] == "fail"
    assert found["multiclass-predictions"] != "pass"
    found = verdicts(stays(MEAN[other]))
    assert found["regression-accuracy"] == found["regression-ranking"] == "fail"
    found = verdicts(times(RISK[other]))
    assert found["survival-discrimination"] == "fail"
    assert found["survival-net-benefit"] != "pass"


def test_overconfident_classes_fail_calibration_and_not_discrimination() -> None:
    """Probabilities made too extreme keep their ranks and fail slope, top label or skill."""
    sharp = P**3 / (P**3).sum(axis=1, keepdims=True)
    report = classes(sharp)
    assert verdicts(report)["multiclass-calibration"] == "fail"
    assert of(report, "multiclass-calibration.slope", "outcome=1").verdict == "fail"
    assert of(report, "multiclass-calibration.top-label-observed-to-expected").estimate < 0.9
    assert of(report, "multiclass-discrimination.macro-auroc").verdict == "pass"


def test_ordered_classes_have_a_quadratic_kappa_and_a_predicted_class_of_their_own() -> None:
    """With an order kappa weighs how far apart classes are; a class that is said counts instead of the likeliest."""
    report = classes(order=["2", "1", "0"], predicted=np.ones(N, dtype=int))
    assert (report.findings.check == "multiclass-predictions.quadratic-kappa").any()
    assert of(report, "multiclass-predictions.sensitivity", "outcome=1").estimate == 1
    assert report.context.pictures[0].classes == ("2", "1", "0")  # type: ignore[union-attr]


def test_predictions_too_high_fail_by_bias_and_slope() -> None:
    """Half as much again is too high on average and too extreme."""
    report = stays(MEAN * 1.5)
    assert of(report, "regression-calibration.bias").verdict == "fail"
    assert of(report, "regression-calibration.slope").verdict == "fail"


def test_a_tolerance_is_asked_only_when_it_is_named() -> None:
    """Without an accepted error no share is told, and the report says so; with one it is judged."""
    assert not stays().findings.check.str.endswith("within-tolerance").any()
    assert any("No acceptable error" in note for note in stays().context.notes)
    found = of(
        stays(requirements={"tolerance": 2.0, "min_within_tolerance": 0.99}), "regression-accuracy.within-tolerance"
    )
    assert found.verdict == "fail"
    assert found.estimate == pytest.approx(np.mean(np.abs(MEAN - STAY) <= 2))


def test_intervals_half_as_wide_as_they_should_be_fail() -> None:
    """Coverage of sound intervals passes, that of narrow ones fails, and none given is missing and does not count."""
    sound = np.column_stack((MEAN * 0.34, MEAN * 1.94))
    assert verdicts(stays(interval=sound))["regression-intervals"] == "pass"
    narrow = MEAN[:, None] + (sound - MEAN[:, None]) / 2
    assert verdicts(stays(interval=narrow))["regression-intervals"] == "fail"
    assert verdicts(stays())["regression-intervals"] == "missing"
    assert "regression-intervals" not in stays().required


def test_halved_risks_of_a_time_fail_by_observed_over_expected() -> None:
    """Half of the true risk under-predicts at each horizon."""
    report = times(RISK / 2)
    for t in (5, 10):
        found = of(report, f"survival-calibration.observed-to-expected-at-{t}")
        assert found.verdict == "fail"
        assert 1.7 < found.estimate < 2.3


@pytest.mark.slow
def test_competing_events_ignored_are_a_finding_and_those_unknown_are_missing() -> None:
    """Risks made ignoring them fail; asked to ignore them, Kaplan-Meier's excess fails; unsaid is missing."""
    assert of(times(NAIVE), "survival-competing-events.predictions-ignore-them-at-10").verdict == "fail"
    ignored = of(times(NAIVE, competing="ignored"), "survival-competing-events.overstatement-at-10")
    assert ignored.verdict == "fail"
    assert ignored.low > 0.1
    assert of(times(), "survival-competing-events.overstatement-at-10").estimate == pytest.approx(ignored.estimate)
    unsaid = times(event=np.where(EVENT == 2, 0, EVENT))
    assert verdicts(unsaid)["survival-competing-events"] == "missing"
    assert (
        verdicts(times(event=np.where(EVENT == 2, 0, EVENT), competing="none"))["survival-competing-events"] == "pass"
    )


def test_a_horizon_that_nobody_was_followed_to_is_missing() -> None:
    """Beyond the follow-up every check is missing, and does not give a number."""
    report = br.examine(TIME, RISK[:, 0], event=EVENT, horizons=[60.0])
    for check in ("survival-follow-up", "survival-discrimination", "survival-calibration", "survival-net-benefit"):
        assert verdicts(report)[check] == "missing"
    assert pd.isna(of(report, "survival-discrimination.auc-at-60").estimate)


def test_a_score_without_horizons_is_ranked_and_not_calibrated() -> None:
    """Any number that orders patients has a concordance; the rest is missing, also in groups: nothing was examined."""
    found = verdicts(br.examine(TIME, X, event=EVENT, groups=GROUPS))
    assert found["survival-discrimination"] == "pass"
    for check in ("calibration", "net-benefit", "subgroups"):
        assert found[f"survival-{check}"] == "missing"


@pytest.mark.slow
def test_a_failing_group_fails_and_a_small_one_is_not_shown() -> None:
    """Predictions spoilt in one group fail there; five patients show neither estimate nor count, nor do those from
    whom they could be worked out.
    """
    spoilt = SEX == "m"
    other = np.where(spoilt, np.roll(np.arange(N), 7), np.arange(N))
    for report, check in (
        (classes(P[other]), "multiclass-subgroups"),
        (stays(np.where(spoilt, MEAN * 2, MEAN)), "regression-subgroups"),
        (times(np.where(spoilt[:, None], RISK / 2, RISK)), "survival-subgroups"),
    ):
        rows = report.findings[report.findings.check.str.startswith(check)]
        assert verdicts(report)[check] == "fail"
        assert set(rows[rows.verdict == "fail"].group) <= {"sex=m"}
        assert (rows[rows.group == "sex=x"].verdict == "missing").all()
        assert rows[rows.group == "sex=x"][["estimate", "n"]].isna().all(axis=None)
        assert rows[rows.group.isin(["sex=f", "sex=m"])].n.isna().any()


def test_small_cells_of_a_confusion_matrix_cannot_be_worked_out() -> None:
    """A cell under the smallest group is withheld, never alone in its row or column."""
    rng = np.random.default_rng(3)
    for _ in range(50):
        counts = rng.integers(0, 40, size=(4, 4))
        hide = withheld(counts, 11)
        assert hide[(counts > 0) & (counts < 11)].all()
        assert not (hide.sum(axis=0) == 1).any()
        assert not (hide.sum(axis=1) == 1).any()
    outcome = np.repeat([0, 1, 2], [100, 100, 5])
    score = np.eye(3)[outcome] * 0.8 + 0.2 / 3
    shown = matrix(MulticlassCohort(outcome=outcome, score=score, classes=("a", "b", "c")), 0.95, 11)
    assert shown.totals[2] is None


@pytest.mark.slow
def test_repeated_rows_of_a_patient_widen_every_interval() -> None:
    """Three equal rows of each patient give the intervals of a third of the rows, not narrower ones."""
    many = np.repeat(np.arange(300), 3)
    some = np.arange(300)
    for ask in (
        lambda k, s: br.examine(Y[k], P[k], subject=s, outcome_type="multiclass", requirements={"draws": 50}),
        lambda k, s: br.examine(STAY[k], MEAN[k], subject=s, outcome_type="regression"),
        lambda k, s: br.examine(TIME[k], RISK[k], event=EVENT[k], horizons=AT, subject=s),
    ):
        once, thrice = ask(some, None).findings, ask(many, many).findings
        both = once.merge(thrice, on=["check", "group"]).dropna(subset=["low_x", "low_y"])
        both = both[~both.check.str.contains("auprc|error|median|by-")]
        assert len(both) > 5
        ratio = (both.high_y - both.low_y) / (both.high_x - both.low_x)
        assert (ratio.between(0.9, 1.12)).all(), both.assign(ratio=ratio)[["check", "group", "ratio"]]


@pytest.mark.slow
def test_reports_of_every_type_serve_every_audience() -> None:
    """JSON, appendix, committee page and notebook have the numbers; drawings have words and ids of their own."""
    for report in (classes(), stays(interval=np.column_stack((MEAN / 2, MEAN * 2))), times()):
        told = json.loads(report.to_json())
        assert told["outcome_type"] in TYPES
        assert told["observed_rate"] is None
        assert len(told["findings"]) == len(report.findings)
        page = report.to_html()
        drawings = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
        assert len(drawings) >= 2
        ids = re.findall(r'id="([^"]+-title)"', page)
        assert len(ids) == len(set(ids))
        for drawing in drawings:
            tree = ElementTree.fromstring(drawing)
            title, words = (tree.find(f"{{http://www.w3.org/2000/svg}}{name}") for name in ("title", "desc"))
            assert title is not None
            assert words is not None
            assert len(words.text or "") > 40
        assert all(TITLES[one.check] in page for one in report.evidence)
        assert "The figures that matter" in report.committee_html()
        assert "<svg" in report._repr_html_()


def test_every_question_has_its_method_and_its_title() -> None:
    """No check of another outcome is without a method on paper."""
    assert set(OUTCOMES) == set(TITLES)


def test_a_charter_of_another_outcome_type_is_refused_with_a_way_out() -> None:
    """Use cases are governed for yes-or-no outcomes; a charter that says otherwise is told so, by line."""
    charter = 'data.outcome = "days"\ndata.outcome_type = "regression"\n'
    whole = "".join(f"[{name}]\n" for name in ("use_case", "decision"))
    with pytest.raises(Invalid, match="yes-or-no") as caught:
        _data(read_toml(charter + whole, "usecase.toml"))
    assert "--outcome-type" in caught.value.remedy


def test_whatever_is_not_plain_is_taken_for_yes_or_no() -> None:
    """A two among zeros and ones stays an error of a binary outcome, and no type is guessed from it."""
    with pytest.raises(Invalid, match="neither 0 nor 1"):
        br.examine([0, 1, 2, 1], [0.1, 0.2, 0.3, 0.9])
    assert br.examine(STAY, MEAN).context.outcome_type == "regression"
    assert br.examine(Y, P).context.outcome_type == "multiclass"
