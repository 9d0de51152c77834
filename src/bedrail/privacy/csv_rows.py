"""Where the rows of a CSV file end, in bytes: quoted line ends, and quotes that never close."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

LONGEST_ROW = 1024 * 1024
"""A CSV row that is longer has a quote that never closes (csv fields are 128 KiB at most)."""


def split_rows(
    data: bytes, delimiter: str = ",", columns: int = 0, *, final: bool = True
) -> Iterator[tuple[int, bytes]]:
    """(physical lines before it, bytes) of each row in `data`, which begins with a row.

    With `columns`, a row of several lines and another number of fields ends with its first line (see `Rows`). Unless
    `final`, what may go on behind the end of `data` is left out.
    """
    mark, start, position, lines, before, inside = delimiter.encode("ascii"), 0, 0, 0, 0, False
    while start < len(data):
        found = data.find(b"\n", position)
        if found < 0 and not final and position - start < LONGEST_ROW:
            return
        end = found + 1 or len(data)
        inside = open_quote(data[position:end], mark, inside=inside)
        position, lines = end, lines + 1
        if inside and position < len(data) and position - start < LONGEST_ROW:
            continue
        if inside and not final and position - start < LONGEST_ROW:
            return
        torn = inside or (lines - before > 1 and columns and len(fields_of(data[start:position], delimiter)) != columns)
        if torn:
            position, lines, inside = (
                data.index(b"\n", start, position) + 1 if lines - before > 1 else end,
                before + 1,
                False,
            )
        yield before, data[start:position]
        start, before = position, lines


def fields_of(row: bytes, delimiter: str) -> list[str]:
    """The fields of one row, each byte one sign: to be counted, not read."""
    return next(csv.reader(io.StringIO(row.decode("latin-1"), newline=""), delimiter=delimiter), [])


def open_quote(line: bytes, delimiter: bytes, *, inside: bool) -> bool:
    """Whether a quoted field is open at the end of a physical line; `inside` whether one was at its beginning.

    As Python's csv module reads: a quote opens a field only at its first sign, and is a sign like others elsewhere.
    """
    position, start_of_field = 0, not inside
    while b'"' in line[position:]:
        if inside:
            close = line.index(b'"', position)
            doubled = line[close + 1 : close + 2] == b'"'
            position, inside = (close + 2, True) if doubled else (close + 1, False)
        elif start_of_field and line[position : position + 1] == b'"':
            position, inside = position + 1, True
        else:
            after = line.find(delimiter, position)
            if after < 0:
                return False
            position = after + 1
        start_of_field = not inside and line[position - 1 : position] == delimiter
    return inside
