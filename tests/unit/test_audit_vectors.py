"""Results of other implementations: Rekor, Wycheproof and CCTV say the same of our proofs, signatures and codes."""

from __future__ import annotations

import base64
import gzip
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bedrail.keys.signing import VERIFIERS, verify_ed25519, verify_mldsa44
from bedrail.ledger.checkpoint import parse_checkpoint, parse_note, parse_vkey
from bedrail.ledger.proof import EntryProof, LogKeys, check_proof, format_proof, parse_proof

VECTORS = Path(__file__).parents[1] / "data" / "audit_vectors"


def _load(name: str) -> Any:
    path = VECTORS / name
    return json.loads(gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes())


def test_a_real_entry_of_rekor_is_proven_by_our_verifier() -> None:
    """Leaf, inclusion proof and checkpoint of sigstore's public staging log, as a proof file of ours and back."""
    for case in _load("rekor_v2/sigstore_python.json")["cases"]:
        name, public_key = parse_vkey(case["vkeys"][0])
        entry, note = base64.b64decode(case["leaf_b64"]), case["checkpoint"].encode()
        path = tuple(base64.b64decode(each) for each in case["hashes"])
        proof = parse_proof(format_proof(EntryProof(index=case["index"], path=path, note=note, entry=entry)))
        proven = check_proof(proof, LogKeys(name=name, public_key=public_key), verify_ed25519, VERIFIERS)
        assert (proven.index, proven.entry) == (case["index"], entry)
        assert proven.checkpoint == parse_checkpoint(parse_note(note).text)


def test_post_quantum_signatures_pass_wycheproof() -> None:
    """180 ML-DSA-44 vectors; those with a context go to the library itself, since a cosignature has none."""
    ran = 0
    for group in _load("crypto/wycheproof_mldsa_44_verify_test.json.gz")["testGroups"]:
        public_key = bytes.fromhex(group["publicKey"])
        for test in group["tests"]:
            message, signature = bytes.fromhex(test["msg"]), bytes.fromhex(test["sig"])
            if "ctx" in test:
                found = _with_context(public_key, message, signature, bytes.fromhex(test["ctx"]))
            else:
                found = verify_mldsa44(public_key, message, signature)
            assert found is (test["result"] == "valid"), test["tcId"]
            ran += 1
    assert ran == 180


def _with_context(public_key: bytes, message: bytes, signature: bytes, context: bytes) -> bool:
    try:
        MLDSA44PublicKey.from_public_bytes(public_key).verify(signature, message, context)
    except (InvalidSignature, ValueError):
        return False
    return True


def test_edge_cases_of_ed25519_are_judged_as_they_always_were() -> None:
    """914 signatures with small-order and non-canonical parts: 208 accepted, 706 refused; a change would be noticed."""
    verdicts = [
        verify_ed25519(bytes.fromhex(case["key"]), case["msg"].encode(), bytes.fromhex(case["sig"]))
        for case in _load("crypto/cctv_ed25519vectors.json.gz")
    ]
    assert (len(verdicts), sum(verdicts)) == (914, 208)


@pytest.mark.parametrize("kind", ["hmac", "hkdf"])
def test_keyed_hashes_pass_wycheproof(kind: str) -> None:
    """HMAC and HKDF with SHA-256, on which pseudonyms and derived keys rest."""
    ran = 0
    for group in _load(f"crypto/wycheproof_{kind}_sha256_test.json.gz")["testGroups"]:
        for test in group["tests"]:
            if kind == "hmac":
                made = hmac.new(bytes.fromhex(test["key"]), bytes.fromhex(test["msg"]), hashlib.sha256).digest()
                same = made[: group["tagSize"] // 8] == bytes.fromhex(test["tag"])
            else:
                same = _derived(test) == bytes.fromhex(test["okm"]) if test["okm"] else _derived(test) is None
            assert same is (test["result"] == "valid" or not test.get("okm", "x")), test["tcId"]
            ran += 1
    assert ran > 80


def _derived(test: dict[str, Any]) -> bytes | None:
    salt, info = bytes.fromhex(test["salt"]), bytes.fromhex(test["info"])
    try:
        return HKDF(SHA256(), test["size"], salt, info).derive(bytes.fromhex(test["ikm"]))
    except ValueError:
        return None
