"""Quality rules say true things: each finds what was planted, names it, and keeps silent about what is sound."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bedrail.core.errors import Invalid
from bedrail.core.values import Verdict
from bedrail.data.consistency import check_rules, parse_rules
from bedrail.data.diff import diff_tables, drift_findings, holm
from bedrail.data.disguised import disguised
from bedrail.data.label_quality import label_noise
from bedrail.data.leakage import leaks
from bedrail.data.pictures import histogram
from bedrail.data.quality_evidence import quality_evidence
from bedrail.data.quality_values import Limits, QualityFinding, QualityPolicy, reported
from bedrail.data.slips import analytes, look, slip_against_range
from bedrail.data.splits import hold_out_sites, split
from bedrail.data.table_check import check_tables
from bedrail.governance.policy import default_policy_text, parse_policy

RNG = np.random.default_rng(7)
N = 2000


def test_disguised_missing_values_stand_apart_and_honest_ones_do_not() -> None:
    """Zeros of a cholesterol, minus ones, nines, words and calendar days; not codes from 0, nor zeros of a count."""
    chol = RNG.normal(240, 50, N).round()
    chol[:90] = 0
    frame = pd.DataFrame(
        {
            "chol": chol,
            "gcs": np.where(np.arange(N) < 50, -1, RNG.integers(3, 16, N)),
            "age": np.where(np.arange(N) < 20, 999, RNG.integers(18, 95, N)),
            "vessels": RNG.integers(0, 4, N),
            "drinks": RNG.poisson(2, N),
            "rass": RNG.integers(-5, 5, N),
            "race": np.where(np.arange(N) < 30, "?", "a"),
            "born": np.where(np.arange(N) < 9, "1900-01-01", "1957-05-06"),
            "lab": np.where(np.arange(N) < 30, "None", ">7"),
        }
    )
    assert {(d.column, d.value, d.rows) for d in disguised(frame)} == {
        ("chol", "0", 90), ("gcs", "-1", 50), ("age", "999", 20), ("race", "?", 30), ("born", "1900-01-01", 9),
    }  # fmt: skip


SLIPS = [
    ("glucose", RNG.normal(120, 25, N), RNG.normal(6.5, 1, 40), "mmol/L"),
    ("Temperature", RNG.normal(37, 0.6, N), RNG.normal(98.6, 1, 40), "[degF]"),
    ("creatinine", RNG.gamma(4, 0.3, N) + 0.2, RNG.normal(95, 10, 40), "umol/L"),
    ("HGB", RNG.normal(12, 1.5, N), RNG.normal(125, 10, 40), "g/L"),
    ("height", RNG.normal(170, 9, N), RNG.normal(1.7, 0.08, 40), "m"),
    ("pH", RNG.normal(7.38, 0.06, N), RNG.normal(738, 6, 40), "1 without its decimal point"),
]


@pytest.mark.parametrize(("name", "sound", "slipped", "unit"), SLIPS, ids=[row[0] for row in SLIPS])
def test_a_slip_of_units_among_sound_rows_is_named(
    name: str, sound: np.ndarray, slipped: np.ndarray, unit: str
) -> None:
    """The other unit by name and how many rows; sound rows alone say nothing."""
    clean = look(name, sound)
    assert clean is not None
    assert (clean.slips, clean.impossible) == ((), 0)
    mixed = look(name, np.concatenate([sound, slipped]))
    assert mixed is not None
    (slip,) = mixed.slips
    assert (slip.given, slip.rows) == (unit, 40)


def test_a_whole_column_in_another_unit_than_declared_is_named() -> None:
    """By its median: adults' weights of 180 are pounds; as pounds they are sound."""
    pounds = RNG.normal(180, 30, N)
    declared = look("weight", pounds, unit="kg")
    assert declared is not None
    assert [(s.given, s.whole) for s in declared.slips] == [("[lb_av]", True)]
    assert look("weight", pounds, unit="lb").slips == ()  # type: ignore[union-attr]
    assert look("no such measurement", pounds) is None


def test_values_outside_a_declared_range_are_named_when_a_factor_brings_them_back() -> None:
    """Hours for days; strays that no factor explains are not."""
    days = RNG.uniform(1, 14, N)
    name, rows = slip_against_range(np.concatenate([days, RNG.uniform(2, 12, 30) * 24]), 0, 15) or ("", 0)
    assert "days given in hours" in name
    assert rows >= 28
    assert slip_against_range(np.concatenate([days, RNG.uniform(1e7, 1e9, 30)]), 0, 15) is None


def test_every_known_measurement_is_typical_within_what_is_possible() -> None:
    """The shipped table holds together, and each is found by a name of its own."""
    for each in analytes():
        assert each.possible[0] <= each.typical[0] < each.typical[1] <= each.possible[1], each.name
        assert each.units[0].factor == 1.0


