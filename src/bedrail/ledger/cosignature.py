"""Cosignatures: timestamped signatures on a checkpoint, by witnesses and, as its second key, by the ledger itself.

https://c2sp.org/tlog-cosignature, both types: 0x04 (Ed25519) and 0x06 (ML-DSA-44, which also commits to the cosigner's
name and resists quantum computers). This module makes and reads bytes only; signing and verifying come in as callables.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from typing import Literal

from bedrail.core.errors import Corrupt, Invalid
from bedrail.core.ports import Verifier
from bedrail.core.values import Value
from bedrail.ledger.checkpoint import (
    Checkpoint,
    Note,
    NoteSignature,
    canonical_base64,
    is_key_name,
    parse_checkpoint,
    parse_note,
    signature_line,
    typed_key_hash,
)

Algorithm = Literal["ed25519", "ml-dsa-44"]

Verifiers = Mapping[Algorithm, Verifier]
"""The verifying function of each algorithm; `keys.signing.VERIFIERS` has both."""

TYPES: Mapping[Algorithm, bytes] = {"ed25519": b"\x04", "ml-dsa-44": b"\x06"}
KEY_BYTES: Mapping[Algorithm, int] = {"ed25519": 32, "ml-dsa-44": 1312}
SIGNATURE_BYTES: Mapping[Algorithm, int] = {"ed25519": 64, "ml-dsa-44": 2420}

LABEL = b"subtree/v1\n\0"
LATEST = 2**63 - 1


class CosignerKey(Value, frozen=True, kw_only=True):
    """Whose cosignature it is: the cosigner's name, the algorithm, the raw public key (32 or 1,312 bytes)."""

    name: str
    algorithm: Algorithm
    public_key: bytes

    @property
    def key_id(self) -> bytes:
        """SHA-256(name || LF || type || key), first 4 bytes."""
        return typed_key_hash(self.name, TYPES[self.algorithm], self.public_key)

    def vkey(self) -> str:
        """The verifier key as one line, `name+hash+base64(type || key)`."""
        encoded = base64.b64encode(TYPES[self.algorithm] + self.public_key).decode()
        return f"{self.name}+{self.key_id.hex()}+{encoded}"


def parse_cosigner_key(line: str) -> CosignerKey:
    """The key of a verifier key line of type 0x04 or 0x06; raises `Corrupt` for anything else."""
    name, _, rest = line.removesuffix("\n").partition("+")
    hexed, _, encoded = rest.partition("+")
    key = canonical_base64(encoded) or b""
    for algorithm, sign in TYPES.items():
        if key[:1] == sign and len(key) == 1 + KEY_BYTES[algorithm] and is_key_name(name):
            found = CosignerKey(name=name, algorithm=algorithm, public_key=key[1:])
            if hexed != found.key_id.hex():
                raise Corrupt("The cosigner key's hash does not belong to its name and key.", remedy="Copy it again.")
            return found
    raise Corrupt("This is no cosigner's verifier key.", remedy="Expected name+hash+base64, of type 0x04 or 0x06.")


def cosigned_message(key: CosignerKey, checkpoint: Checkpoint, timestamp: int) -> bytes:
    """What a cosigner signs about a whole tree at `timestamp` (POSIX seconds).

    Raises `Invalid` for a timestamp outside 0..2^63-1, and for names longer than the format holds (255 bytes).
    """
    if not 0 <= timestamp <= LATEST:
        raise Invalid("This is no time of a cosignature.", path="timestamp", remedy="Seconds since 1970, UTC.")
    if key.algorithm == "ed25519":
        return f"cosignature/v1\ntime {timestamp}\n{checkpoint.text()}".encode()
    start = bytes(8)  # a checkpoint begins at leaf 0; other subtrees have no signed note
    return b"".join(
        (
            LABEL,
            _opaque(key.name),
            timestamp.to_bytes(8, "big"),
            _opaque(checkpoint.origin),
            start,
            checkpoint.size.to_bytes(8, "big"),
            checkpoint.root,
        )
    )


def cosign(checkpoint: Checkpoint, key: CosignerKey, timestamp: int, sign: Callable[[bytes], bytes]) -> NoteSignature:
    """The cosignature of a checkpoint; whoever calls has made sure that it extends every one cosigned before."""
    signature = sign(cosigned_message(key, checkpoint, timestamp))
    return NoteSignature(key.name, key.key_id, timestamp.to_bytes(8, "big") + signature)


def cosigned_at(note: bytes | Note, key: CosignerKey, verifiers: Verifiers) -> int | None:
    """When this cosigner signed this checkpoint, by its own clock (the newest time), or None when it did not.

    Every line of the key must verify: raises `Corrupt` when one does not, or the note is no checkpoint.
    """
    parsed = parse_note(note) if isinstance(note, bytes) else note
    checkpoint = parse_checkpoint(parsed.text)
    times: list[int] = []
    for each in parsed.signatures:
        if each.name != key.name or each.key_hash != key.key_id:
            continue
        timestamp, signature = int.from_bytes(each.signature[:8], "big"), each.signature[8:]
        sound = timestamp <= LATEST and len(signature) == SIGNATURE_BYTES[key.algorithm]
        message = cosigned_message(key, checkpoint, timestamp) if sound else b""
        if not sound or not verifiers[key.algorithm](key.public_key, message, signature):
            raise Corrupt(f"The cosignature of {key.name} does not fit.", remedy="The note was changed after signing.")
        times.append(timestamp)
    return max(times, default=None)


def with_signatures(note: bytes, signatures: Iterable[NoteSignature]) -> bytes:
    """The same signed note with more signature lines at its end; raises `Corrupt` when the result is malformed."""
    joined = note + "".join(map(signature_line, signatures)).encode()
    parse_note(joined)
    return joined


def _opaque(name: str) -> bytes:
    """A TLS vector of 1 to 255 bytes (RFC 8446 section 3.4)."""
    data = name.encode()
    if not 1 <= len(data) <= 255:
        raise Invalid("A name in a cosignature has 1 to 255 bytes.", path="name", remedy="Choose a shorter one.")
    return len(data).to_bytes(1, "big") + data
