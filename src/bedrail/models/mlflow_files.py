"""What lies in the folder of an MLflow model: which of its files can be read without running code, and as what."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

from bedrail.core.errors import Invalid, Refused

MLMODEL = "MLmodel"
OWN_FILE = "bedrail.json"
"""A model in Bedrail's own format beside the flavours, as `Imported.model` holds it, comes first."""

Format = Literal["own", "lightgbm", "xgboost", "onnx"]
_SUFFIXES: dict[str, tuple[str, ...]] = {
    "lightgbm": (".lgb", ".txt"),
    "xgboost": (".ubj", ".json", ".xgb"),
    "onnx": (".onnx",),
}
_KEY = re.compile(r"^( *)([A-Za-z0-9_]+):(?: (.*))?$")


class Artifact(NamedTuple):
    """One file of a model's folder, and how it is read."""

    path: str
    format: Format


def flavours_of(text: str) -> dict[str, dict[str, str]]:
    """The flavours of an `MLmodel` file with their plain settings; raises `Invalid` where there are none.

    MLflow writes the file as block YAML with an indent of two (`yaml.safe_dump`), and of that only the mappings two
    levels deep below `flavors` are read: no YAML library, whose loaders can build objects, is needed for it.
    """
    found: dict[str, dict[str, str]] = {}
    inside, flavour = False, ""
    for line in text.splitlines():
        match = _KEY.match(line)
        depth = len(match[1]) if match else -1
        if match and depth == 0:
            inside, flavour = match[2] == "flavors", ""
        elif match and inside and depth == 2:
            flavour = match[2]
            found[flavour] = {}
        elif match and inside and depth == 4 and flavour and match[3]:
            found[flavour][match[2]] = match[3].strip().strip("'\"")
    if not found:
        raise Invalid(
            "this is no MLmodel file with flavours.", path=MLMODEL, remedy="Log the model with MLflow's own client."
        )
    return found


def readable(text: str, files: Sequence[str]) -> Artifact:
    """The file of the model's folder that can be read without running code; raises `Refused` when there is none."""
    if OWN_FILE in files:
        return Artifact(OWN_FILE, "own")
    flavours = flavours_of(text)
    formats: tuple[Literal["lightgbm", "xgboost", "onnx"], ...] = ("lightgbm", "xgboost", "onnx")
    for name in formats:
        data = flavours.get(name, {}).get("data", "")
        if data.endswith(_SUFFIXES[name]) and data in files and "/" not in data:
            return Artifact(data, name)
    there = ", ".join(sorted(set(flavours) - {"python_function"})) or "python_function alone"
    raise Refused(
        f"no file of this model can be read without running code in it (flavours: {there}).",
        remedy="Log it as lightgbm (a Booster), xgboost or onnx; or put the bytes of import_sklearn(...).model, made "
        f"where the estimator lives, beside it as {OWN_FILE}. Pickles are never opened.",
    )