RULES = """
[[rules]]
name = "discharge is not before admission"
table = "stays"
level = "block"
order = ["admitted", "discharged"]
[[rules]]
name = "no pregnancy in men"
table = "stays"
forbid = [{ column = "sex", one_of = ["M"] }, { column = "icd10", begins = ["O"] }]
[[rules]]
name = "a readmission has a day"
table = "stays"
when = [{ column = "readmitted", one_of = [1] }]
require = [{ column = "discharged", present = true }]
[[rules]]
name = "every lab belongs to a stay"
table = "labs"
reference = { column = "stay", table = "stays", to = "id" }
[[rules]]
name = "one lab a minute"
table = "labs"
unique = ["stay", "minute"]
"""


def test_rules_across_tables_count_the_rows_that_break_them() -> None:
    """Order of dates (mixed formats), exclusions, requirements, references, keys; numbers meet as numbers."""
    stays = pd.DataFrame(
        {
            "id": [1, 2, 3, 4],
            "admitted": ["2026-01-02", "2026-01-05T08:00:00Z", "2026-02-01", None],
            "discharged": ["2026-01-01", "2026-01-06", None, "2026-01-01"],
            "sex": ["M", "F", "M", None],
            "icd10": ["O80", "O80", "I21", "O80"],
            "readmitted": [0, 1, 1, 0],
        }
    )
    labs = pd.DataFrame({"stay": [1.0, 2.0, 9.0, None, 1.0], "minute": [5, 5, 5, 5, 5]})
    found = list(check_rules({"stays": stays, "labs": labs}, parse_rules(RULES)))
    assert [f.rows for f in found] == [1, 1, 1, 1, 1]
    assert [f.level for f in found] == ["block", "warn", "warn", "warn", "warn"]
    reports = check_tables({"stays": stays, "labs": labs}, rules=parse_rules(RULES))
    assert (reports["stays"].verdict, reports["labs"].verdict) == (Verdict.FAIL, Verdict.PASS)


@pytest.mark.parametrize(
    "text",
    ["[[rules]]\nname='x'", "[[rules]]\nname='x'\norder=['a']", "[[rules]]\nname='x'\norder=['a','b']\nunique=['a']",
     "[[rules]]\nname='x'\nunique=['nowhere']", "[[rules]]\nname='x'\ntable='other'\nunique=['a']", "[[rules"],
)  # fmt: skip
def test_rules_that_ask_nothing_twice_or_of_nobody_are_refused(text: str) -> None:
    """Each with the rule at fault."""
    with pytest.raises(Invalid):
        check_tables({"t": pd.DataFrame({"a": [1]})}, rules=parse_rules(text))


def test_tables_without_a_charter_are_checked() -> None:
    """Bounds among numbers, impossible values, repeated keys; of a long table each parameter is a column."""
    ages = pd.Series([str(a) for a in RNG.integers(18, 89, 98)] + ["> 89"] * 2)
    frame = pd.DataFrame({"id": [*range(99), 0], "age": ages, "temperature": [37.0] * 97 + [11.0] * 3})
    report = check_tables({"t": frame}, keys={"t": ["id"]})["t"]
    said = {(f.rule, f.column): f.rows for f in report.broken("warn") + report.broken("block")}
    assert said == {("uniqueness", "id"): 1, ("validity", "age"): 2, ("validity", "temperature"): 3}
    names = np.repeat(["Na", "pH"], 100)
    values = np.concatenate([RNG.normal(140, 4, 100), RNG.normal(7.4, 0.05, 90), np.linspace(731, 749, 10)])
    long = check_tables({"t": pd.DataFrame({"p": names, "v": values})}, long=("p", "v"))["t"]
    assert [(f.rule, f.column) for f in long.broken("warn")] == [("units", "pH")]
    with pytest.raises(Invalid):
        check_tables({"t": frame}, long=("p", "v"))


def table(n: int = N, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {"id": np.arange(n), "x": rng.normal(size=n), "k": rng.integers(0, 5, n), "w": rng.choice(list("abc"), n)}
    )


@pytest.mark.slow
def test_two_samples_of_one_population_differ_by_chance_only() -> None:
    """Of ten pairs of tables hardly one diff speaks of a shift."""
    alarms = sum(bool(diff_tables(table(seed=s), table(seed=s + 100), key=["id"]).shifted()) for s in range(10))
    assert alarms <= 1


