"""Why a model said what it said: of a decision, of a row, of a black box; on record, and refused where it must be."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bedrail.core.errors import Invalid, NotFound, Refused
from bedrail.core.events import DataRead, PersonAdded, decode
from bedrail.core.values import Verdict
from bedrail.decisions.values import Answer
from bedrail.journeys.disposal import shred
from bedrail.journeys.explaining import check_explanations, explain_decision, explain_row
from bedrail.journeys.imports import import_file
from bedrail.models.explain.words import sentences
from bedrail.web.server import Standing
from bedside_house import USE_CASE, SmallHouse, small_house, usual
from small_home import CASE, copied, opened, small_table, told


@pytest.fixture
def house(tmp_path: Path) -> Iterator[SmallHouse]:
    """A home with one linear candidate in use."""
    made = small_house(tmp_path)
    yield made
    made.app.close()


def decided(made: SmallHouse) -> Answer:
    """One answered request."""

    async def ask() -> Answer:
        standing = Standing(made.app)
        await standing.bedside.serving.settle()
        reply = await standing.bedside.decide(made.token, USE_CASE, json.dumps(usual()).encode())
        assert isinstance(reply, Answer), reply
        await standing.group.close()
        standing.bedside.close()
        return reply

    return asyncio.run(ask())


def test_a_decision_is_explained_as_it_was_answered_and_reading_it_is_on_record(house: SmallHouse) -> None:
    """Shares are those of the card, the risk is the one shown, and a fact names reader, decision and reason."""
    reply = decided(house)
    ctx = house.app.context
    account = explain_decision(ctx, "dr-lee", reply.decision)
    assert account.way == "exact"
    assert account.risk == reply.risk
    shown = {one.feature: one.contribution for one in reply.reasons}
    mine = {one.feature: one.contribution for one in account.shares}
    assert shown == {name: pytest.approx(mine[name], abs=1e-12) for name in shown}
    entries = [decode(data) for _, data in ctx.tape.registry_entries()]
    facts = [one.fact for one in entries if isinstance(one.fact, DataRead)] or [
        decode(ctx.views.entry(ctx.tape.head().size - 1) or b"").fact
    ]
    assert any(isinstance(f, DataRead) and f.reason == "explanation" and f.decision == reply.decision for f in facts)
    with pytest.raises(NotFound):
        explain_decision(ctx, "dr-lee", "nobody")


def test_a_forgotten_decision_is_not_explained(house: SmallHouse) -> None:
    """When the patient's key is destroyed there is nothing left to explain, and that is said."""
    reply = decided(house)
    ctx = house.app.context
    house.append(PersonAdded(person="petra", name="Petra", roles=("privacy-officer",)))
    subject = ctx.pseudonyms.pseudonym(usual()["subject"])
    shred(ctx, house.app.key_desk(), "petra", subject=subject, reason="erasure asked for")
    with pytest.raises(Refused, match="nothing is left"):
        explain_decision(ctx, "dr-lee", reply.decision)


@pytest.mark.slow
def test_exact_reasons_pass_their_test_and_a_black_box_is_taught_a_surrogate(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    """A candidate by recipe passes; an ONNX forest has no reasons, then a surrogate's with its fidelity."""
    from skl2onnx import to_onnx
    from sklearn.ensemble import RandomForestClassifier

    home = copied(tmp_path_factory, "explained")
    table = small_table(tmp_path)
    with opened(home) as app:
        ctx = app.context
        exact = check_explanations(ctx, "sam", CASE, "baseline")
        assert exact.verdict is Verdict.PASS, exact.reason
        encoder = ctx.charter(CASE).contract().encoder()
        rows = table.iloc[:3_000]
        X, y = encoder.table(rows, strict=False), rows[ctx.charter(CASE).data.outcome].to_numpy()
        forest = RandomForestClassifier(20, min_samples_leaf=50, max_depth=6, random_state=0, n_jobs=1).fit(X, y)
        file = tmp_path / "forest.onnx"
        made = to_onnx(forest, np.zeros((1, X.shape[1]), np.float32), options={id(forest): {"zipmap": False}})
        file.write_bytes(made.SerializeToString())
        import_file(ctx, "sam", CASE, file, name="forest")
        values = {f.name: table.iloc[5][f.name] for f in ctx.charter(CASE).features}
        values = {name: v if isinstance(v, str) else float(v) for name, v in values.items()}
        before = explain_row(ctx, "sam", CASE, "forest", values)
        assert before.way == "none"
        assert "There are no reasons" in " ".join(sentences(before))
        found = {
            (f.check.partition(".")[2], f.group): f for f in check_explanations(ctx, "sam", CASE, "forest").findings
        }
        assert found["sum", "overall"].verdict is Verdict.PASS
        fidelity = found["fidelity", "overall"]
        assert fidelity.estimate is not None
        assert 0.5 < fidelity.estimate <= 1.0
        assert any(group.startswith("gender=") for name, group in found if name == "fidelity")
        after = explain_row(ctx, "sam", CASE, "forest", values, actionable=("num_medications",))
        assert after.way == "surrogate"
        assert after.shares
        assert "simpler model" in after.limits[0]
        checks = {one.check for one in ctx.use_case(CASE).evidence.values()}
        assert "explanations" in checks
        with pytest.raises(Invalid):
            explain_row(ctx, "sam", CASE, "forest", values, actionable=("shoe-size",))
        with pytest.raises(Invalid, match="explains itself"):
            check_explanations(ctx, "sam", CASE, "baseline", directions={"age": 1})
    patient = tmp_path / "patient.json"
    patient.write_text(json.dumps(values))
    page = tmp_path / "why.html"
    ran = told("--as", "sam", "explain", "row", CASE, "--candidate", "forest", "--file", str(patient), "--html",
               str(page), "--json", home=home)  # fmt: skip
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["account"]["way"] == "surrogate"
    assert "<svg" in page.read_text()
    wrong = told("--as", "sam", "explain", "check", CASE, "--candidate", "forest", "--direction", "age", home=home)
    assert wrong.code == 2
