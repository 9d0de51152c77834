"""Claims about recipes as files and about models trained again."""

from __future__ import annotations

import hashlib
import importlib
from importlib.metadata import version
from pathlib import Path

import msgspec
import numpy as np
import pytest
from models_samples import CONTRACT, encounters

from bedrail.core.errors import Invalid, Refused
from bedrail.core.values import Verdict
from bedrail.models.environment import machine_now, versions_of
from bedrail.models.recipe_file import parse_recipe, read_recipe, recipe_text, require_environment
from bedrail.models.reproduce import CHECK, compare, differences, evidence_of
from bedrail.models.train import train
from bedrail.models.values import Lineage, Package

TRAIN, CALIBRATION = encounters(900, 1), encounters(900, 2)
TEXT = """
[recipe]
kind = "boosting"
seed = 7
features = ["creatinine", "age"]

[settings]
rounds = 20
min_data_in_leaf = 40

[calibration]
method = "isotonic"
confidence = 0.9
"""


def trained(seed: int = 7, rounds: int = 20) -> tuple[Package, bytes]:
    settings = {"rounds": rounds, "min_data_in_leaf": 40}
    return train("boosting", TRAIN, CALIBRATION, CONTRACT, "outcome", seed=seed, settings=settings)


def test_a_recipe_says_what_is_trained_and_how() -> None:
    """Kind, seed, chosen features in the contract's order, settings, calibration; pins do not count."""
    recipe = parse_recipe(TEXT)
    assert (recipe.recipe.kind, recipe.recipe.seed, recipe.settings["rounds"]) == ("boosting", 7, 20)
    assert (recipe.calibration.method, recipe.calibration.confidence) == ("isotonic", 0.9)
    assert recipe.contract(CONTRACT).names == ("age", "creatinine")
    assert read_recipe("boosting")[0].contract(CONTRACT) == CONTRACT
    pinned = parse_recipe(TEXT + '\n[environment.libraries]\nnumpy = "1.0"\n')
    assert pinned.digest == recipe.digest != parse_recipe(TEXT.replace("= 20", "= 21")).digest
    spelled_out = TEXT.replace("rounds = 20", "rounds = 20\nnum_leaves = 15")
    assert parse_recipe(spelled_out).digest == recipe.digest


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ('kind = "boosting"', 'kind = "magic"', "recipe.toml:3 recipe.kind"),
        ("rounds = 20", "trees = 20", "recipe.toml:8 settings.trees"),
        ("rounds = 20", 'rounds = "many"', "recipe.toml:8 settings.rounds"),
        ("seed = 7", "seed = -1", "recipe.toml:4 recipe.seed"),
        ("confidence = 0.9", "confidence = 2.0", "recipe.toml:13 calibration.confidence"),
        ("[calibration]", "[calibrations]", "recipe.toml:11 calibrations"),
        ("[recipe]", "[recipe", "recipe.toml:2"),
    ],
)
def test_a_mistake_in_a_recipe_is_named_by_its_line(old: str, new: str, path: str) -> None:
    """Unknown kinds, settings and tables, numbers out of range and what is no TOML are the caller's to mend."""
    with pytest.raises(Invalid) as caught:
        parse_recipe(TEXT.replace(old, new))
    assert caught.value.path == path
    assert caught.value.remedy


def test_a_recipe_that_is_not_there_or_asks_for_unknown_features_is_refused(tmp_path: Path) -> None:
    """A name of no recipe, a file that is not there, a feature that the use case does not have."""
    for given in ("magic", str(tmp_path / "none.toml")):
        with pytest.raises(Invalid):
            read_recipe(given)
    with pytest.raises(Invalid, match="lactate"):
        parse_recipe(TEXT.replace('"age"', '"lactate"')).contract(CONTRACT)