def test_a_shift_a_loss_and_a_change_of_rows_are_told_with_their_uncertainty() -> None:
    """Rows by key, columns, kinds, moved distributions, new missing values; the interval holds the index."""
    before = table()
    after = before.iloc[100:].copy()
    after["x"] += np.where(np.arange(len(after)) % 2, 1.0, 0.0)
    after["w"] = after["w"].mask(np.arange(len(after)) < 300)
    after["k"] = after["k"].astype(str)
    after = pd.concat([after, after.tail(1).assign(id=-1)]).assign(new=1)
    found = diff_tables(before, after, key=["id"])
    assert (found.added, found.removed) == (1, 100)
    assert (
        found.changed == found.changed_by_column["x"] + int((after["w"].isna() & (after["x"] == 0)).sum())
        or found.changed
    )
    assert (found.columns_added, found.columns_removed, found.kinds_changed) == (
        ("new",),
        (),
        (("k", "number", "word"),),
    )
    shifts = {s.column: s for s in found.shifted()}
    assert set(shifts) == {"x", "w"}
    assert shifts["x"].low <= shifts["x"].psi <= shifts["x"].high
    assert shifts["w"].missing_changed
    assert shifts["w"].missing_low < shifts["w"].missing_after - shifts["w"].missing_before < shifts["w"].missing_high
    assert any(f.verdict is Verdict.FAIL and f.column == "w" for f in drift_findings(found, Limits()))
    assert diff_tables(before, before.sample(frac=1, random_state=1)).same


def test_keys_that_are_none_are_said_and_not_guessed() -> None:
    """Repeated or absent keys leave rows unmatched, with the reason."""
    twice = pd.concat([table(20), table(20)])
    assert "not unique" in diff_tables(twice, table(20), key=["id"]).why_no_rows
    assert "not in both" in diff_tables(table(20), table(20), key=["nothing"]).why_no_rows


def test_holm_is_no_smaller_than_bonferroni_for_the_smallest_and_never_falls() -> None:
    """As in Holm's paper: 0.01, 0.02, 0.03 of three become 0.03, 0.04, 0.04."""
    assert holm([0.02, 0.01, 0.03]) == pytest.approx([0.04, 0.03, 0.04])


