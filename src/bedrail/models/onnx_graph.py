"""ONNX graphs made fit for a package: one output of probabilities, and nothing outside the file."""

from __future__ import annotations

from typing import Any, Literal

from bedrail.core.errors import Invalid, Unavailable

Output = Literal["probabilities", "logits"]
PROBABILITY = "bedrail_probability"


def with_probabilities(data: bytes, answer: str = "") -> bytes:
    """The graph with a sigmoid (one logit a row) or a softmax (two) put behind its output, which stays alone.

    `answer` names the output; without it there must be one of floats, or one with `logit` in its name. Raises `Invalid`
    for other shapes and for weights kept in other files, `Unavailable` where onnx is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise Unavailable("onnx is not installed.", remedy="pip install 'bedrail[onnx]'") from error
    try:
        model = onnx.load_from_string(data)
    except Exception as error:  # protobuf raises kinds of its own
        raise Invalid("this is no ONNX model.", path="model", remedy="Export it again.") from error
    graph = model.graph
    if any(each.data_location == onnx.TensorProto.EXTERNAL for each in graph.initializer):
        raise Invalid("the model keeps weights in another file.", path="model", remedy="Export it as one file.")
    chosen = _chosen(graph, answer)
    width = _width(chosen)
    if width == 2:
        node = onnx.helper.make_node("Softmax", [chosen.name], [PROBABILITY], axis=1)
    else:
        node = onnx.helper.make_node("Sigmoid", [chosen.name], [PROBABILITY])
    graph.node.append(node)
    dims = [dim.dim_param or dim.dim_value for dim in chosen.type.tensor_type.shape.dim]
    told = onnx.helper.make_tensor_value_info(PROBABILITY, chosen.type.tensor_type.elem_type, dims)
    del graph.output[:]
    graph.output.append(told)
    return bytes(model.SerializeToString(deterministic=True))


def _chosen(graph: Any, answer: str) -> Any:
    floats = [each for each in graph.output if each.type.tensor_type.elem_type in (1, 11)]  # FLOAT, DOUBLE
    named = [each for each in graph.output if each.name == answer] if answer else []
    likely = [each for each in floats if "logit" in each.name.lower()]
    for found in (named, [] if answer else floats, [] if answer else likely):
        if len(found) == 1:
            return found[0]
    there = ", ".join(each.name for each in graph.output) or "none"
    remedy = f"Export it with one output of log-odds, or name it `logits`. There are: {there}."
    raise Invalid("it cannot be told which output is the answer.", path="model", remedy=remedy)


def _width(output: Any) -> int:
    dims = output.type.tensor_type.shape.dim
    if len(dims) == 1:
        return 1
    if len(dims) == 2 and dims[1].dim_value in (1, 2):
        return int(dims[1].dim_value)
    remedy = "Export a binary classifier with one log-odds per row, or one per class."
    raise Invalid("the output is not one or two log-odds per row.", path="model", remedy=remedy)
