"""A bundle comes from outside: what it claims costs nothing until it is there."""

from __future__ import annotations

from pathlib import Path

from bedrail.keys.signing import VERIFIERS
from bedrail.ledger import Checkpoint, export_bundle, sign_checkpoint, verify_bundle
from bedrail.ledger.tiles import spans
from ledger_parts import ORIGIN, home, publisher, signer


def test_a_bundle_that_claims_a_huge_size_is_refused_at_once(tmp_path: Path) -> None:
    """Time is spent on the files that are there, not on those that a checkpoint speaks of."""
    made = home(tmp_path, entries=20)
    folder = export_bundle(made.store, tmp_path / "bundle", ORIGIN, signer().public_key, publisher())
    claimed = sign_checkpoint(Checkpoint(origin=ORIGIN, size=2**62, root=b"r" * 32), signer())
    (folder / "checkpoint").write_bytes(claimed)
    report = verify_bundle(folder, VERIFIERS)
    assert not report.ok
    assert "deleted-tail" in {each.kind for each in report.differences}
    made.close()


def test_spans_begin_at_the_tile_of_the_first_hash() -> None:
    """Tiles before it are not walked over."""
    assert list(spans(600, 300)) == [(1, 256), (2, 88)]
    assert next(spans(2**62, 2**62 - 1)) == (2**62 // 256 - 1, 256)
