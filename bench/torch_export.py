"""PyTorch models through `bedrail.models.torch_export`, compared with torch itself; writes the samples of the tests.

torch is in no environment of the project: make one, and run this with it.
    python3.11 -m venv /tmp/peers-torch
    /tmp/peers-torch/bin/pip install torch==2.13.0 onnx onnxscript onnxruntime msgspec pandas scikit-learn
    PYTHONPATH=src /tmp/peers-torch/bin/python bench/torch_export.py [--write tests/data/torch]
"""

from __future__ import annotations

import argparse
import io
import json
from pathlib import Path

import numpy as np
import torch

from bedrail.models.contract import Contract, Feature
from bedrail.models.onnx import OnnxModel
from bedrail.models.probes import PARITY_FLOAT32, spread
from bedrail.models.torch_export import import_torch

NAMES = ("age", "creatinine", "lactate", "visits")
CONTRACT = Contract(features=tuple(Feature(name=name, kind="numeric") for name in NAMES))


class Net(torch.nn.Module):
    """Two hidden layers with normalisation and dropout, and `outputs` logits; the shape says how many axes come out."""

    def __init__(self, outputs: int, flat: bool = False) -> None:
        super().__init__()
        layers = [torch.nn.Linear(4, 16), torch.nn.BatchNorm1d(16), torch.nn.GELU(), torch.nn.Dropout(0.3)]
        self.body = torch.nn.Sequential(*layers, torch.nn.Linear(16, 8), torch.nn.SiLU(), torch.nn.Linear(8, outputs))
        self.flat = flat

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, 4) to (n, outputs), or (n,)."""
        found = self.body(x)
        return found.squeeze(-1) if self.flat else found


class Risk(Net):
    """Answers with probabilities."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, 4) to (n, 1)."""
        return torch.sigmoid(super().forward(x))


def trained(net: Net) -> Net:
    """A few steps, so that normalisation has statistics of its own."""
    rng = np.random.default_rng(1)
    X = torch.from_numpy(rng.normal(size=(800, 4)).astype(np.float32))
    y = (X[:, 0] + X[:, 1] * X[:, 2] > 0).float()
    step = torch.optim.Adam(net.parameters(), lr=0.01)
    for _ in range(60):
        step.zero_grad()
        told = Net.forward(net, X)
        logit = told if told.ndim == 1 else told[:, -1] - (told[:, 0] if told.shape[1] == 2 else 0)
        torch.nn.functional.binary_cross_entropy_with_logits(logit, y).backward()
        step.step()
    return net.eval()


def main() -> None:
    """Export each, print the largest gap on other rows than were compared, and write the samples when asked."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--write", type=Path)
    folder = asked.parse_args().write
    torch.manual_seed(3)
    probes = spread(np.ones(4)).rows[:64]
    fresh = np.random.default_rng(2).normal(size=(2000, 4)) * 3
    nets = {"one": (Net(1), "logits"), "flat": (Net(1, flat=True), "logits"), "two": (Net(2), "logits")}
    nets["risk"] = (Risk(1), "probabilities")
    expected = {}
    for name, (net, output) in nets.items():
        trained(net)
        given = torch.export.export(net, (torch.zeros(2, 4),), dynamic_shapes=({0: torch.export.Dim("n")},))
        for way, module in (("module", net), ("exported program", given)):
            imported = import_torch(module, CONTRACT, output=output)
            with torch.no_grad():
                told = net(torch.from_numpy(fresh.astype(np.float32))).double()
            risk = told if output == "probabilities" else told.softmax(1) if name == "two" else told.sigmoid()
            theirs = (risk if risk.ndim == 1 else risk[:, -1]).numpy()
            gap = np.abs(OnnxModel(imported.model).scores(fresh) - theirs).max()
            print(f"{name:5} {way:17} {len(imported.model):6} bytes, largest gap on 2,000 fresh rows {gap:.2g}")
            assert gap <= PARITY_FLOAT32
        if folder:
            raw = torch.onnx.export(
                net, (torch.zeros(2, 4),), dynamo=True, dynamic_shapes=({0: torch.export.Dim("rows")},), verbose=False
            )
            (folder / f"{name}.onnx").write_bytes(raw.model_proto.SerializeToString())
            with torch.no_grad():
                told = net(torch.from_numpy(probes.astype(np.float32))).double()
            risk = told if output == "probabilities" else told.softmax(1) if name == "two" else told.sigmoid()
            expected[name] = {"output": output, "risks": (risk if risk.ndim == 1 else risk[:, -1]).tolist()}
    if folder:
        saved = io.BytesIO()
        torch.export.save(given, saved)
        (folder / "risk.pt2.head").write_bytes(saved.getvalue()[:512])
        told = {"torch": torch.__version__, "rows": probes.tolist(), "models": expected}
        (folder / "expected.json").write_text(json.dumps(told))


if __name__ == "__main__":
    main()
