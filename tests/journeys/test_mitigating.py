"""A fairer candidate beside one that is there: made, compared on the same patients, recorded, and not in use."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bedrail.core.errors import Invalid
from bedrail.journeys.mitigating import mitigate
from bedrail.models.package import package_from
from small_home import CASE, copied, opened, told

pytestmark = pytest.mark.slow


def test_each_method_gives_a_candidate_with_lineage_evidence_and_a_page(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """All five, on real encounters: admitted, compared on the validation patients, on record; nothing is deployed."""
    home = copied(tmp_path_factory, "mitigated")
    with opened(home) as app:
        ctx = app.context
        stood = ctx.use_case(CASE).deployment
        for method in ("reweigh", "resample", "reductions", "recalibrate", "thresholds"):
            made = mitigate(ctx, "sam", CASE, "boosted", method, "race")
            files = ctx.artifacts.read_tree(made.candidate)
            package, _ = package_from(files)
            assert package.lineage.mitigation is not None
            assert (package.lineage.mitigation.method, package.lineage.mitigation.of) == (method, made.before)
            assert (package.by_group is not None) == (method in ("recalibrate", "thresholds"))
            assert made.evidence.check == "mitigation"
            groups = {finding.group for finding in made.evidence.findings}
            assert {"overall", "between groups", "race=AfricanAmerican", "race=Caucasian"} <= groups
            text = Path(made.page).read_text()
            assert "Who gains, who pays" in text
            assert "race=Caucasian" in text
        assert ctx.use_case(CASE).deployment == stood


def test_what_cannot_be_done_is_said_with_a_remedy(tmp_path_factory: pytest.TempPathFactory) -> None:
    """No group column, no input of the model, a strength of nothing, odds that thresholds cannot make equal."""
    home = copied(tmp_path_factory, "unmitigated")
    with opened(home) as app:
        for words, more, path in (
            (("reweigh", "weight"), {}, "--attribute"),
            (("reweigh", "race"), {"strength": 0.0}, "--strength"),
            (("thresholds", "race"), {"notion": "equalised-odds"}, "--notion"),
        ):
            with pytest.raises(Invalid) as refused:
                mitigate(app.context, "sam", CASE, "boosted", *words, **more)  # type: ignore[arg-type]
            assert refused.value.path == path
            assert refused.value.remedy
    done = told("--as", "sam", "mitigate", CASE, "--candidate", "baseline", "--method", "reweigh", "--attribute",
                "race", "--json", home=home)  # fmt: skip
    assert done.code in (0, 1), done
    assert json.loads(done.out)["evidence"]["check"] == "mitigation"
    assert told("--as", "sam", "reproduce", CASE, "--candidate", "baseline-reweigh", home=home).code == 0
