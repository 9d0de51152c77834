"""Statements, envelopes and model signatures as their specifications have them, held against other implementations."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from securesystemslib.dsse import Envelope as OtherEnvelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey

from bedrail.app import verify_signed_folder
from bedrail.core.errors import Corrupt, Invalid, NotFound, Refused
from bedrail.keys.model_signing import PackageSigner, same_form, verify_ecdsa
from bedrail.keys.signing import Ed25519Signer, verify_ed25519
from bedrail.models.statements import (
    Resource,
    Statement,
    model_statement,
    open_sealed,
    pae,
    read_model_signature,
    seal,
    sign_model,
)

SIGNER = Ed25519Signer.from_seed("hospital.example/ledger/evidence", bytes(range(32)))
SAID = Statement(
    subject=(Resource(name="model", digest={"sha256": "ab" * 32}),),
    predicate_type="https://bedrail.example/attestation/test/v1",
    predicate={"number": 1, "word": "Grüße"},
)


def check(message: bytes, signature: bytes) -> bool:
    return verify_ed25519(SIGNER.public_key, message, signature)


def test_the_encoding_that_is_signed_is_dsse_1_0() -> None:
    """The example of the protocol document."""
    assert pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_another_implementation_verifies_our_envelopes() -> None:
    """securesystemslib, with the key and with a wrong one; the payload is the statement."""
    data = json.loads(seal(SAID, SIGNER.sign, "our-key"))
    theirs = OtherEnvelope.from_dict(data)

    def key(public: bytes) -> SSlibKey:
        return SSlibKey("our-key", "ed25519", "ed25519", {"public": public.hex()})

    assert list(theirs.verify([key(SIGNER.public_key)], 1)) == ["our-key"]
    with pytest.raises(VerificationError):
        theirs.verify([key(Ed25519Signer.from_seed("x", bytes(32)).public_key)], 1)
    said = json.loads(theirs.payload)
    assert said["_type"] == "https://in-toto.io/Statement/v1"
    assert said["predicateType"] == SAID.predicate_type
    assert said["subject"] == [{"name": "model", "digest": {"sha256": "ab" * 32}}]


def test_a_sealed_statement_opens_again() -> None:
    """As it was; the same statement gives the same bytes."""
    data = seal(SAID, SIGNER.sign, "k")
    assert open_sealed(data, check) == SAID
    assert seal(SAID, SIGNER.sign, "k") == data


def _payload(change: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], Any]:
    def apply(envelope: dict[str, Any]) -> None:
        said = json.loads(base64.b64decode(envelope["payload"]))
        change(said)
        envelope["payload"] = base64.b64encode(json.dumps(said).encode()).decode()

    return apply


@pytest.mark.parametrize(
    "change",
    [
        _payload(lambda said: said["predicate"].update(number=2)),
        _payload(lambda said: said["subject"].clear()),
        lambda envelope: envelope.update(payloadType="application/json"),
        lambda envelope: envelope.update(signatures=[]),
        lambda envelope: envelope["signatures"][0].update(sig=base64.b64encode(bytes(64)).decode()),
        lambda envelope: envelope["signatures"][0].update(sig="!"),
        lambda envelope: envelope.pop("payload"),
    ],
)
def test_a_changed_envelope_does_not_open(change: Callable[[dict[str, Any]], Any]) -> None:
    """Payload, type and signature are all bound."""
    envelope = json.loads(seal(SAID, SIGNER.sign, "k"))
    change(envelope)
    with pytest.raises(Corrupt):
        open_sealed(json.dumps(envelope).encode(), check)


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"\xff", b"[" * 100_000])
def test_what_is_no_envelope_is_corrupt(data: bytes) -> None:
    """Whatever the bytes."""
    with pytest.raises(Corrupt):
        open_sealed(data, check)
    with pytest.raises(Corrupt):
        read_model_signature(data, check, b"")


@pytest.fixture
def key(tmp_path: Path) -> PackageSigner:
    (tmp_path / "keys").mkdir(mode=0o700)
    return PackageSigner(tmp_path / "keys")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "sub").mkdir(parents=True)
    for name in ("package.json", "a.b", "a/x", "sub/model.onnx", "Z"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(name.encode())
    return folder


def digests(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): sha256(path.read_bytes()).hexdigest() for path in files}


def the_tool(*arguments: object) -> subprocess.CompletedProcess[str]:
    """The OpenSSF tool's own command line."""
    command = [sys.executable, "-m", "model_signing", *map(str, arguments)]
    env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=env)


@pytest.mark.slow
def test_the_standard_tool_verifies_what_we_signed(key: PackageSigner, model: Path, tmp_path: Path) -> None:
    """And refuses it once a byte changed."""
    (tmp_path / "model.sig").write_bytes(sign_model("model", digests(model), key.sign, key.public_pem))
    (tmp_path / "model.pem").write_bytes(key.public_pem)
    command = ("verify", "key", model, "--signature", tmp_path / "model.sig", "--public_key", tmp_path / "model.pem")
    done = the_tool(*command)
    assert done.returncode == 0, done.stderr
    (model / "Z").write_bytes(b"z")
    assert the_tool(*command).returncode != 0


