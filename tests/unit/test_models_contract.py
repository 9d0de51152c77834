"""Contracts and encoders: what a model takes, and how a row is made of it."""

from __future__ import annotations

import msgspec
import numpy as np
import pandas as pd
import pytest
from models_samples import CONTRACT, encounters

from bedrail.core.errors import Invalid
from bedrail.models.contract import Contract, Feature

VALUES = {"age": 70.0, "ward": "surgical", "creatinine": 1.2, "visits": 3.0}


def test_a_row_has_numbers_as_themselves_and_one_column_per_level() -> None:
    """Columns follow the contract's order, also where categories stand between numbers."""
    assert CONTRACT.columns == ("age", "ward=medical", "ward=surgical", "ward=other", "creatinine", "visits")
    assert CONTRACT.spans == ((0, 1), (1, 4), (4, 5), (5, 6))
    assert CONTRACT.encoder().row(VALUES).tolist() == [70.0, 0.0, 1.0, 0.0, 1.2, 3.0]


def test_a_row_is_the_callers_own() -> None:
    """Writing into a row changes no later row."""
    encoder = CONTRACT.encoder()
    row = encoder.row(VALUES)
    row[:] = -1
    assert encoder.row(VALUES)[0] == 70.0


@pytest.mark.parametrize("gap", [None, float("nan"), "absent"])
@pytest.mark.parametrize("name, column, value", [("ward", 3, 1.0), ("visits", 5, 0.0)])
def test_a_gap_is_imputed_where_the_contract_says_so(gap: object, name: str, column: int, value: float) -> None:
    """None, NaN and an absent key are the same gap."""
    values = {key: each for key, each in VALUES.items() if key != name}
    if gap != "absent":
        values[name] = gap  # type: ignore[assignment]
    assert CONTRACT.encoder().row(values)[column] == value
    assert CONTRACT.encode_row(values)[column] == value


@pytest.mark.parametrize(
    "name, value",
    [
        ("age", None),
        ("age", float("nan")),
        ("age", float("inf")),
        ("age", "70"),
        ("age", [70]),
        ("age", 10**400),
        ("creatinine", b"1"),
        ("ward", "Surgical"),
        ("ward", 1),
        ("ward", ["surgical"]),
        ("visits", "none"),
        ("weight", 80.0),
    ],
)
def test_a_wrong_value_is_refused_with_the_path_to_it(name: str, value: object) -> None:
    """The error names the feature and a remedy, and never the value."""
    with pytest.raises(Invalid) as caught:
        CONTRACT.encoder().row({**VALUES, name: value})  # type: ignore[dict-item]
    assert caught.value.path == f"features.{name}"
    assert caught.value.remedy
    assert "70" not in caught.value.message
    assert "80" not in caught.value.message


def test_a_missing_refused_value_is_refused() -> None:
    """An absent key of a feature that may not be guessed is an error, not a zero."""
    with pytest.raises(Invalid, match="may not guess"):
        CONTRACT.encoder().row({"ward": "other", "creatinine": 1.0, "visits": 0.0})


def test_rows_and_tables_encode_alike() -> None:
    """One row at a time gives the same matrix as the whole table, gaps included."""
    frame = encounters(50, 3)
    frame.loc[4, "ward"] = None
    frame.loc[7, "visits"] = np.nan
    encoder = CONTRACT.encoder()
    rows = frame[list(CONTRACT.names)].astype(object).where(frame[list(CONTRACT.names)].notna(), None)
    assert np.array_equal(encoder.table(frame), np.array([encoder.row(row) for row in rows.to_dict("records")]))


@pytest.mark.parametrize("kind", ["category", "string"])
def test_tables_may_hold_levels_in_any_text_type(kind: str) -> None:
    """Categorical and string columns encode as plain objects do."""
    frame = encounters(20, 4)
    plain = CONTRACT.encode_table(frame)
    assert np.array_equal(CONTRACT.encode_table(frame.assign(ward=frame["ward"].astype(kind))), plain)


@pytest.mark.parametrize(
    "column, values, words",
    [
        ("age", [1.0, None], "refuses a gap"),
        ("age", ["x", "y"], "not a number"),
        ("age", [1.0, np.inf], "infinite"),
        ("ward", ["medical", "icu"], "does not know"),
    ],
)
def test_a_table_that_breaks_the_contract_is_refused(column: str, values: list[object], words: str) -> None:
    """Strict encoding names the column and what is wrong with it."""
    frame = encounters(2, 5).assign(**{column: values})
    with pytest.raises(Invalid, match=words) as caught:
        CONTRACT.encode_table(frame)
    assert caught.value.path == f"features.{column}"


