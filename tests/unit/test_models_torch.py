"""Claims about models exported from PyTorch: graphs frozen by bench/torch_export.py, with what torch answered."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from bedrail.core.errors import Invalid, Refused, Unavailable
from bedrail.models.contract import Contract, Feature
from bedrail.models.importers import import_onnx
from bedrail.models.onnx import OnnxModel
from bedrail.models.package import refuse_code
from bedrail.models.probes import PARITY_FLOAT32
from bedrail.models.torch_export import import_torch

FROZEN = Path(__file__).parents[1] / "data" / "torch"
TOLD = json.loads((FROZEN / "expected.json").read_text())
ROWS = np.array(TOLD["rows"])
CONTRACT = Contract(features=tuple(Feature(name=name, kind="numeric") for name in ("a", "b", "c", "d")))


@pytest.mark.parametrize("name", sorted(TOLD["models"]))
def test_what_torch_exported_answers_as_torch_did(name: str) -> None:
    """One logit, flat logits, two classes, probabilities: each within single precision of torch's own risks."""
    data, expected = (FROZEN / f"{name}.onnx").read_bytes(), TOLD["models"][name]
    imported = import_onnx(data, CONTRACT, rows=ROWS, expected=expected["risks"], output=expected["output"])
    model = OnnxModel(imported.model)
    assert np.abs(model.scores(ROWS) - expected["risks"]).max() <= PARITY_FLOAT32
    assert abs(model.score(ROWS[3]) - expected["risks"][3]) <= PARITY_FLOAT32
    assert import_onnx(data, CONTRACT, output=expected["output"]) == imported


@pytest.mark.parametrize("name", ["one", "two"])
def test_logits_taken_for_probabilities_are_refused_with_what_to_say(name: str) -> None:
    """Log-odds lie outside 0 to 1 on rows of both signs; the refusal says how to import them."""
    with pytest.raises(Invalid, match=r"does not answer with probabilities|output is not one probability") as refused:
        import_onnx((FROZEN / f"{name}.onnx").read_bytes(), CONTRACT)
    assert "logits" in refused.value.remedy


def test_a_graph_that_answers_otherwise_does_not_come_in() -> None:
    """Other weights than those that torch answered with: rows, kind and size of the difference are named."""
    model = onnx.load_from_string((FROZEN / "one.onnx").read_bytes())
    weights = max(model.graph.initializer, key=lambda each: len(each.raw_data))
    weights.raw_data = (np.frombuffer(weights.raw_data, np.float32) * np.float32(1.01)).tobytes()
    with pytest.raises(Invalid, match=r"in \d+ of 64 rows, by up to .* \(allowed 1e-05\): row \d+, given"):
        import_onnx(
            model.SerializeToString(), CONTRACT, rows=ROWS, expected=TOLD["models"]["one"]["risks"], output="logits"
        )


def graph(*outputs: tuple[str, list[object]], kind: int = TensorProto.FLOAT) -> bytes:
    rows = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])
    told = [helper.make_tensor_value_info(name, kind, dims) for name, dims in outputs]
    nodes = [helper.make_node("Identity", ["x"], [name]) for name, _ in outputs]
    made = helper.make_graph(nodes, "g", [rows], told)
    return bytes(helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString())


def test_graphs_whose_answer_cannot_be_told_are_refused() -> None:
    """Two unnamed outputs, three classes, no shape, no ONNX: each says what to export instead."""
    for data, said in (
        (graph(("a", ["n", 1]), ("b", ["n", 1])), "which output is the answer"),
        (graph(("logits", ["n", 3])), "not one or two log-odds per row"),
        (graph(("logits", ["n", "k"])), "not one or two log-odds per row"),
        (b"not a graph", "no ONNX model"),
    ):
        with pytest.raises(Invalid, match=said) as refused:
            import_onnx(data, CONTRACT, output="logits")
        assert refused.value.remedy
    named = graph(("embedding", ["n", 4]), ("logits", ["n", 1]))
    with pytest.raises(Invalid):  # the four columns come out as one log-odds: the runtime says that they do not fit
        import_onnx(named, CONTRACT, output="logits")


def test_weights_kept_in_another_file_are_refused() -> None:
    """A graph may not lead to files beside it."""
    model = onnx.load_from_string((FROZEN / "one.onnx").read_bytes())
    weights = model.graph.initializer[0]
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    weights.external_data.add(key="location", value="../../etc/passwd")
    with pytest.raises(Invalid):
        import_onnx(model.SerializeToString(), CONTRACT)
    with pytest.raises(Invalid, match="weights in another file"):
        import_onnx(model.SerializeToString(), CONTRACT, output="logits")


def test_torchs_own_files_are_refused_and_torch_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A saved program is an archive that may carry pickles; without torch nothing is exported."""
    with pytest.raises(Refused, match="can run code"):
        refuse_code("model.pt2", b"")
    with pytest.raises(Refused, match="zip archive"):
        refuse_code("model.onnx", (FROZEN / "risk.pt2.head").read_bytes())
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(Unavailable, match="torch is not installed"):
        import_torch(object(), CONTRACT)
