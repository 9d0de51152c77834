"""Lines that somebody made to break the reader."""

from __future__ import annotations

from pathlib import Path

import pytest

from bedrail.core.errors import Invalid
from bedrail.privacy.text.corpora import read_corpus
from bedrail.privacy.text.notes import read_note
from bedrail.privacy.text.work import repeated_ids

DEEP = b'{"id":"a","text":"seen","more":' + b"[" * 50_000 + b"]" * 50_000 + b"}"


def test_a_line_nested_without_end_is_invalid() -> None:
    """The reader says so, with a remedy, instead of running out of its stack."""
    with pytest.raises(Invalid, match="nested too deep"):
        read_note(DEEP)


def test_looking_for_repeated_ids_leaves_such_a_line_to_the_run(tmp_path: Path) -> None:
    """It is told there, with its number; a mark at the beginning of the file hides no id."""
    notes = tmp_path / "notes.jsonl"
    notes.write_bytes(b'\xef\xbb\xbf{"id":"b","text":"x"}\n' + DEEP + b'\n{"id":"b","text":"y"}\n')
    assert repeated_ids(notes) == {3}


def test_a_corpus_says_which_line_is_nested_too_deep(tmp_path: Path) -> None:
    """Scoring ends with the place, and passes over a mark at the beginning."""
    corpus = tmp_path / "gold.jsonl"
    corpus.write_bytes(b'\xef\xbb\xbf{"id":"b","text":"x","spans":[]}\n' + DEEP + b"\n")
    with pytest.raises(Invalid) as told:
        list(read_corpus(corpus))
    assert told.value.path == "gold.jsonl:2"
