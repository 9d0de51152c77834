"""Artifacts open only when they are, byte for byte, what was stored; the anchor is one whole file."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from bedrail.core.errors import Corrupt, Invalid, NotFound, Unavailable
from bedrail.stores import FileAnchor, FileArtifacts


@pytest.fixture
def artifacts(tmp_path: Path) -> FileArtifacts:
    return FileArtifacts(tmp_path / "artifacts")


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "package"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "package.json").write_bytes(b"{}")
    (folder / "deep" / "model.txt").write_bytes(b"tree")
    (folder / "deep" / "er" / "empty").write_bytes(b"")
    return folder


@pytest.mark.parametrize("data", [b"", b"x", b"y" * 1_000_000])
def test_bytes_come_back_by_their_digest(artifacts: FileArtifacts, data: bytes) -> None:
    """Stored twice is stored once."""
    digest = artifacts.put(data)
    assert digest == sha256(data).hexdigest() == artifacts.put(data)
    assert artifacts.get(digest) == data


def test_changed_bytes_are_corrupt_and_storing_again_mends_them(artifacts: FileArtifacts, tmp_path: Path) -> None:
    """Nobody reads what was not stored."""
    digest = artifacts.put(b"evidence")
    path = tmp_path / "artifacts" / "files" / digest[:2] / digest
    path.write_bytes(b"evidencE")
    with pytest.raises(Corrupt, match=digest[:12]):
        artifacts.get(digest)
    artifacts.put(b"evidence")
    assert artifacts.get(digest) == b"evidence"


@pytest.mark.parametrize("digest", ["", "..", "../../etc/passwd", "A" * 64, "0" * 63, "g" * 64])
def test_only_digests_are_names(artifacts: FileArtifacts, digest: str) -> None:
    """No path leads out of the folder."""
    for use in (artifacts.get, artifacts.open_tree, artifacts.read_tree):
        with pytest.raises(Invalid, match="SHA-256"):
            use(digest)


def test_what_was_never_stored_is_not_found(artifacts: FileArtifacts) -> None:
    """File or folder."""
    for use in (artifacts.get, artifacts.open_tree, artifacts.read_tree):
        with pytest.raises(NotFound):
            use("0" * 64)


def test_a_folder_comes_back_whole(artifacts: FileArtifacts, package: Path) -> None:
    """Its digest is that of a sorted manifest, whatever the order of the files on disk."""
    digest = artifacts.put_tree(package)
    names = ("deep/er/empty", "deep/model.txt", "package.json")
    manifest = {name: sha256((package / name).read_bytes()).hexdigest() for name in names}
    assert digest == sha256(json.dumps(manifest, separators=(",", ":")).encode()).hexdigest()
    opened = artifacts.open_tree(digest)
    assert {path.relative_to(opened).as_posix() for path in opened.rglob("*") if path.is_file()} == set(names)
    assert (opened / "deep" / "model.txt").read_bytes() == b"tree"
    assert artifacts.read_tree(digest) == {name: (package / name).read_bytes() for name in names}
    assert artifacts.put_tree(package) == artifacts.put_tree(opened) == digest


def _link(folder: Path) -> None:
    shutil.copy(folder / "package.json", folder.parent / "aside")
    (folder / "package.json").unlink()
    (folder / "package.json").symlink_to(folder.parent / "aside")


def _hard_link(folder: Path) -> None:
    (folder.parent.parent.parent / "second-name").hardlink_to(folder / "package.json")


def _folder_for_file(folder: Path) -> None:
    (folder / "package.json").unlink()
    (folder / "package.json").mkdir()


def _linked_folder(folder: Path) -> None:
    (folder / "deep").rename(folder.parent.parent.parent / "elsewhere")
    (folder / "deep").symlink_to(folder.parent.parent.parent / "elsewhere")


TAMPERING: list[tuple[Callable[[Path], object], str]] = [
    (lambda folder: (folder / "deep" / "model.txt").write_bytes(b"treE"), "deep/model.txt"),
    (lambda folder: (folder / "deep" / "model.txt").unlink(), "missing"),
    (lambda folder: (folder / "hook.py").write_bytes(b"x"), "added"),
    (lambda folder: (folder / ".git").mkdir(), ".git"),
    (lambda folder: (folder / "package.json").rename(folder / "Package.json"), "Package.json"),
    (lambda folder: os.mkfifo(folder / "pipe"), "pipe"),
    (_link, "package.json"),
    (_hard_link, "package.json .hard link"),
    (lambda folder: (folder / "package.json").rename(folder / "deep" / "package.json"), "deep/package.json .added"),
    (lambda folder: (folder / ".hidden").write_bytes(b""), ".hidden .added"),
    (lambda folder: (folder / ".git").mkdir() or (folder / ".git" / "config").write_bytes(b"x"), ".git/config .added"),
    (lambda folder: (folder / "deep" / "new").mkdir(), "deep/new"),
    (lambda folder: (folder / "deep").rename(folder / "Deep"), "Deep/er/empty .added"),
    (lambda folder: (folder / "deep" / "model.txt").chmod(0o644), "deep/model.txt .permissions"),
    (lambda folder: (folder / "deep" / "model.txt").chmod(0o700), "deep/model.txt .permissions"),
    (lambda folder: (folder / "deep" / "model.txt").chmod(0o4600), "deep/model.txt .permissions"),
    (lambda folder: (folder / "deep").chmod(0o770), "deep .permissions"),
    (lambda folder: folder.chmod(0o1700), "permissions"),
    (_folder_for_file, "package.json"),
    (_linked_folder, "deep"),
    (lambda folder: (folder.parent / "beside").write_bytes(b""), "beside .added"),
    (lambda folder: (folder.parent / "manifest.json").write_bytes(b"{}"), "manifest"),
]


@pytest.mark.parametrize("tamper, named", TAMPERING)
def test_a_changed_folder_is_corrupt_and_the_change_is_named(
    artifacts: FileArtifacts, package: Path, tamper: Callable[[Path], object], named: str
) -> None:
    """A byte, a file or folder more or less, a name, a link, a pipe, permissions; storing again mends it."""
    digest = artifacts.put_tree(package)
    tamper(artifacts.open_tree(digest))
    with pytest.raises(Corrupt, match=named):
        artifacts.open_tree(digest)
    assert artifacts.put_tree(package) == digest
    artifacts.open_tree(digest)


def test_links_and_special_files_are_not_stored(artifacts: FileArtifacts, package: Path, tmp_path: Path) -> None:
    """Nor what is no folder, or an empty one."""
    (package / "link").symlink_to("/etc/hostname")
    with pytest.raises(Invalid, match="plain files") as caught:
        artifacts.put_tree(package)
    assert caught.value.path == "link"
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "absent", tmp_path / "empty"):
        with pytest.raises(Invalid):
            artifacts.put_tree(folder)


def test_names_that_some_file_systems_take_for_one_are_not_stored(artifacts: FileArtifacts, package: Path) -> None:
    """By case, or by composed accents: on such a disk one would replace the other."""
    for name in ("Package.JSON", "package.jsön", "package.jso\u0308n"):
        (package / name).write_bytes(b"{}")
    with pytest.raises(Invalid, match="case or accents"):
        artifacts.put_tree(package)


def test_modes_do_not_depend_on_the_mask(artifacts: FileArtifacts, package: Path) -> None:
    """What is stored under umask 0 opens again."""
    before = os.umask(0)
    try:
        digest = artifacts.put_tree(package)
    finally:
        os.umask(before)
    assert artifacts.read_tree(digest)


def test_an_unwritable_folder_is_unavailable(tmp_path: Path, package: Path) -> None:
    """A file stands where the folder should be."""
    (tmp_path / "occupied").write_bytes(b"")
    for use in (lambda to: to.put(b"x"), lambda to: to.put_tree(package)):
        with pytest.raises(Unavailable):
            use(FileArtifacts(tmp_path / "occupied"))
    with pytest.raises(Unavailable):
        FileAnchor(tmp_path / "occupied" / "anchor").write(b"x")


def test_the_anchor_is_replaced_whole(tmp_path: Path) -> None:
    """Nothing before the first write, the last note afterwards, no temporary file left."""
    anchor = FileAnchor(tmp_path / "anchors" / "anchor")
    assert anchor.read() is None
    for note in (b"one", b"", b"three" * 1000):
        anchor.write(note)
        assert anchor.read() == note
    assert {path.name for path in (tmp_path / "anchors").iterdir()} == {"anchor", ".anchor.lock"}
