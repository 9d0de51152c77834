"""Adapters at their edges: keys made whole or not at all, one folder stored by two at once, addresses that are none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bedrail.core.errors import Invalid, Refused, Unavailable
from bedrail.keys import KeyFolder, files
from bedrail.stores import FileArtifacts
from bedrail.wire.vendor import VendorScorer


def test_keys_are_made_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fills halfway leaves nothing behind that would stop the next attempt."""
    folder, written = tmp_path / "keys", []
    usual = files._write_private

    def full(path: Path, data: bytes) -> None:
        written.append(path.name)
        if len(written) == 3:
            raise OSError(28, "No space left on device")
        usual(path, data)

    monkeypatch.setattr(files, "_write_private", full)
    with pytest.raises(Unavailable):
        KeyFolder(folder).create("hospital.example/ledger")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(files, "_write_private", usual)
    made = KeyFolder(folder).create("hospital.example/ledger")
    assert made.origin == "hospital.example/ledger"
    assert folder.stat().st_mode & 0o077 == 0
    assert list(tmp_path.iterdir()) == [folder]


def test_keys_of_somebody_quicker_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes make keys at once: the second finds the first one's in place and leaves them alone."""
    folder = tmp_path / "keys"
    usual, first = os.urandom, KeyFolder(folder)
    raced: list[bytes] = []

    def meanwhile(count: int) -> bytes:
        if not raced:
            raced.append(b"")
            raced[0] = first.create("hospital.example/ledger").public_key("ledger")
        return usual(count)

    monkeypatch.setattr(files.os, "urandom", meanwhile)
    with pytest.raises((Refused, Unavailable)):
        KeyFolder(folder).create("hospital.example/ledger")
    assert KeyFolder(folder).open().public_key("ledger") == raced[0]


def test_a_folder_that_another_process_stored_meanwhile_is_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same bytes under the same digest: it does not matter whose they are."""
    package = tmp_path / "package"
    package.mkdir()
    (package / "package.json").write_bytes(b"{}")
    mine, theirs = FileArtifacts(tmp_path / "artifacts"), FileArtifacts(tmp_path / "artifacts")
    usual = Path.rename

    def overtaken(self: Path, target: Path) -> Path:
        if self.name.startswith(".writing-"):
            monkeypatch.setattr(Path, "rename", usual)
            theirs.put_tree(package)
        return usual(self, target)

    monkeypatch.setattr(Path, "rename", overtaken)
    digest = mine.put_tree(package)
    assert (mine.open_tree(digest) / "package.json").read_bytes() == b"{}"


@pytest.mark.parametrize("address", ["http://host:99999/", "http://host:port/", "http://[::1/score", "ftp://host/"])
def test_an_address_that_is_none_is_the_callers_mistake(address: str) -> None:
    """Said as such, with the remedy; nothing is asked."""
    with pytest.raises(Invalid, match="no address"):
        VendorScorer(address, permit=lambda _, __: "public")