def test_a_missing_column_is_refused() -> None:
    """A table without a feature's column cannot be encoded."""
    with pytest.raises(Invalid, match="no column `age`"):
        CONTRACT.encode_table(encounters(3, 6).drop(columns="age"))


def test_loose_tables_keep_gaps_and_unknown_levels_visible() -> None:
    """Without strictness a refused gap is NaN and an unknown level an all-zero block."""
    frame = encounters(3, 6)
    frame.loc[0, "age"] = np.nan
    frame.loc[1, "ward"] = "icu"
    matrix = CONTRACT.encode_table(frame, strict=False)
    assert np.isnan(matrix[0, 0])
    assert matrix[1, 1:4].tolist() == [0, 0, 0]


def test_a_row_can_be_read_back_as_inputs() -> None:
    """`values` undoes `row`."""
    encoder = CONTRACT.encoder()
    assert encoder.values(encoder.row(VALUES)) == VALUES


def test_units_convert_by_their_factor() -> None:
    """The contract's own unit needs no factor, a listed one has its own, another is refused."""
    feature = CONTRACT.feature("creatinine")
    assert feature.factor("") == feature.factor("mg/dL") == 1.0
    assert feature.factor("umol/L") == 0.0113
    with pytest.raises(Invalid, match="not accepted"):
        feature.factor("g/L")


def test_bounds_are_inclusive() -> None:
    """`in_range` lets the bounds themselves pass."""
    feature = CONTRACT.feature("age")
    assert feature.in_range(18)
    assert feature.in_range(110)
    assert not feature.in_range(17.9)
    assert not feature.in_range(110.1)


NUMBER = Feature(name="x", kind="numeric")
CHOICE = Feature(name="x", kind="categorical", levels=("a", "b"))


@pytest.mark.parametrize(
    "feature, field",
    [
        (msgspec.structs.replace(NUMBER, name=" x"), "name"),
        (msgspec.structs.replace(NUMBER, name=""), "name"),
        (msgspec.structs.replace(NUMBER, levels=("a", "b")), "levels"),
        (msgspec.structs.replace(CHOICE, levels=("a",)), "levels"),
        (msgspec.structs.replace(CHOICE, levels=("a", "a")), "levels"),
        (msgspec.structs.replace(CHOICE, low=0.0), "low"),
        (msgspec.structs.replace(NUMBER, low=float("inf")), "low"),
        (msgspec.structs.replace(NUMBER, low=2.0, high=1.0), "high"),
        (msgspec.structs.replace(NUMBER, units={"h": 0.0}), "units"),
        (msgspec.structs.replace(NUMBER, missing="impute"), "impute"),
        (msgspec.structs.replace(NUMBER, impute=1.0), "impute"),
        (msgspec.structs.replace(NUMBER, missing="impute", impute="a"), "impute"),
        (msgspec.structs.replace(NUMBER, missing="impute", impute=5.0, high=4.0), "impute"),
        (msgspec.structs.replace(CHOICE, missing="impute", impute="c"), "impute"),
        (msgspec.structs.replace(NUMBER, max_age_hours=0.0), "max_age_hours"),
    ],
)
def test_a_wrong_declaration_is_found_with_its_field(feature: Feature, field: str) -> None:
    """`lint` names the field; `encoder` refuses the contract."""
    contract = Contract(features=(feature,))
    assert f"features.{feature.name}.{field}" in [problem.path for problem in contract.lint()]
    with pytest.raises(Invalid):
        contract.encoder()


def test_names_and_columns_are_unique() -> None:
    """A second feature of the same name is found, and so is one named as another's column."""
    assert Contract(features=(NUMBER, CHOICE)).lint()
    assert Contract(features=(CHOICE, Feature(name="x=a", kind="numeric"))).lint()
    assert Contract(features=()).lint()
    assert not CONTRACT.lint()


def test_a_contract_of_one_feature_encodes() -> None:
    """A single number, and a single category, are contracts too."""
    assert Contract(features=(NUMBER,)).encode_row({"x": 2}).tolist() == [2.0]
    assert Contract(features=(CHOICE,)).encode_row({"x": "b"}).tolist() == [0.0, 1.0]
    assert Contract(features=(CHOICE,)).encode_table(pd.DataFrame({"x": ["a", "b"]})).tolist() == [[1, 0], [0, 1]]


def test_a_contract_survives_storage() -> None:
    """JSON and back gives an equal contract."""
    assert msgspec.json.decode(msgspec.json.encode(CONTRACT), type=Contract) == CONTRACT
