"""The search for planted identifiers finds them in every spelling and packing, and nothing where nothing is."""

from __future__ import annotations

import base64
import gzip
import io
import zipfile
import zlib
from collections.abc import Callable

import pandas as pd
import pytest

from planted import Planted, seen_in, spellings


def _zipped(data: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.txt", data)
    return file.getvalue()


def _table(data: bytes) -> bytes:
    file = io.BytesIO()
    pd.DataFrame({"a": [data.decode()]}).to_parquet(file)
    return file.getvalue()


SPELLED: dict[str, Callable[[bytes], bytes]] = {
    "plain": lambda data: data,
    "upper": bytes.upper,
    "reversed": lambda data: data[::-1],
    "utf-16": lambda data: data.decode().encode("utf-16"),
    "utf-16-be": lambda data: data.decode().encode("utf-16-be"),
    "hex": lambda data: data.hex().encode(),
    "base64": base64.b64encode,
    "base64 by one": lambda data: base64.b64encode(b"x" + data),
    "base64 by two": lambda data: base64.b64encode(b"xx" + data),
    "base32": base64.b32encode,
    **{f"base32 by {n}": lambda data, n=n: base64.b32encode(b"x" * n + data) for n in range(1, 5)},  # type: ignore[misc]
    "gzip": gzip.compress,
    "zlib": zlib.compress,
    "zip": _zipped,
    "zip of gzip": lambda data: _zipped(gzip.compress(data)),
    "parquet": _table,
}


@pytest.mark.parametrize("how", SPELLED)
def test_a_planted_identifier_is_found(how: str) -> None:
    """In whatever clothes."""
    planted = Planted(1)
    one = planted.new().encode()
    assert seen_in(SPELLED[how](one), planted)
    assert not seen_in(SPELLED[how](b"nothing of anybody"), planted)


def test_no_spelling_is_so_short_that_chance_writes_it() -> None:
    """A signature of some thousand letters of base64 holds eight given ones once in some 10^10 files."""
    assert min(map(len, spellings().values())) >= 7
    assert min(len(told) for name, told in spellings().items() if name.startswith("base")) >= 8


def test_its_number_alone_is_found() -> None:
    """Cut from its mark."""
    planted = Planted(1)
    assert seen_in(b"id=" + planted.new()[-12:].encode(), planted) == ["its number"]