def test_what_is_installed_must_be_what_the_recipe_pins(tmp_path: Path) -> None:
    """Versions, Python and the lock by its digest: each difference is named, and equal ones let training begin."""
    there = versions_of(("lightgbm", "numpy"))
    assert {"python", "lightgbm", "numpy", "scipy"} <= set(there)
    lock = tmp_path / "the.lock"
    lock.write_text(f"numpy=={version('numpy')} \\\n    --hash=sha256:00\nlightgbm==0.1\nelsewhere==9\n")
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    pins = f'\n[environment]\npython = "3.11"\nlock = "the.lock"\nlock_sha256 = "{digest}"\n'
    with pytest.raises(Refused) as refused:
        require_environment(parse_recipe(TEXT + pins), tmp_path)
    assert refused.value.reasons == (f"lightgbm is {there['lightgbm']}, the recipe pins 0.1",)
    lock.write_text(f"numpy=={version('numpy')}\n")
    with pytest.raises(Refused, match="the lock is not the one"):
        require_environment(parse_recipe(TEXT + pins), tmp_path)
    equal = f'\n[environment]\nlock = "the.lock"\n[environment.libraries]\nlightgbm = "{there["lightgbm"]}"\n'
    require_environment(parse_recipe(TEXT + equal), tmp_path)
    with pytest.raises(Refused, match="not what the recipe pins") as refused:
        require_environment(parse_recipe(TEXT + '\n[environment.libraries]\nno-such-library = "1"\n'), None)
    assert refused.value.reasons == ("no-such-library is not installed, the recipe pins 1",)


def test_the_recipe_of_a_package_trains_the_same_bytes_again() -> None:
    """What is printed for a package holds here and gives the same model."""
    package, model = trained()
    recipe = parse_recipe(recipe_text(package))
    require_environment(recipe, None)
    again = train(
        recipe.recipe.kind,
        TRAIN,
        CALIBRATION,
        recipe.contract(CONTRACT),
        "outcome",
        seed=recipe.recipe.seed,
        settings=recipe.settings,
        calibration=recipe.calibration.method,
        confidence=recipe.calibration.confidence,
        ood_quantile=recipe.calibration.ood_quantile,
    )
    assert again == (package, model)
    with pytest.raises(Invalid, match="was not trained by a recipe"):
        recipe_text(msgspec.structs.replace(package, lineage=Lineage(origin="imported")))


@pytest.mark.slow
def test_the_same_and_another_model_are_told_apart() -> None:
    """Same bytes pass, so do other bytes with the same answers; other trees fail, counted in rows and size."""
    first, X = trained(), CONTRACT.encode_table(TRAIN)
    same = compare(first, trained(), X)
    assert (same.outcome, same.parts, same.raw_gap) == ("same bytes", (), 0.0)
    assert evidence_of(same, (), seed=7).verdict is Verdict.PASS
    other = compare(first, trained(seed=8), X)
    assert other.outcome == "other answers"
    assert 0 < other.differing <= len(X)
    told = evidence_of(other, (), seed=7, deterministic=True)
    assert (told.check, told.verdict) == (CHECK, Verdict.FAIL)
    assert "the model was not made from what its record says" in told.reason
    renamed = first[1].replace(b"[seed: 7]", b"[seed: 9]")
    assert renamed != first[1]
    nearly = compare(first, (first[0], renamed), X)
    assert nearly.outcome == "same answers"
    assert evidence_of(nearly, (), seed=7).verdict is Verdict.PASS


@pytest.mark.slow
def test_what_was_another_when_it_was_made_is_named() -> None:
    """Library versions, code and machine that differ from the record explain a difference; equal ones are not told."""
    package, _ = trained()
    assert differences(package.lineage) == ()
    libraries = {**package.lineage.libraries, "lightgbm": "3.0.0", "gone": "1"}
    earlier = msgspec.structs.replace(package.lineage, libraries=libraries, code="0.0", machine="abacus")
    found = {each.what: each.recorded for each in differences(earlier)}
    assert found == {
        "lightgbm": "3.0.0",
        "gone": "1",
        "Bedrail's training code": "0.0",
        "the machine": "abacus",
    }
    other = compare(trained(), trained(rounds=3), CONTRACT.encode_table(TRAIN))
    told = evidence_of(other, differences(earlier), seed=7, deterministic=True)
    assert "lightgbm was 3.0.0, now" in told.reason
    assert "gone was 1, now not there" in told.reason
    assert "not deterministic" in evidence_of(other, (), seed=7, deterministic=False).reason


def test_training_does_not_depend_on_the_number_of_threads() -> None:
    """Linear algebra runs on one thread while a recipe trains, however many there were before."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=2):
        two = train("logistic", TRAIN, CALIBRATION, CONTRACT, "outcome")
    with threadpool_limits(limits=1):
        one = train("logistic", TRAIN, CALIBRATION, CONTRACT, "outcome")
    assert one == two
    assert np.isfinite(one[0].background).all()


def test_the_machine_is_told_alike_whatever_else_was_imported() -> None:
    """OpenCV brings linear algebra of its own; it is none that a training runs on."""
    before = machine_now()
    importlib.import_module("cv2")
    assert machine_now() == before
    assert "openblas" in before.lower() or "mkl" in before.lower() or "blis" in before.lower()
