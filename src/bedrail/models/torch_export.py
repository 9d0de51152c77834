"""A PyTorch model becomes ONNX in its owner's own process, and is compared there with what torch itself answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from bedrail.core.errors import Invalid, Unavailable
from bedrail.models.contract import Contract
from bedrail.models.importers import Imported, import_onnx
from bedrail.models.onnx_graph import Output
from bedrail.models.probes import Floats, given, spread


def import_torch(
    module: Any, contract: Contract, *, rows: npt.ArrayLike | None = None, output: Output = "logits"
) -> Imported:
    """A `torch.nn.Module`, or a `torch.export.ExportedProgram`, that takes one (rows, columns) tensor of float32.

    It is exported by the `torch` installed in this process, and the ONNX graph must answer as torch does within
    `PARITY_FLOAT32` on `rows` (n, k), or on rows of both signs and many sizes. `output` says whether it answers with
    one probability per row, or with `logits`: one, or one per class with the outcome last. Raises `Invalid` for other
    models, `Unavailable` without torch. Files (`.pt`, `.pt2`) are not read: load them where they were made.
    """
    try:
        import torch
    except ImportError as error:
        raise Unavailable(
            "torch is not installed in this process.", remedy="Run this where the model was trained."
        ) from error
    if isinstance(module, torch.export.ExportedProgram):
        module = module.module()
    elif isinstance(module, torch.nn.Module):
        module = module.eval()
    else:
        raise Invalid(
            f"a {type(module).__name__} is no torch model.",
            path="module",
            remedy="Give the module, or what torch.export.load gave where the file was made.",
        )
    width = len(contract.columns)
    probes = given(rows, width) if rows is not None else spread(np.ones(width))
    asked = torch.from_numpy(probes.rows.astype(np.float32))
    with torch.no_grad():
        told = module(asked)
    if not isinstance(told, torch.Tensor):
        raise Invalid("the model answers with more than one tensor.", path="module", remedy="Wrap the one that counts.")
    try:
        made = torch.onnx.export(
            module, (asked[:2],), dynamo=True, dynamic_shapes=({0: torch.export.Dim("rows")},), verbose=False
        )
    except Exception as error:  # the exporter raises many unrelated kinds
        raise Invalid(
            "torch cannot export this model.", path="module", remedy="Export it yourself and use import_onnx."
        ) from error
    data = bytes(made.model_proto.SerializeToString())
    expected = _probabilities(told.double().numpy(), output)
    return import_onnx(data, contract, rows=probes.rows, expected=expected, output=output)


def _probabilities(told: Floats, output: Output) -> Floats:
    if told.ndim == 2 and told.shape[1] in (1, 2):
        found = told[:, -1] if output == "probabilities" else told[:, -1] - (told[:, 0] if told.shape[1] == 2 else 0)
    elif told.ndim == 1:
        found = told
    else:
        raise Invalid("the model does not answer with one or two numbers per row.", path="module")
    if output == "probabilities":
        return found
    risks: Floats = 1.0 / (1.0 + np.exp(-found))
    return risks
