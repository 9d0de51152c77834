"""A watch keeps still while nothing happens, alarms when something does, and says what."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bedrail.core.errors import Corrupt, Invalid
from bedrail.monitoring import MONITORS, Alarm, ReferenceWindow, Watch, Window, report

NAMES = ("stay", "labs", "sodium", "source")
LEVELS = {"source": ("emergency", "referral", "transfer")}


def world(rng: np.random.Generator, n: int = 500, group_odds: float = 1.0, odds: float = 1.0) -> Window:
    """One synthetic hospital: a count, a skewed number, a measurement sometimes missing, and a code."""
    X = np.column_stack(
        [1 + rng.poisson(3, n), rng.gamma(4, 11, n).round(), rng.normal(138, 4, n), rng.choice(3, n, p=[0.6, 0.3, 0.1])]
    ).astype(float)
    X[rng.random(n) < 0.05, 2] = np.nan
    risk = 1 / (1 + np.exp(2.3 - 0.1 * (X[:, 0] - 4)))
    groups = pd.DataFrame({"race": rng.choice(["Asian", "Black", "White"], n, p=[0.1, 0.3, 0.6])})
    factor = odds * np.where(groups["race"] == "Black", group_odds, 1.0)
    outcome = (rng.random(n) < factor * risk / (1 - risk + factor * risk)).astype(float)
    site = rng.choice(np.array(["A", "B"]), n)
    return Window(X=X, names=NAMES, risk=risk, outcome=outcome, groups=groups, site=site, first="1", last=str(n))


def begin(rng: np.random.Generator) -> Watch:
    return Watch.start(ReferenceWindow(window=world(rng, 8000), threshold=0.1, levels=LEVELS))


def changed(window: Window, column: int, values: np.ndarray) -> Window:
    X = window.X.copy()
    X[:, column] = values
    return Window(X=X, names=NAMES, risk=window.risk, outcome=window.outcome, groups=window.groups, site=window.site)


def first_alarms(watch: Watch, windows: list[Window]) -> tuple[int, tuple[Alarm, ...]]:
    for look, window in enumerate(windows, 1):
        if alarms := watch.look(window):
            return look, alarms
    raise AssertionError("no alarm")


@pytest.mark.slow
def test_a_stable_deployment_raises_no_alarm() -> None:
    """Two simulated years of 52 looks without a change: silence."""
    for seed in (1, 2):
        rng = np.random.default_rng(seed)
        watch = begin(rng)
        assert [alarm for _ in range(52) for alarm in watch.look(world(rng))] == []
        assert watch.state.looks == 52


@pytest.mark.parametrize("factor", [24.0, 7.0, 1 / 2.20462, 10.0])
def test_a_unit_error_is_named_at_the_first_look(factor: float) -> None:
    """The feature, the factor and everybody being affected are the first cause."""
    rng = np.random.default_rng(3)
    watch = begin(rng)
    window = world(rng)
    look, alarms = first_alarms(watch, [changed(window, 1, window.X[:, 1] * factor)])
    cause = alarms[0].causes[0]
    assert look == 1
    assert (cause.kind, cause.subject) == ("unit-error", "labs")
    assert cause.evidence["factor"] == pytest.approx(factor, rel=0.05)
    assert alarms[0].groups == ("overall",)


def test_an_offset_is_recognised_as_a_unit_error() -> None:
    """Values plus a constant, as Celsius given in Kelvin."""
    rng = np.random.default_rng(4)
    watch = begin(rng)
    window = world(rng)
    _, alarms = first_alarms(watch, [changed(window, 2, window.X[:, 2] + 273.15)])
    assert (alarms[0].causes[0].kind, alarms[0].causes[0].subject) == ("unit-error", "sodium")


def test_a_unit_error_at_one_site_names_the_site() -> None:
    """Half the rows are fine, and the alarm says which are not."""
    rng = np.random.default_rng(5)
    watch = begin(rng)
    window = world(rng)
    assert window.site is not None
    scaled = np.where(window.site == "B", window.X[:, 0] * 24, window.X[:, 0])
    _, alarms = first_alarms(watch, [changed(window, 0, scaled)])
    assert alarms[0].groups == ("site=B",)
    assert (alarms[0].causes[0].kind, alarms[0].causes[0].subject) == ("unit-error", "stay")


def test_an_input_that_goes_missing_is_a_lost_source() -> None:
    """The `missingness` monitor names the feature."""
    rng = np.random.default_rng(6)
    watch = begin(rng)
    windows = []
    for _ in range(5):
        window = world(rng)
        windows.append(changed(window, 2, np.where(rng.random(500) < 0.3, np.nan, window.X[:, 2])))
    look, alarms = first_alarms(watch, windows)
    assert look <= 2
    assert alarms[0].monitor == "missingness"
    assert (alarms[0].causes[0].kind, alarms[0].causes[0].subject) == ("lost-source", "sodium")


def test_swapped_codes_are_a_coding_change() -> None:
    """Two levels that change places are no drift of the population."""
    rng = np.random.default_rng(7)
    watch = begin(rng)
    windows = []
    for _ in range(5):
        window = world(rng)
        windows.append(changed(window, 3, np.array([2.0, 1.0, 0.0])[window.X[:, 3].astype(int)]))
    look, alarms = first_alarms(watch, windows)
    assert look <= 2
    assert (alarms[0].causes[0].kind, alarms[0].causes[0].subject) == ("coding-change", "source")


def test_a_groups_rising_outcome_rate_names_the_group() -> None:
    """Odds doubled in one of three groups: found within ten windows, and blamed on that group."""
    rng = np.random.default_rng(8)
    watch = begin(rng)
    look, alarms = first_alarms(watch, [world(rng, group_odds=2.2) for _ in range(20)])
    assert look <= 10
    assert alarms[0].monitor in ("outcome-rate", "calibration")
    assert alarms[0].groups == ("race=Black",)
    assert (alarms[0].causes[0].kind, alarms[0].causes[0].subject) == ("outcome-rate-change", "race=Black")


def test_outcomes_worse_for_all_are_model_decay() -> None:
    """When everybody's outcomes leave expectation no single group is to blame."""
    rng = np.random.default_rng(9)
    watch = begin(rng)
    _, alarms = first_alarms(watch, [world(rng, odds=1.8) for _ in range(20)])
    assert alarms[0].causes[0].kind == "model-decay"
    assert alarms[0].groups == ("overall",)


