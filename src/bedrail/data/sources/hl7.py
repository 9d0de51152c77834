"""HL7 v2 messages: files of one or many, in every spelling of line ends and frames; an asset for each message type."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from bedrail.data.sampling import AssetKey, Batch
from bedrail.data.sources.tables import open_bytes

AT_ONCE = 200
MOST_BYTES = 16 * 2**20
"""Of one message."""

BLOCK = 2**20
_SEGMENT = re.compile(r"[A-Z][A-Z0-9]{2}\Z")
_ENDS = bytes.maketrans(b"\n", b"\r")


def messages_in(path: Path, notes: list[str]) -> Iterator[str]:
    """The messages of a file, one after another: a new one begins at each MSH segment."""
    lines: list[str] = []
    size = 0
    try:
        with open_bytes(path) as file:
            for line in _segments(file):
                if line.startswith("MSH") and lines:
                    yield "\r".join(lines)
                    lines, size = [], 0
                if (line.startswith("MSH") or lines) and size <= MOST_BYTES:
                    lines.append(line)
                    size += len(line)
    except (OSError, EOFError):
        notes.append("a file is cut short")
    if lines:
        yield "\r".join(lines)


def _segments(file: Any) -> Iterator[str]:
    """The segments: CR by the standard, LF and CRLF in the wild; frames of MLLP and batch envelopes are passed over."""
    held = b""
    while block := file.read(BLOCK):
        held += block.translate(_ENDS, b"\x0b\x1c")
        *whole, held = held.split(b"\r")
        yield from _plain(whole)
        if len(held) > MOST_BYTES:
            held = b""  # no segment is as long
    yield from _plain([held])


def _plain(parts: Iterable[bytes]) -> Iterator[str]:
    for part in parts:
        plain = part.strip(b" \t").removeprefix(b"\xef\xbb\xbf")
        if plain and plain[:3] not in (b"FHS", b"BHS", b"BTS", b"FTS"):
            yield decoded(plain)


def decoded(data: bytes) -> str:
    """UTF-8, else Latin-1: MSH-18 is often wrong."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def fields_of(message: str) -> tuple[str, list[tuple[str, str]]]:
    """(message type, such as ADT; (field, value) of every component that is filled).

    Fields go by segment, number and component: `PID-5.1`; repetitions and sub-components share their field's name.
    Raises ValueError for what does not begin with MSH and its five separators.
    """
    if not message.startswith("MSH") or len(message) < 8:
        raise ValueError("no MSH segment")
    bar, (caret, tilde, _, ampersand) = message[3], _separators(message)
    found: list[tuple[str, str]] = []
    kind = ""
    for segment in message.split("\r"):
        cells = segment.split(bar)
        name = cells[0]
        if not _SEGMENT.match(name):  # the rest of a text with line ends in it, which may say anything
            continue
        shift = 1 if name in ("MSH", "FHS", "BHS") else 0  # the separator itself is field 1
        for number, cell in enumerate(cells[1:], 1 + shift):
            if not cell or (shift and number == 2):
                continue
            if name == "MSH" and number == 9:
                kind = cell.split(caret)[0][:8]
            for repeated in cell.split(tilde):
                for place, component in enumerate(repeated.split(caret), 1):
                    for part in component.split(ampersand):
                        if part and part != '""':
                            found.append((f"{name}-{number}.{place}", part))
    return kind if kind.isalnum() else "other", found


def _separators(message: str) -> tuple[str, str, str, str]:
    said = message[4:8]
    if len(set(said)) < 4 or any(sign.isalnum() for sign in said):
        return "^", "~", "\\", "&"
    return said[0], said[1], said[2], said[3]


def batches(messages: Iterable[str], place: str, limit: int, notes: list[str]) -> Iterator[Batch]:
    """Messages by their type, each type an asset `place#ADT`; at most about `limit` of each."""
    waiting: dict[str, list[list[tuple[str, str]]]] = {}
    counts: dict[str, int] = {}
    wrong = 0
    for message in messages:
        try:
            kind, fields = fields_of(message)
        except ValueError:
            wrong += 1
            continue
        counts[kind] = counts.get(kind, 0) + 1
        if counts[kind] > limit:
            continue
        queue = waiting.setdefault(kind, [])
        queue.append(fields)
        if len(queue) >= AT_ONCE:
            yield _batch(kind, queue, place)
            waiting[kind] = []
    for kind, queue in waiting.items():
        if queue:
            yield _batch(kind, queue, place)
    if wrong:
        notes.append(f"{wrong} messages have no MSH segment")


def _batch(kind: str, messages: list[list[tuple[str, str]]], place: str) -> Batch:
    columns: dict[str, list[object]] = {}
    for fields in messages:
        for name, value in fields:
            columns.setdefault(name, []).append(value)
    key = AssetKey(name=kind, kind="hl7-feed", location=f"{place}#{kind}")
    return Batch(asset=key, rows=len(messages), columns=columns)
