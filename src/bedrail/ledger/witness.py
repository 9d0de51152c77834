"""Witnessing: what is sent to a witness, and whether it may cosign.

https://c2sp.org/tlog-witness, `add-checkpoint`. Pure: the witness's memory and keys come in as values; who calls
`judge` holds the memory locked until the new checkpoint is durable.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from typing import Literal

from bedrail.core.errors import Corrupt, Invalid
from bedrail.core.ports import Verifier
from bedrail.core.values import Value
from bedrail.ledger.checkpoint import (
    MAX_NOTE_BYTES,
    Checkpoint,
    Note,
    NoteSignature,
    canonical_base64,
    key_hash,
    parse_checkpoint,
    parse_note,
)
from bedrail.ledger.cosignature import CosignerKey, Verifiers, cosigned_at, with_signatures
from bedrail.ledger.merkle import EMPTY_ROOT, HASH_BYTES, verify_consistency

SIZE_TYPE = "text/x.tlog.size"
MOST_PROOF_LINES = 63
MOST_BYTES = MAX_NOTE_BYTES + 4096

_OLD = re.compile(r"old (0|[1-9][0-9]{0,18})\Z")


class Submission(Value, frozen=True, kw_only=True):
    """A request to cosign: `note` extends the tree of `old` entries, as `proof` (RFC 6962, 2.1.2) shows."""

    old: int
    proof: tuple[bytes, ...]
    note: bytes

    def body(self) -> bytes:
        """The body of the POST."""
        lines = [f"old {self.old}", *(base64.b64encode(each).decode() for each in self.proof), "", ""]
        return "\n".join(lines).encode() + self.note


class Judged(Value, frozen=True, kw_only=True):
    """The answer to a submission as an HTTP status; `size` is the latest cosigned size where the answer tells it."""

    status: Literal[200, 400, 403, 404, 409, 422]
    why: str = ""
    size: int | None = None
    misbehaved: bool = False
    """The log signed two checkpoints of which one cannot extend the other as claimed: worth keeping as evidence."""


def parse_submission(body: bytes) -> tuple[Submission, Note, Checkpoint]:
    """The parts of an `add-checkpoint` body, unverified; raises `Invalid` for anything that is not exactly one."""
    head, gap, note = body.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise _malformed("the proof is not ASCII") from None
    found = _OLD.match(lines[0])
    if not gap or found is None or int(found[1]) >= 2**63:
        raise _malformed("the old size line")
    if len(lines) - 1 > MOST_PROOF_LINES:
        raise _malformed(f"more than {MOST_PROOF_LINES} proof lines")
    proof = [canonical_base64(line) for line in lines[1:]]
    if any(each is None or len(each) != HASH_BYTES for each in proof):
        raise _malformed("a proof line that is no hash")
    try:
        parsed = parse_note(note)
        checkpoint = parse_checkpoint(parsed.text)
    except Corrupt as error:
        raise _malformed(error.message) from None
    hashes = tuple(each for each in proof if each is not None)
    return Submission(old=int(found[1]), proof=hashes, note=note), parsed, checkpoint


def signed_by(note: Note, origin: str, keys: Sequence[bytes], verify: Verifier) -> bool:
    """Whether one of these Ed25519 keys of the log signed the note; lines of unknown keys are passed over."""
    for key in keys:
        ours = key_hash(origin, key)
        for each in note.signatures:
            if each.name == origin and each.key_hash == ours and verify(key, note.text.encode(), each.signature):
                return True
    return False


def judge(submission: Submission, checkpoint: Checkpoint, latest: Checkpoint | None) -> Judged:
    """Whether a checkpoint of a known, verified signer may be cosigned after `latest` (None: nothing was yet).

    In the order of the specification: 400 for an old size above the new one, 409 unless the old size is the latest,
    409 for another root at the same size, 422 for a proof that does not hold.
    """
    size = 0 if latest is None else latest.size
    if submission.old > checkpoint.size:
        return Judged(status=400, why="the old size is larger than the checkpoint")
    if submission.old != size:
        return Judged(status=409, why="the old size is not the latest", size=size)
    if checkpoint.size == size:
        root = EMPTY_ROOT if latest is None else latest.root
        if checkpoint.root != root:
            # An empty tree has one root; any other one at size 0 is no tree, and no fork either.
            return Judged(status=409, why="another tree of the same size", size=size, misbehaved=latest is not None)
        proven = not submission.proof
    elif size == 0:
        proven = not submission.proof
    else:
        assert latest is not None
        proven = verify_consistency(size, checkpoint.size, latest.root, checkpoint.root, submission.proof)
    if not proven:
        return Judged(status=422, why="the consistency proof does not hold", misbehaved=bool(submission.old))
    return Judged(status=200)


def accept_answer(note: bytes, answer: bytes, keys: Sequence[CosignerKey], verifiers: Verifiers) -> list[NoteSignature]:
    """The valid cosignatures in a witness's answer by these keys; lines of unknown keys are passed over.

    Raises `Corrupt` when the answer is malformed, or a line of a known key does not verify.
    """
    bare = _without_signatures(note)
    answered = parse_note(bare + answer)
    found: list[NoteSignature] = []
    for key in keys:
        if cosigned_at(answered, key, verifiers) is not None:
            lines = [each for each in answered.signatures if each.name == key.name and each.key_hash == key.key_id]
            found.append(max(lines, key=lambda each: each.signature[:8]))
    return found


def merged(note: bytes, cosignatures: Sequence[NoteSignature]) -> bytes:
    """The note with these cosignatures behind the lines that it has; an older line of the same key gives way."""
    parsed = parse_note(note)
    ours = {(each.name, each.key_hash) for each in cosignatures}
    kept = [each for each in parsed.signatures if (each.name, each.key_hash) not in ours]
    return with_signatures(_without_signatures(note), [*kept, *cosignatures])


def _without_signatures(note: bytes) -> bytes:
    """The text of a note and the empty line behind it."""
    return parse_note(note).text.encode() + b"\n"


def _malformed(what: str) -> Invalid:
    return Invalid(f"The request is malformed: {what}.", path="body", remedy="See https://c2sp.org/tlog-witness.")
