"""Records open only with their own key and in their own context; keys wrap and unwrap under the same rule."""

from __future__ import annotations

import json
from pathlib import Path
from threading import Thread

import msgspec
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bedrail.core.errors import Corrupt
from bedrail.core.ports import SealedRecord, WrappedKey
from bedrail.keys import AesVault, verify_ed25519

VECTORS = Path(__file__).parents[1] / "data" / "audit_vectors" / "crypto"
KEK = bytes(range(32))


def _sealed(vault: AesVault, subject: str = "s1", plaintext: bytes = b"71 years") -> tuple[SealedRecord, WrappedKey]:
    record = vault.seal(record_id="r1", subject=subject, kind="decision", purpose="care", plaintext=plaintext)
    assert record.key is not None
    return record, record.key


@pytest.mark.parametrize("plaintext", [b"", b"x", b"y" * 100_000])
def test_what_was_sealed_opens_again(plaintext: bytes) -> None:
    """In the same process and in another one with the same key-encryption key."""
    record, key = _sealed(AesVault(KEK), plaintext=plaintext)
    assert AesVault(KEK).open(record, key) == plaintext


def test_nothing_readable_is_left_in_a_sealed_record() -> None:
    """Nor is the same plaintext ever sealed to the same bytes."""
    vault = AesVault(KEK)
    one, two = (_sealed(vault, plaintext=b"the same plaintext")[0] for _ in range(2))
    assert b"plaintext" not in one.ciphertext
    assert one.ciphertext != two.ciphertext
    assert one.ciphertext[:12] != two.ciphertext[:12]


@pytest.mark.parametrize("field", ["record_id", "subject", "kind", "purpose", "key_id"])
def test_a_record_moved_to_another_context_does_not_open(field: str) -> None:
    """Each part of the associated data counts."""
    vault = AesVault(KEK)
    record, key = _sealed(vault)
    with pytest.raises(Corrupt):
        vault.open(msgspec.structs.replace(record, **{field: "other"}), key)


def test_every_flipped_bit_of_the_ciphertext_is_noticed() -> None:
    """Nonce, ciphertext and tag."""
    vault = AesVault(KEK)
    record, key = _sealed(vault)
    for bit in range(8 * len(record.ciphertext)):
        flipped = bytearray(record.ciphertext)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Corrupt):
            vault.open(msgspec.structs.replace(record, ciphertext=bytes(flipped)), key)


@pytest.mark.parametrize("ciphertext", [b"", b"short", b"x" * 12, b"x" * 27])
def test_a_cut_record_is_corrupt_and_no_crash(ciphertext: bytes) -> None:
    """Even when there is not even a nonce."""
    vault = AesVault(KEK)
    record, key = _sealed(vault)
    with pytest.raises(Corrupt, match="restore it from backup"):
        vault.open(msgspec.structs.replace(record, ciphertext=ciphertext), key)


@pytest.mark.parametrize(
    "change", [{"wrapped": b"x" * 60}, {"key_id": "other"}, {"subject": "other"}, {"kek": "other"}, {"wrapped": b""}]
)
def test_a_changed_or_moved_data_key_does_not_unwrap(change: dict[str, object]) -> None:
    """Not even when the honest one was just used."""
    vault = AesVault(KEK)
    record, key = _sealed(vault)
    vault.open(record, key)
    names = {name: value for name, value in change.items() if name in ("key_id", "subject")}
    with pytest.raises(Corrupt):
        vault.open(msgspec.structs.replace(record, **names), msgspec.structs.replace(key, **change))


def test_another_key_encryption_key_opens_nothing() -> None:
    """The data key stays wrapped."""
    record, key = _sealed(AesVault(KEK))
    with pytest.raises(Corrupt):
        AesVault(b"z" * 32).open(record, key)


def test_subjects_have_keys_of_their_own() -> None:
    """One subject's key opens nothing of another's."""
    vault = AesVault(KEK)
    (one, key), (two, other) = _sealed(vault, "s1"), _sealed(vault, "s2")
    assert key.key_id != other.key_id
    with pytest.raises(Corrupt):
        vault.open(one, other)
    with pytest.raises(Corrupt):
        vault.open(msgspec.structs.replace(two, key_id=key.key_id), key)


