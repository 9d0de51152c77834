"""Windows, units and lead times: each equals what a plain loop over every pair gives."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bedrail.checks import Cohort, Requirements, examine
from bedrail.checks.joining.lead_time import first_alerts, quantile_interval
from bedrail.checks.joining.timing import Timing
from bedrail.checks.tables import Joined, join
from bedrail.checks.values import Warnings
from bedrail.core.errors import Invalid
from bedrail.core.values import Verdict
from bedrail.journeys.day_one import cohort_of, follow_up

GUARDS = {
    "follow-up": ("becomes_of_each", "cut_off", "own_end"),
    "lead-time": ("lead", "quantile"),
    "interventions": ("care_between",),
}
HOUR = pd.Timedelta("1h")


def tables(seed: int, *, zeros: bool = False, encounters: bool = True) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Hourly scores of 30 patients with one or two stays; sepsis in a third of them, fluids in half."""
    rng = np.random.default_rng(seed)
    rows, happened = [], []
    for stay in range(45):
        subject = f"p{stay % 30}"
        start = pd.Timestamp("2024-01-01") + pd.Timedelta(days=40 * (stay // 30)) + HOUR * int(rng.integers(0, 50))
        hours = int(rng.integers(3, 30))
        for hour in range(hours):
            rows.append((subject, f"e{stay}", start + HOUR * hour, float(rng.random())))
        if rng.random() < 0.4:
            happened.append((subject, f"e{stay}", start + HOUR * int(rng.integers(0, hours + 3)), "sepsis", 1))
        elif zeros and rng.random() < 0.7:
            happened.append((subject, f"e{stay}", start + HOUR * hours, "sepsis", 0))
        if rng.random() < 0.5:
            happened.append((subject, f"e{stay}", start + HOUR * int(rng.integers(0, hours)), "fluids", 1))
    predictions = pd.DataFrame(rows, columns=["subject", "encounter", "time", "score"])
    predictions["sex"] = np.where(predictions["subject"].str[1:].astype(int) % 2, "f", "m")
    events = pd.DataFrame(happened, columns=["subject", "encounter", "time", "event", "value"])
    if not encounters:
        return predictions.drop(columns="encounter"), events.drop(columns="encounter")
    return predictions, events


def plainly(
    predictions: pd.DataFrame, events: pd.DataFrame, *, gap: float, horizon: float, key: str, again: bool
) -> Any:
    """What each prediction becomes, by looking at every event of its key; times in hours."""
    told = []
    sepsis = events[events["event"] == "sepsis"]
    ones_only = bool((sepsis["value"] == 1).all())
    by_key: dict[str, list[Any]] = {name: list(own.itertuples()) for name, own in sepsis.groupby(key)}
    for row in predictions.itertuples():
        own = by_key.get(str(getattr(row, key)), [])
        ahead = [(each.time - row.time) / HOUR for each in own if each.value == 1]
        if not again and any(hours < 0 for hours in ahead):
            told.append("after")
        elif any(0 <= hours < gap for hours in ahead):
            told.append("early")
        elif any(gap <= hours <= horizon for hours in ahead):
            told.append(1)
        elif not ones_only and not (
            own if key == "encounter" and np.isinf(horizon) else any(each.time >= row.time for each in own)
        ):
            told.append("unknown")
        else:
            told.append(0)
    return told


@pytest.mark.slow
def test_what_becomes_of_each_prediction_is_what_a_plain_loop_says() -> None:
    """Outcome, too late, too soon, unknown: for every mix of gap, horizon, key, zeros and recurrence."""
    mixes = itertools.product((0, 2), (6, np.inf), (True, False), (False, True), (False, True))
    for seed, (gap, horizon, encounters, zeros, again) in enumerate(mixes):
        predictions, events = tables(seed, zeros=zeros, encounters=encounters)
        timing = Timing(
            gap=f"{gap}h" if gap else "", horizon="" if np.isinf(horizon) else f"{horizon}h", recurrent=again
        )
        joined = join(predictions, events, event="sepsis", timing=timing)
        key = "encounter" if encounters else "subject"
        told = plainly(predictions, events, gap=gap, horizon=horizon, key=key, again=again)
        assert joined.outcome.tolist() == [each for each in told if each in (0, 1)], (seed, timing)
        counts = [told.count(word) for word in ("after", "early", "unknown")]
        assert [joined.after, joined.early, joined.unknown] == counts
        assert joined.happened == told.count(1)


@pytest.mark.parametrize("aggregate", ["first", "last", "max"])
@pytest.mark.slow
def test_one_row_for_each_stay_by_the_rule_named(aggregate: Any) -> None:
    """First and last by time with their own outcome; the highest among those whose window holds the event."""
    predictions, events = tables(3)
    predictions["baseline"] = predictions["score"].to_numpy()[::-1]
    rows = join(predictions, events, event="sepsis", timing=Timing(horizon="8h"))
    kept = plainly(predictions, events, gap=0, horizon=8, key="encounter", again=False)
    frame = predictions.assign(outcome=kept).query("outcome in (0, 1)")
    expected = []
    for _, stay in frame.groupby("encounter", sort=False):
        own = stay.sort_values("time")
        if aggregate == "max":
            own = stay[stay["outcome"] == stay["outcome"].max()]
            expected.append((own["score"].max(), own["outcome"].max(), own["baseline"].max()))
        else:
            one = own.iloc[0 if aggregate == "first" else -1]
            expected.append((one["score"], one["outcome"], one["baseline"]))
    joined = join(
        predictions, events, event="sepsis", timing=Timing(horizon="8h", unit="encounter", aggregate=aggregate)
    )
    assert joined.baseline is not None
    got = zip(joined.score.tolist(), joined.outcome.tolist(), joined.baseline.tolist(), strict=True)
    assert sorted(got) == sorted(expected)
    assert len(joined.outcome) == frame["encounter"].nunique() < len(rows.outcome)
    by_subject = join(predictions, events, event="sepsis", timing=Timing(horizon="8h", unit="subject"))
    assert len(by_subject.outcome) == frame["subject"].nunique()
    cohort, _ = cohort_of(joined, 0.5)
    assert cohort.patients == frame["subject"].nunique()


def test_a_small_join_labels_as_worked_out_by_hand() -> None:
    """Worked out by hand, not frozen from seismometer; bench/windows_peer.py sets its labels beside ours."""
    predictions = pd.DataFrame(
        {"subject": list("aaabbc"), "time": [0, 3, 9, 1, 20, 5], "score": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]}
    )
    predictions["time"] = pd.Timestamp("2024-01-01") + predictions["time"] * HOUR
    events = pd.DataFrame({"subject": ["a", "b"], "time": [9, 30], "event": "x", "value": 1})
    events["time"] = pd.Timestamp("2024-01-01") + events["time"] * HOUR
    joined = join(predictions, events, timing=Timing(horizon="6h"))
    assert joined.outcome.tolist() == [0, 1, 1, 0, 0, 0]


def test_data_cut_off_leave_whole_windows_only_and_say_how_far_the_rate_could_move() -> None:
    """With a common end of observation, later windows are left out whatever happened in them."""
    predictions = pd.DataFrame({"subject": list("abcd"), "time": [0.0, 1, 8, 9], "score": [0.1, 0.2, 0.3, 0.4]})
    events = pd.DataFrame({"subject": ["a", "d"], "time": [2.0, 10], "event": "x", "value": 1})
    joined = join(predictions, events, timing=Timing(horizon="5", observed_until="10"))
    assert (joined.outcome.tolist(), joined.unknown) == ([1, 0], 2)
    evidence = follow_up(joined)
    bounds = next(each for each in evidence.findings if each.check == "follow-up.rate-bounds")
    assert (evidence.verdict, bounds.estimate, bounds.low, bounds.high) == (Verdict.MISSING, 0.5, 0.25, 0.75)
    predictions["time"] = pd.to_datetime("2024-01-01") + predictions["time"] * HOUR
    events["time"] = pd.to_datetime("2024-01-01") + events["time"] * HOUR
    unstated = join(predictions, events, timing=Timing(horizon="5h"))
    assert unstated.open_ended == 1
    assert follow_up(unstated).verdict is Verdict.MISSING


def test_a_patients_own_end_of_observation_leaves_out_those_without_the_event_only() -> None:
    """Death or discharge may be the event itself, so those who had it are known."""
    predictions = pd.DataFrame(
        {"subject": list("abc"), "time": [0, 0, 0], "score": [0.1, 0.2, 0.3], "observed_until": [3, 3, 30]}
    )
    events = pd.DataFrame({"subject": ["a"], "time": [3], "event": "x", "value": 1})
    joined = join(predictions, events, timing=Timing(horizon="10"))
    assert (joined.subject.tolist(), joined.outcome.tolist(), joined.unknown) == (["a", "c"], [1, 0], 1)


def test_whether_an_event_can_happen_again_is_told_by_the_table() -> None:
    """A table that follows patients beyond a first event means one that can recur; the report says so."""
    predictions = pd.DataFrame({"subject": ["a"] * 3, "time": [1, 5, 9], "score": [0.1, 0.2, 0.3]})
    events = pd.DataFrame({"subject": ["a", "a"], "time": [4, 12], "event": "x", "value": [1, 0]})
    joined = join(predictions, events)
    assert (joined.outcome.tolist(), joined.after) == ([1, 0, 0], 0)
    assert any("can happen again" in note for note in joined.notes)
    assert join(predictions, events, timing=Timing(recurrent=False)).after == 2


def test_lead_times_count_from_the_first_alert_of_each_event() -> None:
    """Event a: alerts 6 and 2 h before; b: one 1 h before; c: none."""
    told = Warnings(
        event=np.array([0, 0, 0, 1, 1, 2]),
        score=np.array([0.1, 0.9, 0.8, 0.2, 0.9, 0.3]),
        lead=np.array([9.0, 6.0, 2.0, 5.0, 1.0, 4.0]),
        subject=np.array([0, 0, 0, 1, 1, 1]),
        at=(2.0, 6.0),
    )
    lead, subject = first_alerts(told, 0.5)
    assert lead[:2].tolist() == [6.0, 1.0]
    assert np.isnan(lead[2])
    assert subject.tolist() == [0, 1, 1]
    cohort = Cohort(outcome=np.ones(30), score=np.full(30, 0.5), threshold=0.5, warnings=told)
    (few,) = examine(cohort, checks=["lead-time"])
    assert few.verdict is Verdict.MISSING
    (evidence,) = examine(cohort, Requirements(min_group=2, widest_rate_interval=1.0), checks=["lead-time"])
    shares = {finding.group: finding.estimate for finding in evidence.findings if finding.check != "lead-time.median"}
    assert shares["lead=2 h"] == pytest.approx(1 / 3)
    assert shares["lead=6 h"] == pytest.approx(1 / 3)


def test_a_required_lead_can_fail_pass_and_be_beyond_telling() -> None:
    """The verdict on the median follows its interval against the bound in hours."""
    rng = np.random.default_rng(4)
    events = 300
    told = Warnings(
        event=np.arange(events), score=np.ones(events), lead=rng.exponential(10.0, events), subject=np.arange(events)
    )
    cohort = Cohort(outcome=np.ones(20), score=np.full(20, 0.5), threshold=0.5, warnings=told)
    for least, verdict in ((12.0, "fail"), (3.0, "pass"), (float(np.median(told.lead)), "missing")):
        (evidence,) = examine(cohort, Requirements(min_median_lead_hours=least), checks=["lead-time"])
        median = next(each for each in evidence.findings if each.check == "lead-time.median")
        assert median.verdict == verdict


@pytest.mark.slow
def test_the_quantile_interval_holds_the_truth_as_often_as_it_says() -> None:
    """2,000 samples of 80 and of 40 patients with 4 rows each, skewed: the median is inside 93 to 98 % of the time."""
    rng = np.random.default_rng(7)
    truth = np.exp(0.0)
    for clusters in (None, np.repeat(np.arange(40), 4)):
        held = 0
        for _ in range(2000):
            if clusters is None:
                values = np.exp(rng.normal(size=80))
            else:
                values = np.exp(np.repeat(rng.normal(size=40), 4) * 0.8 + 0.6 * rng.normal(size=160))
            _, low, high = quantile_interval(values, clusters, 0.5, 0.95)
            held += low <= truth <= high
        assert 0.93 <= held / 2000 <= 0.98, held


@pytest.mark.slow
def test_care_between_prediction_and_event_is_counted_and_leaves_the_verdict_open() -> None:
    """Fluids after the prediction and not after the event, by a plain loop; much of it means that nobody can tell."""
    predictions, events = tables(11)
    joined: Joined = join(predictions, events, event="sepsis", timing=Timing(horizon="10h", interventions=("fluids",)))
    told = plainly(predictions, events, gap=0, horizon=10, key="encounter", again=False)
    expected = []
    for row, outcome in zip(predictions.itertuples(), told, strict=True):
        own = events[events["encounter"] == row.encounter]
        sepsis = own[(own["event"] == "sepsis") & (own["time"] >= row.time)]["time"].min()
        end = sepsis if outcome == 1 else row.time + 10 * HOUR
        fluids = own[own["event"] == "fluids"]["time"]
        if outcome in (0, 1):
            expected.append(bool(((fluids > row.time) & (fluids <= end)).any()))
    assert joined.interventions["fluids"].tolist() == expected
    (evidence,) = examine(cohort_of(joined, 0.5)[0], checks=["interventions"])
    assert evidence.verdict is Verdict.MISSING
    assert evidence.findings[0].estimate == pytest.approx(np.mean(expected))
    assert {finding.group for finding in evidence.findings} == {"overall", "alert=yes", "alert=no"}


@pytest.mark.parametrize(
    ("timing", "path"),
    [
        ({"gap": "9h", "horizon": "6h"}, "--gap"),
        ({"gap": "soon"}, "--gap"),
        ({"observed_until": "tomorrow"}, "--observed-until"),
        ({"observed_until": "12"}, "--observed-until"),
        ({"leads": ("6",)}, "--lead"),
        ({"interventions": ("prayer",)}, "--intervention"),
        ({"interventions": ("sepsis",)}, "--intervention"),
    ],
)
def test_what_makes_no_window_is_named(timing: dict[str, Any], path: str) -> None:
    """Each option that cannot be gives `Invalid` with its own name and a remedy."""
    predictions, events = tables(1)
    with pytest.raises(Invalid) as caught:
        join(predictions, events, event="sepsis", timing=Timing(**timing))
    assert caught.value.path.startswith(path)
    assert caught.value.remedy


def test_a_unit_needs_its_column() -> None:
    """Without encounters nothing can be asked by encounter; an unknown unit is refused at once."""
    predictions, events = tables(1, encounters=False)
    with pytest.raises(Invalid, match="encounter"):
        join(predictions, events, event="sepsis", timing=Timing(unit="encounter"))
    with pytest.raises(Invalid, match="there is no `ward`"):
        Timing(unit="ward")  # type: ignore[arg-type]
