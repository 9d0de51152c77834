"""Tables as files: CSV in its many spellings, Parquet, and lines of JSON; in batches, whatever their size."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bedrail.core.errors import NOT_JSON
from bedrail.data.sampling import SAMPLED, type_of

AT_ONCE = 5_000
LOOKED_AT = 200
"""Rows that are compared with a header."""

LONGEST_LINE = 64 * 2**20
"""Bytes of one line of JSON; a longer one is no record."""

Columns = dict[str, list[object]]
Header = tuple[str, ...]


class Unreadable(Exception):
    """A file that cannot be read as what it is called; `why` names no value."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def open_text(path: Path) -> io.TextIOWrapper:
    """The file as text: gzip by its name, UTF-8 (with or without mark), else Windows-1252, which knows every byte."""
    encoding = encoding_of(path)
    return io.TextIOWrapper(open_bytes(path), encoding=encoding, errors="replace", newline="")


def open_bytes(path: Path) -> Any:
    """The file's bytes, unpacked when its name ends in .gz."""
    return gzip.open(path, "rb") if path.name.lower().endswith(".gz") else path.open("rb")


def encoding_of(path: Path) -> str:
    """`utf-8-sig`, `utf-16` or `cp1252`, by the first 64 KiB."""
    try:
        with open_bytes(path) as file:
            head = file.read(65_536)
    except (OSError, EOFError) as error:
        raise Unreadable("the file is cut short or not gzip") from error
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    try:
        head[: len(head) - 4 if len(head) == 65_536 else None].decode("utf-8")
    except UnicodeDecodeError as error:
        return "cp1252" if error.start < len(head) - 8 else "utf-8-sig"
    return "utf-8-sig"


def csv_header(path: Path) -> tuple[Header, str, bool]:
    """(column names, delimiter, whether the first line names them); raises `Unreadable`.

    A first line with a number, a date or an address among its names, or a cell that its column repeats, is taken for
    data, and the columns are then called `column 1` and on: what stands there may be a patient's.
    """
    with open_text(path) as file:
        try:
            head = file.read(65_536)
        except (OSError, EOFError) as error:
            raise Unreadable("the file is cut short or not gzip") from error
    if not head.strip():
        raise Unreadable("the file is empty")
    if "\x00" in head:
        raise Unreadable("the file is no text")
    first = head.splitlines()[0]
    counts = {mark: first.count(mark) for mark in ",;\t|"}
    delimiter = max(counts, key=lambda mark: counts[mark])
    try:
        rows = list(itertools.islice(csv.reader(io.StringIO(head), delimiter=delimiter), LOOKED_AT))
    except csv.Error as error:
        raise Unreadable("the header cannot be read") from error
    names = [cell.strip() for cell in rows[0]]
    if _is_header(names) and not _is_one_of(names, rows[1:]):
        return tuple(_distinct(names)), delimiter, True
    return tuple(f"column {number}" for number in range(1, len(names) + 1)), delimiter, False


_VALUE_LIKE = re.compile(r"[^A-Za-zÀ-ÿ_]*\Z|.*@.*\..*|\d{1,4}[./-]\d{1,2}[./-]\d{1,4}.*|.*\^.*")


def _is_header(names: Sequence[str]) -> bool:
    filled = [name for name in names if name]
    if len(filled) < len(names) - 1 or not filled or len(set(filled)) < len(filled) * 0.8:
        return False
    odd = [
        name for name in filled if _VALUE_LIKE.match(name) or len(name) > 120 or type_of([name]) in ("date", "datetime")
    ]
    return len(odd) <= len(filled) * 0.2 and not any(
        "@" in name or re.match(r"\d{3}-\d{2}-\d{4}\Z", name) for name in odd
    )


