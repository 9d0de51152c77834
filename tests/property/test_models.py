"""Properties of contracts, calibration and uncertainty over generated inputs."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from bedrail.core.errors import Invalid, Refused
from bedrail.models.calibrate import fit_venn_abers, pool_adjacent_violators, venn_abers_bounds
from bedrail.models.conformal import fit_uncertainty
from bedrail.models.contract import Contract, Feature, Raw
from bedrail.models.package import refuse_code

FINITE = st.floats(-1e9, 1e9)


@st.composite
def contracts(draw: DrawFn) -> Contract:
    """Contracts of up to six features in any mixture."""
    features = []
    for i in range(draw(st.integers(1, 6))):
        impute = draw(st.booleans())
        if draw(st.booleans()):
            features.append(
                Feature(
                    name=f"f{i}",
                    kind="numeric",
                    missing="impute" if impute else "refuse",
                    impute=draw(FINITE) if impute else None,
                )
            )
        else:
            levels = tuple(draw(st.lists(st.text(min_size=1, max_size=3), min_size=2, max_size=4, unique=True)))
            features.append(
                Feature(
                    name=f"f{i}",
                    kind="categorical",
                    levels=levels,
                    missing="impute" if impute else "refuse",
                    impute=levels[0] if impute else None,
                )
            )
    return Contract(features=tuple(features))


@st.composite
def cases(draw: DrawFn) -> tuple[Contract, dict[str, Raw]]:
    """A contract and inputs that it accepts, gaps included."""
    contract = draw(contracts())
    values: dict[str, Raw] = {}
    for feature in contract.features:
        value = draw(FINITE if feature.kind == "numeric" else st.sampled_from(feature.levels))
        gap = draw(st.sampled_from(["", "none", "absent"])) if feature.missing == "impute" else ""
        if gap != "absent":
            values[feature.name] = None if gap == "none" else value
    return contract, values


@given(cases())
def test_the_quick_row_is_the_careful_row_is_the_table(case: tuple[Contract, dict[str, Raw]]) -> None:
    """Three ways to encode one encounter give the same columns."""
    contract, values = case
    encoder = contract.encoder()
    row = encoder.row(values)
    assert np.array_equal(row, encoder._careful(values))
    frame = pd.DataFrame({name: pd.Series([values.get(name)], dtype=object) for name in contract.names})
    assert np.array_equal(row, encoder.table(frame)[0])
    assert np.array_equal(row, encoder.row(encoder.values(row)))


@given(
    contracts(), st.dictionaries(st.sampled_from(["f0", "f1", "f2", "g"]), st.one_of(st.none(), st.floats(), st.text()))
)
def test_any_inputs_give_a_finite_row_or_a_named_refusal(contract: Contract, values: dict[str, Raw]) -> None:
    """Nothing but `Invalid` with a path, and never a NaN in a row."""
    try:
        row = contract.encoder().row(values)
    except Invalid as error:
        named = error.path.startswith("features.")
    else:
        named = bool(np.isfinite(row).all()) and len(row) == len(contract.columns)
    assert named


@st.composite
def outcomes(draw: DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Scores with many ties, and outcomes with at least ten of each."""
    n = draw(st.integers(20, 60))
    scores = draw(st.lists(st.integers(0, 12), min_size=n, max_size=n))
    labels = draw(
        st.permutations([1] * 10 + [0] * 10 + draw(st.lists(st.integers(0, 1), min_size=n - 20, max_size=n - 20)))
    )
    return np.array(scores) / 12, np.array(labels)


@settings(max_examples=60)
@given(outcomes(), st.floats(0, 1))
@pytest.mark.slow
def test_venn_abers_is_the_naive_refit(data: tuple[np.ndarray, np.ndarray], score: float) -> None:
    """p0 and p1 equal pooling adjacent violators anew with the patient added."""
    scores, labels = data
    bounds = venn_abers_bounds(fit_venn_abers(scores, labels), [score])
    for label in (0, 1):
        s, y = np.append(scores, score), np.append(labels, label)
        distinct = np.unique(s)
        rows = np.array([(s == each).sum() for each in distinct])
        rates = np.array([y[s == each].mean() for each in distinct])
        naive = pool_adjacent_violators(rates, rows)[np.searchsorted(distinct, score)]
        near = np.abs(scores - score)
        if not ((near > 0) & (near <= 1e-11)).any():
            assert math.isclose(bounds[label][0], naive, abs_tol=1e-12)


@settings(max_examples=60)
@given(outcomes())
def test_risk_and_bounds_are_ordered_and_rise(data: tuple[np.ndarray, np.ndarray]) -> None:
    """For any calibration data: low <= risk <= high, none of them ever falling; p-values in (0, 1]."""
    calibration, uncertainty = fit_venn_abers(*data), fit_uncertainty(*data)
    asked = np.linspace(0, 1, 97)
    risk = calibration.apply_many(asked)
    low, high = uncertainty.intervals(asked)
    assert (low <= risk + 1e-15).all()
    assert (risk <= high + 1e-15).all()
    for rising in (low, risk, high):
        assert (np.diff(rising) >= -1e-15).all()
    p = uncertainty.p_values_many(asked)
    assert (p > 0).all()
    assert (p <= 1).all()
    assert (np.diff(p[:, 0]) <= 0).all()
    assert (np.diff(p[:, 1]) >= 0).all()


@given(st.binary(max_size=200))
def test_any_bytes_behind_a_pickle_header_are_refused(data: bytes) -> None:
    """The protocol header alone decides."""
    for protocol in range(2, 6):
        with pytest.raises(Refused, match="pickle"):
            refuse_code("model.json", bytes((0x80, protocol)) + data)