@pytest.mark.slow
@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()], ids=lambda c: c.name)
def test_we_verify_what_the_standard_tool_signed(curve: ec.EllipticCurve, model: Path, tmp_path: Path) -> None:
    """On each curve it takes; `.git` and empty folders, which it passes over, are refused."""
    private = ec.generate_private_key(curve)
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    (tmp_path / "key.pem").write_bytes(pem)
    (tmp_path / "public.pem").write_bytes(public)
    signature = tmp_path / "theirs.sig"
    done = the_tool("sign", "key", model, "--signature", signature, "--private_key", tmp_path / "key.pem")
    assert done.returncode == 0, done.stderr
    assert set(verify_signed_folder(model, signature, public)) == set(digests(model))
    (model / ".git").mkdir()
    (model / ".git" / "hooks").write_bytes(b"run me")
    verdict = ("verify", "key", model, "--signature", signature, "--public_key", tmp_path / "public.pem")
    assert the_tool(*verdict).returncode == 0, "the trap is gone: the tool minds .git now"
    with pytest.raises(Corrupt, match=r"\.git/hooks"):
        verify_signed_folder(model, signature, public)
    (model / ".git" / "hooks").unlink()
    with pytest.raises(Corrupt, match=r"\.git"):
        verify_signed_folder(model, signature, public)


def _replace(model: Path) -> None:
    (model / "Z").unlink()
    (model / "Z").symlink_to(model / "a.b")


@pytest.mark.parametrize(
    "tamper",
    [
        lambda model: (model / "Z").write_bytes(b""),
        lambda model: (model / "Z").unlink(),
        lambda model: (model / "new").write_bytes(b""),
        lambda model: (model / "Z").rename(model / "z"),
        lambda model: (model / "empty").mkdir(),
        lambda model: (model / "Z").chmod(0o755),
        lambda model: (model.parent / "second").hardlink_to(model / "Z"),
        _replace,
    ],
)
def test_a_folder_that_differs_from_its_signature_is_refused(
    key: PackageSigner, model: Path, tmp_path: Path, tamper: Callable[[Path], object]
) -> None:
    """A byte, a file or folder more or less, a name, a link of either kind, an execute bit."""
    (tmp_path / "model.sig").write_bytes(sign_model("model", digests(model), key.sign, key.public_pem))
    assert verify_signed_folder(model, tmp_path / "model.sig", key.public_pem)
    tamper(model)
    with pytest.raises(Corrupt):
        verify_signed_folder(model, tmp_path / "model.sig", key.public_pem)


def test_the_signature_may_lie_in_the_folder(key: PackageSigner, model: Path) -> None:
    """As the tool puts it."""
    (model / "model.sig").write_bytes(sign_model("model", digests(model), key.sign, key.public_pem))
    assert "model.sig" in verify_signed_folder(model, model / "model.sig", key.public_pem)


def test_another_key_does_not_verify(key: PackageSigner, model: Path, tmp_path: Path) -> None:
    """Neither by its hint nor by its signature; what is no such key is said to be none."""
    (tmp_path / "other").mkdir(mode=0o700)
    other = PackageSigner(tmp_path / "other")
    data = sign_model("model", digests(model), key.sign, key.public_pem)
    with pytest.raises(Corrupt, match="another key"):
        read_model_signature(data, lambda m, s: verify_ecdsa(other.public_pem, m, s), other.public_pem)
    forged = sign_model("model", digests(model), other.sign, key.public_pem)
    with pytest.raises(Corrupt, match="expected key"):
        read_model_signature(forged, lambda m, s: verify_ecdsa(key.public_pem, m, s), key.public_pem)
    with pytest.raises(Invalid, match="public key"):
        same_form(b"nothing")


@pytest.mark.parametrize(
    "change",
    [
        {"method": "shards"},
        {"hash_type": "blake2b"},
        {"allow_symlinks": True},
        {"ignore_paths": ["weights.bin"]},
    ],
)
def test_ways_of_signing_that_leave_things_out_are_refused(change: dict[str, Any], key: PackageSigner) -> None:
    """Shards, other digests, followed links, and ignored paths other than git's (which are refused by name)."""
    said = model_statement("m", {"a": "00" * 32})
    said.predicate["serialization"].update(change)
    envelope = json.loads(seal(said, key.sign, ""))
    bundle = {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": sha256(key.public_pem).hexdigest()}},
        "dsseEnvelope": envelope,
    }
    with pytest.raises(Invalid):
        read_model_signature(
            json.dumps(bundle).encode(), lambda m, s: verify_ecdsa(key.public_pem, m, s), key.public_pem
        )


def test_the_key_is_made_once_and_private(tmp_path: Path) -> None:
    """Opened again it is the same; one that others may read is refused; nothing else is left in the folder."""
    first = PackageSigner(tmp_path)
    assert PackageSigner(tmp_path).public_pem == first.public_pem
    assert [path.name for path in tmp_path.iterdir()] == ["packages.key"]
    assert (tmp_path / "packages.key").stat().st_mode & 0o777 == 0o600
    (tmp_path / "packages.key").chmod(0o640)
    with pytest.raises(Refused, match="read by others"):
        PackageSigner(tmp_path)


def test_a_signature_that_is_not_there_is_not_found(key: PackageSigner, model: Path) -> None:
    """With its name."""
    with pytest.raises(NotFound, match=r"model\.sig"):
        verify_signed_folder(model, model / "model.sig", key.public_pem)
