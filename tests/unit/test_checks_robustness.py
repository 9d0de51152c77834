"""The model asked again: what slips of units, noise and an adversary do is counted rightly, refusals included."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from models_samples import CONTRACT, encounters, linear_package

from bedrail.checks import Cohort, Probe, Requirements, examine
from bedrail.checks.robustness.adversary import attack
from bedrail.checks.robustness.asking import Model, refused_rows
from bedrail.checks.robustness.probing import probe_rows
from bedrail.checks.robustness.units import BY_UNIT, slips_of
from bedrail.checks.robustness.variation import imprecisions, variation_of
from bedrail.core.values import Evidence, Finding, Verdict
from bedrail.data.consistency import Condition, RowsRule
from bedrail.data.conversions import factors
from bedrail.data.slips import analytes
from bedrail.models.contract import Contract, Feature
from bedrail.models.predict import open_model

GUARDS = ("robustness",)


class Said:
    """What `assess` gives."""

    def __init__(self, risk: np.ndarray, ood: np.ndarray | None = None) -> None:
        self.risk, self.ood = risk, np.zeros(len(risk), bool) if ood is None else ood


def glucose(*, high: float | None = None, low: float | None = None, unit: str = "mg/dL") -> Contract:
    return Contract(features=(Feature(name="glucose", kind="numeric", unit=unit, low=low, high=high),))


def high_sugar(frame: pd.DataFrame) -> np.ndarray:
    """An alert above 180 mg/dL."""
    return 1 / (1 + np.exp(-np.clip((frame["glucose"].to_numpy(dtype=float) - 180) / 20, -30, 30)))


def asked(contract: Contract, score: Any, frame: pd.DataFrame, **more: Any) -> Cohort:
    n = len(frame)
    probe = Probe(score=score, inputs=frame, contract=contract, assess=lambda f: Said(score(f)), **more)
    return Cohort(outcome=np.arange(n) % 2, score=np.full(n, 0.5), probe=probe, threshold=0.5)


def ask(cohort: Cohort, **numbers: Any) -> Evidence:
    (evidence,) = examine(cohort, Requirements(**numbers), checks=["robustness"])
    return evidence


def by_group(evidence: Evidence, family: str) -> dict[str, Finding]:
    return {f.group: f for f in evidence.findings if f.check == f"robustness.{family}"}


def sugars(n: int = 300, seed: int = 1) -> pd.DataFrame:
    return pd.DataFrame({"glucose": np.random.default_rng(seed).uniform(70, 290, n)})


def test_a_silent_slip_of_units_fails_and_a_bound_makes_it_a_refusal() -> None:
    """mmol/L taken for mg/dL: every alert is lost unnoticed; with a lower bound of 40 mg/dL all are refused."""
    frame = sugars()
    alerts = float((frame["glucose"] >= 180).mean())
    silent = ask(asked(glucose(), high_sugar, frame))
    slip = by_group(silent, "unit-slip")["glucose=given in mmol/L"]
    assert silent.verdict is Verdict.FAIL
    assert slip.verdict is Verdict.FAIL
    assert slip.estimate == pytest.approx(alerts)
    assert slip.low is not None
    assert slip.low < alerts
    assert "100% are refused" not in slip.reason
    guarded = by_group(ask(asked(glucose(low=40, high=600), high_sugar, frame)), "unit-slip")
    slip = guarded["glucose=given in mmol/L"]
    assert slip.verdict is Verdict.PASS
    assert slip.estimate == 0.0
    assert "100% are refused" in slip.reason


def test_absurd_values_must_end_in_a_fallback() -> None:
    """Without bounds and without a distance they are answered, and one answer is too many; flagged, they pass."""
    frame = sugars()
    assert (
        by_group(ask(asked(glucose(), high_sugar, frame)), "absurd-value")["glucose=far too large"].verdict
        is Verdict.FAIL
    )
    probe = Probe(
        score=high_sugar,
        inputs=frame,
        contract=glucose(),
        assess=lambda f: Said(high_sugar(f), np.abs(f["glucose"].to_numpy(dtype=float)) > 1_000),
    )
    flagged = Cohort(outcome=np.arange(300) % 2, score=np.full(300, 0.5), probe=probe, threshold=0.5)
    found = by_group(ask(flagged), "absurd-value")
    assert {f.verdict for f in found.values()} == {Verdict.PASS}
    assert all("100% flagged as strange" in f.reason for f in found.values())


def test_noise_flips_as_often_as_the_normal_law_says() -> None:
    """A threshold model of one measurement with CV 6 %: the share of flips is that of simulation, in the interval."""
    frame = sugars(2_000)
    cohort = asked(glucose(), high_sugar, frame)
    findings = probe_rows(cohort, Requirements(), np.random.default_rng(3), 2_000)
    (noise,) = [f for f in findings if f.check == "robustness.noise"]
    rng, values = np.random.default_rng(4), frame["glucose"].to_numpy()
    again = values + 0.06 * values * rng.normal(size=(400, len(values)))
    truth = float(((again >= 180) != (values >= 180)).mean())
    assert noise.low is not None
    assert noise.high is not None
    assert noise.low <= truth <= noise.high
    assert noise.estimate == pytest.approx(truth, abs=0.015)


def test_the_adversary_turns_exactly_those_within_reach() -> None:
    """One glucose, two SDs of 6 %: what lies within 12 % of 180 mg/dL, from either side, and nothing else."""
    frame = sugars(1_000)
    cohort = asked(glucose(), high_sugar, frame)
    assert cohort.probe is not None
    model = Model(cohort.probe, 0.5)
    found = attack(model, glucose(), frame, model.ask(frame))
    values = frame["glucose"].to_numpy()
    reach = np.where(values >= 180, values * 0.88 < 180, values * 1.12 >= 180)
    assert (found.turned(1) == reach).all()
    assert (found.turned(3) == reach).all()
    bounded = glucose(low=170)
    held = attack(Model(asked(bounded, high_sugar, frame).probe, 0.5), bounded, frame, model.ask(frame))  # type: ignore[arg-type]
    assert (held.turned(1) <= reach).all()
    rule = RowsRule(name="never above", forbid=(Condition(column="glucose", at_least=180.0),))
    kept = attack(model, glucose(), frame, model.ask(frame), rules=(rule,))
    assert not kept.turned(3)[values < 180].any()
    assert (kept.turned(3)[values >= 180] == reach[values >= 180]).all()


def test_more_moves_turn_more_and_categories_stay() -> None:
    """On a real package: turned rows grow with moves; levels, bounds and whole numbers are kept on the way."""
    package, data, _ = linear_package()
    model = open_model(package, data)
    frame = encounters(400, 7)[list(CONTRACT.names)]
    seen: list[pd.DataFrame] = []

    def assess(table: pd.DataFrame) -> Any:
        seen.append(table)
        return model.assess_many(model.encoder.table(table))

    probe = Probe(score=lambda f: assess(f).risk, inputs=frame, contract=CONTRACT, assess=assess)
    asked_model = Model(probe, 0.4)
    before = asked_model.ask(frame)
    found = attack(asked_model, CONTRACT, frame, before)
    counts = [int(found.turned(k).sum()) for k in (1, 2, 3)]
    assert counts == sorted(counts)
    assert counts[0] > 0
    tried = pd.concat(seen[1:])
    assert set(tried["ward"]) <= set(CONTRACT.feature("ward").levels)
    assert tried["age"].between(18, 110).all()
    assert (tried["visits"] % 1 == 0).all()
    assert ((found.risk >= 0.4) != (before.risk >= 0.4))[found.turned(3)].all()


def test_a_whole_package_is_probed_and_every_family_answers() -> None:
    """A packaged model: unit slips by its contract, groups of inputs, noise, stuck, lagged, adversary; reproducible."""
    package, data, _ = linear_package()
    model = open_model(package, data)
    table = encounters(400, 5)
    frame = table[list(CONTRACT.names)]

    def assess(rows: pd.DataFrame) -> Any:
        return model.assess_many(model.encoder.table(rows))

    probe = Probe(score=lambda f: assess(f).risk, inputs=frame, contract=CONTRACT, assess=assess)
    cohort = Cohort(
        outcome=table["outcome"],
        score=assess(frame).risk,
        subject=table["patient"].to_numpy(),
        probe=probe,
        threshold=0.4,
    )
    evidence = ask(cohort)
    assert {f.check.rpartition(".")[2] for f in evidence.findings} >= {
        "unit-slip", "absurd-value", "absent-together", "noise", "stuck", "lagged", "adversarial",
    }  # fmt: skip
    assert "creatinine=given in umol/L" in by_group(evidence, "unit-slip")
    assert all(f.low <= f.estimate <= f.high for f in evidence.findings if f.estimate is not None)  # type: ignore[operator]
    missing = [f for f in evidence.findings if f.verdict is Verdict.MISSING]
    assert any("visits declares no unit" in f.reason for f in missing)
    assert ask(cohort) == evidence


@pytest.mark.parametrize("how", ["none", "no contract", "few", "crash", "nonsense", "crash when absent"])
def test_what_cannot_be_probed_is_missing_and_what_breaks_fails(how: str) -> None:
    """No model, no contract, too few rows: missing. What throws or gives no risk fails, the error being named."""
    frame = sugars(20 if how == "few" else 100)

    def score(rows: pd.DataFrame) -> np.ndarray:
        if how == "crash" or (how == "crash when absent" and rows["glucose"].isna().any()):
            raise ZeroDivisionError
        return high_sugar(rows) + (2 if how == "nonsense" else 0)

    imputing = Contract(
        features=(Feature(name="glucose", kind="numeric", unit="mg/dL", missing="impute", impute=100.0),)
    )
    cohort = asked(imputing, score, frame)
    if how == "none":
        cohort = Cohort(outcome=cohort.outcome, score=cohort.score)
    if how == "no contract":
        cohort = Cohort(outcome=cohort.outcome, score=cohort.score, probe=Probe(score=high_sugar, inputs=frame))
    evidence = ask(cohort)
    if how in ("none", "no contract", "few"):
        assert evidence.verdict is Verdict.MISSING
        return
    assert evidence.verdict is Verdict.FAIL
    if how == "crash when absent":
        broken = [f for f in evidence.findings if "ZeroDivisionError" in f.reason]
        assert {f.check for f in broken} == {"robustness.absent-together"}
        assert by_group(evidence, "adversarial")
    else:
        assert ("ZeroDivisionError" if how == "crash" else "no risk") in evidence.reason


def test_a_model_far_away_is_asked_no_more_than_it_may() -> None:
    """`most_asked` bounds all rows that one check asks of a vendor's model."""
    count = 0

    def score(rows: pd.DataFrame) -> np.ndarray:
        nonlocal count
        count += len(rows)
        return high_sugar(rows)

    ask(asked(glucose(low=10, high=1_000), score, sugars(3_000), most_asked=5_000))
    assert 0 < count <= 5_000