def test_a_new_key_rides_on_every_record_until_the_store_has_it() -> None:
    """So that a failed first write costs no later record its key; and two processes' keys both work."""
    stored: dict[str, WrappedKey] = {}
    vault, other = AesVault(KEK, load=stored.get, capacity=1), AesVault(KEK)
    first, second = _sealed(vault), _sealed(vault)
    assert first[1] == second[1]
    rival, rivals_key = _sealed(other)
    assert rivals_key.key_id != first[1].key_id
    stored["s1"] = first[1]
    _sealed(vault, "s2")  # pushes s1 out of the cache of one
    third = vault.seal(record_id="r3", subject="s1", kind="decision", purpose="care", plaintext=b"x")
    assert (third.key, third.key_id) == (None, first[1].key_id)
    assert vault.open(third, first[1]) == b"x"
    assert vault.open(rival, rivals_key) == b"71 years"


def test_a_forgotten_subject_gets_a_new_key() -> None:
    """After its old one was destroyed."""
    vault = AesVault(KEK)
    _, key = _sealed(vault)
    vault.forget("s1")
    assert _sealed(vault)[1].key_id != key.key_id


def test_threads_share_one_vault() -> None:
    """One subject has one key, whoever comes first."""
    vault = AesVault(KEK, capacity=4)
    found: set[str] = set()

    def seal() -> None:
        for number in range(200):
            record, key = _sealed(vault, "s1" if number % 2 else f"s{number % 3}")
            assert vault.open(record, key) == b"71 years"
            if record.subject == "s1" and number % 2:
                found.add(record.key_id)

    threads = [Thread(target=seal) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 1


def test_a_short_key_is_refused() -> None:
    """AES-256 or nothing."""
    with pytest.raises(ValueError, match="32 bytes"):
        AesVault(b"k" * 16)


def test_the_ciphers_pass_wycheproof() -> None:
    """AES-256-GCM with 96-bit nonces: every valid vector opens, every invalid one is refused."""
    groups = json.loads((VECTORS / "wycheproof_aes_gcm_test.json").read_text())["testGroups"]
    ran = 0
    for group in groups:
        if (group["ivSize"], group["keySize"], group["tagSize"]) != (96, 256, 128):
            continue
        for test in group["tests"]:
            key, nonce, context, sealed = (bytes.fromhex(test[name]) for name in ("key", "iv", "aad", "ct"))
            sealed += bytes.fromhex(test["tag"])
            ran += 1
            if test["result"] == "valid":
                assert AESGCM(key).decrypt(nonce, sealed, context) == bytes.fromhex(test["msg"]), test["tcId"]
                assert AESGCM(key).encrypt(nonce, bytes.fromhex(test["msg"]), context) == sealed, test["tcId"]
            else:
                with pytest.raises(InvalidTag):
                    AESGCM(key).decrypt(nonce, sealed, context)
    assert ran > 60


def test_signatures_pass_wycheproof() -> None:
    """151 Ed25519 vectors, malleable and truncated signatures among them; never an exception."""
    groups = json.loads((VECTORS / "wycheproof_ed25519_test.json").read_text())["testGroups"]
    ran = 0
    for group in groups:
        public_key = bytes.fromhex(group["publicKey"]["pk"])
        for test in group["tests"]:
            found = verify_ed25519(public_key, bytes.fromhex(test["msg"]), bytes.fromhex(test["sig"]))
            assert found is (test["result"] == "valid"), test["tcId"]
            ran += 1
    assert ran == 151


@pytest.mark.parametrize("key", [b"", b"x" * 31, b"x" * 33, b"\xff" * 32])
def test_a_key_of_a_wrong_shape_verifies_nothing(key: bytes) -> None:
    """And raises nothing."""
    assert verify_ed25519(key, b"message", b"s" * 64) is False
