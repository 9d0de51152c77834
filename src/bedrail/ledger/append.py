"""Appending: leaf hashes, tree head and signed checkpoint become durable together with the facts, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from hashlib import sha256
from time import monotonic as steady_seconds
from typing import Protocol

from bedrail.core.errors import BedrailError, Corrupt, Invalid, Refused, Unavailable
from bedrail.core.events import MAX_ENTRY_BYTES
from bedrail.core.ports import Anchor, Draft, Head, Signer, Tape, Verifier
from bedrail.core.values import Value
from bedrail.ledger.checkpoint import Checkpoint, sign_checkpoint
from bedrail.ledger.guard import RESTORE, checkpoint_in, continues, extends, move_anchor, require_extended
from bedrail.ledger.merkle import CompactRange, leaf_hash
from bedrail.ledger.shards import chain_of, named_signer, signing_key


class Receipt(Value, frozen=True, kw_only=True):
    """Proof of writing, for whoever asked: the entry's index and leaf hash (hex), under this signed checkpoint."""

    index: int
    leaf: str
    size: int
    checkpoint: str


class Keyring(Protocol):
    """The keys of one house for one ledger: looked for again each time, since another process may have made one."""

    def signers(self) -> Sequence[Signer]:
        """Those that can sign, newest first."""
        ...

    @property
    def verify(self) -> Verifier:
        """Verifies what any of them signed."""
        ...