def split_table(n: int = 3000) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({f"x{i}": rng.normal(size=n).round(3) for i in range(12)})
    frame["patient"] = [f"p{i}" for i in range(n)]
    frame["outcome"] = rng.integers(0, 2, n)
    frame["at"] = np.arange(n)
    frame["x0_at"] = np.arange(n) - 1
    return frame, np.where(np.arange(n) < n // 2, "train", "holdout")


def found_leaks(frame: pd.DataFrame, labels: np.ndarray, **more: object) -> dict[str, tuple[str, int]]:
    names = [name for name in frame.columns if name.startswith("x") and not name.endswith("_at")]
    said = leaks(frame, labels, subject="patient", outcome="outcome", features=names, time="at", **more)  # type: ignore[arg-type]
    return {leak.kind: (str(leak.verdict), leak.rows) for leak in said}


def test_a_sound_split_leaks_nothing() -> None:
    """Every question passes, or says that it was not told."""
    frame, labels = split_table()
    said = found_leaks(frame, labels)
    assert {verdict for kind, (verdict, _) in said.items() if kind != "future"} == {"pass"}
    assert said["future"][0] == "missing"


def test_planted_leaks_are_found_each_by_its_own_question() -> None:
    """A patient in two parts, exact twins, near twins (one of twelve inputs differs), a shadow of the outcome."""
    frame, labels = split_table()
    frame.loc[2000, "patient"] = "p5"
    inputs = [f"x{i}" for i in range(12)]
    frame.loc[1500:1599, inputs] = frame.loc[0:99, inputs].to_numpy()
    frame.loc[1600:1699, inputs] = frame.loc[100:199, inputs].to_numpy()
    frame.loc[1600:1699, "x7"] += 1.0
    frame["x11"] = frame["outcome"] + RNG.normal(0, 0.2, len(frame))
    frame.loc[1500:1599, "x11"] = frame.loc[0:99, "x11"].to_numpy()
    frame.loc[1600:1699, "x11"] = frame.loc[100:199, "x11"].to_numpy()
    frame.loc[:20, "x0_at"] = 10_000
    said = found_leaks(frame, labels, measured_at={"x0": "x0_at"})
    assert said["patient"] == ("fail", 2)
    assert said["duplicate"] == ("fail", 200)
    assert said["near-duplicate"][0] == "fail"
    assert 196 <= said["near-duplicate"][1] <= 200
    assert said["target"][0] == "fail"
    assert said["future"] == ("fail", 21)


def test_a_word_for_every_row_is_no_shadow_of_the_outcome() -> None:
    """Words are judged without the row's own outcome, so identifiers do not look like leaks."""
    frame, labels = split_table()
    frame["x1"] = [f"w{i // 2}" for i in range(len(frame))]
    assert found_leaks(frame, labels)["target"][0] == "pass"


@pytest.mark.slow
def test_the_estimate_of_wrong_labels_bounds_what_was_planted() -> None:
    """A tenth flipped is found near a tenth; where outcomes cannot be told apart nothing is told."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(6000, 4))
    y = (x[:, 0] + x[:, 1] > 0).astype(int)
    frame = pd.DataFrame(x, columns=list("abcd")).assign(
        y=np.where(rng.random(6000) < 0.1, 1 - y, y), p=np.arange(6000)
    )
    noise = label_noise(frame, "y", list("abcd"), "p")
    assert noise.told
    assert 0.08 < noise.share < 0.14
    assert noise.low < noise.share < noise.high
    assert not label_noise(frame.assign(y=rng.integers(0, 2, 6000)), "y", list("abcd"), "p").told
    asked = check_tables({"t": frame}, labels=("y", "p"))["t"].findings[-1]
    assert (asked.rule, asked.column, asked.verdict) == ("label-quality", "y", "missing")
    assert "labels are wrong" in asked.reason
    with pytest.raises(Invalid, match="no table has the columns"):
        check_tables({"t": frame}, labels=("z", "p"))


def test_a_picture_says_in_words_what_it_shows_and_draws_few_rows_hollow() -> None:
    """A title for screen readers; nothing for columns with too few values."""
    drawn = histogram(pd.Series(np.concatenate([RNG.normal(0, 1, 500), [3.3]])))
    assert 'role="img"' in drawn
    assert "<title>Histogram from" in drawn
    assert 'fill="none"' in drawn
    assert histogram(pd.Series([1.0, 2.0])) == ""
    assert "&lt;" in histogram(pd.Series(["<b>"] * 50 + ["x"] * 60))


def test_a_policy_sets_levels_and_limits_and_names_slips_of_the_pen() -> None:
    """`units = "block"` closes admission on a slip; unknown rules and words are refused with their line."""
    policy = parse_policy(
        default_policy_text() + '\n[quality]\nunits = "block"\n[quality.limits]\nmax_disguised = 0.5\n'
    )
    assert policy.quality.levels == {"units": "block"}
    assert policy.quality.limits.max_disguised == 0.5
    assert parse_policy(default_policy_text()).quality == QualityPolicy()
    for text in ('[quality]\nunit = "block"', '[quality]\nunits = "loud"', "[quality.limits]\nmax_drifft = 1"):
        with pytest.raises(Invalid):
            parse_policy(default_policy_text() + "\n" + text)
    values = np.concatenate([RNG.normal(37, 0.5, 500), np.full(20, 98.6)])
    report = check_tables({"t": pd.DataFrame({"temp": values})}, policy=policy.quality)["t"]
    assert report.verdict is Verdict.FAIL


def test_what_could_not_be_told_is_no_pass() -> None:
    """A blocking rule without an answer, or a table without a row, is `missing`; a warning without one is counted."""
    untold = QualityFinding(
        rule="label-quality", column="died", level="warn", verdict=Verdict.MISSING, rows=9, share=0.0, reason="few"
    )
    warned = reported(9, (untold,), QualityPolicy())
    assert (warned.verdict, quality_evidence(warned).reason.endswith("1 could not be told")) == (Verdict.PASS, True)
    blocked = reported(9, (untold,), QualityPolicy(levels={"label-quality": "block"}))
    assert (blocked.verdict, quality_evidence(blocked).verdict) == (Verdict.MISSING, Verdict.MISSING)
    assert check_tables({"t": pd.DataFrame({"age": []})})["t"].verdict is Verdict.MISSING


def test_held_out_sites_and_their_patients_stand_nowhere_else() -> None:
    """Every row of the site is holdout, its patients' other rows are left out; a strange site is named."""
    rng = np.random.default_rng(5)
    subject, site = rng.integers(0, 900, N).astype(str), rng.choice(["north", "east", "south"], N)
    shares = {"train": 0.6, "validation": 0.1, "calibration": 0.15, "holdout": 0.15}
    before = split(subject, np.arange(N), shares)
    after = hold_out_sites(before, subject, site, ["east"])
    assert set(after.labels[site == "east"]) == {"holdout"}
    people = set(subject[site == "east"])
    elsewhere = np.isin(subject, list(people)) & (site != "east")
    assert set(after.labels[elsewhere]) <= {"holdout", "excluded"}
    untouched = ~np.isin(subject, list(people))
    assert (after.labels[untouched] == before.labels[untouched]).all()
    assert all(after.counts[name] == int((after.labels == name).sum()) for name in after.counts)
    parts = [set(subject[after.labels == part]) for part in ("train", "validation", "calibration", "holdout")]
    assert not any(a & b for i, a in enumerate(parts) for b in parts[i + 1 :])
    for sites in (["west"], ["north", "east", "south"]):
        with pytest.raises(Invalid):
            hold_out_sites(before, subject, site, sites)
