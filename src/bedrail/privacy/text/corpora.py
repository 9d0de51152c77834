"""Corpora with gold spans, read a line at a time: objects with id, text, spans and, if known, neutral stretches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from bedrail.core.errors import NOT_JSON, Invalid
from bedrail.privacy.text.scoring import Note
from bedrail.privacy.values import LABELS


class _Stretch(msgspec.Struct):
    start: int
    end: int
    label: str = ""
    sub: str = ""
    origin: str = ""


class _Row(msgspec.Struct):
    text: str
    spans: list[_Stretch]
    id: str | int = ""
    neutral: list[_Stretch] = []


def read_corpus(path: Path) -> Iterator[Note]:
    """Each line as a note with its gold; fields beside these are passed over, empty lines skipped.

    Raises Invalid with the number of the line, never with what it holds: no JSON of this form, offsets outside the text
    or the wrong way round, labels that are none of `privacy.values.LABELS`.
    """
    decode = msgspec.json.Decoder(_Row).decode
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            where = f"{path.name}:{number}"
            try:
                row = decode(line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line)
            except NOT_JSON:
                raise Invalid(
                    "This line is no note with spans.",
                    path=where,
                    remedy='Write {"id", "text", "spans": [{start, end, label}]}.',
                ) from None
            yield _note(row, number, where)


def _note(row: _Row, number: int, where: str) -> Note:
    for stretch in (*row.spans, *row.neutral):
        if not 0 <= stretch.start < stretch.end <= len(row.text):
            raise Invalid(
                "A span lies outside its text.",
                path=where,
                remedy="Offsets are code points of the text, end exclusive.",
            )
    for span in row.spans:
        if span.label not in LABELS:
            raise Invalid("A span has an unknown label.", path=where, remedy=f"Labels are {', '.join(LABELS)}.")
    return Note(
        id=str(row.id) or str(number),
        text=row.text,
        spans=tuple((s.start, s.end, s.label, _kinds(s)) for s in row.spans),
        neutral=tuple((s.start, s.end) for s in row.neutral),
    )


def _kinds(span: _Stretch) -> tuple[str, ...]:
    return ((span.sub,) if span.sub else ()) + ((f"@{span.origin}",) if span.origin else ())