class Ledger:
    """Appends facts to a tape and seals them with an Ed25519 key, the same for a whole shard.

    Several processes may share one tape: the head is read again under the tape's write lock each time, and is
    trusted only when this key signed it. A head that is older than the anchor, or than what this process has
    already seen, or that does not continue either, means that the database was shortened, restored or replaced:
    `Corrupt`, and nothing is signed (see `ledger/guard.py`). When another process began a new shard, this one goes on
    in it (see `ledger/shards.py`), also under another key of this house's, when the former one's seal names it.
    """

    def __init__(
        self,
        tape: Tape,
        signer: Signer,
        origin: str,
        anchor: Anchor,
        *,
        keyring: Keyring | None = None,
        anchor_seconds: float = 1.0,
        monotonic: Callable[[], float] = steady_seconds,
    ) -> None:
        """Open; `keyring` finds the house's other keys for this ledger, where a shard began under another one.

        Raises `Corrupt` when head and anchor contradict each other or the anchor is gone, `Unavailable` when the tape
        is out.
        """
        self._tape = tape
        self._signer = signer
        self._keyring = keyring
        self._origin = self.first_origin = origin
        """The name under which the ledger was opened, before any other shard."""
        self._anchor = anchor
        self._anchor_seconds = anchor_seconds
        self._monotonic = monotonic
        self._anchored_at = float("-inf")
        self._known = b""
        self._peaks: tuple[bytes, ...] = ()
        self._seen = 0
        self._unanchored: bytes | None = None
        self.refusal: str = ""
        """Why nothing is signed any more: somebody showed another history under this key. Empty when nobody did."""
        self.anchor_failure: str = ""
        """Why the last anchor write failed; empty when it did not. Facts are durable all the same."""
        self._compare_with_anchor()

    @property
    def origin(self) -> str:
        """The ledger's name in its newest checkpoint: that of the shard which is being written."""
        note = self._tape.head().checkpoint
        return checkpoint_in(note).origin if note else self._origin

    @property
    def public_key(self) -> bytes:
        """The key that must have signed the newest checkpoint: that of the shard which is being written."""
        head = self._tape.head()
        if not head.checkpoint or signing_key(head.checkpoint, (self._signer.public_key,)):
            return self._signer.public_key
        found = self._successor(head)
        return self._signer.public_key if found is None else found.public_key

    def head(self) -> Head:
        """The last committed head."""
        return self._tape.head()

    def append(self, drafts: Sequence[Draft], *, known: int | None = None, wait: bool = True) -> list[Receipt]:
        """Write all drafts in one durable commit; one receipt each, in order.

        `known` is for facts that follow from a judgement: the index up to which its low-volume facts were read.
        Raises `Refused` when another one was appended since, `Invalid` for a draft that cannot be written, `Corrupt`
        for a head that this key did not sign, and `Unavailable` when the tape fails (`Busy` when another is writing and
        `wait` is off): then nothing was written.
        """
        if not drafts:
            return []
        if self.refusal:
            raise Corrupt(self.refusal, remedy=RESTORE)
        hashed = sha256
        leaves = [hashed(b"\x00" + draft.data).digest() for draft in drafts]
        if max(len(draft.data) for draft in drafts) > MAX_ENTRY_BYTES:
            raise Invalid(f"A ledger entry holds at most {MAX_ENTRY_BYTES} bytes.", remedy="Store an artifact instead.")
        try:
            with self._tape.transaction(wait=wait) as transaction:
                before = transaction.head()
                if known is not None and next(iter(self._tape.registry_entries(known)), None) is not None:
                    raise _overtaken()
                tree = self._trusted(before)
                tree.extend(leaves)
                note = self._sealed(tree)
                after = Head(size=tree.size, peaks=tree.peaks, checkpoint=note)
                transaction.append(before.size, drafts, leaves, after)
        except BedrailError:
            raise
        except Exception as error:
            raise Unavailable("The ledger could not be written.", remedy="See the cause, then try again.") from error
        self._known, self._seen, self._peaks = note, after.size, after.peaks
        self._anchor_when_due(note)
        return _receipts(before.size, leaves, tree.size, note)

    def begin_shard(
        self,
        sealed: Draft,
        successor: str,
        first: Callable[[bytes], Draft],
        *,
        known: int,
        signer: Signer | None = None,
    ) -> tuple[Receipt, Receipt]:
        """End the present shard with the entry `sealed` and begin that of the origin `successor`, in one commit.

        `first` makes the new shard's first entry from the old one's final checkpoint. With `signer` the new shard is
        sealed by that key, which both entries must name. Raises as `append`; then there is one shard as before.
        """
        if self.refusal:
            raise Corrupt(self.refusal, remedy=RESTORE)
        try:
            with self._tape.transaction() as transaction:
                before = transaction.head()
                if next(iter(self._tape.registry_entries(known)), None) is not None:
                    raise _overtaken()
                tree = self._trusted(before)
                leaves = [leaf_hash(sealed.data)]
                tree.extend(leaves)
                final, sealed_size = self._sealed(tree), tree.size
                begun = first(final)
                leaves.append(leaf_hash(begun.data))
                tree.extend(leaves[1:])
                note = self._sealed(tree, successor, signer)
                after = Head(size=tree.size, peaks=tree.peaks, checkpoint=note)
                transaction.append(before.size, (sealed, begun), leaves, after)
        except BedrailError:
            raise
        except Exception as error:
            raise Unavailable("The ledger could not be written.", remedy="See the cause, then try again.") from error
        self._origin, self._signer = successor, signer or self._signer
        self._known, self._seen, self._peaks = note, after.size, after.peaks
        self._write_anchor(note)
        (old,) = _receipts(before.size, leaves[:1], sealed_size, final)
        (new,) = _receipts(sealed_size, leaves[1:], after.size, note)
        return old, new

    def probe(self) -> None:
        """Write the head once more, durably and unchanged; raises `Unavailable` while the tape cannot be written."""
        try:
            with self._tape.transaction() as transaction:
                head = transaction.head()
                transaction.append(head.size, (), (), head)
        except BedrailError:
            raise
        except Exception as error:
            raise Unavailable("The ledger cannot be written.", remedy="Check disk and permissions.") from error

    def settle_anchor(self) -> None:
        """Write the anchor that is still due, so that it does not lag for ever when nothing more is appended.

        Safe on any thread; a failure is noted in `anchor_failure`.
        """
        due = self._unanchored
        if due is not None and self._monotonic() - self._anchored_at >= self._anchor_seconds:
            self._write_anchor(due)

    def compare(self, note: bytes, where: str) -> None:
        """Hold a checkpoint that this key signed, found elsewhere, against the ledger as it is now.

        Raises `Corrupt`, and signs nothing from then on, when the ledger does not continue it. Then it becomes the
        anchor, so that no other process opens the home either. Whoever calls has verified the signature.
        """
        other = checkpoint_in(note)
        head = self._tape.head()
        if other.size > head.size:
            self.refusal = f"Rollback detected: the ledger has {head.size} entries, {where} holds {other.size} of it."
            self._write_anchor(self._own_part(other, note))
        elif not extends(head, other, self._tape.leaves):
            self.refusal = f"Fork detected: {where} holds another history of this ledger, signed by its key."
            self._unanchored = None
            with suppress(OSError, Unavailable):  # then this process alone knows
                self._anchor.write(self._own_part(other, note))
        if self.refusal:
            raise Corrupt(self.refusal, remedy=RESTORE)

    def close(self) -> None:
        """Write the anchor that is still due; raises `Unavailable` when that fails. The tape stays open."""
        due = self._unanchored
        if due is not None:
            self._write_anchor(due)
            if self.anchor_failure:
                raise Unavailable(self.anchor_failure, remedy="Check the anchor's disk and permissions.")

    def _trusted(self, head: Head) -> CompactRange:
        """The tree behind a head, after making sure that our key signed exactly this head.

        Ed25519 is deterministic (RFC 8032), so signing again must give the same note.
        """
        if head.size < self._seen:
            raise Corrupt(
                f"The ledger has {head.size} entries, but {self._seen} were already written.",
                remedy=f"The database was shortened or restored. {RESTORE}",
            )
        try:
            tree = CompactRange(head.size, head.peaks)
        except ValueError as error:
            raise _foreign_head() from error
        unopened = head.size == 0 and not head.checkpoint
        if unopened or (head.checkpoint == self._known and head.peaks == self._peaks):
            return tree
        origin, signer = self._origin, self._signer
        if head.checkpoint != self._sealed(tree):
            origin = checkpoint_in(head.checkpoint).origin  # another process began a new shard, or the head is not ours
            if origin == self._origin and self._seen:
                raise _foreign_head()
            if head.checkpoint != self._sealed(tree, origin):
                found = self._successor(head)
                if found is None or head.checkpoint != self._sealed(tree, origin, found):
                    raise _foreign_head()
                signer = found
        # Another process appended: what it built on must be what this one saw last (at the opening it saw nothing yet,
        # and the anchor is what the head has to continue: reading every leaf would make each start as long as history).
        if self._seen and not continues(self._seen, self._peaks, head, self._tape.leaves):
            raise Corrupt(
                "Fork detected: the ledger no longer continues what was already written.",
                remedy=f"The database was replaced. {RESTORE}",
            )
        self._origin, self._signer = origin, signer
        return tree

    def _sealed(self, tree: CompactRange, origin: str = "", signer: Signer | None = None) -> bytes:
        return self._signed(Checkpoint(origin=origin or self._origin, size=tree.size, root=tree.root()), signer)

    def _signed(self, checkpoint: Checkpoint, signer: Signer | None = None) -> bytes:
        ours = signer or self._signer
        return sign_checkpoint(
            checkpoint, ours if checkpoint.origin == self.first_origin else named_signer(ours, checkpoint.origin)
        )

    def _successor(self, head: Head) -> Signer | None:
        """The house's key that signs the head's shard: named by the seals of all before it. None for no such key.

        A process that has seen the ledger trusts the key in use there; at the opening, the anchor says what continues.
        """
        if self._keyring is None:
            return None
        for signer in self._keyring.signers():
            if not signing_key(head.checkpoint, (signer.public_key,)):
                continue
            pinned = self._signer.public_key if self._seen else signer.public_key
            chain = chain_of(self._tape, head, self.first_origin, pinned, self._keyring.verify, whole=False)
            if not chain.differences and chain.key_at(head.size) == signer.public_key:
                return signer
        return None

    def _signers(self) -> tuple[Signer, ...]:
        return (self._signer, *(self._keyring.signers() if self._keyring is not None else ()))

    def _own_part(self, checkpoint: Checkpoint, note: bytes) -> bytes:
        """What we signed once of this note, without strangers' lines."""
        ours = (signer for signer in self._signers() if signing_key(note, (signer.public_key,)))
        return self._signed(checkpoint, next(ours, None))

    def _compare_with_anchor(self) -> None:
        # The anchor first: another process may append and anchor at any moment, and the head read after is no older.
        note = self._anchor.read()
        head = self._tape.head()
        self._trusted(head)
        require_extended(note, head, self._tape.leaves, self._is_ours)
        if note is None:  # of an empty ledger too, so that a missing anchor always means a deleted one
            move_anchor(self._anchor, self._sealed(CompactRange()))
        elif head.checkpoint and not note.startswith(head.checkpoint):
            self._write_anchor(head.checkpoint)  # a process that was killed left it behind
        self._known, self._seen, self._peaks = head.checkpoint, head.size, head.peaks

    def _is_ours(self, checkpoint: Checkpoint, note: bytes) -> bool:
        # A published anchor is the sealed note with more signature lines behind it; it may be of an earlier shard.
        return any(note.startswith(self._signed(checkpoint, signer)) for signer in self._signers())

    def _anchor_when_due(self, note: bytes) -> None:
        self._unanchored = note
        if self._monotonic() - self._anchored_at >= self._anchor_seconds:
            self._write_anchor(note)

    def _write_anchor(self, note: bytes) -> None:
        """A failing anchor does not undo facts that are already durable, so it is noted instead of raised."""
        self._anchored_at = self._monotonic()
        try:
            move_anchor(self._anchor, note)
            if self._unanchored is note:  # another thread may have appended meanwhile
                self._unanchored = None
            self.anchor_failure = ""
        except (OSError, Unavailable) as error:
            self.anchor_failure = f"The anchor could not be written ({type(error).__name__})."


def _receipts(start: int, leaves: Sequence[bytes], size: int, note: bytes) -> list[Receipt]:
    checkpoint = note.decode()
    return [
        Receipt(index=index, leaf=leaf.hex(), size=size, checkpoint=checkpoint)
        for index, leaf in enumerate(leaves, start)
    ]


def _overtaken() -> Refused:
    return Refused(
        "Something else was recorded while this was being judged.",
        remedy="Look again how things stand, then repeat it.",
        reasons=("conflict",),
    )


def _foreign_head() -> Corrupt:
    return Corrupt("The ledger's head was not signed by this key.", remedy="Run `bedrail ledger verify`.")
