"""Proofs from the pyramid are the proofs from leaves, at every edge of a block, and read a few leaves only."""

from __future__ import annotations

import base64
import json
import random
from pathlib import Path

import pytest

from bedrail.core.errors import Corrupt
from bedrail.ledger.merkle import (
    EMPTY_ROOT,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from bedrail.ledger.prover import WIDTH, Prover

LEAVES = [leaf_hash(b"leaf-%d" % number) for number in range(70_000)]
GOLDEN = Path(__file__).parents[1] / "data" / "audit_vectors" / "go_xmod_golden" / "golden.json"


class Tape:
    """Counts how many leaves are read."""

    def __init__(self, leaves: list[bytes]) -> None:
        self.kept, self.read = leaves, 0

    def leaves(self, start: int, stop: int) -> list[bytes]:
        found = self.kept[start:stop]
        self.read += len(found)
        return found


def test_proofs_from_the_pyramid_are_gos_proofs() -> None:
    """All 1,796 golden proofs of Go's implementation, to 70,000 entries, from one prover."""
    golden = json.loads(GOLDEN.read_text())
    prover = Prover(lambda start, stop: LEAVES[start:stop])
    for case in golden["inclusion"]:
        assert prover.inclusion(case["I"], case["N"]) == [base64.b64decode(each) for each in case["Proof"]]
    for case in golden["consistency"]:
        assert prover.consistency(case["I"], case["N"]) == [base64.b64decode(each) for each in case["Proof"]]


@pytest.mark.parametrize("size", [1, 2, 31, 32, 33, 255, 1023, 1024, 1025, 1100, 32_768, 33_000])
@pytest.mark.slow
def test_a_prover_gives_what_the_leaves_give(size: int) -> None:
    """At the edges of blocks of all levels: the same root, the same proofs, and they verify."""
    prover, draw = Prover(lambda start, stop: LEAVES[start:stop]), random.Random(size)
    root = root_of(LEAVES[:size])
    assert prover.root(size) == root
    for index in {0, size // 2, size - 1, draw.randrange(size)}:
        path = prover.inclusion(index, size)
        assert path == inclusion_proof(LEAVES, index, size)
        assert verify_inclusion(LEAVES[index], index, size, path, root)
    for old in {1, (size + 1) // 2, size, draw.randrange(size) + 1}:
        path = prover.consistency(old, size)
        assert path == consistency_proof(LEAVES, old, size)
        assert verify_consistency(old, size, root_of(LEAVES[:old]), root, path)


def test_a_growing_ledger_is_read_once() -> None:
    """Growth reads the new leaves; older sizes are still proved right."""
    tape = Tape(LEAVES)
    prover = Prover(tape.leaves)
    for size in range(1, 3000, 97):
        index = size // 3
        assert prover.inclusion(index, size) == inclusion_proof(LEAVES, index, size)
    assert prover.inclusion(5, 300) == inclusion_proof(LEAVES, 5, 300)
    assert tape.read < 3000 + 2 * 31 * WIDTH


def test_a_proof_reads_two_blocks_of_leaves_at_most() -> None:
    """Once warm, whatever the length: the entry's block, and the one at the right edge."""
    tape = Tape(LEAVES)
    prover = Prover(tape.leaves)
    prover.root(70_000)
    for index in (100, 33_333, 69_999):
        before = tape.read
        prover.inclusion(index, 70_000)
        assert tape.read - before <= 2 * WIDTH


def test_missing_leaves_and_places_outside_are_refused() -> None:
    """No proof rather than a wrong one."""
    prover = Prover(lambda start, stop: LEAVES[start : min(stop, 300)])
    assert prover.root(0) == EMPTY_ROOT
    for size in (301, 700):
        with pytest.raises(Corrupt, match="missing"):
            prover.inclusion(3, size)
    for index, size in ((-1, 3), (3, 3), (0, 0)):
        with pytest.raises(ValueError, match="no inclusion proof"):
            prover.inclusion(index, size)
    for old, new in ((0, 3), (4, 3)):
        with pytest.raises(ValueError, match="no consistency proof"):
            prover.consistency(old, new)
