"""Loaded models: one row and many rows agree, risks lie in their intervals, contributions sum up."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from models_samples import CONTRACT, encounters, linear_package

from bedrail.core.errors import Corrupt, Invalid, Unavailable
from bedrail.models.calibrate import Method
from bedrail.models.linear import LinearModel
from bedrail.models.predict import LoadedModel, RemoteModel, open_model
from bedrail.models.values import Lineage, Package
from bedrail.models.wrap import wrap


@pytest.fixture(name="model")
def loaded() -> LoadedModel:
    """The sample package, opened."""
    package, model, _ = linear_package()
    return open_model(package, model)


def test_one_row_is_assessed_as_many_are(model: LoadedModel) -> None:
    """`assess` and `assess_many` agree in every field."""
    X = model.encoder.table(encounters(200, 9))
    many = model.assess_many(X)
    for i, x in enumerate(X):
        one = model.assess(x)
        for name in ("raw", "risk", "low", "high", "p_values", "ood_distance", "ood"):
            assert np.allclose(getattr(one, name), getattr(many, name)[i], rtol=0, atol=1e-12), name


@pytest.mark.parametrize("method", ["venn-abers", "isotonic", "platt"])
def test_the_risk_lies_in_its_interval_whatever_the_calibration(method: Method) -> None:
    """low <= risk <= high for each method, on rows near and far."""
    train, calibration = encounters(300, 1), encounters(300, 2)
    encoder = CONTRACT.encoder()
    weights = LinearModel([0.03, -0.1, 0.3, -0.2, 0.8, 0.25], -4.5).to_bytes()
    y = calibration["outcome"].to_numpy()
    package = wrap(
        "linear",
        weights,
        CONTRACT,
        encoder.table(calibration),
        y,
        encoder.table(train),
        name="m",
        lineage=Lineage(origin="imported"),
        calibration=method,
    )
    model = open_model(package, weights)
    X = encoder.table(encounters(500, 3)) * np.random.default_rng(4).uniform(0.1, 3, (500, 1))
    many = model.assess_many(X)
    assert (many.low <= many.risk).all()
    assert (many.risk <= many.high).all()
    assert all(one.low <= one.risk <= one.high for one in map(model.assess, X))


def test_contributions_of_features_sum_to_the_margin(model: LoadedModel) -> None:
    """One number per feature, one-hot columns summed, on the log-odds scale; rows and tables agree."""
    X = model.encoder.table(encounters(50, 5))
    parts = model.contributions(X)
    assert parts is not None
    assert parts.shape == (50, 4)
    assert model.base is not None
    assert model.scale == "log-odds"
    for x, row in zip(X, parts, strict=True):
        one = model.contributions(x)
        assert one is not None
        assert np.allclose(one, row, atol=1e-12)
        raw = model.score(x)
        assert model.base + one.sum() == pytest.approx(math.log(raw / (1 - raw)), abs=1e-9)
    assert parts.mean(axis=0)[0] == pytest.approx(0.03 * (X[:, 0].mean() - model.package.background[0]))


def test_an_encounter_unlike_any_is_marked(model: LoadedModel) -> None:
    """A tenfold creatinine is beyond the limit, and named."""
    x = model.encoder.table(encounters(5, 6))[0].copy()
    assert not model.assess(x).ood
    x[4] = 60.0
    assert model.assess(x).ood
    assert model.strangeness(x)[0].feature == "creatinine"


def test_a_package_without_a_distance_marks_nothing() -> None:
    """The distance is 0 and never beyond a limit."""
    package, data, _ = linear_package()
    model = open_model(msgspec.structs.replace(package, ood=None), data)
    x = model.encoder.table(encounters(5, 6))[0] * 1000
    assert (model.assess(x).ood_distance, model.assess(x).ood) == (0.0, False)
    assert not model.assess_many(x[None, :]).ood[0]
    assert model.strangeness(x) == ()


@pytest.mark.parametrize("raw", [float("nan"), -0.1, 1.1, float("inf")])
def test_a_score_that_is_no_probability_is_unavailable(model: LoadedModel, raw: float) -> None:
    """Nothing is calibrated that a broken model said."""
    x = model.encoder.table(encounters(5, 6))[0]
    with pytest.raises(Unavailable):
        model.judge(raw, x)
    with pytest.raises(Unavailable):
        model.judge_many(np.array([0.5, raw]), np.array([x, x]))


def remote_package() -> Package:
    """A vendor's package: fitted on answers, without weights."""
    train, calibration = encounters(300, 1), encounters(300, 2)
    encoder = CONTRACT.encoder()
    return wrap(
        "remote",
        b"",
        CONTRACT,
        encoder.table(calibration),
        calibration["outcome"].to_numpy(),
        encoder.table(train),
        name="vendor",
        lineage=Lineage(origin="vendor"),
        endpoint="vendor-a",
        scores_cal=np.clip(calibration["age"].to_numpy() / 120, 0, 1),
    )


