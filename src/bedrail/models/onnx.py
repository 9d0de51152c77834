"""ONNX models run by onnxruntime on one thread; a black box that answers with a probability."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from bedrail.core.errors import Invalid, Unavailable
from bedrail.models.probes import PARITY, PARITY_FLOAT32

Floats = npt.NDArray[np.float64]


class OnnxModel:
    """A binary classifier in ONNX: one numeric input (n, k), one output with probabilities.

    The output may be (n, 2) with the outcome last, (n, 1) or (n,). Raises `Unavailable` where onnxruntime is not
    installed, `Invalid` where the bytes are no such model. Custom operators cannot be loaded, so no foreign code runs.
    """

    __slots__ = ("_dtype", "_input", "_output", "_session", "features")

    def __init__(self, data: bytes) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise Unavailable("onnxruntime is not installed.", remedy="pip install 'bedrail[onnx]'") from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        try:
            session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime raises a dozen unrelated kinds
            raise Invalid("onnxruntime cannot read this as a model.", path="model", remedy=_REMEDY) from error
        self._session = session
        self._input, self._dtype, self.features = _input_of(session)
        self._output = _output_of(session)

    @property
    def parity(self) -> float:
        """How far its answers may be from the original's: as far as its own precision lets two programs differ."""
        return PARITY_FLOAT32 if self._dtype is np.float32 else PARITY

    def scores(self, X: npt.ArrayLike) -> Floats:
        """(n, k) rows to (n,) probabilities of the outcome; the model's own precision is usually float32."""
        rows = np.ascontiguousarray(X, dtype=self._dtype)
        if rows.ndim != 2 or (self.features and rows.shape[1] != self.features):
            raise Invalid(f"rows must have {self.features} columns.", path="X")
        (answer,) = self._session.run([self._output], {self._input: rows})
        result = np.asarray(answer, dtype=np.float64)
        if result.ndim == 2 and result.shape[1] in (1, 2):
            result = result[:, -1]
        if result.shape != (rows.shape[0],):
            raise Invalid("the model's output is not one probability per row.", path="model", remedy=_REMEDY)
        return result

    def score(self, x: npt.ArrayLike) -> float:
        """One row (k,) to its probability."""
        return float(self.scores(np.asarray(x)[None, :])[0])


_REMEDY = (
    "Export a binary classifier with one float input and a plain probability tensor (zipmap off); "
    "where it answers with log-odds, import it as such: output `logits`."
)


def _input_of(session: Any) -> tuple[str, type[np.floating[Any]], int]:
    inputs = session.get_inputs()
    kinds: dict[str, type[np.floating[Any]]] = {"tensor(float)": np.float32, "tensor(double)": np.float64}
    if len(inputs) != 1 or inputs[0].type not in kinds or len(inputs[0].shape) != 2:
        raise Invalid("the model must take one (rows, columns) tensor of floats.", path="model", remedy=_REMEDY)
    width = inputs[0].shape[1]
    return inputs[0].name, kinds[inputs[0].type], width if isinstance(width, int) else 0


def _output_of(session: Any) -> str:
    floats = [o for o in session.get_outputs() if o.type in ("tensor(float)", "tensor(double)")]
    if len(floats) == 1:
        return str(floats[0].name)
    named = [o for o in floats if "prob" in o.name.lower()]
    if len(named) == 1:
        return str(named[0].name)
    raise Invalid("the model must have one output of probabilities.", path="model", remedy=_REMEDY)
