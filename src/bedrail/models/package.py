"""Model packages on disk: `package.json` and one model file, neither of which can run code when loaded."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

import msgspec

from bedrail.core.errors import NOT_JSON, Corrupt, Invalid, Refused
from bedrail.models.predict import LoadedModel, RemoteScorer, open_model
from bedrail.models.values import Lineage, Package

__all__ = [
    "PACKAGE_FILE",
    "Lineage",
    "Package",
    "load_package",
    "package_from",
    "read_package",
    "refuse_code",
    "write_package",
]

PACKAGE_FILE = "package.json"
MOST_BYTES = 256 * 1024 * 1024

_CODE_SUFFIXES = (
    ".pkl",
    ".pickle",
    ".joblib",
    ".pt",
    ".pt2",
    ".pth",
    ".ckpt",
    ".dill",
    ".npy",
    ".npz",
    ".h5",
    ".keras",
    ".py",
)
_PICKLE = re.compile(rb"\A\x80[\x00-\x05]|\A[(\]})]*c\w[\w.]*\n\w[\w.]*\n")
"""Protocols 2 and later start with \\x80 and their number, earlier ones usually with a GLOBAL: `cmodule\\nname\\n`."""

_CONTAINERS = {
    b"PK\x03\x04": "zip archive",
    b"\x89HDF": "HDF5 file",
    b"\x93NUMPY": "NumPy file",
    b"\x1f\x8b": "gzip file",
}
_REMEDY = "Export the model as ONNX, LightGBM text or XGBoost JSON, or import it from its Python object."


def write_package(folder: Path, package: Package, model: bytes = b"") -> None:
    """Write `package.json` and the model file into a new or empty folder.

    The same package and bytes give the same files. Raises `Invalid` when package and model do not fit together or the
    folder holds something, `Refused` when the model bytes are of a kind that can run code.
    """
    package.check()
    if package.model_file:
        refuse_code(package.model_file, model)
        if hashlib.sha256(model).hexdigest() != package.model_sha256:
            raise Invalid("the digest is not that of the model.", path="model_sha256", remedy="Use `wrap` or `train`.")
    elif model:
        raise Invalid("a remote package has no model file.", path="model_file", remedy="Leave the model bytes out.")
    open_model(package, model)
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise Invalid("the folder is not empty.", path=folder.name, remedy="Give a new folder.")
    if package.model_file:
        (folder / package.model_file).write_bytes(model)
    (folder / PACKAGE_FILE).write_bytes(msgspec.json.encode(package, order="deterministic") + b"\n")


def read_package(folder: Path) -> tuple[Package, bytes]:
    """The package and the bytes of its model file (empty for remote), not yet opened.

    Raises `Refused` for files that can run code, `Invalid` for a malformed `package.json` (path to the field), and
    `Corrupt` for missing, further, linked or changed files.
    """
    return package_from({name: _bytes(folder / name) for name in _names(folder)})


def package_from(files: Mapping[str, bytes]) -> tuple[Package, bytes]:
    """The package and the bytes of its model file from a package's files by name; raises as `read_package`."""
    for name in sorted(files):
        refuse_code(name, b"")
    if PACKAGE_FILE not in files:
        raise Corrupt(f"there is no {PACKAGE_FILE} in the package.", remedy="Fetch the package again.")
    package = _decode(files[PACKAGE_FILE])
    if extra := sorted(set(files) - {PACKAGE_FILE, package.model_file}):
        raise Corrupt(f"the package holds `{extra[0]}`, which it does not name.", remedy="Fetch the package again.")
    if not package.model_file:
        return package, b""
    if package.model_file not in files:
        raise Corrupt("the model file is missing.", remedy="Fetch the package again.")
    data = files[package.model_file]
    if hashlib.sha256(data).hexdigest() != package.model_sha256:
        raise Corrupt(
            "the model file is not the one that the package was made with: its SHA-256 differs.",
            remedy="Do not use it; fetch the package again and find out who changed it.",
        )
    refuse_code(package.model_file, data)
    return package, data


def load_package(folder: Path, scorer: RemoteScorer | None = None) -> LoadedModel:
    """The model of a package folder, ready to answer; `scorer` connects a remote one. Raises as `read_package`."""
    package, data = read_package(folder)
    return open_model(package, data, scorer)


def refuse_code(name: str, data: bytes) -> None:
    """Raise `Refused` when a model file could run code when loaded: pickles, and archives that carry them.

    Scanners of pickles miss most malicious ones, so the format is refused whatever is in it.
    """
    if name.lower().endswith(_CODE_SUFFIXES):
        raise Refused(f"`{name}` is a format that can run code when loaded.", remedy=_REMEDY)
    if _PICKLE.match(data):
        raise Refused(f"`{name}` begins like a Python pickle, which can run code when loaded.", remedy=_REMEDY)
    for magic, title in _CONTAINERS.items():
        if data.startswith(magic):
            raise Refused(f"`{name}` is a {title}, which may carry code (PyTorch and Keras files do).", remedy=_REMEDY)


def _names(folder: Path) -> list[str]:
    if not folder.is_dir():
        raise Corrupt("the package is not a folder.", remedy="Give the folder that holds package.json.")
    names = []
    for path in sorted(folder.iterdir()):
        refuse_code(path.name, b"")
        if path.is_symlink() or not path.is_file():
            raise Corrupt(f"`{path.name}` in the package is not a plain file.", remedy="Fetch the package again.")
        names.append(path.name)
    return names


def _bytes(path: Path) -> bytes:
    if path.stat().st_size > MOST_BYTES:
        raise Corrupt(f"`{path.name}` is larger than a package file may be.", remedy="Fetch the package again.")
    return path.read_bytes()


def _decode(data: bytes) -> Package:
    try:
        return msgspec.json.decode(data, type=Package).check()
    except msgspec.ValidationError as error:
        message, _, where = str(error).partition(" - at ")
        field = where.strip("`").removeprefix("$.")
        raise Invalid(f"{message}.", path=f"{PACKAGE_FILE} {field}".strip(), remedy=_AGAIN) from error
    except NOT_JSON as error:
        raise Invalid("this is not JSON.", path=PACKAGE_FILE, remedy=_AGAIN) from error
    except Invalid as error:
        raise Invalid(error.message, path=f"{PACKAGE_FILE} {error.path}", remedy=error.remedy) from error


_AGAIN = "Make the package again with `train` or `wrap`."