def test_refused_rows_are_those_the_bedside_refuses() -> None:
    """Row by row as the guards: gaps that may not be guessed, ranges, infinities, unknown levels; nothing else."""
    from bedrail.decisions.guards import FallBack, on_inputs
    from bedrail.decisions.request import Inputs

    rng = np.random.default_rng(2)
    table = encounters(300, 3)[list(CONTRACT.names)].astype(object)
    for name, bad in (("age", [None, 3.0, 200.0, np.inf]), ("ward", [None, "attic"]), ("creatinine", [None, 99.0])):
        for value in bad:
            table.loc[rng.choice(300, 20, replace=False), name] = value
    refused = refused_rows(CONTRACT, table)
    for at in range(300):
        values = {name: (None if pd.isna(table.loc[at, name]) else table.loc[at, name]) for name in CONTRACT.names}
        case: Any = SimpleNamespace()
        case.contract, case.inputs = CONTRACT, Inputs(values, {}, {})
        assert isinstance(on_inputs(case), FallBack) == refused[at]


@cache
def _all_units() -> tuple[str, ...]:
    return tuple({unit.unit for each in analytes() for unit in each.units} | set(BY_UNIT))


def test_every_slip_is_a_known_conversion_and_comes_back() -> None:
    """Each table names conversions that exist; given and meant are inverse; counts have none."""
    known = {name for name, _, _ in factors()}
    assert {name for rows in BY_UNIT.values() for name, _ in rows} <= known
    assert set(imprecisions()) <= {each.name for each in analytes()}
    for unit in _all_units():
        for slip in slips_of(Feature(name="x", kind="numeric", unit=unit)):
            assert slip.factor > 0
    temperature = slips_of(Feature(name="temperature", kind="numeric", unit="Cel"))
    given = {slip.name: slip.given(np.array([37.0]))[0] for slip in temperature}
    assert given["given in [degF]"] == pytest.approx(98.6)
    assert given["given in K"] == pytest.approx(310.15)
    assert slips_of(Feature(name="stays", kind="numeric", unit="1")) == ()
    weight = {s.name for s in slips_of(Feature(name="x", kind="numeric", unit="kg"))}
    assert "given in pounds" in weight


def test_variation_is_the_measurements_own_in_its_unit() -> None:
    """Creatinine varies by 5 % in either unit; an unknown number by a tenth of its spread, whole ones stay whole."""
    values = np.array([1.0, 2.0, 3.0])
    own = variation_of(Feature(name="creatinine", kind="numeric", unit="mg/dL"), values)
    other = variation_of(Feature(name="creatinine", kind="numeric", unit="umol/L"), values * 88.42)
    assert own.known
    assert own.sd == pytest.approx(0.05 * values)
    assert other.sd == pytest.approx(0.05 * values * 88.42)
    feature = Feature(name="visits", kind="numeric", unit="1", low=0, high=4)
    counts = variation_of(feature, np.array([0.0, 10, 20, 30]))
    assert not counts.known
    assert counts.sd[0] == pytest.approx(0.1 * np.std([0, 10, 20, 30]))
    assert counts.moved(np.array([0.0, 1, 2, np.nan]), np.array([-2.0, 1, 9, 1]), feature).tolist()[:3] == [
        0.0,
        2.0,
        4.0,
    ]
