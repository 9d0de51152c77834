"""Explanations: LIME against the authors' definition and shap, surrogates, changes, words and the picture."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest
from models_samples import CONTRACT, encounters, linear_package
from sklearn.linear_model import Ridge

from bedrail.checks.explanations.waterfall import page, waterfall
from bedrail.core.errors import Invalid
from bedrail.data.slips import reference_of
from bedrail.models.calibrate import sigmoids
from bedrail.models.contract import Contract, Feature
from bedrail.models.explain.account import TRUSTED, account
from bedrail.models.explain.changes import changes
from bedrail.models.explain.lime import Lime, log_odds, weighted_r2
from bedrail.models.explain.surrogate import distil
from bedrail.models.explain.words import percent, sentences
from bedrail.models.linear import LinearModel
from bedrail.models.predict import LoadedModel, open_model

PLAIN = Contract(features=tuple(Feature(name=f"x{i}", kind="numeric") for i in range(5)))
PATIENT = {"age": 71.0, "ward": "surgical", "creatinine": 3.1, "visits": None}


@pytest.fixture(scope="module")
def linear() -> LoadedModel:
    """The sample's linear model, opened."""
    package, model, _ = linear_package()
    return open_model(package, model)


def test_lime_is_the_ridge_line_of_its_definition() -> None:
    """Coefficients are those of scikit-learn's weighted ridge on the same flags, weights and answers."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 5))
    asked: list[np.ndarray] = []

    def ask(rows: np.ndarray) -> np.ndarray:
        asked.append(rows)
        return sigmoids(rows @ np.array([1.0, -2.0, 0.5, 0.0, 0.0]))

    lime = Lime(ask, PLAIN, X)
    told = lime.explain(X[0], np.random.default_rng(1), samples=800)
    (rows,) = asked
    assert rows.shape == (801, 5)
    cuts = np.quantile(X, [0.25, 0.5, 0.75], axis=0)
    flags = np.column_stack([np.digitize(rows[:, j], cuts[:, j]) == np.digitize(X[0, j], cuts[:, j]) for j in range(5)])
    distance = np.sqrt((~flags).sum(axis=1))
    weights = np.sqrt(np.exp(-(distance**2) / (0.75 * np.sqrt(5)) ** 2)) ** 2
    truth = log_odds(ask(rows))
    line = Ridge(alpha=1.0).fit(flags, truth, sample_weight=weights)
    np.testing.assert_allclose(told.contributions, line.coef_ * (1 - flags[1:].mean(axis=0)), rtol=1e-8)
    assert told.fidelity == pytest.approx(line.score(flags, truth, sample_weight=weights))
    assert told.base + told.contributions.sum() == pytest.approx(float(line.predict(flags[:1])[0]))
    with pytest.raises(Invalid, match="too few rows"):
        Lime(ask, PLAIN, X[:10])


def test_lime_ranks_the_inputs_of_a_line_as_exact_shares_do() -> None:
    """On a linear model the shares of LIME order inputs as Shapley values do; unused ones get nothing."""
    rng = np.random.default_rng(2)
    X, model = rng.normal(size=(400, 5)), LinearModel([2.0, -1.0, 0.5, 0.0, 0.0], -1.0)
    lime = Lime(model.scores, PLAIN, X)
    told = np.stack([lime.explain(X[i], rng, samples=1_500).contributions for i in range(12)])
    exact = model.contributions(X[:12], X.mean(axis=0))
    assert np.argsort(-np.abs(told).mean(axis=0)).tolist()[:3] == [0, 1, 2]
    assert np.abs(told[:, 3:]).max() < 0.25 * np.abs(told[:, :2]).max()
    assert np.corrcoef(told[:, 0], exact[:, 0])[0, 1] > 0.9


@pytest.mark.slow
def test_a_surrogate_is_as_faithful_as_the_truth_allows_and_says_so() -> None:
    """A line is distilled to a line, an additive curve to an additive model; what neither can say scores low."""
    rng = np.random.default_rng(3)
    X = rng.uniform(-2, 2, size=(1_600, 5))
    line = distil(PLAIN, X, sigmoids(X @ np.array([1.0, -1, 0.3, 0, 0])), rng)
    assert line.form == "linear"
    assert line.fidelity > 0.999
    curve = distil(PLAIN, X, sigmoids(2 * np.sin(2 * X[:, 0]) + X[:, 1] ** 2 - 1), rng)
    assert curve.form == "additive"
    assert curve.fidelity > 0.95
    scoring = curve.scoring()
    parts = scoring.parts(X)
    assert parts is not None
    assert scoring.base is not None
    np.testing.assert_allclose(scoring.base + parts.sum(axis=1), log_odds(scoring.scores(X)), atol=1e-6)
    assert np.abs(parts[:, 2:]).mean() < 0.1 * np.abs(parts[:, :2]).mean()
    knot = distil(PLAIN, X, sigmoids(3 * np.sign(X[:, 0] * X[:, 1] * X[:, 2])), rng)
    assert knot.fidelity < TRUSTED
    rising = distil(PLAIN, X, sigmoids(np.sin(3 * X[:, 0])), rng, forms=("additive",), directions={"x0": 1})
    grid = np.zeros((50, 5))
    grid[:, 0] = np.linspace(-2, 2, 50)
    assert (np.diff(rising.scoring().scores(grid)) >= -1e-12).all()
    with pytest.raises(Invalid, match="direction"):
        distil(CONTRACT, np.zeros((300, 6)), np.full(300, 0.5), rng, directions={"ward": 1})
    with pytest.raises(Invalid, match="200 rows"):
        distil(PLAIN, X[:50], np.full(50, 0.5), rng)


def test_shares_add_up_and_each_step_is_the_calibrated_risk_without_it(linear: LoadedModel) -> None:
    """Base plus shares is the margin; `without` is the calibrated risk at the margin less the share."""
    told = account(linear, PATIENT, threshold=0.3)
    assert told.way == "exact"
    assert told.base is not None
    row = linear.encoder.row(PATIENT)
    margin = float(log_odds(np.array([linear.score(row)]))[0])
    assert told.base + sum(s.contribution for s in told.shares) == pytest.approx(margin, abs=1e-9)
    for share in told.shares:
        apart = sigmoids(np.array([margin - share.contribution]))
        assert share.without == pytest.approx(float(linear.package.calibration.apply_many(apart)[0]), abs=1e-9)
    sizes = [abs(s.contribution) for s in told.shares]
    assert sizes == sorted(sizes, reverse=True)


def test_words_name_units_reference_ranges_gaps_and_limits(linear: LoadedModel) -> None:
    """Creatinine is told with unit and reference range, a filled gap as such, and what shares cannot say."""
    lines = sentences(account(linear, PATIENT, threshold=0.3, close=(("age", "visits"),)))
    text = "\n".join(lines)
    assert "creatinine 3.1 mg/dL (reference 0.5-1.3) raises the risk from" in text
    assert "visits 0 (not measured: a usual value was taken)" in text
    assert "age 71 years" in text
    assert "not what causes the outcome" in text
    assert "age and visits go together" in text
    assert reference_of("creatinine", "umol/L") == (44.21, 114.946)
    assert reference_of("creatinine", "furlong") is None
    own = Feature(name="creatinine", kind="numeric", unit="mg/dL", reference=(0.6, 1.2))
    assert not own.lint()
    assert Feature(name="c", kind="numeric", reference=(2.0, 1.0)).lint()
    assert [percent(p) for p in (0.0, 0.0123, 0.0996, 0.5, 0.999)] == [
        "under 0.1 %",
        "1.2 %",
        "10 %",
        "50 %",
        "over 99 %",
    ]


def test_a_black_box_shows_its_surrogates_reasons_with_fidelity_or_says_there_are_none() -> None:
    """Without a surrogate it is said plainly; with one, its shares come with a sentence on how far to trust them."""
    package, model, _ = linear_package()

    class Closed(LoadedModel):
        """The same model that cannot say why."""

        __slots__ = ()

        def contributions(self, x: np.ndarray) -> None:
            return None

    opened = open_model(package, model)
    closed = Closed(package, opened._scoring)
    none = account(closed, PATIENT)
    assert (none.way, none.shares) == ("none", ())
    assert "There are no reasons" in sentences(none)[-1]
    assert waterfall(none) == ""
    X = opened.encoder.table(encounters(800, 9))
    taught = distil(CONTRACT, X, opened.scores(X), np.random.default_rng(0))
    told = account(closed, PATIENT, surrogate=taught)
    assert told.way == "surrogate"
    exact = {s.feature: s.contribution for s in account(opened, PATIENT).shares}
    assert {s.feature: s.contribution for s in told.shares}["creatinine"] == pytest.approx(exact["creatinine"], rel=0.1)
    assert "of a simpler model that explains 100 %" in " ".join(told.limits)
    doubtful = account(closed, PATIENT, surrogate=type(taught)(**{**_fields(taught), "fidelity": 0.4}))
    assert "too little to trust" in doubtful.limits[0]


def _fields(value: object) -> dict[str, object]:
    return {name: getattr(value, name) for name in value.__struct_fields__}  # type: ignore[attr-defined]


def test_changes_are_the_smallest_that_cross_within_bounds_and_only_of_actionable_inputs(linear: LoadedModel) -> None:
    """The nearest crossing value of each named input is found; nothing else is touched, and gaps stay gaps."""
    risk = account(linear, PATIENT, threshold=0.3).risk
    threshold = risk - 0.1
    found = changes(linear, PATIENT, threshold, ["creatinine", "visits"])
    assert found
    ((name, _, before, after, unit),) = found[0].moves
    assert (name, before, unit) == ("creatinine", 3.1, "mg/dL")
    assert isinstance(after, float)
    assert 0.1 <= after < 3.1
    assert found[0].risk < threshold
    grid = np.linspace(0.1, 20, 60)
    nearer = grid[(np.abs(grid - 3.1) < abs(after - 3.1))]
    rows = np.stack([linear.encoder.row({**PATIENT, "creatinine": float(v)}) for v in nearer])
    assert (linear.package.calibration.apply_many(linear.scores(rows)) >= threshold).all()
    assert all(move[0] != "visits" for change in found for move in change.moves)
    told = account(linear, PATIENT, threshold=threshold, actionable=["creatinine"])
    assert any("mg/dL the model would say" in line for line in sentences(told))
    assert "No input is declared" in " ".join(account(linear, PATIENT, threshold=0.3).limits)


def test_the_picture_carries_its_words_and_draws_every_share(linear: LoadedModel) -> None:
    """The SVG is well formed, has title and description with every step, and stands in a page without outside links."""
    told = account(linear, PATIENT, threshold=0.3)
    drawn = waterfall(told)
    root = ET.fromstring(drawn)
    space = "{http://www.w3.org/2000/svg}"
    assert root.attrib["role"] == "img"
    words = root.find(f"{space}desc")
    assert words is not None
    assert words.text is not None
    assert all(share.label in words.text for share in told.shares)
    assert len(root.findall(f"{space}rect")) == len(told.shares)
    whole = page(told, sentences(told), "<Decision>")
    assert "&lt;Decision&gt;" in whole
    assert "src=" not in whole


def test_r2_is_that_of_scikit_learn_and_constant_answers_are_explained_or_not() -> None:
    """Weighted R2 agrees with scikit-learn; where answers never vary only the same constant is faithful."""
    from sklearn.metrics import r2_score

    rng = np.random.default_rng(4)
    truth, weights = rng.normal(size=50), rng.uniform(size=50)
    said = truth + rng.normal(size=50) * 0.3
    assert weighted_r2(truth, said, weights) == pytest.approx(r2_score(truth, said, sample_weight=weights))
    assert weighted_r2(np.ones(5), np.ones(5)) == 1.0
    assert weighted_r2(np.ones(5), np.zeros(5)) == -1.0
    assert pd.notna(weighted_r2(truth, truth[::-1].copy()))
