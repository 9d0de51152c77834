"""Key files are their owner's alone; each key has one purpose; what is broken is named with its remedy."""

from __future__ import annotations

import os
import stat
from hashlib import sha256
from pathlib import Path

import pytest

from bedrail.core.errors import Corrupt, NotFound, Refused, Unavailable
from bedrail.keys import HmacPseudonyms, KeyFolder, new_token, token_digest, verify_ed25519

ORIGIN = "hospital.example/ledger"


@pytest.fixture
def keys(tmp_path: Path) -> KeyFolder:
    return KeyFolder(tmp_path / "keys").create(ORIGIN)


def test_keys_are_the_same_when_opened_again(keys: KeyFolder, tmp_path: Path) -> None:
    """Signing, pseudonym and key-encryption keys."""
    again = KeyFolder(tmp_path / "keys").open()
    assert again.origin == ORIGIN
    for name in ("ledger", "evidence"):
        assert again.public_key(name) == keys.public_key(name)
    assert again.pseudonyms().pseudonym("MRN 1") == keys.pseudonyms().pseudonym("MRN 1")
    record = keys.vault().seal(record_id="r", subject="s", kind="k", purpose="p", plaintext=b"x")
    assert record.key is not None
    assert again.vault().open(record, record.key) == b"x"


def test_every_key_is_its_own(keys: KeyFolder, tmp_path: Path) -> None:
    """No two files hold one key, and another home has others."""
    contents = [path.read_bytes() for path in sorted((tmp_path / "keys").iterdir())]
    assert len(set(contents)) == len(contents) == 6
    other = KeyFolder(tmp_path / "other").create(ORIGIN)
    assert other.public_key("ledger") != keys.public_key("ledger")
    assert other.pseudonyms().pseudonym("MRN 1") != keys.pseudonyms().pseudonym("MRN 1")


def test_signers_are_named_for_signed_notes(keys: KeyFolder) -> None:
    """The ledger's key after the origin, the evidence key beside it; both sign."""
    assert keys.signer("ledger").name == ORIGIN
    assert keys.signer("evidence").name == f"{ORIGIN}/evidence"
    for name in ("ledger", "evidence"):
        signature = keys.signer(name).sign(b"message")
        assert verify_ed25519(keys.public_key(name), b"message", signature)
        assert not verify_ed25519(keys.public_key(name), b"other", signature)
    with pytest.raises(NotFound, match="Known: ledger, evidence"):
        keys.signer("other")


def test_all_files_are_private(keys: KeyFolder, tmp_path: Path) -> None:
    """0600 in a 0700 folder, whatever the umask."""
    before = os.umask(0)
    try:
        KeyFolder(tmp_path / "open").create(ORIGIN)
    finally:
        os.umask(before)
    for folder in (tmp_path / "keys", tmp_path / "open"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


@pytest.mark.parametrize("file", ["ledger.key", "evidence.key", "pseudonym.key", "kek.key"])
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_key_that_others_can_read_is_refused(keys: KeyFolder, tmp_path: Path, file: str, mode: int) -> None:
    """With the command that mends it."""
    path = tmp_path / "keys" / file
    path.chmod(mode)
    with pytest.raises(Refused) as caught:
        KeyFolder(tmp_path / "keys").open()
    assert caught.value.remedy == f"Run: chmod 600 {path}"
    path.chmod(0o600)
    KeyFolder(tmp_path / "keys").open()


def test_keys_are_never_overwritten(keys: KeyFolder, tmp_path: Path) -> None:
    """A second `create` is refused, also when only some files are left."""
    with pytest.raises(Refused, match="already holds keys"):
        KeyFolder(tmp_path / "keys").create(ORIGIN)
    (tmp_path / "keys" / "origin").unlink()
    (tmp_path / "keys" / "ledger.key").unlink()
    with pytest.raises(Refused, match="already holds keys"):
        KeyFolder(tmp_path / "keys").create(ORIGIN)
    assert keys.origin == ORIGIN


@pytest.mark.parametrize("origin", ["", "a b", "a+b", "a\nb", "a\x00b", "a\u2003b"])
def test_an_origin_must_fit_a_signed_note(tmp_path: Path, origin: str) -> None:
    """No spaces, no plus, no control characters."""
    with pytest.raises(Refused, match="origin"):
        KeyFolder(tmp_path / "keys").create(origin)


@pytest.mark.parametrize("file", ["ledger.key", "evidence.key", "pseudonym.key", "kek.key"])
@pytest.mark.parametrize("content", [b"", b"nonsense", b"00" * 31, b"\xff\xfe"])
def test_a_broken_key_is_corrupt(keys: KeyFolder, tmp_path: Path, file: str, content: bytes) -> None:
    """Named by its file; the content is not repeated."""
    (tmp_path / "keys" / file).write_bytes(content)
    with pytest.raises(Corrupt, match=file):
        KeyFolder(tmp_path / "keys").open()


def test_a_missing_home_is_not_found(tmp_path: Path) -> None:
    """And keys that were never opened are not used."""
    with pytest.raises(NotFound, match="bedrail init"):
        KeyFolder(tmp_path / "absent").open()
    for use in (lambda keys: keys.origin, lambda keys: keys.signer("ledger"), lambda keys: keys.vault()):
        with pytest.raises(Unavailable, match="not open"):
            use(KeyFolder(tmp_path / "absent"))


def test_tokens_are_unlike_each_other_and_known_by_digest() -> None:
    """256 bits behind a recognisable prefix."""
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    for token, digest in tokens:
        assert token.startswith("bedrail_")
        assert len(token) >= 8 + 43
        assert digest == token_digest(token) == sha256(token.encode()).hexdigest()


def test_pseudonyms_are_keyed_hmac_cut_to_128_bits() -> None:
    """RFC 4231 test case 1 has a 20-byte key, so the check is against the standard library."""
    import hmac

    key = bytes(range(32))
    names = HmacPseudonyms(key)
    for identifier in ("MRN-000123", "", "Zoë"):
        wanted = hmac.new(key, identifier.encode(), "sha256").hexdigest()[:32]
        assert names.pseudonym(identifier) == names.pseudonym(identifier) == wanted
    with pytest.raises(ValueError, match="32 bytes"):
        HmacPseudonyms(b"short")


def test_half_a_secret_is_not_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fails while a key is written: an error that says so, and no file with a part of it."""
    from bedrail.keys import private_files

    def fails(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(private_files.os, "fsync", fails)
    with pytest.raises(Unavailable):
        private_files.write_private(tmp_path / "keys" / "kek-1.key", b"secret")
    assert list((tmp_path / "keys").iterdir()) == []