def _is_one_of(names: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first line is a row like the others: a cell of it comes again and again in its own column."""
    least = max(3, len(rows) // 20)
    return any(
        name and sum(1 for row in rows if at < len(row) and row[at].strip() == name) >= least
        for at, name in enumerate(names)
    )


def _distinct(names: Sequence[str]) -> list[str]:
    seen: dict[str, int] = {}
    out = []
    for number, name in enumerate(names, 1):
        plain = name or f"column {number}"
        seen[plain] = seen.get(plain, 0) + 1
        out.append(plain if seen[plain] == 1 else f"{plain} ({seen[plain]})")
    return out


def csv_batches(path: Path, limit: int, notes: list[str]) -> Iterator[tuple[int, Columns]]:
    """(rows, columns) of a CSV file; rows of another length are left out, counted and said."""
    names, delimiter, named = csv_header(path)
    odd = read = 0
    csv.field_size_limit(LONGEST_LINE)
    with open_text(path) as file:
        lines = csv.reader(_lines(file), delimiter=delimiter)
        if named:
            next(lines, None)
        try:
            while read < limit and (rows := list(itertools.islice(lines, min(AT_ONCE, limit - read)))):
                whole = [row for row in rows if len(row) == len(names)]
                odd += sum(1 for row in rows if row and len(row) != len(names))
                read += len(whole)
                if whole:
                    yield (
                        len(whole),
                        {name: list(cells) for name, cells in zip(names, zip(*whole, strict=True), strict=True)},
                    )
        except (csv.Error, OSError, EOFError):
            notes.append(f"the table cannot be read beyond about row {read}")
    if odd:
        notes.append(f"{odd} rows have another number of fields than the header")
    if not named:
        notes.append("the first line names no columns")


def _lines(file: io.TextIOWrapper) -> Iterator[str]:
    """The lines, none longer than `LONGEST_LINE`: a packed file may hold one that never ends."""
    while line := file.readline(LONGEST_LINE):
        yield line.replace("\x00", "") if "\x00" in line else line


def parquet_header(path: Path) -> Header:
    """Column names; raises `Unreadable`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return tuple(str(name) for name in pq.read_schema(path).names)
    except (pa.ArrowException, OSError) as error:
        raise Unreadable("no readable Parquet file") from error


def parquet_batches(path: Path, limit: int, seed: int, notes: list[str]) -> Iterator[tuple[int, Columns]]:
    """(rows, columns) of a Parquet file; of one with more rows than `limit`, row groups chosen by the seed."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            groups = list(range(file.num_row_groups))
            if file.metadata.num_rows > limit:
                groups = [int(each) for each in np.random.default_rng(seed).permutation(len(groups))]
                notes.append(SAMPLED)
            read = 0
            for batch in file.iter_batches(batch_size=min(AT_ONCE, limit), row_groups=groups):
                yield (
                    batch.num_rows,
                    {str(name): _cells(column) for name, column in zip(batch.schema.names, batch.columns, strict=True)},
                )
                read += batch.num_rows
                if read >= limit:
                    return
    except (pa.ArrowException, OSError):
        notes.append("a Parquet file is damaged")


def _cells(column: Any) -> list[object]:
    values: list[object] = column.to_pylist()
    if values and any(isinstance(value, dict | list) for value in values):
        return [json.dumps(value, default=str)[:4_000] if isinstance(value, dict | list) else value for value in values]
    return values


def json_lines(path: Path, notes: list[str]) -> Iterator[Mapping[str, Any]]:
    """The objects of a file of JSON lines; lines that are none are counted and said."""
    import msgspec

    wrong = 0
    decode = msgspec.json.Decoder().decode
    with open_bytes(path) as file:
        first = True
        try:
            while line := file.readline(LONGEST_LINE):
                line = line.removeprefix(b"\xef\xbb\xbf") if first else line
                first = False
                if not line.strip():
                    continue
                try:
                    made = decode(line)
                except NOT_JSON:
                    wrong += 1
                    continue
                if isinstance(made, dict):
                    yield made
                else:
                    wrong += 1
        except (OSError, EOFError):
            notes.append("a file is cut short")
    if wrong:
        notes.append(f"{wrong} lines are no JSON objects")


def rows_of(objects: Iterable[Mapping[str, Any]], limit: int) -> Iterator[tuple[int, Columns]]:
    """Objects in batches, each leaf by its path."""
    taken = itertools.islice(objects, limit)
    while chunk := list(itertools.islice(taken, AT_ONCE)):
        columns: Columns = {}
        for each in chunk:
            for path, value in leaves(each):
                columns.setdefault(path, []).append(value)
        yield len(chunk), columns


_ID_KEY = re.compile(r".*\d{3,}.*|[0-9a-fA-F-]{16,}\Z|.*@.*|\d+\Z|.*\s.*\s.*|\d{1,4}-\d\d.*")


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, object]]:
    """(path, value) of every leaf; positions in lists are left out, and keys that look like data are `*`."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            name = "*" if _ID_KEY.match(key) or len(key) > 60 else key
            yield from leaves(each, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for each in value:
            yield from leaves(each, path)
    elif value is not None:
        yield path, value