def test_a_vendor_is_asked_with_inputs_and_judged_like_any_model() -> None:
    """The scorer gets the contract's inputs; risk, interval and p-values come from its package; no reasons."""
    asked: list[dict[str, object]] = []

    def scorer(values: object) -> float:
        asked.append(dict(values))  # type: ignore[call-overload]
        return 0.5

    model = open_model(remote_package(), b"", scorer)
    inputs = {"age": 70.0, "ward": "surgical", "creatinine": 1.0, "visits": 2.0}
    x = model.encoder.row(inputs)
    assessment = model.assess(x)
    assert asked == [inputs]
    assert assessment == model.judge(0.5, x)
    assert assessment.low <= assessment.risk <= assessment.high
    assert model.contributions(x) is None
    assert model.base is None
    assert model.scores(np.array([x, x])).tolist() == [0.5, 0.5]


def test_a_vendor_that_is_not_connected_is_unavailable() -> None:
    """Without a scorer nothing can be asked, but answers fetched elsewhere can be judged."""
    model = RemoteModel(remote_package())
    x = model.encoder.table(encounters(3, 3))[0]
    with pytest.raises(Unavailable, match="vendor-a"):
        model.assess(x)
    assert model.judge(0.4, x).raw == 0.4


def test_a_remote_package_needs_answers_and_an_endpoint() -> None:
    """Without either there is nothing to wrap."""
    train = encounters(300, 1)
    X = CONTRACT.encode_table(train)
    y = train["outcome"].to_numpy()
    lineage = Lineage(origin="vendor")
    with pytest.raises(Invalid, match="answers"):
        wrap("remote", b"", CONTRACT, X, y, X, name="v", lineage=lineage, endpoint="e")
    with pytest.raises(Invalid) as caught:
        wrap("remote", b"", CONTRACT, X, y, X, name="v", lineage=lineage, scores_cal=np.full(300, 0.5))
    assert caught.value.path == "endpoint"


@pytest.mark.parametrize("kind, data", [("linear", b"{}"), ("trees", b"tree\n"), ("trees", b"\xff"), ("trees", b"{}")])
def test_bytes_that_are_no_model_are_corrupt(kind: str, data: bytes) -> None:
    """Opening other bytes than a model's names the trouble."""
    package, _, _ = linear_package()
    with pytest.raises(Corrupt):
        open_model(msgspec.structs.replace(package, kind=kind), data)


def test_wrapping_rows_of_another_width_is_refused() -> None:
    """The error says which table does not fit."""
    _, data, _ = linear_package()
    X = CONTRACT.encode_table(encounters(100, 1))
    with pytest.raises(Invalid) as caught:
        wrap("linear", data, CONTRACT, X[:, :3], [0, 1] * 50, X, name="m", lineage=Lineage(origin="imported"))
    assert caught.value.path == "X_cal"