def test_a_watch_resumed_from_its_bytes_goes_on_as_if_never_stopped() -> None:
    """Saving and loading between looks changes no number, and the bytes hold no row of the reference."""
    rng = np.random.default_rng(10)
    windows = [world(rng, group_odds=1.6) for _ in range(6)]
    whole = begin(np.random.default_rng(11))
    broken = Watch.resume(whole.save())
    for window in windows:
        assert whole.look(window) == broken.look(window)
        broken = Watch.resume(broken.save())
    assert whole.save() == broken.save()


def test_bytes_that_are_no_state_are_corrupt() -> None:
    """Neither a crash nor a silent fresh start."""
    with pytest.raises(Corrupt):
        Watch.resume(b"{}")


def test_only_the_asked_monitors_take_a_window_into_account() -> None:
    """Fresh decisions whose outcomes are not due yet must not touch the outcome monitors."""
    rng = np.random.default_rng(12)
    watch = begin(rng)
    watch.look(world(rng, odds=9.0), monitors=("input-drift", "missingness", "units", "output-drift"))
    assert watch.state.history[-1].evidence["outcome-rate"] == -99.0


def test_a_patient_counts_once_a_window() -> None:
    """Five hundred rows of ten patients are ten observations."""
    rng = np.random.default_rng(13)
    watch = begin(rng)
    window = world(rng)
    repeated = Window(X=window.X, names=NAMES, risk=window.risk, outcome=window.outcome, groups=window.groups,
                      site=window.site, subject=np.arange(500) % 10)  # fmt: skip
    watch.look(repeated)
    assert watch.state.history[-1].rows == 10


def test_a_window_of_other_features_is_invalid() -> None:
    """Names must match the reference's, in order."""
    rng = np.random.default_rng(14)
    watch = begin(rng)
    window = world(rng)
    other = Window(X=window.X, names=("labs", "stay", "sodium", "source"), risk=window.risk)
    with pytest.raises(Invalid, match="features"):
        watch.look(other)
    with pytest.raises(Invalid):
        Watch.start(ReferenceWindow(window=world(rng, 50)))
    with pytest.raises(Invalid):
        Window(X=window.X, names=NAMES, risk=window.risk[:-1])


def test_an_alarm_that_comes_again_says_so() -> None:
    """A fault that stays raises alarms marked `again`, so that a reader sees one story."""
    rng = np.random.default_rng(15)
    watch = begin(rng)
    seen = []
    for _ in range(2):
        window = world(rng)
        seen += [a.again for a in watch.look(changed(window, 1, window.X[:, 1] * 24)) if a.monitor == "units"]
    assert seen == [False, True]


def test_the_report_tells_the_alarm_to_people_and_programs() -> None:
    """One page without script or outside links, and JSON with the same verdict; text is escaped."""
    rng = np.random.default_rng(16)
    watch = begin(rng)
    window = world(rng)
    alarms = watch.look(changed(window, 1, window.X[:, 1] * 24))
    page = report(watch, alarms, title="<Readmission>", made_at="2026-11-22")
    html = page.to_html()
    assert "Unit error in labs" in html
    assert "&lt;Readmission&gt;" in html
    assert "<svg" in html
    assert "<script" not in html
    assert "http" not in html
    assert '"verdict": "fail"' in page.to_json()
    assert report(watch).verdict == "pass"
    assert {alarm.monitor for alarm in alarms} <= set(MONITORS)
