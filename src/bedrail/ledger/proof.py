"""Proof files: one entry, its inclusion proof and a signed checkpoint in a text that verifies offline.

https://c2sp.org/tlog-proof. The `extra` line holds the entry itself: the format does not authenticate it, but its hash
is the leaf that the proof starts from, so a changed entry has no proof.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence

from bedrail.core.errors import Corrupt
from bedrail.core.ports import Verifier
from bedrail.core.values import Value
from bedrail.ledger.checkpoint import (
    MAX_NOTE_BYTES,
    Checkpoint,
    canonical_base64,
    open_checkpoint,
    parse_checkpoint,
    parse_note,
    parse_vkey,
)
from bedrail.ledger.cosignature import CosignerKey, Verifiers, cosigned_at, parse_cosigner_key
from bedrail.ledger.merkle import HASH_BYTES, leaf_hash, verify_inclusion

HEADER = "c2sp.org/tlog-proof@v1"
MOST_STEPS = 63
"""Hashes in a proof at most: no ledger has 2^63 entries."""


class LogKeys(Value, frozen=True, kw_only=True):
    """The keys that somebody trusts: the ledger's Ed25519 key, and cosigners who must all have signed.

    `name` is the ledger's, empty when only the bare key is known: then the checkpoint's own origin is taken for it.
    """

    public_key: bytes
    name: str = ""
    cosigners: tuple[CosignerKey, ...] = ()

    @property
    def second(self) -> CosignerKey | None:
        """The ledger's own post-quantum key among the cosigners: it bears the ledger's name."""
        return next((each for each in self.cosigners if each.name == self.name), None)


class EntryProof(Value, frozen=True, kw_only=True):
    """A parsed proof file; nothing about it is verified yet. `entry` is empty when the file holds none."""

    index: int
    path: tuple[bytes, ...]
    note: bytes
    entry: bytes = b""


class Proven(Value, frozen=True, kw_only=True):
    """What a proof file shows: this entry stands at this index under this checkpoint, cosigned at these times.

    `cosigned` holds (cosigner, POSIX seconds by its clock).
    """

    entry: bytes
    index: int
    checkpoint: Checkpoint
    cosigned: tuple[tuple[str, int], ...]


def parse_log_keys(lines: Sequence[str]) -> LogKeys:
    """Keys from verifier key lines: exactly one of type 0x01, and any number of cosigners' (0x04, 0x06).

    The ledger's own may also be the bare 64 hex digits. Raises `Corrupt` for a line that is no key, and when the
    ledger's own is missing or there are two.
    """
    own: list[tuple[str, bytes]] = []
    cosigners: list[CosignerKey] = []
    for line in lines:
        if len(line) == 64 and all(sign in "0123456789abcdefABCDEF" for sign in line):
            own.append(("", bytes.fromhex(line)))
            continue
        try:
            cosigners.append(parse_cosigner_key(line))
        except Corrupt:
            own.append(parse_vkey(line))
    if len(own) != 1:
        raise Corrupt("One ledger key is needed, of type Ed25519.", remedy="Give the line that stands in key.vkey.")
    ((name, public_key),) = own
    return LogKeys(name=name, public_key=public_key, cosigners=tuple(cosigners))


def format_proof(proof: EntryProof) -> bytes:
    """The proof as the text of a `.tlog-proof` file."""
    lines = [HEADER]
    if proof.entry:
        lines.append(f"extra {base64.b64encode(proof.entry).decode()}")
    lines.append(f"index {proof.index}")
    lines += [base64.b64encode(step).decode() for step in proof.path]
    return "\n".join([*lines, "", ""]).encode() + proof.note


def parse_proof(data: bytes) -> EntryProof:
    """The proof in a file; raises `Corrupt` for anything that is not spelled exactly as the format says."""
    if len(data) > 2 * MAX_NOTE_BYTES:
        raise _malformed("too long")
    head, gap, note = data.partition(b"\n\n")
    try:
        lines = head.decode().split("\n")
    except UnicodeDecodeError as error:
        raise _malformed("not UTF-8") from error
    if not gap or lines.pop(0) != HEADER:
        raise _malformed("no header")
    entry = b""
    if lines and lines[0].startswith("extra "):
        entry = _decoded(lines.pop(0)[len("extra ") :], "extra data")
    if not lines or not lines[0].startswith("index "):
        raise _malformed("no index")
    index = lines.pop(0)[len("index ") :]
    if not (index.isascii() and index.isdigit()) or index != str(int(index[:20])) or int(index) >= 2**63:
        raise _malformed("index")
    path = tuple(_decoded(line, "hash") for line in lines)
    if len(path) > MOST_STEPS or any(len(step) != HASH_BYTES for step in path):
        raise _malformed("hash")
    return EntryProof(index=int(index), path=path, note=note, entry=entry)


def check_proof(
    proof: EntryProof, keys: LogKeys, verify: Verifier, verifiers: Verifiers, *, entry: bytes = b""
) -> Proven:
    """That the entry stands in the tree that the pinned keys signed; raises `Corrupt` otherwise.

    `entry` is compared when given; otherwise the enclosed one is proven. Each of the cosigners in `keys` must have
    signed. The ledger's name is also its origin.
    """
    if entry and proof.entry and entry != proof.entry:
        raise Corrupt("The proof is another entry's.", remedy="Compare its enclosed entry with yours.")
    entry = entry or proof.entry
    if not entry:
        raise Corrupt("The proof holds no entry.", remedy="Give the entry that it is about.")
    name = keys.name or parse_checkpoint(parse_note(proof.note).text).origin
    checkpoint = open_checkpoint(proof.note, name, keys.public_key, verify)
    times = cosigned_by(proof.note, keys, verifiers)
    if not verify_inclusion(leaf_hash(entry), proof.index, checkpoint.size, proof.path, checkpoint.root):
        raise Corrupt("The entry is not in the signed tree.", remedy="Entry, index or proof was changed.")
    return Proven(entry=entry, index=proof.index, checkpoint=checkpoint, cosigned=times)


def cosigned_by(note: bytes, keys: LogKeys, verifiers: Verifiers) -> tuple[tuple[str, int], ...]:
    """(name, POSIX seconds) of each required cosigner; raises `Corrupt` when one is missing or does not fit."""
    times: list[tuple[str, int]] = []
    for cosigner in keys.cosigners:
        at = cosigned_at(note, cosigner, verifiers)
        if at is None:
            what = f"The checkpoint lacks the signature of {cosigner.name} ({cosigner.algorithm})."
            raise Corrupt(what, remedy="It was removed, or never made.")
        times.append((cosigner.name, at))
    return tuple(times)


def _decoded(text: str, what: str) -> bytes:
    decoded = canonical_base64(text)
    if not decoded:
        raise _malformed(what)
    return decoded


def _malformed(what: str) -> Corrupt:
    return Corrupt(f"The proof file is malformed ({what}).", remedy="It was changed or cut short.")
