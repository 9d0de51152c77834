"""Models of a real MLflow registry: brought in by name, bound to their bytes, and noticed when they change there."""

from __future__ import annotations

import json
from collections.abc import Iterator

import lightgbm as lgb
import numpy as np
import pytest
import xgboost as xgb
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bedrail.app import App
from bedrail.cli import main
from bedrail.core.errors import Invalid, NotFound, Refused, Unavailable
from bedrail.core.values import Verdict
from bedrail.journeys import delivery, registry_sources
from bedrail.journeys.dataset_reads import read_part
from bedrail.journeys.delivery import load_candidate
from bedrail.journeys.egress import allow_egress, close_egress
from bedrail.journeys.examination import load_model
from bedrail.models.importers import import_sklearn
from bedrail.models.package import package_from
from mlflow_server import Mlflow
from small_home import CASE, copied, opened

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def mlflow() -> Iterator[Mlflow]:
    server = Mlflow()
    yield server
    server.close()


@pytest.fixture
def app(tmp_path_factory: pytest.TempPathFactory, mlflow: Mlflow) -> Iterator[App]:
    """A copy of the small home that may ask the server: each test its own, for some close the door."""
    with opened(copied(tmp_path_factory, "registries")) as made:
        with pytest.raises(Refused, match="nobody allowed"):
            bring(made, mlflow, "models:/risk/1", "early")
        allow_egress(made.context, "olivia", f"127.0.0.1:{mlflow.port}", "loopback", "the models' registry")
        yield made


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> tuple[np.ndarray, np.ndarray]:
    with opened(copied(tmp_path_factory, "rows")) as made:
        table = read_part(made.context, CASE, "train")
        charter = made.context.charter(CASE)
    return charter.contract().encoder().table(table), table[charter.data.outcome].to_numpy()


@pytest.fixture(scope="module")
def boosters(rows: tuple[np.ndarray, np.ndarray]) -> list[bytes]:
    fixed = {"objective": "binary", "verbosity": -1, "num_threads": 1}
    data = lgb.Dataset(*rows, params={"verbosity": -1})
    return [lgb.train({**fixed, "seed": seed}, data, 4 + seed).model_to_string().encode() for seed in (1, 2)]


def bring(app: App, mlflow: Mlflow, uri: str, name: str) -> str:
    return registry_sources.import_registered(app.context, "sam", CASE, uri, mlflow.address, name=name)


def test_models_come_in_by_version_alias_run_and_id(
    app: App, mlflow: Mlflow, rows: tuple[np.ndarray, np.ndarray], boosters: list[bytes]
) -> None:
    """LightGBM, XGBoost and our own format; each answers as its original, and its lineage says where it stood."""
    X, y = rows
    model, _ = mlflow.logged("lightgbm", {"model.lgb": boosters[0]})
    assert mlflow.version("risk", model) == "1"
    mlflow.ask("POST", "registered-models/alias", name="risk", alias="champion", version="1")
    theirs = lgb.Booster(model_str=boosters[0].decode()).predict(X[:50], num_threads=1)
    for uri, name in (("models:/risk/1", "v1"), ("models:/risk@champion", "champion"), (f"models:/{model}", "by-id")):
        digest = bring(app, mlflow, uri, name)
        loaded = load_model(app.context, digest)
        assert np.abs(loaded.scores(X[:50]) - theirs).max() < 1e-12
        source = loaded.package.lineage.registry
        assert source is not None
        assert (source.uri, source.address, source.file) == (uri, mlflow.address, "model.lgb")
        assert source.version == ("" if name == "by-id" else "1")
    extreme = xgb.XGBClassifier(n_estimators=4, n_jobs=1).fit(X, y).get_booster()
    run = mlflow.ask("POST", "runs/create", experiment_id="0")["run"]["info"]
    place = run["artifact_uri"].removeprefix("mlflow-artifacts:/")
    model, logged = mlflow.logged("xgboost", {"model.ubj": bytes(extreme.save_raw("ubj"))})
    for name in ("MLmodel", "model.ubj"):
        mlflow.put(f"{place}/model/{name}", (mlflow.folder / "artifacts" / logged / name).read_bytes())
    digest = bring(app, mlflow, f"runs:/{run['run_id']}/model", "of-a-run")
    theirs = extreme.inplace_predict(X[:50])
    assert np.abs(load_model(app.context, digest).scores(X[:50]) - theirs).max() < 1e-6
    scaled = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)).fit(X, y)
    model, _ = mlflow.logged(
        "sklearn-pickle", {"model.pkl": b"\x80\x04.", "bedrail.json": import_sklearn(scaled).model}
    )
    loaded = load_model(app.context, bring(app, mlflow, f"models:/{model}", "beside-a-pickle"))
    assert loaded.package.kind == "linear"
    assert np.abs(loaded.scores(X[:50]) - scaled.predict_proba(X[:50])[:, 1]).max() < 1e-9


