"""A fairer candidate beside one that is there: made, compared on the same patients, recorded, and not in use."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from bedrail.core.errors import Invalid
from bedrail.journeys import admission, delivery, training
from bedrail.journeys.context import Context
from bedrail.journeys.mitigating import mitigate
from bedrail.models.package import package_from
from small_home import CASE, EXAMPLE, copied, opened, played, told

pytestmark = pytest.mark.slow

OTHER = "readmission-changed"


def test_each_method_gives_a_candidate_with_lineage_evidence_and_a_page(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """All five, on real encounters: admitted, compared on the validation patients, on record; nothing is deployed."""
    home = copied(tmp_path_factory, "mitigated")
    with opened(home) as app:
        ctx = app.context
        stood = ctx.use_case(CASE).deployment
        _with_an_input_as_group(ctx, played(tmp_path_factory) / "table.parquet")
        for case, attribute, methods in (
            (CASE, "race", ("reweigh", "resample", "reductions")),
            (OTHER, "medication_change", ("recalibrate", "thresholds")),
        ):
            for method in methods:
                made = mitigate(ctx, "sam", case, "baseline", method, attribute)
                package, _ = package_from(ctx.artifacts.read_tree(made.candidate))
                assert package.lineage.mitigation is not None
                assert (package.lineage.mitigation.method, package.lineage.mitigation.of) == (method, made.before)
                assert (package.by_group is not None) == (case == OTHER)
                assert made.evidence.check == "mitigation"
                groups = {finding.group for finding in made.evidence.findings}
                assert {"overall", "between groups"} < groups
                assert any(group.startswith(f"{attribute}=") for group in groups)
                text = Path(made.page).read_text()
                assert "Who gains, who pays" in text
                assert f"{attribute}=" in text
        assert ctx.use_case(CASE).deployment == stood


def _with_an_input_as_group(ctx: Context, table: Path) -> None:
    """Another use case, in which a group of patients is an input of the model."""
    text = (EXAMPLE / "usecase.toml").read_text().replace(f'"{CASE}"', f'"{OTHER}"', 1)
    delivery.open_use_case(ctx, "olivia", text.replace('groups = ["race", ', 'groups = ["medication_change", "race", '))
    admission.admit_data(ctx, "sam", OTHER, pd.read_parquet(table), source="first lines")
    training.train_candidate(ctx, "sam", OTHER, "logistic", name="baseline")


def test_what_cannot_be_done_is_said_with_a_remedy(tmp_path_factory: pytest.TempPathFactory) -> None:
    """No group column, no input of the model, a strength of nothing, odds that thresholds cannot make equal."""
    home = copied(tmp_path_factory, "unmitigated")
    with opened(home) as app:
        for words, more, path in (
            (("reweigh", "weight"), {}, "--attribute"),
            (("reweigh", "race"), {"strength": 0.0}, "--strength"),
            (("thresholds", "race"), {}, "--attribute"),
        ):
            with pytest.raises(Invalid) as refused:
                mitigate(app.context, "sam", CASE, "boosted", *words, **more)  # type: ignore[arg-type]
            assert refused.value.path == path
            assert refused.value.remedy
    done = told("--as", "sam", "mitigate", CASE, "--candidate", "baseline", "--method", "reweigh", "--attribute",
                "race", "--json", home=home)  # fmt: skip
    assert done.code in (0, 1), done
    assert json.loads(done.out)["evidence"]["check"] == "mitigation"
    assert told("--as", "sam", "reproduce", CASE, "baseline-reweigh", home=home).code == 0
