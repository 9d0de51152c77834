"""For all ledgers: proofs are complete and sound, and not one bit can change unnoticed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedrail.core.errors import Corrupt
from bedrail.core.ports import Head
from bedrail.keys import AesVault, verify_ed25519
from bedrail.ledger import Ledger, VerificationReport, verify_ledger
from bedrail.ledger.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from bedrail.ledger.merkle import (
    CompactRange,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from bedrail.ledger.tiles import pack_entries, unpack_entries
from ledger_parts import ORIGIN, answered, person, signer
from memory_tape import MemoryTape

LEAVES = [leaf_hash(b"%d" % number) for number in range(300)]


def _by_definition(leaves: list[bytes]) -> bytes:
    """MTH as RFC 6962 section 2.1 writes it, slowly."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return node_hash(_by_definition(leaves[:split]), _by_definition(leaves[split:]))


@given(st.lists(st.integers(0, 40), max_size=12))
@settings(deadline=None)
def test_growing_in_any_steps_gives_the_defined_root(steps: list[int]) -> None:
    """Compact ranges, continued from their peaks at every step, equal the recursive definition."""
    tree = CompactRange()
    for step in steps:
        tree = CompactRange(tree.size, tree.peaks)
        tree.extend(LEAVES[tree.size % 100 : tree.size % 100 + step])
    again = CompactRange()
    leaves: list[bytes] = []
    for step in steps:
        leaves += LEAVES[len(leaves) % 100 : len(leaves) % 100 + step]
    again.extend(leaves)
    assert tree.root() == again.root()
    if leaves:
        assert tree.root() == _by_definition(leaves)


@given(st.data())
@settings(deadline=None)
def test_inclusion_proofs_verify_for_their_entry_alone(data: st.DataObject) -> None:
    """The proof of one index holds for no other index, leaf, size or root."""
    size = data.draw(st.integers(1, 300))
    index = data.draw(st.integers(0, size - 1))
    other = data.draw(st.integers(0, 299))
    proof, root = inclusion_proof(LEAVES, index, size), root_of(LEAVES[:size])
    assert verify_inclusion(LEAVES[index], index, size, proof, root)
    if other != index:
        assert not verify_inclusion(LEAVES[other], index, size, proof, root)
        assert not verify_inclusion(LEAVES[index], other, size, proof, root)
    if proof:
        at = data.draw(st.integers(0, len(proof) - 1))
        assert not verify_inclusion(LEAVES[index], index, size, [*proof[:at], *proof[at + 1 :]], root)
    assert not verify_inclusion(LEAVES[index], index, size, [*proof, LEAVES[other]], root)


@given(st.data())
@settings(deadline=None)
def test_consistency_proofs_verify_for_their_sizes_alone(data: st.DataObject) -> None:
    """And not for a history in which one old leaf is another."""
    new = data.draw(st.integers(1, 300))
    old = data.draw(st.integers(1, new))
    proof = consistency_proof(LEAVES, old, new)
    old_root, new_root = root_of(LEAVES[:old]), root_of(LEAVES[:new])
    assert verify_consistency(old, new, old_root, new_root, proof)
    changed = list(LEAVES[:new])
    changed[data.draw(st.integers(0, old - 1))] = b"\0" * 32
    forged = consistency_proof(changed, old, new)
    assert not verify_consistency(old, new, old_root, root_of(changed), forged)
    if proof:
        at, bit = data.draw(st.integers(0, len(proof) - 1)), data.draw(st.integers(0, 255))
        flipped = bytearray(proof[at])
        flipped[bit // 8] ^= 1 << bit % 8
        damaged = [*proof[:at], bytes(flipped), *proof[at + 1 :]]
        assert not verify_consistency(old, new, old_root, new_root, damaged)


@given(st.lists(st.binary(max_size=300), max_size=256))
def test_entry_bundles_are_read_as_written(entries: list[bytes]) -> None:
    """For entries of any bytes, empty ones too."""
    assert unpack_entries(pack_entries(entries)) == entries


@given(st.binary(max_size=400))
def test_any_bytes_are_either_a_signed_checkpoint_or_corrupt(note: bytes) -> None:
    """Reading never ends in another exception."""
    with pytest.raises(Corrupt):
        open_checkpoint(note, ORIGIN, signer().public_key, verify_ed25519)


@given(st.integers(0, 2**62), st.binary(min_size=32, max_size=32), st.data())
@settings(deadline=None)
def test_a_signed_checkpoint_has_one_spelling(size: int, root: bytes, data: st.DataObject) -> None:
    """Insertions, deletions and replacements are refused."""
    note = sign_checkpoint(Checkpoint(origin=ORIGIN, size=size, root=root), signer())
    at = data.draw(st.integers(0, len(note)))
    cut = data.draw(st.integers(0, 3))
    put = data.draw(st.binary(max_size=3))
    changed = note[:at] + put + note[at + cut :]
    if changed != note:
        with pytest.raises(Corrupt):
            open_checkpoint(changed, ORIGIN, signer().public_key, verify_ed25519)


class _NoAnchor:
    def read(self) -> None:
        return None

    def write(self, checkpoint: bytes) -> None:
        return None

    def swap(self, standing: bytes | None, checkpoint: bytes) -> bool:
        return True


def _flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@pytest.mark.slow
def test_every_single_bit_flip_in_a_ledger_of_64_entries_is_found(tmp_path: Path) -> None:
    """Every bit of every entry (named by its index), of every leaf hash, and of the checkpoint."""
    tape = MemoryTape()
    vault = AesVault(b"k" * 32)
    ledger = Ledger(tape, signer(), ORIGIN, _NoAnchor())
    ledger.append([answered(number, vault) if number % 3 else person(number) for number in range(64)])

    def verified() -> VerificationReport:
        return verify_ledger(tape, None, ORIGIN, signer().public_key, verify_ed25519)

    assert verified().ok
    flips = 0
    for index, (leaf, data) in enumerate(list(tape.rows)):
        for bit in range(8 * len(data)):
            # Hashing alone decides on the bits of an entry, so every 211th goes through a whole verification.
            assert leaf_hash(_flipped(data, bit)) != leaf
            flips += 1
        for bit in range(index % 211, 8 * len(data), 211):
            tape.rows[index] = (leaf, _flipped(data, bit))
            assert [(each.kind, each.where) for each in verified().differences] == [("edited-entry", f"entry {index}")]
        for bit in range(index % 8, 256, 61):
            tape.rows[index] = (_flipped(leaf, bit), data)
            assert [each.kind for each in verified().differences] == ["changed-leaf"]
        tape.rows[index] = (leaf, data)
    head = tape.head()
    for bit in range(8 * len(head.checkpoint)):
        tape._head = Head(size=64, peaks=head.peaks, checkpoint=_flipped(head.checkpoint, bit))
        report = verified()
        assert not report.ok
        assert report.differences[0].where == "head"
        flips += 1
    tape._head = head
    assert verified().ok
    assert flips > 200_000
