"""Sealed records are those that the facts name: none fewer, none other, none more."""

from __future__ import annotations

from pathlib import Path

from ledger_parts import home


def test_a_record_that_no_fact_names_is_found(tmp_path: Path) -> None:
    """Slipped in beside a real entry, or under one that has no record at all."""
    made = home(tmp_path, entries=5)
    assert made.store.record_differences() == []
    columns = "seq, subject, kind, purpose, key_id, ciphertext"
    made.tamper(
        f"INSERT INTO records (record_id, {columns}) SELECT 'forged', seq, subject, kind, purpose, key_id, x'00' "
        "FROM records WHERE seq = 3"
    )
    assert made.store.record_differences() == ["records, row forged: is not named by ledger entry 3"]
    made.close()
