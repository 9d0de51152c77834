"""Epoch keys, sealed files, nonces, and records of the former format."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bedrail.core.errors import Busy, Corrupt, Invalid, NotFound, Refused, Unavailable
from bedrail.core.ports import KeyProvider, SealedRecord, WrappedKey
from bedrail.keys import AesVault, KeyFolder, sealed_files
from bedrail.keys.epochs import FIRST, Epochs
from bedrail.keys.key_files import FileProvider
from bedrail.keys.rotation import rewrapped
from bedrail.keys.sealed_files import MAGIC, SealedFiles
from bedrail.keys.vault import KEY_BYTES, NONCE_BYTES, OneKey

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))

from soak_nonces import soak

NOW = "2026-11-22T00:00:00+00:00"


@pytest.fixture
def epochs(tmp_path: Path) -> Epochs:
    return KeyFolder(tmp_path / "keys").create("hospital.example/ledger").epochs()


class MemoryKeys:
    """What of `core.ports.DataKeys` sealed files need."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], WrappedKey] = {}
        self.refusing = False

    def newest_key(self, subject: str) -> WrappedKey | None:
        return next((key for (owner, _), key in self.kept.items() if owner == subject), None)

    def find_key(self, subject: str, key_id: str) -> WrappedKey | None:
        return self.kept.get((subject, key_id))

    def keep_key(self, key: WrappedKey) -> bool:
        if not self.refusing:
            self.kept[key.subject, key.key_id] = key
        return not self.refusing


def former(key: bytes, subject: str) -> tuple[SealedRecord, WrappedKey]:
    """A record and its data key as the first version wrote them: no version byte, no table in the associated data."""
    data_key, key_id = os.urandom(32), "ab" * 16
    n1, n2 = os.urandom(12), os.urandom(12)
    encode = msgspec.json.encode
    wrapped = n1 + AESGCM(key).encrypt(n1, data_key, encode(("bedrail-key/1", key_id, subject, "kek-1")))
    names = ("r1", subject, "decision", "care", key_id)
    sealed = n2 + AESGCM(data_key).encrypt(n2, b"as before", encode(("bedrail-record/1", *names)))
    record = SealedRecord(
        record_id="r1", subject=subject, kind="decision", purpose="care", key_id=key_id, ciphertext=sealed
    )
    return record, WrappedKey(key_id=key_id, subject=subject, kek="kek-1", wrapped=wrapped)


def test_records_of_the_first_version_open_also_when_they_begin_like_the_second() -> None:
    """One nonce in 256 begins with the byte that now names the format."""
    key, seen = os.urandom(32), set()
    for _ in range(2000):
        record, wrapped = former(key, "s1")
        assert AesVault(key).open(record, wrapped) == b"as before"
        seen.add(record.ciphertext[0])
        if 2 in seen and len(seen) > 10:
            break
    assert 2 in seen


def test_new_records_bind_the_table_and_name_their_format() -> None:
    """The same plaintext, moved to the former format's associated data, does not open."""
    vault = AesVault(b"k" * 32)
    record = vault.seal(record_id="r1", subject="s1", kind="decision", purpose="care", plaintext=b"x")
    assert record.key is not None
    assert record.ciphertext[:1] == record.key.wrapped[:1] == b"\x02"
    stripped = msgspec.structs.replace(record, ciphertext=record.ciphertext[1:])
    with pytest.raises(Corrupt):
        vault.open(stripped, record.key)


def test_nonces_are_never_repeated() -> None:
    """Fresh for each of 50,000 seals by threads of two vaults under one key, and for each wrapping."""
    assert soak(50_000) == {"sealed": 50_000, "distinct_nonces": 50_000}
    vault = AesVault(b"k" * 32)
    keys = [vault.seal(record_id="r", subject=f"s{n}", kind="k", purpose="p", plaintext=b"").key for n in range(1000)]
    moved = rewrapped([key for key in keys if key], OneKey("kek-1", b"k" * 32), "kek-1")
    wrapped = [key.wrapped[1:13] for pair in moved for key in pair]
    assert len(set(wrapped)) == 2000


def test_a_new_epoch_wraps_at_once_in_every_vault(epochs: Epochs, tmp_path: Path) -> None:
    """Also in one that was opened before, by another process."""
    other = KeyFolder(tmp_path / "keys").open().vault()
    assert other.data_key("s1")[2].kek == FIRST  # type: ignore[union-attr]
    made = epochs.make("file", NOW, renew=True)
    assert epochs.newest() == made.name
    assert other.data_key("s1")[2].kek == made.name  # type: ignore[union-attr]


def test_a_destroyed_epoch_opens_nothing_and_the_newest_cannot_be_destroyed(epochs: Epochs, tmp_path: Path) -> None:
    """Its file, the provider's version and every copy in memory are gone; the key folder still opens."""
    vault = AesVault(epochs)
    record = vault.seal(record_id="r", subject="s", kind="k", purpose="p", plaintext=b"x")
    assert record.key is not None
    first = epochs.make("file", NOW, renew=True)
    second = epochs.make("file", NOW, renew=True)
    assert epochs.former() == [FIRST, first.name]
    with pytest.raises(Invalid):
        epochs.destroy(second.name)
    assert (epochs.destroy(FIRST), epochs.destroy(first.name)) == ("destroyed", "destroyed")
    assert {path.name for path in (tmp_path / "keys" / "kek").iterdir()} == {"kek-2.key"}
    for keyring in (epochs, KeyFolder(tmp_path / "keys").open().epochs()):
        with pytest.raises(NotFound):
            keyring.cipher(first.name)
        with pytest.raises(Corrupt, match="destroyed"):
            AesVault(keyring).open(record, record.key)
    with pytest.raises(NotFound):
        epochs.destroy("epoch-9-00000000")


