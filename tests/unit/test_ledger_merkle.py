"""The Merkle tree agrees with RFC 6962, with Go's x/mod and with transparency-dev's probes."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from bedrail.ledger.merkle import (
    EMPTY_ROOT,
    CompactRange,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)

VECTORS = Path(__file__).parents[1] / "data" / "audit_vectors"


def _bytes(text: str | None) -> bytes:
    return base64.b64decode(text) if text else b""


def _probes(name: str) -> list[dict[str, Any]]:
    cases = json.loads((VECTORS / "transparency_dev_merkle" / f"{name}.json").read_text())["cases"]
    assert len(cases) == 98
    return cases


@pytest.fixture(scope="module")
def golden() -> dict[str, Any]:
    return json.loads((VECTORS / "go_xmod_golden" / "golden.json").read_text())


@pytest.fixture(scope="module")
def leaves() -> list[bytes]:
    return [leaf_hash(b"leaf-%d" % number) for number in range(70_000)]


def test_the_empty_tree_has_the_root_of_rfc_6962() -> None:
    """MTH({}) is SHA-256 of nothing."""
    assert base64.b64encode(EMPTY_ROOT) == b"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    assert root_of([]) == CompactRange().root() == EMPTY_ROOT


def test_inclusion_probes_are_judged_as_their_authors_say() -> None:
    """Sound proofs verify, and each of the 92 mutated ones is refused."""
    for probe in _probes("inclusion"):
        proof = [_bytes(each) for each in probe["proof"] or []]
        index, size = int(probe["leafIdx"]), int(probe["treeSize"])
        found = verify_inclusion(_bytes(probe["leafHash"]), index, size, proof, _bytes(probe["root"]))
        assert found is not probe["wantErr"], probe["case"]


def test_consistency_probes_are_judged_as_their_authors_say() -> None:
    """Sound proofs verify, and each of the 92 mutated ones is refused."""
    for probe in _probes("consistency"):
        proof = [_bytes(each) for each in probe["proof"] or []]
        old, new = int(probe["size1"]), int(probe["size2"])
        found = verify_consistency(old, new, _bytes(probe["root1"]), _bytes(probe["root2"]), proof)
        assert found is not probe["wantErr"], probe["case"]


def test_roots_are_those_of_go(golden: dict[str, Any], leaves: list[bytes]) -> None:
    """All sizes from 1 to 600 and thirteen up to 70,000, grown one leaf at a time."""
    wanted = {size: _bytes(root) for size, root in enumerate(golden["roots_0_600"]) if size}
    wanted |= {int(size): _bytes(root) for size, root in golden["roots_big"].items()}
    tree, compared = CompactRange(), 0
    for leaf in leaves:
        tree.append(leaf)
        if tree.size in wanted:
            assert tree.root() == wanted[tree.size], tree.size
            compared += 1
    assert compared == len(wanted) > 600


def test_inclusion_proofs_are_those_of_go(golden: dict[str, Any], leaves: list[bytes]) -> None:
    """898 proofs are byte for byte the same, and verify."""
    roots = {size: _bytes(root) for size, root in enumerate(golden["roots_0_600"])}
    roots |= {int(size): _bytes(root) for size, root in golden["roots_big"].items()}
    small = [case for case in golden["inclusion"] if int(case["N"]) <= 1000]
    assert len(small) > 400
    for case in small:
        index, size = int(case["I"]), int(case["N"])
        proof = inclusion_proof(leaves, index, size)
        assert proof == [_bytes(each) for each in case["Proof"]]
    for case in golden["inclusion"]:
        index, size = int(case["I"]), int(case["N"])
        proof = [_bytes(each) for each in case["Proof"]]
        assert verify_inclusion(leaves[index], index, size, proof, roots.get(size) or root_of(leaves[:size]))


def test_consistency_proofs_are_those_of_go(golden: dict[str, Any], leaves: list[bytes]) -> None:
    """898 proofs verify, and the small ones are byte for byte the same."""
    known: dict[int, bytes] = {}

    def root(size: int) -> bytes:
        if size not in known:
            known[size] = root_of(leaves[:size])
        return known[size]

    small = 0
    for case in golden["consistency"]:
        old, new = int(case["I"]), int(case["N"])
        proof = [_bytes(each) for each in case["Proof"]]
        if new <= 1000:
            assert consistency_proof(leaves, old, new) == proof
            small += 1
        if new <= 5000:
            assert verify_consistency(old, new, root(old), root(new), proof)
    assert small > 400


def test_a_compact_range_refuses_peaks_that_do_not_fit_its_size() -> None:
    """Seven leaves have three peaks, nothing else."""
    with pytest.raises(ValueError, match="3 peaks"):
        CompactRange(7, [b"\0" * 32] * 2)
    with pytest.raises(ValueError, match="peaks"):
        CompactRange(-1, [])


@pytest.mark.parametrize("index, size", [(0, 0), (5, 5), (-1, 5), (0, 11)])
def test_no_inclusion_proof_outside_the_tree(index: int, size: int) -> None:
    """Asking for an entry or a size that is not there is an error."""
    with pytest.raises(ValueError, match="no inclusion proof"):
        inclusion_proof([leaf_hash(b"x")] * 10, index, size)


@pytest.mark.parametrize("old, new", [(0, 5), (6, 5), (1, 11)])
def test_no_consistency_proof_outside_the_tree(old: int, new: int) -> None:
    """Nothing can be proved from the empty tree, backwards, or beyond the end."""
    with pytest.raises(ValueError, match="no consistency proof"):
        consistency_proof([leaf_hash(b"x")] * 10, old, new)
