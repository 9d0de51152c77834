"""Tables from files: CSV (also gzipped) and Parquet, with errors that name file and place."""

from __future__ import annotations

import gzip
import io
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bedrail.core.errors import Invalid

if TYPE_CHECKING:
    import pandas as pd

CSV_SUFFIXES = (".csv", ".csv.gz")
PARQUET_SUFFIXES = (".parquet", ".pq")

MOST_BYTES = 4 * 1024**3
"""Of a table, unpacked: a gigabyte of gzip holds a thousand of zeros, and memory would end before the file does."""


def read_table(path: Path) -> pd.DataFrame:
    """The table in `path`, text cells as they stand: `None` and `NA` are words, only an empty cell is missing.

    Raises `Invalid` naming the file, and the line where a parser knows it, with the remedy; so it does for a table of
    more than `MOST_BYTES`, unpacked, before it is in memory.
    """
    name = path.name.lower()
    if not path.is_file():
        raise Invalid("there is no such file.", path=str(path), remedy="Check the path.")
    if path.stat().st_size == 0:
        raise Invalid("the file is empty.", path=str(path), remedy="Export it again; it needs a header line and rows.")
    if name.endswith(PARQUET_SUFFIXES):
        return _read_parquet(path)
    if name.endswith(CSV_SUFFIXES):
        return _read_csv(path)
    raise Invalid(
        f"cannot read `{path.suffix or 'a file without suffix'}`.",
        path=str(path),
        remedy=f"Use one of: {', '.join(CSV_SUFFIXES + PARQUET_SUFFIXES)}.",
    )


def _too_large(path: Path) -> Invalid:
    most = f"{MOST_BYTES / 1024**3:g} GiB"
    return Invalid(f"the table is larger than {most}, unpacked.", path=str(path), remedy="Give it in parts.")


class _Unpacked(io.RawIOBase):
    """A gzip file unpacked as it is read, up to `MOST_BYTES`."""

    def __init__(self, path: Path) -> None:
        self._file = gzip.GzipFile(path, "rb")
        self._left, self.exceeded = MOST_BYTES, False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._file.read(len(buffer))
        self._left -= len(data)
        if self._left < 0:
            self.exceeded = True
            raise EOFError
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()


def _read_csv(path: Path) -> pd.DataFrame:
    import zlib

    import pandas as pd

    if path.stat().st_size > MOST_BYTES:
        raise _too_large(path)
    packed = _Unpacked(path) if path.name.lower().endswith(".gz") else None
    try:
        with io.BufferedReader(packed) if packed is not None else path.open("rb") as source:
            frame = pd.read_csv(source, keep_default_na=False, na_values=[""], encoding="utf-8", low_memory=False)
    except UnicodeDecodeError:
        raise _not_utf8(path) from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        if packed is not None and packed.exceeded:
            raise _too_large(path) from None
        detail = str(error).splitlines()[0].removeprefix("Error tokenizing data. C error: ")
        raise Invalid(
            f"not a well-formed CSV table ({detail}).",
            path=str(path),
            remedy="Every line needs as many fields as the header; quote fields that hold commas.",
        ) from None
    except (gzip.BadGzipFile, EOFError, zlib.error):
        if packed is not None and packed.exceeded:
            raise _too_large(path) from None
        raise Invalid("the gzip stream is broken.", path=str(path), remedy="Copy or compress the file again.") from None
    if not isinstance(frame.index, pd.RangeIndex):  # pandas takes surplus fields for row names and shifts the columns
        raise Invalid(
            "not a well-formed CSV table (rows have more fields than the header).",
            path=str(path),
            remedy="Every line needs as many fields as the header; quote fields that hold commas.",
        )
    _refuse_odd_header(frame, path)
    return frame


def _not_utf8(path: Path) -> Invalid:
    """Where the first byte stands that is none of UTF-8: pandas counts from the beginning of one cell."""
    remedy = "Save the table as UTF-8, as with iconv -f LATIN1 -t UTF-8."
    with gzip.open(path, "rb") if path.name.lower().endswith(".gz") else path.open("rb") as lines:
        before, number = 0, 0
        for line in lines:
            if before == 0 and line[:2] in (b"\xff\xfe", b"\xfe\xff"):
                return Invalid("the table is in UTF-16.", path=str(path), remedy="Save the table as UTF-8.")
            try:
                line.decode()
            except UnicodeDecodeError as error:
                number += 1 + line[: error.start].replace(b"\r\n", b"\n").count(b"\r")
                byte = error.start - line.rfind(b"\r", 0, error.start)
                said = f"byte {byte} of the line, {before + error.start + 1} of the file, is not UTF-8 text."
                return Invalid(said, path=f"{path}:{number}", remedy=remedy)
            before += len(line)
            number += 1 + line.replace(b"\r\n", b"\n").count(b"\r")
    return Invalid("it is not UTF-8 text.", path=str(path), remedy=remedy)


def _read_parquet(path: Path) -> pd.DataFrame:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        about = pq.read_metadata(path)
        if sum(about.row_group(number).total_byte_size for number in range(about.num_row_groups)) > MOST_BYTES:
            raise _too_large(path)
        frame: pd.DataFrame = pq.read_table(path).to_pandas()
    except (pa.ArrowException, OSError):
        raise Invalid("not a readable Parquet file.", path=str(path), remedy="Write the file again.") from None
    _refuse_odd_header(frame, path)
    return frame


def _refuse_odd_header(frame: pd.DataFrame, path: Path) -> None:
    """pandas renames a repeated CSV column to `name.1`; either way a table with twins is ambiguous."""
    names = [str(name) for name in frame.columns]
    twins = [name for name, times in Counter(names).items() if times > 1]
    known = set(names)
    twins += [name for name in names if name.endswith(".1") and name[:-2] in known]
    if twins:
        raise Invalid(f"the column `{twins[0]}` stands twice.", path=str(path), remedy="Rename or drop one of them.")
