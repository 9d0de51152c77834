"""Packages on disk: nothing in them runs, and nothing in them changes unnoticed."""

from __future__ import annotations

import io
import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import joblib
import msgspec
import numpy as np
import pytest
from models_samples import linear_package

from bedrail.core.errors import BedrailError, Corrupt, Invalid, Refused
from bedrail.models.package import load_package, read_package, refuse_code, write_package


class Dangerous:
    """Runs a command when it is unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return (os.system, ("true",))


@pytest.fixture(name="folder")
def written(tmp_path: Path) -> Path:
    """A written linear package."""
    package, model, _ = linear_package()
    write_package(tmp_path / "package", package, model)
    return tmp_path / "package"


def test_a_package_survives_the_disk(folder: Path) -> None:
    """What is read is what was written, and the model answers the same."""
    package, model, calibration = linear_package()
    assert read_package(folder) == (package, model)
    loaded = load_package(folder)
    assert loaded.package == package
    X = loaded.encoder.table(calibration)
    assert np.array_equal(loaded.scores(X), load_package(folder).scores(X))


def test_the_same_package_gives_the_same_files(folder: Path, tmp_path: Path) -> None:
    """Writing twice gives equal bytes, so that the digest names the content."""
    package, model, _ = linear_package()
    write_package(tmp_path / "again", package, model)
    for name in ("package.json", "model.json"):
        assert (folder / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    assert sorted(path.name for path in folder.iterdir()) == ["model.json", "package.json"]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickles_of_every_protocol_are_refused(protocol: int) -> None:
    """Whatever it is called, a pickle that would run a command is not read."""
    with pytest.raises(Refused, match="pickle"):
        refuse_code("model.json", pickle.dumps(Dangerous(), protocol=protocol))


@pytest.mark.parametrize("name", ["m.pkl", "m.PICKLE", "m.joblib", "m.pt", "m.pth", "m.npz", "m.h5", "m.py"])
def test_names_of_formats_that_can_run_code_are_refused(name: str) -> None:
    """The reason says what is wrong and what to do instead."""
    with pytest.raises(Refused, match="can run code") as caught:
        refuse_code(name, b"")
    assert "ONNX" in caught.value.remedy


def test_archives_and_joblib_files_are_refused_under_any_name(tmp_path: Path) -> None:
    """Zip archives (PyTorch, npz), HDF5, gzip and joblib dumps are recognised by their first bytes."""
    plain, zipped = tmp_path / "a", io.BytesIO()
    joblib.dump({"a": 1}, plain)
    np.savez(zipped, a=np.zeros(2))
    for data in (plain.read_bytes(), zipped.getvalue(), b"\x89HDF\r\n", b"\x1f\x8b\x08"):
        with pytest.raises(Refused):
            refuse_code("model.json", data)


@pytest.mark.parametrize("data", [b'{"format":1}', b"tree\nversion=v4\n", b"\x08\x07\x12\x04onnx", b""])
def test_safe_formats_pass(data: bytes) -> None:
    """JSON, LightGBM text and ONNX do not look like pickles."""
    refuse_code("model.json", data)


def test_swapped_model_bytes_are_not_loaded(folder: Path) -> None:
    """One changed digit of the weights is noticed by the digest."""
    file = folder / "model.json"
    file.write_bytes(file.read_bytes().replace(b"-4.5", b"-3.5"))
    with pytest.raises(Corrupt, match="SHA-256"):
        load_package(folder)


def _link(folder: Path) -> None:
    (folder / "model.json").rename(folder.parent / "elsewhere.json")
    (folder / "model.json").symlink_to(folder.parent / "elsewhere.json")


TAMPERING: list[tuple[Callable[[Path], object], type[BedrailError]]] = [
    (lambda f: (f / "extra.txt").write_text("x"), Corrupt),
    (lambda f: (f / "evil.pkl").write_bytes(b""), Refused),
    (lambda f: (f / "sub").mkdir(), Corrupt),
    (lambda f: (f / "model.json").unlink(), Corrupt),
    (lambda f: (f / "package.json").unlink(), Corrupt),
    (lambda f: (f / "package.json").write_bytes(b"{"), Invalid),
    (lambda f: (f / "package.json").write_bytes(b"\xff\xfe"), Invalid),
    (lambda f: (f / "package.json").write_bytes(b"[" * 100_000), Invalid),
    (_link, Corrupt),
]


@pytest.mark.parametrize("number", range(len(TAMPERING)))
def test_a_tampered_folder_is_not_loaded(folder: Path, number: int) -> None:
    """Further, missing, linked and unreadable files are each refused with a remedy."""
    tamper, error = TAMPERING[number]
    tamper(folder)
    with pytest.raises(error) as caught:
        load_package(folder)
    assert caught.value.remedy


def test_a_folder_that_is_none_is_not_loaded(tmp_path: Path) -> None:
    """A missing folder is as good as a corrupt one."""
    with pytest.raises(Corrupt):
        load_package(tmp_path / "nothing")


CHANGES: list[tuple[str, object, str]] = [
    ("kind", "pickle", "kind"),
    ("format", "bedrail-package/9", "format"),
    ("surprise", 1, ""),
    ("name", " ", "name"),
    ("model_file", "../../etc/passwd", "model_file"),
    ("model_sha256", "", "model_sha256"),
    ("endpoint", "vendor", "endpoint"),
    ("background", [1.0], "background"),
    ("calibration.values", [0.5], "calibration"),
    ("calibration.scores_1", [0.5, 0.4], "calibration"),
    ("uncertainty.low", [], "uncertainty"),
    ("uncertainty.case_scores", [0.3, 0.2], "uncertainty"),
    ("ood.mean", [], "ood"),
    ("ood.width", 3, "ood"),
    ("ood.columns", [0, 4, 99], "ood"),
    ("contract.features", [], "features"),
    ("uncertainty.cases", "many", "uncertainty.cases"),
]


@pytest.mark.parametrize("where, value, path", CHANGES)
def test_a_package_whose_parts_do_not_fit_is_refused_with_the_path(
    folder: Path, where: str, value: object, path: str
) -> None:
    """Each inconsistent field of package.json is named."""
    stored = json.loads((folder / "package.json").read_bytes())
    *parents, last = where.split(".")
    target = stored
    for parent in parents:
        target = target[parent]
    target[last] = value
    (folder / "package.json").write_text(json.dumps(stored))
    with pytest.raises(Invalid) as caught:
        load_package(folder)
    assert caught.value.path.startswith("package.json")
    assert path in caught.value.path


def test_a_package_is_written_once_and_whole(folder: Path, tmp_path: Path) -> None:
    """A folder in use, other bytes than the digest says, and pickled bytes are refused; nothing is left behind."""
    package, model, _ = linear_package()
    with pytest.raises(Invalid, match="not empty"):
        write_package(folder, package, model)
    with pytest.raises(Invalid, match="digest"):
        write_package(tmp_path / "b", package, model + b" ")
    with pytest.raises(Refused):
        write_package(tmp_path / "b", package, pickle.dumps(model))
    assert not (tmp_path / "b").exists()


def test_weights_of_another_width_are_not_loaded(tmp_path: Path) -> None:
    """A model that takes other columns than the contract has is refused when the package is written."""
    package, _, _ = linear_package()
    from hashlib import sha256

    from bedrail.models.linear import LinearModel

    narrow = LinearModel([1.0, 2.0], 0.0).to_bytes()
    package = msgspec.structs.replace(package, model_sha256=sha256(narrow).hexdigest())
    with pytest.raises(Corrupt, match="2 columns"):
        write_package(tmp_path / "c", package, narrow)
