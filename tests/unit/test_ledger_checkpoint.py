"""Checkpoints are C2SP signed notes: Tessera's and Go's are read, ours are theirs byte for byte, others are refused."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from bedrail.core.errors import Corrupt
from bedrail.keys import Ed25519Signer, verify_ed25519
from bedrail.ledger.checkpoint import (
    Checkpoint,
    key_hash,
    open_checkpoint,
    open_note,
    parse_vkey,
    sign_checkpoint,
    vkey,
)
from bedrail.ledger.merkle import leaf_hash, root_of
from bedrail.ledger.tiles import hash_tiles, pack_entries, tile_path, unpack_entries
from ledger_parts import ORIGIN, signer

VECTORS = Path(__file__).parents[1] / "data" / "audit_vectors"
TESSERA = VECTORS / "tessera_testdata_log"


@pytest.fixture(scope="module")
def tessera() -> dict[str, Any]:
    return json.loads((TESSERA / "vector.json").read_text())


def _signed(text: str) -> bytes:
    key = signer()
    signature = key_hash(key.name, key.public_key) + key.sign(text.encode())
    return f"{text}\n— {key.name} {base64.b64encode(signature).decode()}\n".encode()


def _open(note: bytes) -> Checkpoint:
    return open_checkpoint(note, ORIGIN, signer().public_key, verify_ed25519)


def test_a_signed_checkpoint_opens_again() -> None:
    """What was signed is what is read."""
    checkpoint = Checkpoint(origin=ORIGIN, size=12, root=bytes(range(32)))
    assert _open(sign_checkpoint(checkpoint, signer())) == checkpoint


def test_tesseras_checkpoints_open_and_sign_again_to_the_same_bytes(tessera: dict[str, Any]) -> None:
    """All 16 sizes: origin, size and root recomputed from the entries, signature remade from the test key."""
    name, public_key = parse_vkey(tessera["vkey"])
    seed = base64.b64decode(tessera["skey_public_test_key"].split("+", 4)[4])[1:]
    key = Ed25519Signer.from_seed(name, seed)
    assert key.public_key == public_key
    leaves = [leaf_hash(leaf.encode()) for leaf in tessera["leaves"]]
    for size in range(16):
        note = (TESSERA / f"checkpoint.{size}").read_bytes()
        checkpoint = open_checkpoint(note, tessera["origin"], public_key, verify_ed25519)
        assert checkpoint == Checkpoint(origin=tessera["origin"], size=size, root=root_of(leaves[:size]))
        assert sign_checkpoint(checkpoint, key) == note


def test_our_tiles_are_tesseras(tessera: dict[str, Any]) -> None:
    """Hash tiles and entry bundles of sizes 1 to 15 have Tessera's paths and bytes."""
    entries = [leaf.encode() for leaf in tessera["leaves"]]
    for size in range(1, 16):
        for path, data in hash_tiles([leaf_hash(entry) for entry in entries[:size]]):
            assert (TESSERA / path).read_bytes() == data
        bundle = (TESSERA / tile_path("entries", 0, size)).read_bytes()
        assert pack_entries(entries[:size]) == bundle
        assert unpack_entries(bundle) == entries[:size]


def test_tile_paths_group_digits_by_three() -> None:
    """C2SP's own example, a partial tile, and level names."""
    assert tile_path(3, 1234067) == "tile/3/x001/x234/067"
    assert tile_path(0, 0, 15) == "tile/0/000.p/15"
    assert tile_path("entries", 1000) == "tile/entries/x001/000"


def test_a_cut_entry_bundle_is_refused() -> None:
    """A length pointing past the end is not an entry."""
    for cut in (b"\0", b"\0\3ab"):
        with pytest.raises(Corrupt):
            unpack_entries(cut)