@pytest.mark.parametrize(("flavour", "file"), [("sklearn-pickle", "model.pkl"), ("sklearn-skops", "model.skops")])
def test_flavours_that_run_code_are_refused_with_what_to_do(app: App, mlflow: Mlflow, flavour: str, file: str) -> None:
    """A pickle is not even fetched, whatever is in it; nothing is admitted."""
    before = set(app.context.use_case(CASE).candidates)
    model, _ = mlflow.logged(flavour, {file: b"\x80\x04cos\nsystem\n."})
    with pytest.raises(Refused, match="without running code") as refused:
        bring(app, mlflow, f"models:/{model}", "pickled")
    assert "Booster" in refused.value.remedy
    disguised, _ = mlflow.logged("lightgbm", {"model.lgb": b"\x80\x04cos\nsystem\n."})
    with pytest.raises(Refused, match="pickle"):
        bring(app, mlflow, f"models:/{disguised}", "disguised")
    assert set(app.context.use_case(CASE).candidates) == before


def test_what_is_not_there_is_said(app: App, mlflow: Mlflow) -> None:
    """An unknown model, version or alias; a name that moves; no registry; a server that does not answer."""
    for uri in ("models:/nothing/1", "models:/nothing@champion", f"models:/m-{'0' * 32}", f"runs:/{'0' * 32}/model"):
        with pytest.raises(NotFound):
            bring(app, mlflow, uri, "none")
    for uri in ("models:/risk/latest", "models:/risk/Production", "models:/risk", "runs:/x/../y", "file:///etc/passwd"):
        with pytest.raises(Invalid, match="no model in an MLflow registry"):
            bring(app, mlflow, uri, "none")
    with pytest.raises(Invalid, match="no registry was named"):
        registry_sources.import_registered(app.context, "sam", CASE, "models:/risk/1", "", name="none")
    allow_egress(app.context, "olivia", "127.0.0.1:1", "loopback", "nobody is there")
    with pytest.raises(Unavailable, match="does not answer"):
        registry_sources.import_registered(
            app.context, "sam", CASE, "models:/risk/1", "http://127.0.0.1:1", name="none"
        )


def test_a_moved_alias_and_changed_bytes_are_noticed_refused_and_recorded(
    app: App, mlflow: Mlflow, boosters: list[bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    """The same: pass. Moved: fail, the approved bytes go on. Changed: fail, and nothing serves after."""
    ctx = app.context
    first, place = mlflow.logged("lightgbm", {"model.lgb": boosters[0]})
    second, _ = mlflow.logged("lightgbm", {"model.lgb": boosters[1]})
    mlflow.version("falls", first)
    mlflow.version("falls", second)
    mlflow.ask("POST", "registered-models/alias", name="falls", alias="live", version="1")
    digest = bring(app, mlflow, "models:/falls@live", "live")
    assert registry_sources.check_source(ctx, "sam", CASE, "live").verdict is Verdict.PASS

    mlflow.ask("POST", "registered-models/alias", name="falls", alias="live", version="2")
    moved = registry_sources.check_source(ctx, "sam", CASE, "live")
    assert moved.verdict is Verdict.FAIL
    assert "is version 2 now" in moved.reason
    assert "not taken over" in moved.reason
    source = package_from(load_candidate(ctx, digest))[0].lineage.registry
    assert source is not None
    assert source.version == "1"
    assert digest not in ctx.refresh().refused_artifacts
    mlflow.ask("POST", "registered-models/alias", name="falls", alias="live", version="1")

    delivery.deploy(ctx, "rob", CASE, "shadow", candidate="live")
    told: list[str] = []
    assert [each.verdict for each in registry_sources.check_deployed_sources(ctx, told.append)] == [Verdict.PASS]
    assert told[0].startswith(f"{CASE}: pass")

    mlflow.put(f"{place}/model.lgb", boosters[0].replace(b"leaf_value=", b"leaf_value=-"))
    (changed,) = registry_sources.check_deployed_sources(ctx, told.append)
    assert changed.verdict is Verdict.FAIL
    assert "are not those brought in" in changed.reason
    assert "model.lgb" in ctx.refresh().refused_artifacts[digest]
    recorded = ctx.use_case(CASE).evidence[digest, "registry-source"]
    assert (recorded.verdict, recorded.reason) == ("fail", changed.reason)
    assert registry_sources.check_deployed_sources(ctx) == ()  # already refused: nothing more to ask

    home = ["--home", str(app.home), "--as", "sam"]
    with pytest.raises(SystemExit) as end:
        main([*home, "candidates", "source", CASE, "--candidate", "live", "--json"])
    assert end.value.code == 1
    assert json.loads(capsys.readouterr().out)["check"] == "registry-source"


def test_a_registry_that_may_not_be_asked_any_more_is_missing_evidence(
    app: App, mlflow: Mlflow, boosters: list[bytes]
) -> None:
    """Closed by the security officer, or a candidate of another origin: nobody can tell, and that is the answer."""
    ctx = app.context
    model, _ = mlflow.logged("lightgbm", {"model.lgb": boosters[0]})
    mlflow.version("closing", model)
    bring(app, mlflow, "models:/closing/1", "closing")
    assert registry_sources.check_source(ctx, "sam", CASE, "baseline").verdict is Verdict.MISSING
    close_egress(ctx, "olivia", f"127.0.0.1:{mlflow.port}", "moved house")
    found = registry_sources.check_source(ctx, "sam", CASE, "closing")
    assert found.verdict is Verdict.MISSING
    assert "nobody allowed" in found.reason
