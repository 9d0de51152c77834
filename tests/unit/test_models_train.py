"""Training by recipe: same inputs, same bytes; the model is the library's own; the lineage says how."""

from __future__ import annotations

from pathlib import Path

import lightgbm as lgb
import msgspec
import numpy as np
import pytest
from models_samples import CONTRACT, encounters
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bedrail.core.errors import Invalid
from bedrail.models.package import load_package, write_package
from bedrail.models.train import RECIPES, train
from bedrail.models.values import Lineage

TRAIN, CALIBRATION, FRESH = encounters(4000, 1), encounters(1500, 2), encounters(1500, 3)
LINEAGE = Lineage(origin="trained", dataset="d" * 64, split="s" * 64, code="1")


QUICK: dict[str, dict[str, object]] = {
    "ebm": {"outer_bags": 1, "interactions": 2, "max_rounds": 60, "learning_rate": 0.2}
}


@pytest.mark.parametrize("recipe", list(RECIPES))
def test_the_same_inputs_give_the_same_bytes(recipe: str, tmp_path: Path) -> None:
    """Two trainings with one seed write byte-identical packages; the data stays as it was."""
    before = TRAIN.copy()
    files = []
    for name in ("a", "b"):
        package, model = train(
            recipe,
            TRAIN,
            CALIBRATION,
            CONTRACT,
            "outcome",
            seed=7,
            lineage=LINEAGE,
            subject="patient",
            settings=QUICK.get(recipe),
        )
        write_package(tmp_path / name, package, model)
        files.append({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()})
    assert files[0] == files[1]
    assert TRAIN.equals(before)


@pytest.mark.parametrize("recipe", list(RECIPES))
@pytest.mark.slow
def test_a_trained_model_ranks_and_is_calibrated(recipe: str, tmp_path: Path) -> None:
    """On fresh patients the AUROC of the score is near the best possible, and the mean risk near the observed rate."""
    package, model = train(recipe, TRAIN, CALIBRATION, CONTRACT, "outcome", settings=QUICK.get(recipe))
    write_package(tmp_path / "p", package, model)
    loaded = load_package(tmp_path / "p")
    answers = loaded.assess_many(loaded.encoder.table(FRESH))
    y = FRESH["outcome"].to_numpy()
    margin = (
        0.03 * (FRESH["age"] - 65)
        + 0.9 * FRESH["creatinine"]
        + 0.3 * FRESH["visits"]
        + 0.4 * (FRESH["ward"] == "surgical")
    )
    assert roc_auc_score(y, answers.raw) > roc_auc_score(y, margin) - 0.03
    assert abs(answers.risk.mean() - y.mean()) < 0.04
    parts = loaded.contributions(loaded.encoder.table(FRESH)[:5])
    assert parts is not None
    assert parts.shape == (5, 4)


def test_the_logistic_recipe_is_scikit_learns_model_folded() -> None:
    """Raw scores equal those of a scaler and a logistic regression in a pipeline."""
    package, model = train("logistic", TRAIN, CALIBRATION, CONTRACT, "outcome")
    from bedrail.models.predict import open_model

    X, fresh = CONTRACT.encode_table(TRAIN), CONTRACT.encode_table(FRESH)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=2000)).fit(X, TRAIN["outcome"])
    assert np.abs(open_model(package, model).scores(fresh) - pipeline.predict_proba(fresh)[:, 1]).max() < 1e-9


def test_the_boosting_recipe_is_stored_as_lightgbms_own_text() -> None:
    """LightGBM reads the model file and gives the same scores."""
    package, model = train("boosting", TRAIN, CALIBRATION, CONTRACT, "outcome", settings={"rounds": 40})
    from bedrail.models.predict import open_model

    fresh = CONTRACT.encode_table(FRESH)
    theirs = lgb.Booster(model_str=model.decode()).predict(fresh, num_threads=1)
    assert np.abs(open_model(package, model).scores(fresh) - theirs).max() < 1e-12
    assert package.model_file == "model.txt"
    assert 1 <= int(package.lineage.parameters["trees"]) <= 40


def test_another_seed_gives_another_forest() -> None:
    """The seed decides the draws of the boosting recipe."""
    models = [train("boosting", TRAIN, CALIBRATION, CONTRACT, "outcome", seed=seed)[1] for seed in (1, 2)]
    assert models[0] != models[1]


def test_the_lineage_says_how_the_model_was_made() -> None:
    """Digests are kept; recipe, settings, seed and versions are added."""
    package, _ = train(
        "logistic", TRAIN, CALIBRATION, CONTRACT, "outcome", seed=3, lineage=LINEAGE, settings={"C": 0.5}
    )
    lineage = package.lineage
    assert (lineage.dataset, lineage.split, lineage.code) == (LINEAGE.dataset, LINEAGE.split, "1")
    assert (lineage.recipe, lineage.seed, lineage.parameters["C"]) == ("logistic", 3, 0.5)
    assert {"python", "numpy", "scikit-learn"} <= set(lineage.libraries)
    assert msgspec.json.decode(msgspec.json.encode(package), type=type(package)) == package


def test_progress_is_reported_and_rises() -> None:
    """Shares go from 0 to 1 and never back."""
    told: list[tuple[str, float]] = []
    train("boosting", TRAIN, CALIBRATION, CONTRACT, "outcome", progress=lambda what, share: told.append((what, share)))
    shares = [share for _, share in told]
    assert shares[0] == 0.0
    assert shares[-1] == 1.0
    assert shares == sorted(shares)
    assert all(what for what, _ in told)


def test_patients_in_both_tables_are_refused() -> None:
    """A calibration patient whom the model was trained on would flatter it."""
    with pytest.raises(Invalid, match="both in the training and in the calibration") as caught:
        train("logistic", TRAIN, TRAIN, CONTRACT, "outcome", subject="patient")
    assert caught.value.path == "patient"


@pytest.mark.parametrize(
    "change, path",
    [
        ({"recipe": "magic"}, "recipe"),
        ({"outcome": "death"}, "death"),
        ({"settings": {"trees": 3}}, "settings.trees"),
        ({"subject": "person"}, "person"),
        ({"frame_train": TRAIN.assign(outcome=0)}, "outcome"),
        ({"frame_train": TRAIN.assign(outcome=2)}, "outcome"),
        ({"frame_train": TRAIN.assign(outcome=np.nan)}, "outcome"),
        ({"frame_cal": CALIBRATION.head(12)}, "outcomes"),
        ({"recipe": "boosting", "frame_train": TRAIN.assign(patient=1), "subject": "patient"}, "outcome"),
    ],
)
def test_what_cannot_be_trained_is_refused_with_the_path(change: dict[str, object], path: str) -> None:
    """Unknown recipes and settings, missing columns and useless outcomes are the caller's to mend."""
    usual = {
        "recipe": "logistic",
        "frame_train": TRAIN,
        "frame_cal": CALIBRATION,
        "contract": CONTRACT,
        "outcome": "outcome",
    }
    with pytest.raises(Invalid) as caught:
        train(**{**usual, **change})  # type: ignore[arg-type]
    assert caught.value.path == path
    assert caught.value.remedy