@pytest.mark.slow
def test_notes_are_judged_as_go_does_except_where_base64_is_not_canonical() -> None:
    """Go's verdict on all 5,448 notes, and ours on the nine whose base64 has a second spelling."""
    packed = (VECTORS / "go_xmod_golden" / "note_open_verdicts.json.gz").read_bytes()
    vectors = json.loads(gzip.decompress(packed))
    name, public_key = parse_vkey(vectors["vkey"])
    stricter: list[tuple[str, str]] = []
    for case in vectors["cases"]:
        try:
            open_note(base64.b64decode(case["note_b64"]), name, public_key, verify_ed25519)
            verdict = "accept"
        except Corrupt:
            verdict = "reject"
        if verdict != case["go"]:
            stricter.append((case["go"], verdict))
    assert len(vectors["cases"]) == 5448
    assert stricter == [("accept", "reject")] * 9


def test_a_verifier_key_is_one_line_both_ways(tessera: dict[str, Any]) -> None:
    """Ours and Tessera's survive a round trip."""
    for line in (vkey(ORIGIN, signer().public_key), tessera["vkey"]):
        assert vkey(*parse_vkey(line)) == line


@pytest.mark.parametrize(
    "line", ["", "name", "a b+00000000+AQ==", "name+00000000+AQ==\n\n", "name+00000000+!!", "name+zz+AeHT"]
)
def test_a_broken_verifier_key_is_refused(line: str) -> None:
    """Anything but name, hash and key."""
    with pytest.raises(Corrupt):
        parse_vkey(line)


def test_a_verifier_key_whose_hash_was_changed_is_refused() -> None:
    """The hash belongs to name and key."""
    name, hexed, key = vkey(ORIGIN, signer().public_key).split("+", 2)
    with pytest.raises(Corrupt, match="hash"):
        parse_vkey(f"other{name}+{hexed}+{key}")


def test_another_keys_checkpoint_is_refused() -> None:
    """The pinned key decides, not the one named in the note."""
    note = sign_checkpoint(Checkpoint(origin=ORIGIN, size=1, root=b"r" * 32), signer(8))
    with pytest.raises(Corrupt, match="pinned"):
        _open(note)


def test_another_ledgers_checkpoint_is_refused() -> None:
    """A good signature for a different origin says nothing about this one."""
    note = sign_checkpoint(Checkpoint(origin="elsewhere.example", size=1, root=b"r" * 32), signer())
    with pytest.raises(Corrupt, match="another ledger"):
        _open(note)


ROOT = base64.b64encode(b"r" * 32).decode()


@pytest.mark.parametrize(
    "text",
    [
        f"{ORIGIN}\n01\n{ROOT}\n",
        f"{ORIGIN}\n+1\n{ROOT}\n",
        f"{ORIGIN}\n-1\n{ROOT}\n",
        f"{ORIGIN}\n1 \n{ROOT}\n",
        f"{ORIGIN}\n٣\n{ROOT}\n",
        f"{ORIGIN}\n{2**63}\n{ROOT}\n",
        f"{ORIGIN}\n{'9' * 5000}\n{ROOT}\n",
        f"{ORIGIN}\n1\n{ROOT}\nextension\n",
        f"{ORIGIN}\n1\n{ROOT[:-4]}\n",
        f"{ORIGIN}\n1\nAAAA\n",
        f"{ORIGIN}\n1\n",
        f"\n1\n{ROOT}\n",
    ],
)
def test_a_signed_text_that_is_no_strict_checkpoint_is_refused(text: str) -> None:
    """Even our own signature does not make another spelling acceptable."""
    with pytest.raises(Corrupt):
        _open(_signed(text))


def test_oversized_notes_are_refused() -> None:
    """More than a megabyte, or more than a hundred signatures."""
    note = sign_checkpoint(Checkpoint(origin=ORIGIN, size=1, root=b"r" * 32), signer())
    with pytest.raises(Corrupt, match="too long"):
        _open(b"x" * 1_000_000 + note)
    line = note.split(b"\n\n")[1]
    with pytest.raises(Corrupt, match="too many"):
        _open(note + line * 100)