def test_a_provider_version_that_another_epoch_rests_on_is_kept(epochs: Epochs, tmp_path: Path) -> None:
    """Only the last epoch takes it along."""
    first = epochs.make("file", NOW, renew=True)
    second = epochs.make("file", NOW, renew=False)
    assert first.version == second.version
    assert epochs.destroy(first.name) == "kept: another epoch rests on it"
    assert epochs.cipher(second.name)


def test_a_swapped_epoch_file_is_not_taken(epochs: Epochs, tmp_path: Path) -> None:
    """The name is bound; an unreadable or public file is refused with what to do."""
    one, two = epochs.make("file", NOW, renew=True), epochs.make("file", NOW, renew=False)
    folder = tmp_path / "keys" / "epochs"
    moved = msgspec.structs.replace(one, wrapped=two.wrapped)
    (folder / f"{one.name}.json").write_bytes(msgspec.json.encode(moved))
    epochs.give_notice()
    with pytest.raises(Corrupt):
        epochs.cipher(one.name)
    epochs.give_notice()
    (folder / f"{one.name}.json").chmod(0o644)
    with pytest.raises(Refused, match="chmod"):
        epochs.cipher(one.name)
    (folder / f"{one.name}.json").chmod(0o600)
    (folder / f"{one.name}.json").write_bytes(b"{}")
    with pytest.raises(Corrupt):
        epochs.cipher(one.name)


class Counting:
    """A provider that is out, and counts how often it was asked."""

    def __init__(self, inside: KeyProvider) -> None:
        self.inside, self.asked, self.out = inside, 0, False

    def __getattr__(self, name: str) -> object:
        return getattr(self.inside, name)

    def unwrap(self, version: str, wrapped: bytes, context: bytes) -> bytes:
        self.asked += 1
        if self.out:
            raise Unavailable("The provider is out.", remedy="Wait.")
        return self.inside.unwrap(version, wrapped, context)


def test_a_provider_is_asked_once_and_when_it_is_out_not_again_at_once(tmp_path: Path) -> None:
    """Nobody at the bedside waits for it each time."""
    provider = Counting(FileProvider(tmp_path / "kek"))
    KeyFolder(tmp_path / "keys").create("hospital.example/ledger")
    epochs = Epochs(tmp_path / "keys" / "epochs", tmp_path / "keys" / "kek.key", lambda _: provider)  # type: ignore[arg-type, return-value]
    name = epochs.make("any", NOW, renew=True).name
    asked = provider.asked
    for _ in range(5):
        epochs.cipher(name)
    assert provider.asked == asked + 1
    epochs.give_notice()
    provider.out = True
    for _ in range(5):
        with pytest.raises(Unavailable, match="out"):
            epochs.cipher(name)
    assert provider.asked == asked + 2
    provider.out = False
    epochs.give_notice()
    assert epochs.cipher(name)


@pytest.fixture
def files() -> SealedFiles:
    return SealedFiles(AesVault(b"k" * KEY_BYTES), MemoryKeys())  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [0, 1, 99, 100, 101, 250, 300])
def test_a_sealed_file_opens_whole(files: SealedFiles, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """Whatever its length, beside and across the borders of its segments."""
    monkeypatch.setattr(sealed_files, "SEGMENT", 100)
    data = os.urandom(size)
    sealed = files.seal_file(data, dataset="d1", kind="table", purpose="research")
    assert sealed.startswith(MAGIC)
    assert files.open_file(sealed) == data
    assert size < 16 or data not in sealed


def test_a_sealed_file_that_was_cut_swapped_or_changed_does_not_open(
    files: SealedFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At every byte, at the end of a segment, with segments exchanged, under another header."""
    monkeypatch.setattr(sealed_files, "SEGMENT", 100)
    sealed = files.seal_file(os.urandom(300), dataset="d1", kind="table", purpose="research")
    step, head = NONCE_BYTES + 100 + 16, sealed.index(b"\n", len(MAGIC)) + 1
    wrong = [sealed[:head], sealed[: head + step], sealed[: head + 2 * step], sealed + b"x"]
    one, two, rest = sealed[head : head + step], sealed[head + step : head + 2 * step], sealed[head + 2 * step :]
    wrong.append(sealed[:head] + two + one + rest)
    wrong += [sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :] for at in range(len(MAGIC), len(sealed), 7)]
    for data in wrong:
        with pytest.raises((Corrupt, NotFound)):
            files.open_file(data)
    other = files.seal_file(b"x", dataset="d2", kind="table", purpose="research")
    with pytest.raises((Corrupt, NotFound)):
        files.open_file(sealed[:head] + other[other.index(b"\n", len(MAGIC)) + 1 :])


def test_a_file_is_not_given_out_before_its_key_is_stored() -> None:
    """When the key cannot be kept (it was destroyed meanwhile), nothing is sealed under it."""
    keys = MemoryKeys()
    files = SealedFiles(AesVault(b"k" * KEY_BYTES, load=keys.newest_key), keys)
    files.seal_file(b"x", dataset="d1", kind="table", purpose="research")
    assert len(keys.kept) == 1
    keys.refusing = True
    with pytest.raises(Busy):
        files.seal_file(b"x", dataset="d2", kind="table", purpose="research")
    assert len(keys.kept) == 1
