"""Checkpoints: the ledger's size and root as C2SP tlog-checkpoints inside signed notes.

https://c2sp.org/tlog-checkpoint and https://c2sp.org/signed-note, Ed25519 (signature type 0x01); types 0x04 and 0x06
are in `ledger/cosignature.py`. Reading is strict: base64 must be canonical, sizes have no leading zero, extension lines
are refused.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

from bedrail.core.errors import Corrupt
from bedrail.core.ports import Signer, Verifier
from bedrail.core.values import Value

ED25519 = b"\x01"
MAX_NOTE_BYTES = 1_000_000
MAX_SIGNATURES = 100
DASH = "— "
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")


class Checkpoint(Value, frozen=True, kw_only=True):
    """What a ledger of this origin says about itself: so many entries, this root (32 bytes)."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """The note text that is signed, ending in a newline."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line: key name, first four bytes of the key's hash, and the signature itself."""

    name: str
    key_hash: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """A parsed signed note; nothing about it is verified yet."""

    text: str
    signatures: tuple[NoteSignature, ...]


@lru_cache(maxsize=256)
def key_hash(name: str, public_key: bytes) -> bytes:
    """SHA-256(name || LF || 0x01 || key), first 4 bytes (signed-note)."""
    return typed_key_hash(name, ED25519, public_key)


def typed_key_hash(name: str, kind: bytes, public_key: bytes) -> bytes:
    """The key id of a signature type: SHA-256(name || LF || type || key), first 4 bytes (signed-note)."""
    return sha256(name.encode() + b"\n" + kind + public_key).digest()[:4]


def vkey(name: str, public_key: bytes) -> str:
    """The verifier key as one line, `name+hash+base64(0x01 || key)`."""
    return f"{name}+{key_hash(name, public_key).hex()}+{base64.b64encode(ED25519 + public_key).decode()}"


def parse_vkey(text: str) -> tuple[str, bytes]:
    """(name, 32-byte public key) of a verifier key line; raises `Corrupt` for anything else."""
    name, _, rest = text.removesuffix("\n").partition("+")
    hexed, _, encoded = rest.partition("+")
    key = canonical_base64(encoded)
    if key is None or len(key) != 33 or key[:1] != ED25519 or not is_key_name(name):
        raise Corrupt("This is not an Ed25519 verifier key.", remedy="Expected name+hash+base64, as in key.vkey.")
    if hexed != key_hash(name, key[1:]).hex():
        raise Corrupt("The verifier key's hash does not belong to its name and key.", remedy="Copy it again.")
    return name, key[1:]


def sign_checkpoint(checkpoint: Checkpoint, signer: Signer) -> bytes:
    """The checkpoint as a signed note with one signature line."""
    text = checkpoint.text()
    signature = key_hash(signer.name, signer.public_key) + signer.sign(text.encode())
    return f"{text}\n{DASH}{signer.name} {base64.b64encode(signature).decode()}\n".encode()


def signature_line(signature: NoteSignature) -> str:
    """One signature line of a note, with its newline."""
    return f"{DASH}{signature.name} {base64.b64encode(signature.key_hash + signature.signature).decode()}\n"


def parse_note(note: bytes) -> Note:
    """Split a signed note into text and signatures; raises `Corrupt` when malformed."""
    try:
        whole = note.decode()
    except UnicodeDecodeError as error:
        raise _malformed("not UTF-8") from error
    if len(note) > MAX_NOTE_BYTES:
        raise _malformed("too long")
    if _CONTROL.search(whole):
        raise _malformed("control characters")
    text, gap, signed = whole.rpartition("\n\n")
    if not gap or not signed.endswith("\n"):
        raise _malformed("no signature block")
    lines = signed[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise _malformed("too many signatures")
    return Note(text + "\n", tuple(map(_signature, lines)))


def parse_checkpoint(text: str) -> Checkpoint:
    """The checkpoint in a note's text, unverified; raises `Corrupt` when malformed."""
    lines = text.split("\n")
    if len(lines) != 4 or lines[3]:
        raise _malformed("a checkpoint has three lines")
    origin, size, encoded = lines[:3]
    root = canonical_base64(encoded)
    if not origin:
        raise _malformed("no origin")
    if not (size.isascii() and size.isdigit()) or size != str(int(size[:20])) or int(size) >= 2**63:
        raise _malformed("size")
    if root is None or len(root) != 32:
        raise _malformed("root hash")
    return Checkpoint(origin=origin, size=int(size), root=root)


def open_checkpoint(note: bytes, origin: str, public_key: bytes, verify: Verifier, *, name: str = "") -> Checkpoint:
    """The checkpoint in a note signed by this key for this origin; raises `Corrupt` otherwise.

    `name` is the key's name in the note, the origin unless given. Signatures by other keys are ignored.
    """
    text = open_note(note, name or origin, public_key, verify)
    checkpoint = parse_checkpoint(text)
    if checkpoint.origin != origin:
        raise Corrupt("The checkpoint is another ledger's.", remedy=f"Expected the origin {origin}.")
    return checkpoint


def open_note(note: bytes, name: str, public_key: bytes, verify: Verifier) -> str:
    """The text of a note signed by this key; raises `Corrupt` when malformed, unsigned or wrongly signed."""
    parsed = parse_note(note)
    ours = key_hash(name, public_key)
    for each in parsed.signatures:
        if each.name == name and each.key_hash == ours:
            if verify(public_key, parsed.text.encode(), each.signature):
                return parsed.text
            raise Corrupt("The signature does not fit the note.", remedy="The note was changed after signing.")
    raise Corrupt("The note is not signed by the pinned key.", remedy="Another key signed it, or none.")


def _signature(line: str) -> NoteSignature:
    if not line.startswith(DASH):
        raise _malformed("signature line")
    name, _, encoded = line[len(DASH) :].partition(" ")
    decoded = canonical_base64(encoded)
    if not is_key_name(name) or decoded is None or len(decoded) < 5:
        raise _malformed("signature line")
    return NoteSignature(name, decoded[:4], decoded[4:])


def is_key_name(name: str) -> bool:
    """Whether a key may be called so: text that UTF-8 can spell, not empty, no spaces, no `+` (signed-note)."""
    spelled = not any("\ud800" <= sign <= "\udfff" for sign in name)
    return bool(name) and spelled and "+" not in name and not any(sign.isspace() for sign in name)


def canonical_base64(text: str) -> bytes | None:
    """The bytes, or None when another spelling would decode to the same ones."""
    try:
        decoded = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return decoded if base64.b64encode(decoded).decode() == text else None


def _malformed(what: str) -> Corrupt:
    return Corrupt(f"The signed note is malformed ({what}).", remedy="It was changed or cut short.")
