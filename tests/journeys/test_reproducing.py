"""Candidates trained again from their record; recipes as files; the registry's view of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from bedrail.app import App
from bedrail.cli import main
from bedrail.core.errors import Refused
from bedrail.core.events import DatasetRead, EvidenceRecorded, decode
from bedrail.core.values import Verdict
from bedrail.journeys import admission, training
from bedrail.journeys.delivery import find_candidate, load_candidate
from bedrail.models.package import package_from
from bedrail.models.values import Lineage, Package
from small_home import CASE, copied, opened

pytestmark = pytest.mark.slow


@pytest.fixture
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """A copy of the small home."""
    with opened(copied(tmp_path_factory, "again")) as made:
        yield made


def facts(app: App) -> list[object]:
    return [decode(data).fact for _, data in app.store.registry_entries(0)]


def test_a_candidate_trained_here_is_trained_again_to_the_same_bytes(app: App) -> None:
    """From the record alone; the reading and the signed answer are on record, and no new candidate."""
    before = set(app.context.use_case(CASE).candidates)
    for name in ("baseline", "boosted"):
        found = training.reproduce(app.context, "sam", CASE, name)
        assert found.evidence.verdict is Verdict.PASS
        assert found.comparison is not None
        assert (found.comparison.outcome, found.differences) == ("same bytes", ())
    assert set(app.context.use_case(CASE).candidates) == before
    told = facts(app)[-2:]
    assert isinstance(told[0], DatasetRead)
    assert "reproducible" in told[0].reason
    assert isinstance(told[1], EvidenceRecorded)
    assert (told[1].check, told[1].verdict) == ("reproducible", "pass")


def forge(app: App) -> tuple[Package, bytes, Lineage]:
    """Admit `forged`, the boosted one under a record with a false seed; returns what is true, and the false record."""
    ctx = app.context
    package, model = package_from(load_candidate(ctx, find_candidate(ctx.use_case(CASE), "boosted").candidate))
    false = msgspec.structs.replace(package.lineage, seed=99)
    forged = msgspec.structs.replace(package, name="forged", lineage=false)
    admission.admit_candidate(ctx, "sam", CASE, forged, model, origin="recipe boosting")
    return package, model, false


def test_a_record_that_does_not_say_how_the_model_was_made_is_found(app: App) -> None:
    """A seed, a version and a dataset that were written down wrongly are told, with what may explain it."""
    ctx = app.context
    package, model, false = forge(app)
    found = training.reproduce(ctx, "sam", CASE, "forged")
    assert found.evidence.verdict is Verdict.FAIL
    assert "nothing on record explains it" in found.evidence.reason
    older = msgspec.structs.replace(false, libraries={**false.libraries, "lightgbm": "4.0.0"})
    dated = msgspec.structs.replace(package, name="dated", lineage=older)
    admission.admit_candidate(ctx, "sam", CASE, dated, model, origin="recipe boosting")
    found = training.reproduce(ctx, "sam", CASE, "dated")
    assert "lightgbm was 4.0.0, now" in found.evidence.reason
    lost = msgspec.structs.replace(package, name="lost", lineage=msgspec.structs.replace(false, dataset="0" * 64))
    admission.admit_candidate(ctx, "sam", CASE, lost, model, origin="recipe boosting")
    found = training.reproduce(ctx, "sam", CASE, "lost")
    assert found.evidence.verdict is Verdict.MISSING
    assert "can no longer be read" in found.evidence.reason
    brought = msgspec.structs.replace(package.lineage, origin="imported", recipe="")
    admission.admit_candidate(
        ctx, "sam", CASE, msgspec.structs.replace(package, name="brought", lineage=brought), model, origin="import"
    )
    assert training.reproduce(ctx, "sam", CASE, "brought").evidence.verdict is Verdict.MISSING


def test_the_recipe_of_a_candidate_trains_the_next_one_which_serves_nowhere(
    app: App, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the command line: recipe out, train by it, registry list and show, reproduce with its exit codes."""
    home = ["--home", str(app.home), "--as", "sam"]

    def run(*words: str) -> tuple[int, str]:
        try:
            main([*home, *words])
        except SystemExit as end:
            return int(end.code or 0), capsys.readouterr().out
        return 0, capsys.readouterr().out

    code, text = run("candidates", "recipe", CASE, "--candidate", "baseline")
    assert code == 0
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(text)
    assert run("train", CASE, "--recipe", str(recipe), "--name", "renewed")[0] == 0
    app.context.refresh()
    code, listed = run("candidates", "list", CASE, "--json")
    rows = {row["name"]: row for row in json.loads(listed)}
    assert (rows["renewed"]["stage"], rows["baseline"]["stage"]) == ("none", "general")
    assert rows["renewed"]["version"] > rows["baseline"]["version"] == 1
    shown = [json.loads(run("candidates", "show", CASE, n, "--json")[1]) for n in ("baseline", "renewed")]
    assert shown[0]["model_sha256"] == shown[1]["model_sha256"]
    assert shown[0]["lineage"]["recipe_sha256"] != ""
    assert any(answer["check"] == "discrimination" for answer in shown[0]["answers"])
    assert run("candidates", "show", CASE)[0] == 0
    assert run("candidates", "show", CASE, "renewed", "--candidate", "renewed")[0] == 0
    assert run("candidates", "show", CASE, "renewed", "--candidate", "baseline")[0] == 2
    code, said = run("reproduce", CASE, "renewed")
    assert (code, "PASS: renewed" in said, "same bytes" in said) == (0, True, True)
    forge(app)
    assert run("reproduce", CASE, "forged")[0] == 1
    recipe.write_text(text.replace('python = "', 'python = "2.'))
    assert run("train", CASE, "--recipe", str(recipe))[0] == 1
    recipe.write_text(text.replace("[recipe]", "[recipes]"))
    assert run("train", CASE, "--recipe", str(recipe))[0] == 2


def test_whoever_may_not_examine_may_not_reproduce(app: App) -> None:
    """It reads patients' rows, so it asks the same permission."""
    with pytest.raises(Refused):
        training.reproduce(app.context, "dr-lee", CASE, "baseline")
