"""Cosignatures are C2SP's: Go's are accepted, ours are Go's byte for byte, and whatever was changed is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bedrail.core.errors import Corrupt, Invalid
from bedrail.keys.signing import VERIFIERS, MlDsa44Signer
from bedrail.ledger.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint, parse_note, sign_checkpoint
from bedrail.ledger.cosignature import (
    CosignerKey,
    cosign,
    cosigned_at,
    cosigned_message,
    parse_cosigner_key,
    with_signatures,
)
from ledger_parts import ORIGIN, signer

VECTORS = Path(__file__).parents[1] / "data" / "audit_vectors"
CASES: list[dict[str, Any]] = json.loads((VECTORS / "cosignature" / "cosignature_v1.json").read_text())["cases"]
CHECKPOINT = Checkpoint(origin=ORIGIN, size=12, root=bytes(range(32)))
NOW = 1_790_000_000


def _post_quantum(name: str = "witness.example/pq") -> tuple[CosignerKey, MlDsa44Signer]:
    made = MlDsa44Signer.from_seed(name, b"w" * 32)
    return CosignerKey(name=name, algorithm="ml-dsa-44", public_key=made.public_key), made


def _classical(name: str = "witness.example/ed") -> CosignerKey:
    return CosignerKey(name=name, algorithm="ed25519", public_key=signer(9).public_key)


def _cosigned() -> tuple[bytes, CosignerKey, CosignerKey]:
    """A checkpoint with the ledger's line, an Ed25519 and an ML-DSA-44 cosignature."""
    strong, made = _post_quantum()
    classical = _classical()
    lines = [cosign(CHECKPOINT, classical, NOW, signer(9).sign), cosign(CHECKPOINT, strong, NOW + 1, made.sign)]
    return with_signatures(sign_checkpoint(CHECKPOINT, signer()), lines), classical, strong


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['kind']}-{case['made_by'][:6]}")
def test_cosignatures_of_go_and_those_that_go_accepted_verify(case: dict[str, Any]) -> None:
    """Both types, in both directions; the key line is written back to the same bytes."""
    key = parse_cosigner_key(case["vkey"])
    assert key.vkey() == case["vkey"]
    timestamp = cosigned_at(case["note"].encode(), key, VERIFIERS)
    assert timestamp is not None
    assert 1_700_000_000 < timestamp < 2_000_000_000


def test_a_cosigned_checkpoint_opens_for_the_ledgers_key_and_tells_each_time() -> None:
    """Cosignatures stand beside the ledger's own line and change nothing about it."""
    note, classical, strong = _cosigned()
    assert open_checkpoint(note, ORIGIN, signer().public_key, VERIFIERS["ed25519"]) == CHECKPOINT
    assert cosigned_at(note, classical, VERIFIERS) == NOW
    assert cosigned_at(note, strong, VERIFIERS) == NOW + 1
    assert cosigned_at(note, _classical("somebody.else.example"), VERIFIERS) is None


def test_the_message_of_ml_dsa_is_the_cosigned_message_of_the_format() -> None:
    """Label, name, time, origin, start, end and root, with TLS lengths, as the specification lays them out."""
    key = CosignerKey(name="w", algorithm="ml-dsa-44", public_key=bytes(1312))
    message = cosigned_message(key, Checkpoint(origin="o", size=258, root=b"r" * 32), 1)
    assert message == b"subtree/v1\n\0" + b"\1w" + bytes(7) + b"\1" + b"\1o" + bytes(8) + bytes(6) + b"\1\2" + b"r" * 32


def test_the_message_of_ed25519_is_two_lines_before_the_checkpoint() -> None:
    """The example of the specification."""
    text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    message = cosigned_message(_classical(), parse_checkpoint(text), 1679315147)
    assert message == b"cosignature/v1\ntime 1679315147\n" + text.encode()


@pytest.mark.parametrize("at", [0, 1])
def test_a_changed_time_name_or_tree_is_refused(at: int) -> None:
    """The time is signed in both types; so is the tree."""
    note, *keys = _cosigned()
    key, line = keys[at], parse_note(note).signatures[1 + at]
    later = line.signature[:7] + bytes([line.signature[7] ^ 1]) + line.signature[8:]
    own = sign_checkpoint(CHECKPOINT, signer())
    changed = type(line)(line.name, line.key_hash, later)
    with pytest.raises(Corrupt, match="does not fit"):
        cosigned_at(with_signatures(own, [changed]), key, VERIFIERS)
    other = sign_checkpoint(Checkpoint(origin=ORIGIN, size=13, root=CHECKPOINT.root), signer())
    with pytest.raises(Corrupt, match="does not fit"):
        cosigned_at(with_signatures(other, [line]), key, VERIFIERS)
    for cut in (line.signature[:7], line.signature[:-1], line.signature + b"\0", b"\xff" * len(line.signature)):
        with pytest.raises(Corrupt, match="does not fit"):
            cosigned_at(with_signatures(own, [type(line)(line.name, line.key_hash, cut)]), key, VERIFIERS)


def test_an_ml_dsa_cosignature_commits_to_the_cosigners_name() -> None:
    """The same key under another name signs another message."""
    key, made = _post_quantum()
    other = CosignerKey(name="another.example", algorithm="ml-dsa-44", public_key=key.public_key)
    line = cosign(CHECKPOINT, key, NOW, made.sign)
    moved = type(line)(other.name, other.key_id, line.signature)
    with pytest.raises(Corrupt, match="does not fit"):
        cosigned_at(with_signatures(sign_checkpoint(CHECKPOINT, signer()), [moved]), other, VERIFIERS)


@pytest.mark.parametrize(
    "change",
    [
        lambda line: line.replace("+B", "+D", 1),
        lambda line: "x" + line,
        lambda line: line[:-4],
        lambda line: line + "\n\n",
        lambda line: " " + line,
        lambda line: line.replace("+", "++", 1),
        lambda line: "",
        lambda line: line[:-3] + chr(ord(line[-3]) + 1) + line[-2:],
    ],
)
def test_a_changed_key_line_is_refused(change: Any) -> None:
    """Type, name, hash, key and spelling are all bound."""
    line = CASES[0]["vkey"]
    with pytest.raises(Corrupt):
        parse_cosigner_key(change(line))


def test_times_and_names_that_the_format_cannot_hold_are_refused() -> None:
    """Before anything is signed."""
    key, made = _post_quantum()
    for timestamp in (-1, 2**63):
        with pytest.raises(Invalid, match="no time"):
            cosign(CHECKPOINT, key, timestamp, made.sign)
    with pytest.raises(Invalid, match="255"):
        cosigned_message(CosignerKey(name="n" * 256, algorithm="ml-dsa-44", public_key=b""), CHECKPOINT, 1)
